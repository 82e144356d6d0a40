"""Answers that tick several options: one yes/no task for each option."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

YES, NO = "yes", "no"


def ticked(task: str, chosen: Collection[str], offered: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The canonical task, label and options of each option of one answer.

    Ticking nothing is an answer: no to all of them.

    Args:
        task: The question's name.
        chosen: The options that were ticked.
        offered: All the options, in the order in which their tasks should appear.
    """
    for option in offered:
        yield {
            "task": f"{task}: {option}",
            "label": YES if option in chosen else NO,
            "options": [NO, YES],
        }
