"""Mechanical Turk's batch results CSV, as the requester's site writes it.

Its words in ours: the `Input.*` columns are the item, a worker is an annotator, an `Answer.*`
column is a task (the question asked), a row is one worker's assignment: an annotation a question.

`RawRow.line` is the physical line where the row starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from realm_cli.loaders import mturk_time
from realm_cli.loaders.base import Claim, Export, Loader, Record, Request
from realm_cli.loaders.columns import ITEM_ROLES, NEEDED, find_item_columns, listed
from realm_cli.loaders.csv_table import header_of, read_table
from realm_cli.loaders.mturk_answers import ANSWER, Form, read_form
from realm_cli.loaders.mturk_pattern import item_answers
from realm_cli.loaders.submissions import Submission, Told, submission_rows
from realm_cli.loaders.tables import Table, TableRecord, TableRow
from realm_cli.loaders.values import Clock, as_text, digest, is_missing
from realm_cli.schema import Issue, Severity, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from realm_cli.errors import InputError

INPUT = "Input."
BATCH = "BatchId:"
PREFIXES = ("input", "answer")
USUAL = (
    "HITId",
    "HITTypeId",
    "AssignmentId",
    "WorkerId",
    "AssignmentStatus",
    "AcceptTime",
    "SubmitTime",
    "WorkTimeInSeconds",
    "RequesterAnnotation",
)
STATUSES = {
    "": Status.OK,
    "submitted": Status.OK,
    "approved": Status.OK,
    "rejected": Status.REJECTED,
}


@dataclass(frozen=True)
class _Plan:
    """How a table of assignments becomes submissions.

    Attributes:
        file: For messages.
        form: Where the answers are.
        worker: The column that says who answered.
        inputs: The columns of the item, in order.
        told: Those of them that make the item's text, where none is named like one.
        by_hit: All HITs show the same inputs, so the HIT itself names the item.
    """

    file: str
    form: Form
    worker: str
    inputs: Sequence[str]
    told: Sequence[str]
    by_hit: bool


def detect(export: Export) -> Claim | None:
    """A header with HITId and WorkerId or AssignmentId, and inputs or answers."""
    names = usual_names(header_of(export))
    ids = {"HITId", "WorkerId", "AssignmentId"}.intersection(names)
    parts = [name for name in names if name.startswith((INPUT, ANSWER))]
    if "HITId" not in ids or len(ids) < 2 or not parts or "Turkle.Username" in names:
        return None
    return Claim(f"a table with the columns HITId, {parts[0]} and {len(names) - 2} more")


def read(export: Export, request: Request) -> Iterator[Record]:
    """One row a question and assignment, or the items alone.

    Raises:
        InputError: Workers or answers are missing, or the answers' layout is one that realm does
            not read or must not guess at.
    """
    table = _with_usual_names(read_table(export))
    if request.reading.answer_pattern is not None:
        yield from read_by_pattern(table, export, request)
    else:
        yield from read_rows(table, export, request)


def usual_names(names: Sequence[str]) -> tuple[str, ...]:
    """The columns as the requester's site spells them: some tools write them in lower case."""
    usual = {name.casefold(): name for name in USUAL}
    return tuple(usual.get(name.casefold(), _prefixed(name)) for name in names)


def _prefixed(name: str) -> str:
    start, dot, rest = name.partition(".")
    return f"{start.capitalize()}.{rest}" if dot and start.casefold() in PREFIXES else name


def _with_usual_names(table: Table) -> Table:
    names = usual_names(table.names)
    if names == tuple(table.names):
        return table

    def rows() -> Iterator[TableRecord]:
        for row in table.rows():
            if isinstance(row, TableRow):
                cells = {
                    ours: row.cells.get(theirs)
                    for ours, theirs in zip(names, table.names, strict=True)
                }
                yield TableRow(row.line, cells)
            else:
                yield row

    return Table(names, rows)


def read_rows(
    table: Table, export: Export, request: Request, worker: str = "WorkerId"
) -> Iterator[Record]:
    """The rows of a table of assignments, wherever it came from.

    Args:
        table: HITId, `Input.*` and `Answer.*` columns, and what else such exports have.
        export: For messages.
        request: What the caller wants.
        worker: The column that says who answered, unless the user names another.

    Raises:
        InputError: As for `read`.
    """
    plan = _plan(table, request, export, worker)
    if plan.by_hit and plan.inputs and request.columns.text is None:
        yield _same_inputs(plan.file)

    def submissions() -> Iterator[Told]:
        for row in table.rows():
            yield _submission(row, plan) if isinstance(row, TableRow) else row

    # the form holds the chosen question alone, and the item's names have no `Input.` before them
    named = request.with_columns(**_short_names(request), label=None)
    yield from submission_rows(submissions, named, export, Clock(mturk_time.parse))


def read_by_pattern(table: Table, export: Export, request: Request) -> Iterator[Record]:
    """The rows of a table that has the items' ids inside the names of its columns.

    Raises:
        UsageError: The pattern is none, or fits no column.
        InputError: Nobody says who answered.
    """
    columns = item_answers(table.names, str(request.reading.answer_pattern), export.shown)

    def submissions() -> Iterator[Told]:
        for row in table.rows():
            if not isinstance(row, TableRow):
                yield row
                continue
            said = _circumstances(row)
            for item, answers in columns.given(row.cells).items():
                yield Submission(
                    line=row.line,
                    data={},
                    item_id=item,
                    annotator=row.cells.get("WorkerId"),
                    answers=answers,
                    status=_status(row) or Status.OK,
                    said=said,
                    record=row.cells,
                )

    yield from submission_rows(submissions, request, export, Clock(mturk_time.parse))


