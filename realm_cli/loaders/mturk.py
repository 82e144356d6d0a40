"""Mechanical Turk's batch results CSV, as the requester's site writes it.

Its words in ours: the `Input.*` columns are the item, a worker is an annotator, an `Answer.*`
column is a task (the question asked), a row is one worker's assignment: an annotation a question.

`RawRow.line` is the physical line where the row starts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from realm_cli.loaders import mturk_time
from realm_cli.loaders.base import Dropped, Head, Loader, RawRow, Record, Request
from realm_cli.loaders.columns import (
    ITEM_ROLES,
    NEEDED,
    Found,
    find_item_columns,
    listed,
    other_fields,
    unknown,
)
from realm_cli.loaders.csv_table import header_of, read_table
from realm_cli.loaders.mturk_answers import ANSWER, Form, read_form
from realm_cli.loaders.tables import Table, TableRow
from realm_cli.loaders.task_answers import Unread, dropped_reason, unread_warnings
from realm_cli.loaders.values import Clock, as_options, as_text, digest, is_missing, present
from realm_cli.schema import Issue, Severity, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from realm_cli.config import Columns

INPUT = "Input."
BATCH = "BatchId:"
STATUSES = {
    "": Status.OK,
    "submitted": Status.OK,
    "approved": Status.OK,
    "rejected": Status.REJECTED,
}


@dataclass(frozen=True)
class _Plan:
    """How a file's rows become ours.

    Attributes:
        file: For messages.
        form: The questions and where their answers are.
        annotator: The column that says who.
        found: Role -> column of the item.
        fields: The other inputs -> their names in the canonical table, without `Input.`.
        inputs: All inputs, in order.
        key: What names the item: "column", "inputs" or "hit".
        clock: Reads the times.
    """

    file: str
    form: Form
    annotator: str | None
    found: Found
    fields: Mapping[str, str]
    inputs: Sequence[str]
    key: str
    clock: Clock = field(default_factory=lambda: Clock(mturk_time.parse))


def detect(head: Head) -> str | None:
    """A header with HITId and WorkerId or AssignmentId, and inputs or answers."""
    names = header_of(head)
    ids = {"HITId", "WorkerId", "AssignmentId"}.intersection(names)
    parts = [name for name in names if name.startswith((INPUT, ANSWER))]
    if "HITId" not in ids or len(ids) < 2 or not parts:
        return None
    return f"a table with the columns HITId, {parts[0]} and {len(names) - 2} more"


def read(head: Head, request: Request) -> Iterator[Record]:
    """One row a question and assignment, or the items alone.

    Raises:
        InputError: Workers or answers are missing, or the answers' layout is one that realm does
            not read or must not guess at.
    """
    yield from read_rows(read_table(head), head, request)


def read_rows(
    table: Table, head: Head, request: Request, worker: str = "WorkerId"
) -> Iterator[Record]:
    """The rows of a table of assignments, wherever it came from.

    Args:
        table: HITId, `Input.*` and `Answer.*` columns, and what else such exports have.
        head: For messages.
        request: What the caller wants.
        worker: The column that says who answered, unless the user names another.

    Raises:
        InputError: As for `read`.
    """
    plan = _plan(table, request, head, worker)
    if plan.key == "hit" and plan.inputs and "text" not in plan.found.column:
        yield _same_inputs(plan.file)
    for row in table.rows():
        if isinstance(row, TableRow):
            yield from _rows(row, plan) if request.labelled else _bare_rows(row, plan)
        else:
            yield row
    yield from unread_warnings(plan.form.unread, plan.file) if request.labelled else ()
    yield from plan.clock.warnings(plan.file)


def _plan(table: Table, request: Request, head: Head, worker: str) -> _Plan:
    columns = request.columns
    form = read_form(table, columns.label, head, checked=request.labelled)
    inputs = [name for name in table.names if name.startswith(INPUT)]
    found = _find_inputs(table, inputs, columns, form.n_tasks, head.shown)
    annotator = _annotator(table, request, found, head, worker) if request.labelled else None
    found.check()
    rest = [name.removeprefix(INPUT) for name in inputs if name not in found.column.values()]
    fields = {INPUT + name: ours for name, ours in other_fields(rest, ()).items()}
    key = _key(table, inputs, found)
    if key == "hit" and columns.text is None:
        found.column.pop("text", None)
    return _Plan(head.shown, form, annotator, found, fields, inputs, key)


def _find_inputs(
    table: Table, inputs: Sequence[str], columns: Columns, n_questions: int, file: str
) -> Found:
    """The item's columns among the inputs, by the name after the dot; any column if named."""
    given = {role: name for role, name in columns if role in ITEM_ROLES and name is not None}
    outside = [name for name in given.values() if name in table.names and name not in inputs]
    short = {name.removeprefix(INPUT): name for name in inputs}
    names = [*short, *outside]
    wanted = {role: name.removeprefix(INPUT) for role, name in given.items()}
    found = find_item_columns(
        names, columns.model_copy(update=wanted), n_questions=n_questions, file=file
    )
    found.column = {role: short.get(name, name) for role, name in found.column.items()}
    # several inputs that could each be the text were shown to the worker together
    found.issues = [issue for issue in found.issues if issue.code != "ambiguous-column:text"]
    return found


