"""Which `Answer.*` columns of a Mechanical Turk file are questions; which layouts are refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NoReturn

from realm_cli.errors import InputError
from realm_cli.loaders.columns import closest, fold, listed
from realm_cli.loaders.values import is_missing
from realm_cli.schema import DEFAULT_TASK, Issue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from realm_cli.loaders.base import Head
    from realm_cli.loaders.tables import Table

ANSWER, LABEL = "Answer.", ".label"
TICKS = frozenset({"true", "false", "on", "off", "0", "1"})

ABOUT_THE_ANNOTATOR = frozenset(
    {
        "age",
        "gender",
        "sex",
        "education",
        "country",
        "nationality",
        "nativelanguage",
        "native",
        "income",
        "email",
        "name",
        "comment",
        "comments",
        "feedback",
        "remarks",
        "notes",
        "suggestions",
        "consent",
        "browser",
        "device",
    }
)
"""Folded names of answers that are seldom labels."""


def questions(
    table: Table, answers: Sequence[str], wanted: str | None, head: Head, *, checked: bool
) -> Mapping[str, str]:
    """The answer columns to read, and the task that each is.

    Args:
        table: The file.
        answers: Its `Answer.*` columns.
        wanted: The column that the user chose, if any: `Answer.q`, or just `q`.
        head: For messages.
        checked: Refuse what cannot be read; where only items are wanted, nothing is.

    Raises:
        InputError: There is no such column, no answer at all, or a layout that is not read.
    """
    chosen = _spelled(answers, wanted)
    if not checked:
        return _tasks([chosen] if chosen else answers) or {"": DEFAULT_TASK}
    if wanted is not None:
        answers = [chosen or _unknown(answers, wanted, head)]
    elif not answers:
        raise head.refuse(
            "no-column:label", f"no Answer column holds the labels; {listed(table.names)}"
        )
    issues = [] if wanted is not None else [*_one_hot(table, answers, head)]
    issues = issues or [*_json(table, answers, head)] or _personal(answers, head)
    if issues:
        raise InputError(issues[0].message, issues=issues)
    return _tasks(answers)


def task_name(column: str) -> str:
    """`Answer.sentiment.label` and `Answer.sentiment` both ask for `sentiment`."""
    return column.removeprefix(ANSWER).removesuffix(LABEL)


def _tasks(answers: Sequence[str]) -> dict[str, str]:
    tasks = {column: task_name(column) for column in answers}
    if len(set(tasks.values())) < len(tasks):  # Answer.q beside Answer.q.label
        tasks = {column: column.removeprefix(ANSWER) for column in answers}
    return tasks


def _spelled(answers: Sequence[str], wanted: str | None) -> str | None:
    """The column that the user means by `Answer.q.label`, `Answer.q` or `q`."""
    spellings = (f"{start}{wanted}{end}" for start in ("", ANSWER) for end in ("", LABEL))
    return next((spelling for spelling in spellings if spelling in answers), None)


def _unknown(answers: Sequence[str], wanted: str, head: Head) -> NoReturn:
    match = closest(wanted, answers)
    raise head.refuse(
        "unknown-column:label",
        f"there is no answer column {wanted!r}; {listed(answers, 'answer columns')}",
        hint=f"did you mean --label-col {match}?" if match else "change --label-col",
    )


def _one_hot(table: Table, answers: Sequence[str], head: Head) -> Iterator[Issue]:
    """Layouts with one true/false column for each option of a question."""
    for stem, columns in _by_stem(answers).items():
        ticked = all(_holds_only_ticks(table, column) for column in columns)
        checkbox = any(column.endswith(".on") for column in columns)
        if ticked and (len(columns) > 1 or checkbox):
            yield Issue(
                code="one-hot-answers",
                message=f"{stem} has one true/false column an option ({columns[0]} and so on, "
                f"{len(columns)} in all); this layout is not read yet",
                file=head.shown,
                line=1,
                hint=_choose([name for name in answers if name not in columns]),
            )


def _by_stem(answers: Sequence[str]) -> dict[str, list[str]]:
    """`Answer.q.a` and `Answer.q.b` under `Answer.q`."""
    stems: dict[str, list[str]] = {}
    for column in answers:
        stem, _, option = column.rpartition(".")
        if stem + "." != ANSWER and "." + option != LABEL:
            stems.setdefault(stem, []).append(column)
    return stems


def _holds_only_ticks(table: Table, column: str) -> bool:
    return all(
        is_missing(cell) or str(cell).strip().casefold() in TICKS for (cell,) in table.cells(column)
    )


def _json(table: Table, answers: Sequence[str], head: Head) -> Iterator[Issue]:
    """Answers that are JSON lists or objects: somebody must say what in them is the label."""
    structured = [name for name in answers if any(_is_json(cell) for (cell,) in table.cells(name))]
    for column in structured:
        yield Issue(
            code="json-answers",
            message=f"the answers of {column} are JSON; this layout is not read yet",
            file=head.shown,
            line=1,
            hint=_choose([name for name in answers if name not in structured]),
        )


def _is_json(cell: object) -> bool:
    text = str(cell or "").strip()
    if not text.startswith(("[", "{")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _personal(answers: Sequence[str], head: Head) -> list[Issue]:
    """Questions about the annotator beside labels: nobody but the user can tell them apart."""
    about = [name for name in answers if fold(task_name(name)) in ABOUT_THE_ANNOTATOR]
    labels = [name for name in answers if name not in about]
    if not about or len(answers) == 1:
        return []
    return [
        Issue(
            code="ambiguous-column:label",
            message=f"ambiguous: {', '.join(answers)} could each hold the label, though "
            f"{' and '.join(about)} may be about the annotator",
            file=head.shown,
            line=1,
            hint=_choose(labels or answers),
        )
    ]


def _choose(names: Sequence[str]) -> str | None:
    if not names:
        return "convert the file to one row an annotation, and load that"
    return f"choose the column of labels with --label-col, for instance --label-col {names[0]}"
