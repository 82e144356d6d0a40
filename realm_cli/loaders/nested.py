"""One record an item, and in it the annotations: a list of objects, parallel lists, or a mapping.

`{"id": 1, "annotations": [{"annotator": "a", "label": "x"}]}`,
`{"id": 1, "annotator_ids": ["a", "b"], "labels": ["x", "y"]}`,
`{"id": 1, "labels": {"a": "x", "b": "y"}}`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from realm_cli.loaders.any_table import open_table, sample, values_of
from realm_cli.loaders.base import LIKELY, Claim, Dropped, Export, Loader, Record, Request
from realm_cli.loaders.columns import NAMES, fold
from realm_cli.loaders.tables import Table, TableRecord, TableRow, long_rows
from realm_cli.loaders.values import is_missing
from realm_cli.schema import Issue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

PEOPLE = {fold(name) for rank in NAMES["annotator"] for name in rank}
LABELS = {fold(name) for rank in NAMES["label"] for name in rank}


def detect(export: Export) -> Claim | None:
    """A column whose cells hold annotators with their labels."""
    names, rows = sample(export)
    objects = _objects(names, rows)
    if objects is not None:
        return Claim(f"one row an item, and a list of annotations in {objects!r}", LIKELY)
    lists = _parallel(names, rows)
    if lists is not None:
        return Claim(
            f"one row an item, and parallel lists in {lists[0]!r} and {lists[1]!r}", LIKELY
        )
    mapping = _mapping(names, rows)
    if mapping is not None:
        return Claim(f"one row an item, and labels by annotator in {mapping!r}", LIKELY)
    return None


def read(export: Export, request: Request) -> Iterator[Record]:
    """One row an annotation.

    Raises:
        InputError: No column holds annotators with their labels.
    """
    names, rows = sample(export)
    objects, lists, mapping = _objects(names, rows), _parallel(names, rows), _mapping(names, rows)
    table = open_table(export)
    if objects is not None:
        inside, used = _from_objects(objects), [objects]
    elif lists is not None:
        inside, used = _from_lists(*lists), list(lists)
    elif mapping is not None:
        inside, used = _from_mapping(mapping), [mapping]
    else:
        raise export.refuse(
            "no-column:annotator",
            "no column holds a list of annotations, each with its annotator and label",
            hint="convert the file to one row an annotation",
        )
    rest = [name for name in table.names if name not in used]

    def exploded() -> Iterator[TableRecord]:
        for row in table.rows():
            if not isinstance(row, TableRow):
                yield row
                continue
            item = {name: row.cells.get(name) for name in rest}
            if request.labelled:
                yield from _rows(row, item, inside, export)
            else:
                yield TableRow(row.line, item)

    extra = dict.fromkeys(
        name for record in exploded() if isinstance(record, TableRow) for name in record.cells
    )
    yield from long_rows(Table(list(extra) or rest, exploded), request, export)


def _rows(
    row: TableRow,
    item: Mapping[str, Any],
    inside: Callable[[Mapping[str, Any]], list[dict[str, Any]]],
    export: Export,
) -> Iterator[TableRecord]:
    try:
        told = inside(row.cells)
    except ValueError as error:
        yield Issue(
            code="bad-annotations", message=str(error), file=export.shown, line=row.line,
            hint="correct the record, or take it out of the file",
        )  # fmt: skip
        return
    if not told:
        yield Dropped("unlabelled")
    for annotation in told:
        yield TableRow(row.line, {**item, **annotation})


def parsed(cell: Any) -> Any:
    """A cell's list or object, which in a CSV file is JSON text."""
    if isinstance(cell, str) and cell.strip()[:1] in ("[", "{"):
        try:
            return json.loads(cell)
        except (ValueError, RecursionError):
            return cell
    return cell


