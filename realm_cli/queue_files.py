"""The relabel queue as files that annotation tools take in: one entry an item, whole and in order.

How many labels an entry is to get stands beside it as `n_labels`: the tools set that for a project
or a batch, not for an item.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from realm_cli.choices import QueueFormat
from realm_cli.loaders.csv_table import guarded


@dataclass(frozen=True)
class QueuedItem:
    """An item to be labelled again.

    Attributes:
        item_id: Its id.
        task: Its task.
        text: Its text, where it has one.
        options: What there is to choose from.
        fields: The item's other fields.
        n_labels: How many new labels it is to get.
        n_annotations: How many it has.
        label: Its best label so far.
        probability: Of that label.
        expected_accuracy: The same once the new labels are there, as expected.
        information: What the new labels are expected to tell, in nats.
    """

    item_id: str
    task: str
    text: str | None
    options: tuple[str, ...]
    n_labels: int
    n_annotations: int
    label: str
    probability: float
    expected_accuracy: float
    information: float
    fields: Mapping[str, str] = field(default_factory=dict)


def queue_text(items: Sequence[QueuedItem], to: QueueFormat) -> str:
    """The queue as a file of a format."""
    return QUEUE_WRITERS[to](items)


def _label_studio(items: Sequence[QueuedItem]) -> str:
    """Tasks to import; annotators are not shown what others said, so there are no predictions."""
    tasks = [{"data": _shown(item)} for item in items]
    return json.dumps(tasks, ensure_ascii=False, indent=2) + "\n"


def _mturk(items: Sequence[QueuedItem]) -> str:
    """A batch's input; cells are what workers will see, and so as they are."""
    return _table([_shown(item) for item in items], str)


def _csv(items: Sequence[QueuedItem]) -> str:
    return _table([_told(item) for item in items], lambda value: guarded(str(value)))


def _json(items: Sequence[QueuedItem]) -> str:
    return json.dumps([_told(item) for item in items], ensure_ascii=False, indent=2) + "\n"


QUEUE_WRITERS: Mapping[QueueFormat, Callable[[Sequence[QueuedItem]], str]] = {
    QueueFormat.LABEL_STUDIO: _label_studio,
    QueueFormat.MTURK: _mturk,
    QueueFormat.CSV: _csv,
    QueueFormat.JSON: _json,
}


def _shown(item: QueuedItem) -> dict[str, Any]:
    """What an annotation tool needs, and nothing that could lead an annotator."""
    own = {
        "item_id": item.item_id,
        "task": item.task,
        "text": item.text,
        "options": list(item.options),
        "n_labels": item.n_labels,
    }
    told = {name: value for name, value in own.items() if value is not None}
    return {**told, **{name: value for name, value in item.fields.items() if name not in told}}


def _told(item: QueuedItem) -> dict[str, Any]:
    numbers = {
        name: round(float(getattr(item, name)), 6)
        for name in ("probability", "expected_accuracy", "information")
    }
    beside = {"n_annotations": item.n_annotations, "label": item.label, **numbers}
    return {**_shown(item), **beside}


def _table(rows: Sequence[Mapping[str, Any]], cell: Callable[[Any], str]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([cell(name) for name in names])
    for row in rows:
        writer.writerow([cell(_plain(row.get(name, ""))) for name in names])
    return text.getvalue()


def _plain(value: Any) -> Any:
    """Lists as JSON, as `realm convert` writes them."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
