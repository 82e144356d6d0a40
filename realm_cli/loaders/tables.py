"""Long tables: one row an annotation, whatever kind of file the rows came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from realm_cli.loaders.base import Dropped, Export, RawBatch, RawRow, Record, Request
from realm_cli.loaders.columns import (
    ALL_ROLES,
    CANONICAL,
    ITEM_ROLES,
    Found,
    find_columns,
    fold,
    other_fields,
    require,
)
from realm_cli.loaders.values import Clock, as_options, as_text, digest, is_missing, present
from realm_cli.schema import CANONICAL_SCHEMA, DEFAULT_TASK, Issue, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

PROVENANCE = ("source_file", "source_line")
"""Where rows came from before realm wrote them; kept where both are there."""

IGNORED = (*PROVENANCE, "__index_level_0__")
"""A data frame's old index says nothing."""

SAID = ("origin", "edited", "is_gold")
"""Columns about an answer that are found by our own names alone."""

STATUSES = frozenset(Status)


@dataclass(frozen=True)
class TableRow:
    """One row of a table as found.

    Attributes:
        line: Where it starts.
        cells: Column name -> cell.
    """

    line: int
    cells: Mapping[str, Any]


TableRecord: TypeAlias = TableRow | Dropped | Issue


@dataclass(frozen=True)
class Table:
    """A table whose rows can be gone through more than once.

    Attributes:
        names: Its columns.
        rows: Starts a new pass over the rows.
        batches: Starts a new pass over some columns, many rows at a time, for files that are
            kept by columns.
    """

    names: Sequence[str]
    rows: Callable[[], Iterator[TableRecord]]
    batches: Callable[[Sequence[str]], Iterator[pa.RecordBatch]] | None = None

    def cells(self, *names: str) -> Iterator[tuple[Any, ...]]:
        """Every combination of cells that some columns have, once or more often."""
        if self.batches is not None:
            for batch in self.batches(names):
                yield from _distinct(batch, names)
            return
        for row in self.rows():
            if isinstance(row, TableRow):
                yield tuple(row.cells.get(name) for name in names)