def _plan(table: Table, request: Request, export: Export, worker: str) -> _Plan:
    columns = request.columns
    form = read_form(table, columns.label, export, checked=request.labelled)
    named = columns.annotator is not None or request.annotator_of(export) is not None
    if request.labelled and not named and worker not in table.names:
        raise _no_worker(table, worker, export)
    inputs = [name for name in table.names if name.startswith(INPUT)]
    short = [name.removeprefix(INPUT) for name in inputs]
    wanted = request.with_columns(**_short_names(request)).columns
    found = find_item_columns(short, wanted, n_questions=form.n_tasks, file=export.shown).column
    by_hit = "item" not in found and _alike(table, inputs)
    taken = [found.get(role) for role in ("item", "options", "gold")]
    told = [name for name in short if name not in taken]
    return _Plan(export.shown, form, worker, inputs, told, by_hit)


def _short_names(request: Request) -> dict[str, str]:
    """The item's columns as the user named them, without `Input.` before them."""
    return {
        role: name.removeprefix(INPUT)
        for role, name in request.columns
        if role in ITEM_ROLES and name is not None
    }


def _alike(table: Table, inputs: Sequence[str]) -> bool:
    """Whether the inputs do not tell items apart."""
    hits = set(table.cells("HITId"))
    return not inputs or (len(hits) > 1 and len(set(table.cells(*inputs))) <= 1)


def _no_worker(table: Table, worker: str, export: Export) -> InputError:
    return export.refuse(
        "no-column:annotator",
        f"{NEEDED['annotator']}: {worker} is not among the columns; {listed(table.names)}",
        hint="name the column with --annotator-col NAME",
    )


def _same_inputs(file: str) -> Issue:
    return Issue(
        code="same-inputs",
        severity=Severity.WARNING,
        message="every HIT shows the same input, so HITId names the item and the items have no "
        "text",
        file=file,
    )


def _submission(row: TableRow, plan: _Plan) -> Told:
    """One worker's answers about one HIT."""
    cells = row.cells
    status = _status(row)
    if status is None:
        return _unknown_status(row, plan)
    try:
        answers = plan.form.given(cells)
    except ValueError as error:
        return _bad_form(row, plan, error)
    inputs = {name.removeprefix(INPUT): cells.get(name) for name in plan.inputs}
    key = [cells.get(name) for name in plan.inputs]
    return Submission(
        line=row.line,
        data={} if plan.by_hit else inputs,
        item_id=cells.get("HITId") if plan.by_hit else digest(*key),
        text=None if plan.by_hit else _text(inputs, plan.told),
        annotator=cells.get(plan.worker),
        answers=answers,
        status=status,
        said=_circumstances(row),
        record={**cells, **inputs},
    )


def _status(row: TableRow) -> Status | None:
    """Whether an assignment counts; None where its status is unknown."""
    return STATUSES.get(str(row.cells.get("AssignmentStatus") or "").strip().casefold())


def _circumstances(row: TableRow) -> dict[str, Any]:
    return {
        "submitted_at": row.cells.get("SubmitTime"),
        "duration_s": row.cells.get("WorkTimeInSeconds"),
        "group": _batch(row),
    }


def _text(inputs: Mapping[str, Any], told: Sequence[str]) -> str | None:
    """The only input, or all of them line by line, for files that name none of them text."""
    if len(told) == 1:
        return as_text(inputs[told[0]])
    lines = [f"{name}: {inputs[name]}" for name in told if not is_missing(inputs[name])]
    return "\n".join(lines) or None


def _batch(row: TableRow) -> str | None:
    """The batch's number out of `BatchId:1;OriginalHitTemplateId:2;`."""
    parts = str(row.cells.get("RequesterAnnotation") or "").split(";")
    return next((part.removeprefix(BATCH) for part in parts if part.startswith(BATCH)), None)


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


LOADER = Loader(
    name="mturk",
    title="Mechanical Turk's batch results CSV",
    detect=detect,
    read=read,
    reads="Each `Answer.q` or `Answer.q.label` is a question `q`, or only the one named by "
    "`--label-col`. Questions with a true/false column an option (`Answer.q.cat`, "
    "`Answer.q.dog.on`) and those in the JSON of `Answer.taskAnswers` are read too; a check box "
    "that stands alone is a yes/no task. Columns with an item's id inside their names are read "
    "with `--answer-pattern`. Text, options, gold and the item's id are found among the `Input.*` "
    "columns by the name after the dot; without an id all inputs together name the item, or the "
    "HIT where they are all the same. One input alone is the text; several are joined as "
    "`name: value` lines. Rejected assignments have status `rejected`. `WorkTimeInSeconds`, "
    "`SubmitTime` and the batch's number become `duration_s`, `submitted_at` and `group`.",
    loses="HIT settings, approval rates and feedback; JSON in other cells, spans and boxes, which "
    "are counted as `other-answer:KIND`. Questions about the annotator (`Answer.age`) beside "
    "labels are refused until `--label-col` names the label.",
    example="mturk.csv",
)