def _objects(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str | None:
    """The column of lists of objects that name an annotator and a label."""
    for name in names:
        cells = [parsed(cell) for cell in values_of(rows, name)]
        found = [one for cell in cells if isinstance(cell, list) for one in cell]
        if found and all(isinstance(one, dict) and _is_annotation(one) for one in found):
            return name
    return None


def _is_annotation(value: Mapping[str, Any]) -> bool:
    folded = {fold(str(name)) for name in value}
    return not folded.isdisjoint(PEOPLE) and not folded.isdisjoint(LABELS)


def _parallel(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> tuple[str, str] | None:
    """The columns of lists of annotators and of labels."""
    lists = [name for name in names if _holds_lists(rows, name)]
    people = [name for name in lists if _singular(name) in PEOPLE]
    labels = [name for name in lists if _singular(name) in LABELS]
    return (people[0], labels[0]) if len(people) == 1 and len(labels) == 1 else None


def _singular(name: str) -> str:
    folded = fold(name)
    return folded.removesuffix("s") if folded not in PEOPLE | LABELS else folded


def _holds_lists(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    cells = [parsed(cell) for cell in values_of(rows, name)]
    flat = [one for cell in cells if isinstance(cell, list) for one in cell]
    listed = bool(cells) and all(isinstance(cell, list) for cell in cells)
    return listed and bool(flat) and not any(isinstance(one, dict | list) for one in flat)


def _mapping(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str | None:
    """The column of objects whose keys recur over items and whose values are few."""
    for name in names:
        cells = [parsed(cell) for cell in values_of(rows, name)]
        if len(cells) < 2 or not all(isinstance(cell, dict) and cell for cell in cells):
            continue
        values = [value for cell in cells for value in cell.values()]
        scalars = all(isinstance(value, str | int) for value in values)
        keys = [key for cell in cells for key in cell]
        recur = len(set(keys)) < len(keys)
        few = len({str(value) for value in values}) <= max(2, len(values) // 2)
        if scalars and recur and few and fold(name).removesuffix("s") in LABELS:
            return name
    return None


def _from_objects(column: str) -> Callable[[Mapping[str, Any]], list[dict[str, Any]]]:
    def inside(cells: Mapping[str, Any]) -> list[dict[str, Any]]:
        cell = parsed(cells.get(column))
        if is_missing(cell):
            return []
        if not isinstance(cell, list) or not all(isinstance(one, dict) for one in cell):
            raise ValueError(f"{column!r} does not hold a list of annotations")
        return [dict(one) for one in cell]

    return inside


def _from_lists(people: str, labels: str) -> Callable[[Mapping[str, Any]], list[dict[str, Any]]]:
    def inside(cells: Mapping[str, Any]) -> list[dict[str, Any]]:
        who, what = parsed(cells.get(people)), parsed(cells.get(labels))
        who, what = ([] if is_missing(one) else one for one in (who, what))
        if not isinstance(who, list) or not isinstance(what, list) or len(who) != len(what):
            raise ValueError(f"{people!r} and {labels!r} are not lists of one length")
        return [{"annotator_id": one, "label": label} for one, label in zip(who, what, strict=True)]

    return inside


def _from_mapping(column: str) -> Callable[[Mapping[str, Any]], list[dict[str, Any]]]:
    def inside(cells: Mapping[str, Any]) -> list[dict[str, Any]]:
        cell = parsed(cells.get(column))
        if is_missing(cell):
            return []
        if not isinstance(cell, dict):
            raise ValueError(f"{column!r} does not hold labels by annotator")
        return [{"annotator_id": who, "label": label} for who, label in cell.items()]

    return inside


LOADER = Loader(
    name="nested",
    title="One record an item with its annotations inside (list of objects, parallel lists)",
    detect=detect,
    read=read,
    reads="Each element of the list is an annotation; its further keys (time, status) are columns "
    "like those of a long table. In CSV the lists are JSON text.",
    loses="Nothing. Records whose lists differ in length are refused by line.",
    example="nested.jsonl",
    reads_text=False,
)
