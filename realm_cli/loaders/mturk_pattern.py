r"""Answers in columns that have an item's id inside their names, by a pattern the user gives.

One assignment then answers for many items: `Answer.item7--1.on` is the first option of item7, and
`Answer\.(?P<item>.+)--(?P<option>\d+)\.on` reads it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from realm_cli.errors import UsageError
from realm_cli.loaders.answers import Given, Ticks
from realm_cli.loaders.mturk_answers import EXAMPLE_PATTERN, TRUE
from realm_cli.loaders.values import is_missing
from realm_cli.schema import DEFAULT_TASK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GROUPS = {"item", "question", "option", "sub"}


@dataclass(frozen=True)
class ItemAnswers:
    """Column -> item, question, and option where the column is a box to tick."""

    columns: Mapping[str, tuple[str, str, str | None]]

    def given(self, cells: Mapping[str, Any]) -> dict[str, dict[str, Given]]:
        """Item -> question -> answer, for the items that an assignment has answers for."""
        found: dict[str, dict[str, Given]] = {}
        for column, (item, question, option) in self.columns.items():
            cell = cells.get(column)
            if is_missing(cell):
                continue
            answers = found.setdefault(item, {})
            if option is None:
                answers[question] = str(cell).strip()
                continue
            before = answers.get(question)
            known = before.options if isinstance(before, Ticks) else {}
            on = str(cell).strip().casefold() in TRUE
            answers[question] = Ticks({**known, option: on})
        return found


def item_answers(names: Sequence[str], pattern: str, file: str) -> ItemAnswers:
    """What a pattern reads out of the names of columns.

    Raises:
        UsageError: It is no regular expression, has no group `item`, or fits no column.
    """
    example = f"for instance --answer-pattern '{EXAMPLE_PATTERN}'"
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        message = f"--answer-pattern is no regular expression: {error}"
        raise UsageError(message, hint=example) from error
    groups = set(compiled.groupindex)
    if "item" not in groups or not groups <= GROUPS:
        raise UsageError(
            "--answer-pattern needs a group (?P<item>…), and may have (?P<question>…) and "
            "(?P<option>…)",
            hint=example,
        )
    fitting = {name: match for name in names if (match := compiled.fullmatch(name))}
    if not fitting:
        raise UsageError(f"--answer-pattern fits no column of {file}", hint=example)
    return ItemAnswers({name: _parts(match) for name, match in fitting.items()})


def _parts(match: re.Match[str]) -> tuple[str, str, str | None]:
    found = match.groupdict()
    option = found.get("option", found.get("sub"))
    return found["item"], found.get("question") or DEFAULT_TASK, option
