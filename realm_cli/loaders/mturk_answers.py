"""What Mechanical Turk's `Answer.*` columns ask and answer; which layouts are refused.

Read are a column a question, a true/false column an option (`Answer.animal.cat`, with or without
`.on` behind it), and the JSON of a whole form in `Answer.taskAnswers`.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn

from realm_cli.errors import InputError
from realm_cli.loaders.answers import (
    CHECK_BOX,
    Given,
    Learner,
    Question,
    Ticks,
    Unread,
    no_labels,
)
from realm_cli.loaders.columns import closest, fold, listed
from realm_cli.loaders.tables import TableRow
from realm_cli.loaders.task_answers import parse_form
from realm_cli.loaders.values import is_missing
from realm_cli.schema import DEFAULT_TASK, Issue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from realm_cli.loaders.base import Export
    from realm_cli.loaders.tables import Table

ANSWER, LABEL, ON = "Answer.", ".label", ".on"
FORM = "Answer.taskAnswers"
TRUE = frozenset({"true", "on", "1"})
TICKS = TRUE | {"false", "off", "0"}
ITEM_INSIDE = re.compile(r"Answer\..+--\d+\.on")
"""A column whose name holds the id of an item: one assignment answers for many items."""

EXAMPLE_PATTERN = r"Answer\.(?P<item>.+)--(?P<option>\d+)\.on"
"""Reads those columns."""

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


@dataclass(frozen=True)
class Form:
    """The questions of a file, and where their answers are.

    Attributes:
        plain: Column -> question, where the cell is the label.
        one_hot: Question -> {column: option}, where the cells are ticks.
        json: The column that holds whole forms, if there is one.
        only: The question wanted out of those forms; None for all.
        questions: Name -> question.
        unread: (question, kind) -> how many answers are no labels.
    """

    plain: Mapping[str, str]
    one_hot: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    json: str | None = None
    only: str | None = None
    questions: Mapping[str, Question] = field(default_factory=dict)
    unread: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @property
    def n_tasks(self) -> int:
        """How many tasks the questions become."""
        return sum(question.n_tasks for question in self.questions.values())

    def given(self, cells: Mapping[str, Any]) -> dict[str, Given]:
        """The answers in a row.

        Raises:
            ValueError: The form in it cannot be read.
        """
        answers = {name: _plain_cell(cells.get(column)) for column, name in self.plain.items()}
        answers |= {name: _ticks(cells, columns) for name, columns in self.one_hot.items()}
        if self.json is None or is_missing(cells.get(self.json)):
            return answers
        for name, given in parse_form(str(cells[self.json])).items():
            if name in answers:
                raise ValueError(f"{name!r} is answered in it and in a column")
            if self.only in (None, name):
                answers[name] = given
        return answers

    def columns(self) -> dict[str, str]:
        """What people can choose with --label-col -> the question."""
        stems = {ANSWER + name: name for name in self.one_hot}
        taken = {*self.plain.values(), *self.one_hot}
        return {**self.plain, **stems, **{q: q for q in self.questions if q not in taken}}


def read_form(table: Table, wanted: str | None, export: Export, *, checked: bool) -> Form:
    """The answers to read, and the questions that they answer.

    Args:
        table: The file.
        wanted: The column or question that the user chose, if any: `Answer.q`, or just `q`.
        export: For messages.
        checked: Refuse what cannot be read; where only items are wanted, nothing is.

    Raises:
        InputError: There is no such column, no answer at all, or a layout that is not read.
    """
    answers = [name for name in table.names if name.startswith(ANSWER)]
    if checked and wanted is None:
        _check_columns(table, answers, export)
    form = _learned(_layout(table, answers), table)
    if wanted is not None:
        chosen = _only(form, answers, wanted)
        if chosen is None and checked:
            _unknown(list(form.columns()), wanted, export)
        form = _learned(chosen, table) if chosen else form
    if checked:
        _check(form, wanted, export)
    if not form.questions:
        form = replace(form, questions={DEFAULT_TASK: Question(DEFAULT_TASK)})
    return form


def task_name(column: str) -> str:
    """`Answer.sentiment.label` and `Answer.sentiment` both ask for `sentiment`."""
    return column.removeprefix(ANSWER).removesuffix(LABEL)


def _plain_cell(cell: Any) -> Given:
    """Text is a label, even within quotes of its own; JSON is for somebody else to take apart."""
    if isinstance(cell, Ticks):
        return cell
    if is_missing(cell):
        return None
    text = str(cell).strip()
    value = _json(text) if text.startswith(("[", "{", '"')) else None
    if isinstance(value, dict | list):
        return Unread("json")
    return value.strip() or None if isinstance(value, str) else text


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _ticks(cells: Mapping[str, Any], columns: Mapping[str, str]) -> Given:
    """The ticks in one question's columns; blank beside others means not ticked."""
    if all(is_missing(cells.get(column)) for column in columns):
        return None
    return Ticks({option: _is_true(cells.get(column)) for column, option in columns.items()})


def _is_true(cell: Any) -> bool:
    return str(cell or "").strip().casefold() in TRUE