def _annotator(table: Table, request: Request, found: Found, head: Head, worker: str) -> str:
    """The column that says who answered; an issue where there is none."""
    given = request.columns.annotator
    name = given or worker
    if name not in table.names and given:
        found.issues.append(unknown("annotator", given, table.names, file=head.shown))
    elif name not in table.names:
        problem = head.refuse(
            "no-column:annotator",
            f"{NEEDED['annotator']}: {worker} is not among the columns; {listed(table.names)}",
            hint="name the column with --annotator-col NAME",
        )
        found.issues += problem.issues
    return name


def _key(table: Table, inputs: Sequence[str], found: Found) -> str:
    """What tells items apart: a column of ids, else all inputs, else the HIT."""
    if "item" in found.column:
        return "column"
    hits = set(table.cells("HITId"))
    alike = len(set(table.cells(*inputs))) <= 1
    return "hit" if not inputs or (alike and len(hits) > 1) else "inputs"


def _same_inputs(file: str) -> Issue:
    return Issue(
        code="same-inputs",
        severity=Severity.WARNING,
        message="every HIT shows the same input, so HITId names the item and the items have no "
        "text",
        file=file,
    )


def _bare_rows(row: TableRow, plan: _Plan) -> Iterator[Record]:
    for question in plan.form.questions.values():
        for asked in question.blank():
            yield _row(row, plan, {name: asked[name] for name in asked if name != "label"})


def _rows(row: TableRow, plan: _Plan) -> Iterator[Record]:
    """One row a task; a blank beside other answers was not asked, a lone blank is empty."""
    status = STATUSES.get(str(row.cells.get("AssignmentStatus") or "").strip().casefold())
    if status is None:
        yield _unknown_status(row, plan)
        return
    try:
        answers = plan.form.given(row.cells)
    except ValueError as error:
        yield _bad_form(row, plan, error)
        return
    said = {
        "annotator_id": row.cells.get(plan.annotator or ""),
        "submitted_at": plan.clock.read(row.cells.get("SubmitTime"), row.line),
        "duration_s": row.cells.get("WorkTimeInSeconds"),
        "group": _batch(row),
    }
    answered = any(given is not None for given in answers.values())
    for given in answers.values():
        if isinstance(given, Unread):
            yield Dropped(dropped_reason(given))
    for name, question in plan.form.questions.items():
        given = answers.get(name)
        if given is None and answered:
            yield Dropped("not-asked")
        elif not isinstance(given, Unread):
            for told in question.answered(given):
                yield _row(row, plan, {**said, **told, "status": _outcome(told, status)})


def _outcome(told: Mapping[str, Any], status: Status) -> Status:
    blank = told.get("label") is None
    return Status.EMPTY if blank and status is Status.OK else status


def _bad_form(row: TableRow, plan: _Plan, error: ValueError) -> Issue:
    return Issue(
        code="bad-form",
        message=f"{plan.form.json} cannot be read: {error}",
        file=plan.file,
        line=row.line,
        hint="export the batch again; a form is one JSON object, alone or in a list",
    )


def _unknown_status(row: TableRow, plan: _Plan) -> Issue:
    return Issue(
        code="bad-status",
        message=f"AssignmentStatus is {row.cells['AssignmentStatus']!r}, not one of Submitted, "
        "Approved, Rejected",
        file=plan.file,
        line=row.line,
    )


def _batch(row: TableRow) -> str | None:
    """The batch's number out of `BatchId:1;OriginalHitTemplateId:2;`."""
    parts = str(row.cells.get("RequesterAnnotation") or "").split(";")
    return next((part.removeprefix(BATCH) for part in parts if part.startswith(BATCH)), None)


def _row(row: TableRow, plan: _Plan, said: Mapping[str, Any]) -> RawRow:
    values = {ours: row.cells.get(name) for ours, name in plan.found.names.items()}
    values = present({"text": _text(row, plan), **values, **said})
    if "options" in values:
        values["options"] = as_options(values["options"])
    if plan.key == "hit":
        values.update(present({"item_id": row.cells.get("HITId")}))
    elif plan.key == "inputs":
        values["item_id"] = digest(*(row.cells.get(name) for name in plan.inputs))
    fields = {ours: row.cells.get(name) for name, ours in plan.fields.items()}
    return RawRow(row.line, values, fields, plan.found.names)


def _text(row: TableRow, plan: _Plan) -> str | None:
    """The only input, or all of them line by line, for files that name none of them text."""
    if plan.key == "hit":
        return None
    told = {name.removeprefix(INPUT): row.cells.get(name) for name in plan.fields}
    if len(told) == 1:
        return as_text(*told.values())
    return "\n".join(f"{name}: {cell}" for name, cell in told.items() if not is_missing(cell))


LOADER = Loader(
    name="mturk",
    title="Mechanical Turk's batch results CSV",
    detect=detect,
    read=read,
)
