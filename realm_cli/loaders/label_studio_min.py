"""Label Studio's JSON_MIN export: one flat record an annotation. It loses much, and says so.

Answers and data stand side by side under their names, so which is which is told by their shape
(`{"choices": …}`, `[{"rating": …}]`) or, for plain text, by what differs within an item.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from realm_cli.loaders.base import Claim, Export, Loader, Record, Request
from realm_cli.loaders.columns import listed
from realm_cli.loaders.jsonl import first_value, read_table
from realm_cli.loaders.label_studio_values import flat_answer, is_shaped
from realm_cli.loaders.submissions import Submission, Told, submission_rows
from realm_cli.loaders.tables import Table, TableRow
from realm_cli.loaders.values import as_text, is_missing
from realm_cli.schema import Issue, Severity

if TYPE_CHECKING:
    from realm_cli.errors import InputError

MARKS = frozenset({"annotator", "annotation_id", "lead_time"})
OWN = (*MARKS, "created_at", "updated_at", "id", "agreement", "history")
NOBODY = ("None", "null")
"""What the converter writes where an annotation has no annotator."""

MOST_LABELS = 30


def detect(export: Export) -> Claim | None:
    """Records with annotator, annotation_id and lead_time."""
    if not export.head.lstrip().startswith(("[", "{")):
        return None
    first = first_value(export)
    found = isinstance(first, dict) and first.keys() >= MARKS
    return Claim("flat JSON records with annotator, annotation_id and lead_time") if found else None


def read(export: Export, request: Request) -> Iterator[Record]:
    """One row a question and annotation."""
    yield from flat_rows(read_table(export), export, request)


def flat_rows(table: Table, export: Export, request: Request) -> Iterator[Record]:
    """The rows of a flat export, JSON or CSV.

    Raises:
        InputError: Nobody but the user can tell which column is an answer.
    """
    questions = _questions(table, request, export)
    if request.labelled:
        yield _lossy(questions, export)
    level = request.reading.taxonomy_level

    def submissions() -> Iterator[Told]:
        for row in table.rows():
            if isinstance(row, TableRow):
                yield _submission(row, questions, level)
            else:
                yield row

    yield from submission_rows(submissions, request, export)


def _submission(row: TableRow, questions: Sequence[str], level: int | None) -> Submission:
    cells = row.cells
    who = cells.get("annotator")
    nobody = is_missing(who) or str(who) in NOBODY
    return Submission(
        line=row.line,
        data={name: cell for name, cell in cells.items() if name not in (*OWN, *questions)},
        item_id=cells.get("id"),
        annotator=None if nobody else _annotator(who),
        answers={name: flat_answer(cells.get(name), level) for name in questions},
        said={
            "submitted_at": cells.get("created_at"),
            "duration_s": cells.get("lead_time"),
        },
        record=cells,
        note=f"annotation {cells.get('annotation_id')}",
        labelled=not is_missing(cells.get("annotation_id")),
    )


def _annotator(who: Any) -> str | None:
    if isinstance(who, dict):
        who = who.get("email") or who.get("id")
    return as_text(who)


def _questions(table: Table, request: Request, export: Export) -> list[str]:
    """The columns that are answers."""
    names = [name for name in table.names if name not in OWN and name.strip()]
    if request.columns.label is not None and request.columns.label in names:
        return [request.columns.label]
    shaped = [name for name in names if any(is_shaped(cell) for (cell,) in table.cells(name))]
    differing = [name for name in names if name not in shaped and _differs(table, name)]
    if shaped or differing:
        return [name for name in names if name in (*shaped, *differing)]
    if not request.labelled:
        return []
    few = [name for name in names if _repeats(table, name)]
    if len(few) == 1:
        return few
    raise _unclear(few, names, export)


def _differs(table: Table, name: str) -> bool:
    """Whether annotators of one item have said different things; data never differs."""
    first: dict[str, str] = {}
    for item, cell in table.cells("id", name):
        if not is_missing(cell) and first.setdefault(str(item), str(cell)) != str(cell):
            return True
    return False


def _repeats(table: Table, name: str) -> bool:
    """Whether a column says few things, over and over, as labels do."""
    values = [str(cell) for (cell,) in table.cells(name) if not is_missing(cell)]
    distinct = len(set(values))
    return 0 < distinct <= min(MOST_LABELS, max(1, len(values) // 2))


def _unclear(few: Sequence[str], names: Sequence[str], export: Export) -> InputError:
    if few:
        return export.refuse(
            "ambiguous-column:label",
            f"ambiguous: {', '.join(few)} could each be an answer; this format does not say which "
            "columns are",
            hint=f"choose one with --label-col, for instance --label-col {few[0]}, or export the "
            "project as JSON",
        )
    return export.refuse(
        "no-column:label",
        f"no column looks like an answer; {listed(names)}",
        hint="name it with --label-col NAME, or export the project as JSON",
    )


def _lossy(questions: Sequence[str], export: Export) -> Issue:
    return Issue(
        code="lossy-export",
        severity=Severity.WARNING,
        message="this kind of export has lost skipped answers, ground truth and predictions, and "
        f"does not say which columns are answers; read as answers: {', '.join(questions)}",
        file=export.shown,
        hint="export the project as JSON (full), which loses nothing",
    )


LOADER = Loader(
    name="label_studio_min",
    title="Label Studio's JSON-MIN export",
    detect=detect,
    read=read,
    reads='Columns whose values have an answer\'s shape (`{"choices": …}`, `[{"rating": …}]`) '
    "are questions, and so are columns of plain text that differ within an item. The rest is the "
    "item's data.",
    loses="Skipped answers, ground truth, predictions and reviews; an answer left blank is not "
    "told from a data field of the same name. A warning says so: export JSON instead.",
    example="label_studio_min.json",
)
