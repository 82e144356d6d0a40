"""What a simulation leaves behind: annotations, and the truth about annotators and items."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from realm_cli.annotations import Items
from realm_cli.schema import Status, with_column
from realm_cli.simulate.crowd import SimulatedCrowd

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
"""When everybody's work begins, where time matters."""


def annotation_rows(rows: pa.Table, items: Items, crowd: SimulatedCrowd) -> pa.Table:
    """Canonical annotations: each item's row, once for each of its labels.

    Args:
        rows: One canonical row an item `[I]`.
        items: The same items.
        crowd: Who labelled them, and how.
    """
    answers = crowd.answers
    places = zip(crowd.item.tolist(), answers.label.tolist(), strict=True)
    columns = {
        "annotator_id": [crowd.annotators[a] for a in answers.annotator.tolist()],
        "label": [items.options(i)[k] for i, k in places],
        "status": [Status.OK.value] * len(crowd.item),
    }
    table = rows.take(crowd.item)
    for name, values in columns.items():
        table = with_column(table, name, pa.array(values, pa.string()))
    if answers.seconds is None:
        return table
    moments = [START + timedelta(seconds=s) for s in answers.seconds.tolist()]
    kind = table.schema.field("submitted_at").type
    return with_column(table, "submitted_at", pa.array(moments, kind))


def truth_files(items: Items, crowd: SimulatedCrowd) -> dict[str, str]:
    """What nobody knows of real annotators and items, as CSV by what the file is called.

    `truth` has a row for each annotator and task: annotator_id, task, expertise, and whatever else
    the kind of crowd decides; `items`, where items are of different difficulty, a row an item.
    """
    answers = crowd.answers
    files = {
        "truth": _csv(
            ["annotator_id", "task", "expertise", *answers.known],
            (
                [
                    annotator, task, f"{answers.expertise[a, t]:.6f}",
                    *(column[a][t] for column in answers.known.values()),
                ]
                for a, annotator in enumerate(crowd.annotators)
                for t, task in enumerate(items.tasks)
            ),
        )
    }  # fmt: skip
    if answers.known_of_items:
        columns = [column.tolist() for column in answers.known_of_items.values()]
        files["items"] = _csv(
            ["item_id", *answers.known_of_items],
            (
                [name, *(f"{value:.6f}" for value in values)]
                for name, *values in zip(items.ids, *columns, strict=True)
            ),
        )
    return files


def _csv(header: list[str], rows: Iterable[list[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()
