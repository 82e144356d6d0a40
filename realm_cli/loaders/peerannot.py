"""peerannot's `answers.json`: one object, `{item: {worker: label}}`; labels only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from realm_cli.loaders.base import LIKELY, Claim, Dropped, Export, Loader, Record, Request
from realm_cli.loaders.jsonl import first_value, scan_json
from realm_cli.loaders.tables import Table, TableRecord, TableRow, long_rows
from realm_cli.schema import Issue

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_LABELS = 100


def detect(export: Export) -> Claim | None:
    """Objects of scalars whose keys recur over items and whose values are few."""
    if not export.head.lstrip().startswith("{"):
        return None
    first = first_value(export)
    if not _is_answers(first):
        return None
    values = [value for answers in first.values() for value in answers.values()]
    people = [who for answers in first.values() for who in answers]
    recur = 2 * len(set(people)) <= len(people) or len(set(people)) < len(people) > 3
    few = len(set(map(str, values))) <= min(MOST_LABELS, max(2, len(values) // 2))
    if not recur or not few:
        return None
    return Claim("one object: items, in each of them labels by worker", LIKELY)


def read(export: Export, request: Request) -> Iterator[Record]:
    """One row a label."""

    def rows() -> Iterator[TableRecord]:
        for line, value in scan_json(export):
            if isinstance(value, Issue) or not _is_answers(value):
                yield value if isinstance(value, Issue) else _no_answers(line, export)
                continue
            for item, answers in value.items():
                if not request.labelled:
                    yield TableRow(line, {"item_id": item})
                elif not answers:
                    yield Dropped("unlabelled")
                for who, label in answers.items() if request.labelled else ():
                    yield TableRow(line, {"item_id": item, "annotator_id": who, "label": label})

    names = ["item_id", "annotator_id", "label"] if request.labelled else ["item_id"]
    yield from long_rows(Table(names, rows), request, export)


def _is_answers(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(one, dict) for one in value.values())
        and all(isinstance(label, str | int) for one in value.values() for label in one.values())
    )


def _no_answers(line: int, export: Export) -> Issue:
    return Issue(
        code="no-record",
        message="this is no object of labels by item and worker",
        file=export.shown,
        line=line,
    )


LOADER = Loader(
    name="peerannot",
    title="peerannot's answers.json",
    detect=detect,
    read=read,
    reads="Items, and in each of them a label by worker.",
    loses="There are no texts: annotators can be judged by their agreement, but no model can be "
    "trained unless `--items-file` gives the texts.",
    example="peerannot.json",
)
