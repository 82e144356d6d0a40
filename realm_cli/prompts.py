"""What a model reads of an item: its text in a template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from realm_cli.errors import UsageError

if TYPE_CHECKING:
    from realm_cli.annotations import Items
    from realm_cli.config import TrainSettings

BETWEEN_OPTIONS = "; "
"""Between the options where a template lists them."""


def default_template(tasks: Sequence[str], cue: str = "") -> str:
    """The item's text, after the task's name where there are several, and before the cue.

    Args:
        tasks: Task names.
        cue: What tells this kind of model that the answer comes next.
    """
    return ("{text}" if len(tasks) == 1 else "{task}: {text}") + cue


def templates_for(tasks: Sequence[str], settings: TrainSettings, cue: str = "") -> tuple[str, ...]:
    """The template of each task `[T]`: its own, else the one for all, else the default.

    Args:
        tasks: Task names `[T]`.
        settings: With the templates that were asked for.
        cue: Ends the default.

    Raises:
        UsageError: There is a template for a task that the data does not have.
    """
    own = settings.templates or {}
    strange = sorted(set(own) - set(tasks))
    if strange:
        raise UsageError(
            f"there is a template for the task {strange[0]!r}, which the data does not have",
            hint=f"its tasks: {', '.join(tasks)}",
        )
    general = settings.template or default_template(tasks, cue)
    return tuple(own.get(task, general) for task in tasks)


def prompts(items: Items, templates: Sequence[str]) -> list[str]:
    """The filled template of each item `[I]`.

    Args:
        items: The items.
        templates: The template of each task `[T]`.
    """
    listed = [BETWEEN_OPTIONS.join(options) for options in items.option_sets]
    return [
        templates[task].format(text=text or "", options=listed[offered], task=items.tasks[task])
        for text, task, offered in zip(items.texts, items.task, items.option_set, strict=True)
    ]