def _layout(table: Table, answers: Sequence[str]) -> Form:
    """Which columns are ticks, which hold whole forms, and which are labels."""
    one_hot = _one_hot(table, [name for name in answers if name != FORM])
    ticked = {column for columns in one_hot.values() for column in columns}
    plain = _tasks([name for name in answers if name != FORM and name not in ticked])
    one_hot = {
        f"{name} (ticked)" if name in plain.values() else name: columns
        for name, columns in one_hot.items()
    }
    return Form(plain, one_hot, FORM if FORM in answers else None)


def _learned(form: Form, table: Table) -> Form:
    """The form with its questions, as all rows of the file show them."""
    learner = Learner()
    for row in table.rows():
        if isinstance(row, TableRow):
            with suppress(ValueError):  # the row's turn comes
                learner.add(form.given(row.cells))
    return replace(form, questions=learner.questions(), unread=learner.unread)


def _tasks(answers: Sequence[str]) -> dict[str, str]:
    tasks = {column: task_name(column) for column in answers}
    if len(set(tasks.values())) < len(tasks):  # Answer.q beside Answer.q.label
        tasks = {column: column.removeprefix(ANSWER) for column in answers}
    return tasks


def _one_hot(table: Table, answers: Sequence[str]) -> dict[str, dict[str, str]]:
    """Question -> {column: option}, for columns that hold nothing but ticks."""
    found: dict[str, dict[str, str]] = {}
    for stem, columns in _by_stem(answers).items():
        if not all(_holds_only_ticks(table, column) for column in columns):
            continue
        names = {column: column.removesuffix(ON).removeprefix(ANSWER) for column in columns}
        if stem and len(columns) > 1:
            options = {column: name.removeprefix(stem + ".") for column, name in names.items()}
            found[stem] = options
        else:
            boxes = {name: column for column, name in names.items() if column.endswith(ON)}
            found.update({name: {column: CHECK_BOX} for name, column in boxes.items()})
    return found


def _by_stem(answers: Sequence[str]) -> dict[str, list[str]]:
    """`Answer.q.a` and `Answer.q.b.on` under `q`; `Answer.c.on` under nothing."""
    stems: dict[str, list[str]] = {}
    for column in answers:
        stem, dot, _ = column.removesuffix(ON).removeprefix(ANSWER).rpartition(".")
        if column.endswith(ON) or (dot and not column.endswith(LABEL)):
            stems.setdefault(stem, []).append(column)
    return stems


def _holds_only_ticks(table: Table, column: str) -> bool:
    return all(
        is_missing(cell) or str(cell).strip().casefold() in TICKS for (cell,) in table.cells(column)
    )


def _only(form: Form, answers: Sequence[str], wanted: str) -> Form | None:
    """The part of a form that the user means by `Answer.q.label`, `Answer.q` or `q`."""
    spellings = (f"{start}{wanted}{end}" for start in ("", ANSWER) for end in ("", LABEL))
    column = next((spelling for spelling in spellings if spelling in answers), None)
    name = wanted.removeprefix(ANSWER)
    if column == FORM:
        return Form({}, json=FORM)
    if column is not None:
        return Form({column: task_name(column)})
    if name in form.one_hot:
        return Form({}, {name: form.one_hot[name]})
    return Form({}, json=FORM, only=name) if name in form.questions else None


def _unknown(names: Sequence[str], wanted: str, export: Export) -> NoReturn:
    match = closest(wanted, names)
    raise export.refuse(
        "unknown-column:label",
        f"there is no answer column {wanted!r}; {listed(names, 'answer columns')}",
        hint=f"did you mean --label-col {match}?" if match else "change --label-col",
    )


def _check_columns(table: Table, answers: Sequence[str], export: Export) -> None:
    """Refuse a file without answers, and one that has its items in the columns' names."""
    if not answers:
        raise export.refuse(
            "no-column:label", f"no Answer column holds the labels; {listed(table.names)}"
        )
    inside = [name for name in answers if ITEM_INSIDE.fullmatch(name)]
    if inside:
        raise export.refuse(
            "item-in-column",
            f"{inside[0]} and {len(inside) - 1} more columns have the id of an item inside their "
            "names",
            line=1,
            hint=f"say where it is: --answer-pattern '{EXAMPLE_PATTERN}'",
        )


def _check(form: Form, wanted: str | None, export: Export) -> None:
    issues = _personal(form.columns(), export) if wanted is None else []
    if issues:
        raise InputError(issues[0].message, issues=issues)
    if not form.questions and form.unread:
        raise no_labels(form.unread, export)


def _personal(columns: Mapping[str, str], export: Export) -> list[Issue]:
    """Questions about the annotator beside labels: nobody but the user can tell them apart."""
    about = [column for column, name in columns.items() if fold(name) in ABOUT_THE_ANNOTATOR]
    labels = [column for column in columns if column not in about]
    if not about or len(columns) == 1:
        return []
    return [
        Issue(
            code="ambiguous-column:label",
            message=f"ambiguous: {', '.join(columns)} could each hold the label, though "
            f"{' and '.join(about)} may be about the annotator",
            file=export.shown,
            line=1,
            hint=_choose(labels or list(columns)),
        )
    ]


def _choose(names: Sequence[str]) -> str | None:
    if not names:
        return "convert the file to one row an annotation, and load that"
    return f"choose the column of labels with --label-col, for instance --label-col {names[0]}"
