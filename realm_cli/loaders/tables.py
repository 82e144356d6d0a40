"""Long tables: one row an annotation, whatever kind of file the rows came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from realm_cli.loaders.base import Dropped, RawRow, Record, Request
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

IGNORED = ("source_file", "source_line", "__index_level_0__")
"""Where a row came from before does not matter; nor does a data frame's old index."""

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
    """

    names: Sequence[str]
    rows: Callable[[], Iterator[TableRecord]]

    def cells(self, *names: str) -> Iterator[tuple[Any, ...]]:
        """Some columns of every row."""
        for row in self.rows():
            if isinstance(row, TableRow):
                yield tuple(row.cells.get(name) for name in names)


@dataclass(frozen=True)
class _Plan:
    """Which column of a file feeds which of ours."""

    columns: Mapping[str, str]
    fields: Mapping[str, str]
    labelled: bool
    clock: Clock = field(default_factory=Clock)


def long_rows(table: Table, request: Request, *, file: str) -> Iterator[Record]:
    """The rows of a long table under canonical names.

    Raises:
        InputError: A column that is needed is missing, unknown or ambiguous.
    """
    found = _find(table, request, file)
    found.check()
    columns = {**found.names, **_own_columns(table, request)}
    taken = [*columns.values(), *IGNORED]
    if not request.labelled:
        given = (request.columns.annotator, request.columns.label)
        taken += [*CANONICAL_SCHEMA.names, *(name for name in given if name)]
    plan = _Plan(columns, other_fields(table.names, taken), request.labelled)
    for row in table.rows():
        yield _raw_row(row, plan) if isinstance(row, TableRow) else row
    yield from plan.clock.warnings(file)


def _find(table: Table, request: Request, file: str) -> Found:
    roles = ALL_ROLES if request.labelled else ITEM_ROLES
    found = find_columns(table.names, request.columns, roles, file=file)
    if _task_is_the_item(table, request, found):
        found.column["item"] = found.column.pop("task")
    needed = ["annotator", "label"] if request.labelled else []
    if "text" not in found.column:
        needed.append("item")
    require(found, table.names, needed, file=file)
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
    """The columns that are found by our own name or not at all."""
    wanted = ["group", *(("submitted_at", "duration_s") if request.labelled else ())]
    if request.labelled and "status" in table.names and _holds_statuses(table):
        wanted.append("status")
    return {name: name for name in wanted if name in table.names and request.labelled}


def _holds_statuses(table: Table) -> bool:
    """Whether `status` means what we mean by it; any other tool's status is just a field."""
    return all(is_missing(cell) or str(cell) in STATUSES for (cell,) in table.cells("status"))


def _raw_row(row: TableRow, plan: _Plan) -> RawRow:
    values = present({name: row.cells.get(column) for name, column in plan.columns.items()})
    if "options" in values:
        values["options"] = as_options(values["options"])
    if "group" in values:
        values["group"] = as_text(values["group"])
    if "submitted_at" in values:
        values["submitted_at"] = plan.clock.read(values["submitted_at"], row.line)
    values.setdefault("task", DEFAULT_TASK)
    if "item_id" not in plan.columns:
        values.update(_digest_of_content(values))
    fields = {name: row.cells.get(column) for column, name in plan.fields.items()}
    return RawRow(row.line, values, fields, plan.columns)


def _digest_of_content(values: Mapping[str, Any]) -> dict[str, str]:
    """An id made of what the item is, for files that give it none; a row without text gets none."""
    if CANONICAL["text"] not in values:
        return {}
    return {"item_id": digest(values["task"], values["text"], values.get("options"))}
