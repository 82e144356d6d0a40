"""Toloka's results: `INPUT:`, `OUTPUT:`, `GOLDEN:` and `ASSIGNMENT:` columns, mostly as TSV."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from realm_cli.loaders.base import Claim, Export, Loader, Record, Request
from realm_cli.loaders.csv_table import header_of, read_table
from realm_cli.loaders.submissions import Submission, Told, submission_rows
from realm_cli.loaders.tables import TableRow
from realm_cli.loaders.values import as_text, digest, is_missing, iso_time
from realm_cli.schema import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

INPUT, OUTPUT, GOLDEN, ASSIGNMENT = "INPUT:", "OUTPUT:", "GOLDEN:", "ASSIGNMENT:"
STATUSES = {
    "rejected": Status.REJECTED,
    "skipped": Status.SKIPPED,
    "expired": Status.SKIPPED,
    "active": Status.PENDING,
}


def detect(export: Export) -> Claim | None:
    """Its prefixes."""
    names = header_of(export)
    own = [name for name in names if name.startswith(ASSIGNMENT)]
    asked = [name for name in names if name.startswith((INPUT, OUTPUT))]
    return Claim(f"a table with the columns {asked[0]} and {own[0]}") if own and asked else None


def read(export: Export, request: Request) -> Iterator[Record]:
    """One row a question and assignment."""
    table = read_table(export)
    wanted = request.columns.label
    if wanted is not None:
        request = request.with_columns(label=wanted.removeprefix(OUTPUT))

    def submissions() -> Iterator[Told]:
        for row in table.rows():
            yield _submission(row) if isinstance(row, TableRow) else row

    yield from submission_rows(submissions, request, export)


def _submission(row: TableRow) -> Submission:
    cells = row.cells
    inputs, own = _part(cells, INPUT), _part(cells, ASSIGNMENT)
    status = str(own.get("status") or "").strip().casefold()
    begun, done = (iso_time(str(own.get(name) or "")) for name in ("started", "submitted"))
    return Submission(
        line=row.line,
        data=inputs,
        item_id=own.get("task_id") or digest(*inputs.values()),
        keyed=not is_missing(own.get("task_id")),
        text=_text(inputs),
        annotator=own.get("worker_id"),
        answers={name: _label(cell) for name, cell in _part(cells, OUTPUT).items()},
        gold={name: _label(cell) for name, cell in _part(cells, GOLDEN).items()},
        status=STATUSES.get(status, Status.OK),
        said={
            "submitted_at": own.get("submitted"),
            "duration_s": (done - begun).total_seconds() if begun and done and done >= begun
            else None,
            "group": own.get("pool_id") or None,
        },
        record=cells,
    )  # fmt: skip


def _part(cells: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): cell for name, cell in cells.items() if name.startswith(prefix)
    }


def _label(cell: Any) -> str | None:
    return None if is_missing(cell) else str(cell).strip()


def _text(inputs: Mapping[str, Any]) -> str | None:
    """The only input, or all of them line by line."""
    given = {name: cell for name, cell in inputs.items() if not is_missing(cell)}
    if len(inputs) == 1:
        return as_text(*inputs.values())
    return "\n".join(f"{name}: {cell}" for name, cell in given.items()) or None


LOADER = Loader(
    name="toloka",
    title="Toloka's results TSV",
    detect=detect,
    read=read,
    reads="Each `OUTPUT:q` is a question, `GOLDEN:q` its gold on control tasks, `INPUT:*` the "
    "item, `ASSIGNMENT:task_id` its id (without it all inputs together). Rejected, skipped and "
    "expired assignments have these statuses; started and submitted give `submitted_at` and "
    "`duration_s`.",
    loses="Rewards, suites, links and hints.",
    example="toloka.tsv",
)
