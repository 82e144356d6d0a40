"""The items that people could not settle: posterior, entropy, who disagreed; most doubtful first.

From two tables and nothing else: the posterior labels and the annotations, as a run's folder keeps
them (`labels.parquet`, `annotations.parquet`) or as an estimate from exports has them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from realm_cli.coding import IntArray
from realm_cli.labels import FloatArray
from realm_cli.report.json_file import escaped

SETTLED = 0.9
"""From this probability on an item's label passes for settled."""
DOUBT_ORDER = "the most doubtful first: by the entropy of the posterior, in bits"
_DISSENT = pa.struct([("annotator_id", pa.string()), ("label", pa.string())])


@dataclass(frozen=True)
class Labelled:
    """What was said, and what became of it.

    Attributes:
        labels: labels.parquet: a row an item.
        annotations: annotations.parquet: a row an annotation that counts.
    """

    labels: pa.Table
    annotations: pa.Table

    def item_of_annotation(self) -> IntArray:
        """`[N]` the row of `labels` that each annotation is about."""
        keys = [
            pd.MultiIndex.from_arrays([words(part, "task"), words(part, "item_id")])
            for part in (self.labels, self.annotations)
        ]
        return np.asarray(keys[0].get_indexer(keys[1]), dtype=np.int64)


@dataclass(frozen=True)
class Answer:
    """What one annotator said of an item."""

    annotator_id: str
    label: str


@dataclass(frozen=True)
class DoubtfulItem:
    """An item and how sure its label is.

    Attributes:
        item_id: Which.
        task: What was asked about it.
        text: Its text, where the annotations have one.
        label: Its posterior label.
        probability: Of that label.
        entropy: Of the posterior, in bits: 0 where it is sure.
        n_annotations: How many labels it got.
        majority_label: What the vote says; None where it is tied.
        gold: What gold says, where there is any.
        dissent: Those who said something else than the posterior label.
    """

    item_id: str
    task: str
    text: str | None
    label: str
    probability: float
    entropy: float
    n_annotations: int
    majority_label: str | None
    gold: str | None
    dissent: tuple[Answer, ...]


@dataclass(frozen=True)
class ItemsView:
    """All items, most doubtful first.

    Attributes:
        table: A row an item: the attributes of `DoubtfulItem`, and `posterior` over `options`.
    """

    table: pa.Table = field(repr=False)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def n_unsettled(self) -> int:
        """Items whose label is less than SETTLED probable."""
        return int((self.table["probability"].to_numpy() < SETTLED).sum())

    def first(self, limit: int | None) -> list[DoubtfulItem]:
        """The most doubtful; all of them for None."""
        rows = self.table.slice(0, limit).drop_columns(["posterior", "options"]).to_pylist()
        return [
            DoubtfulItem(**{**row, "dissent": tuple(Answer(**one) for one in row["dissent"])})
            for row in rows
        ]


def items_view(found: Labelled) -> ItemsView:
    """Items by falling entropy of their posterior; where it ties, in their own order."""
    item = found.item_of_annotation()
    bits = entropy(found.labels["posterior"])
    texts = _texts(found, item)
    dissent = _dissent(found, item)
    order = pa.array(np.argsort(-bits, kind="stable"))
    columns = {name: found.labels[name] for name in found.labels.column_names}
    names = ("item_id", "task", "text", "label", "probability", "entropy", "n_annotations",
             "majority_label", "gold", "dissent", "posterior", "options")  # fmt: skip
    columns |= {"text": texts, "entropy": pa.array(bits), "dissent": dissent}
    return ItemsView(pa.table({name: columns[name] for name in names}).take(order))


def items_json(view: ItemsView) -> str:
    """All items as JSON, in the order of the view."""
    return escaped(
        json.dumps({"items": view.table.to_pylist()}, ensure_ascii=False, indent=2) + "\n"
    )


def entropy(posterior: pa.ChunkedArray) -> FloatArray:
    """`[I]` entropy of each item's posterior, in bits: -sum_k q(k) log2 q(k)."""
    lists = posterior.combine_chunks()
    q = np.asarray(lists.flatten().to_numpy(zero_copy_only=False), dtype=np.float64)
    lengths = np.diff(lists.offsets.to_numpy())
    parts = -q * np.log2(np.where(q > 0, q, 1.0))
    item = np.repeat(np.arange(len(lengths)), lengths)
    return np.maximum(np.bincount(item, parts, len(lengths)), 0.0)


def words(table: pa.Table, column: str) -> npt.NDArray[np.object_]:
    """`[N]` a text column as Python strings."""
    found: npt.NDArray[np.object_] = table[column].cast(pa.string()).to_numpy()
    return found


def _texts(found: Labelled, item: IntArray) -> pa.Array:
    """`[I]` the text of each item, as the first annotation with one has it."""
    given = found.annotations["text"].cast(pa.string()).combine_chunks()
    rows = np.flatnonzero(given.is_valid().to_numpy(zero_copy_only=False) & (item >= 0))
    first = np.full(found.labels.num_rows, -1, dtype=np.int64)
    first[item[rows][::-1]] = rows[::-1]
    return given.take(pa.array(first, mask=first < 0))


def _dissent(found: Labelled, item: IntArray) -> pa.Array:
    """`[I]` who said something else than the posterior label, and what."""
    posterior = words(found.labels, "label")
    said = words(found.annotations, "label")
    rows = np.flatnonzero((item >= 0) & (said != posterior[item]))
    rows = rows[np.argsort(item[rows], kind="stable")]
    counts = np.bincount(item[rows], minlength=found.labels.num_rows)
    picked = found.annotations.select(["annotator_id", "label"]).take(pa.array(rows))
    answers = pa.StructArray.from_arrays(
        [picked[name].cast(pa.string()).combine_chunks() for name in ("annotator_id", "label")],
        fields=list(_DISSENT),
    )
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), answers)