def _distinct(batch: pa.RecordBatch, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    try:
        rows = pa.Table.from_batches([batch]).group_by(list(names)).aggregate([])
    except pa.ArrowNotImplementedError:  # lists and the like cannot be grouped by
        rows = batch
    yield from (tuple(cells[name] for name in names) for cells in rows.to_pylist())


@dataclass(frozen=True)
class _Plan:
    """Which column of a file feeds which of ours."""

    columns: Mapping[str, str]
    fields: Mapping[str, str]
    everyone: str | None
    clock: Clock = field(default_factory=Clock)


def long_rows(table: Table, request: Request, export: Export) -> Iterator[Record]:
    """The rows of a long table under canonical names.

    Raises:
        InputError: A column that is needed is missing, unknown or ambiguous.
    """
    found = _find(table, request, export)
    found.check()
    columns = {**found.names, **_own_columns(table, request)}
    taken = [*columns.values(), *IGNORED]
    if not request.labelled:
        given = (request.columns.annotator, request.columns.label)
        taken += [*CANONICAL_SCHEMA.names, *(name for name in given if name)]
    everyone = request.annotator_of(export) if request.labelled else None
    plan = _Plan(columns, other_fields(table.names, taken), everyone)
    if table.batches is not None and "item_id" in columns and everyone is None:
        yield from _batches(table, plan)
    else:
        for row in table.rows():
            yield _raw_row(row, plan) if isinstance(row, TableRow) else row
    yield from plan.clock.warnings(export.shown)


def _batches(table: Table, plan: _Plan) -> Iterator[RawBatch]:
    """The rows, many at a time."""
    assert table.batches is not None
    line = 1
    for batch in table.batches([*plan.columns.values(), *plan.fields]):
        columns = {ours: batch.column(name) for ours, name in plan.columns.items()}
        if "options" in columns:
            columns["options"] = _listed(columns["options"])
        fields = {ours: batch.column(name) for name, ours in plan.fields.items()}
        yield RawBatch(line, columns, fields, plan.columns, partial(_nth, batch, line, plan))
        line += batch.num_rows


def _nth(batch: pa.RecordBatch, line: int, plan: _Plan, position: int) -> RawRow:
    (cells,) = batch.slice(position, 1).to_pylist()
    return _raw_row(TableRow(line + position, cells), plan)


def _listed(column: pa.Array) -> pa.Array:
    """Options that are text as lists; each distinct text is cut once."""
    if pa.types.is_dictionary(column.type):
        words, indices = column.dictionary, column.indices
    elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        encoded = column.dictionary_encode()
        words, indices = encoded.dictionary, encoded.indices
    else:
        return column
    lists = [as_options(word) if not is_missing(word) else None for word in words.to_pylist()]
    try:
        return pa.array(lists, pa.list_(pa.string())).take(indices)
    except pa.ArrowException:
        return column  # the rows are looked at one by one


def _find(table: Table, request: Request, export: Export) -> Found:
    roles = ALL_ROLES if request.labelled else ITEM_ROLES
    found = find_columns(table.names, request.columns, roles, file=export.shown)
    if _task_is_the_item(table, request, found):
        found.column["item"] = found.column.pop("task")
    needed = ["annotator", "label"] if request.labelled else []
    if request.annotator_of(export) is not None:
        needed = [role for role in needed if role != "annotator"]
    if "text" not in found.column:
        needed.append("item")
    require(found, table.names, needed, file=export.shown)
    return found


def _task_is_the_item(table: Table, request: Request, found: Found) -> bool:
    """Whether the column `task` names items, as some tools have it, and not questions.

    It does where nothing else names the item, unless it holds a category: one value, many texts.
    """
    task = found.column.get("task")
    settled = request.columns.task is not None or request.columns.item is not None
    if task is None or fold(task) != "task" or settled or "item" in found.column:
        return False
    text = found.column.get("text")
    if text is None:
        return True
    first: dict[Any, Any] = {}
    return all(first.setdefault(str(a), b) == b for a, b in table.cells(task, text))


def _own_columns(table: Table, request: Request) -> dict[str, str]:
    """The columns that are found by our own name, or named by the user, or not at all."""
    names, columns = table.names, request.columns
    own = ("group", "scale", *((*SAID, "submitted_at", "duration_s") if request.labelled else ()))
    found = {name: name for name in own if name in names}
    given = {"status": columns.status, "submitted_at": columns.time, "group": columns.group}
    found |= {ours: name for ours, name in given.items() if name in names and name is not None}
    if "status" not in found and request.labelled and _holds_statuses(table):
        found["status"] = "status"
    if all(name in names for name in PROVENANCE) and "item_id" in names:
        found |= {name: name for name in PROVENANCE}
    return found


def _holds_statuses(table: Table) -> bool:
    """Whether `status` means what we mean by it; any other tool's status is just a field."""
    return "status" in table.names and all(
        is_missing(cell) or str(cell) in STATUSES for (cell,) in table.cells("status")
    )


def _raw_row(row: TableRow, plan: _Plan) -> RawRow:
    values = present({name: row.cells.get(column) for name, column in plan.columns.items()})
    if "options" in values:
        values["options"] = as_options(values["options"])
    if "group" in values:
        values["group"] = as_text(values["group"])
    if "source_line" in values:
        values.update(_provenance(values))
    if plan.everyone is not None:
        values["annotator_id"] = plan.everyone
    if "submitted_at" in values:
        values["submitted_at"] = plan.clock.read(values["submitted_at"], row.line)
    values.setdefault("task", DEFAULT_TASK)
    if "item_id" not in plan.columns:
        values.update(_digest_of_content(values))
    fields = {name: row.cells.get(column) for column, name in plan.fields.items()}
    return RawRow(row.line, values, fields, plan.columns)


def _provenance(values: Mapping[str, Any]) -> dict[str, Any]:
    """Text files hold numbers as text."""
    line = values["source_line"]
    return {"source_line": int(line) if str(line).isdecimal() else line}


def _digest_of_content(values: Mapping[str, Any]) -> dict[str, str]:
    """An id made of what the item is, for files that give it none; a row without text gets none."""
    if CANONICAL["text"] not in values:
        return {}
    return {"item_id": digest(values["task"], values["text"], values.get("options"))}
