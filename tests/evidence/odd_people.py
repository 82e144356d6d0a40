"""A crowd that knows 85% and guesses the rest, with whatever a test plants in it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from tables import items_of

from realm_cli.aggregate.choice import fit_model
from realm_cli.annotations import AnnotationTable
from realm_cli.choices import AnnotatorModel
from realm_cli.evidence import EVIDENCE, Entry, weigh
from realm_cli.evidence.case import Case
from realm_cli.labels import labels_of

PEOPLE, PER_ITEM, N_ITEMS, OPTIONS = 20, 5, 400, 4


@dataclass(frozen=True)
class Crowd:
    """Labels `[N]` in the order of items, 100 of each annotator."""

    item: np.ndarray
    annotator: np.ndarray
    label: np.ndarray
    truth: np.ndarray
    duration: np.ndarray | None = None
    moment: np.ndarray | None = None
    origin: np.ndarray | None = None
    own_options: bool = False

    def of(self, *people: int) -> np.ndarray:
        """Which labels are by some people."""
        return np.isin(self.annotator, people)

    def saying(self, rows: np.ndarray, label: np.ndarray | int) -> Crowd:
        """The same with other labels in some rows."""
        return replace(self, label=np.where(rows, label, self.label))


def crowd(seed: int = 0) -> Crowd:
    dice = np.random.default_rng(seed)
    decks = np.tile(np.arange(PEOPLE), (N_ITEMS * PER_ITEM // PEOPLE, 1))
    annotator = dice.permuted(decks, axis=1).ravel()
    item = np.repeat(np.arange(N_ITEMS), PER_ITEM)
    truth = dice.integers(OPTIONS, size=N_ITEMS)
    knows = dice.random(len(item)) < 0.85
    label = np.where(knows, truth[item], dice.integers(OPTIONS, size=len(item)))
    return Crowd(item, annotator, label, truth)


def case_of(crowd: Crowd, order: np.ndarray | None = None) -> Case:
    """The case, its rows in any order."""
    order = np.arange(len(crowd.item)) if order is None else order
    n = len(order)

    def column(values: np.ndarray | None, kind: pa.DataType) -> pa.Array:
        return pa.nulls(n, kind) if values is None else pa.array(values[order], kind)

    rows = pa.table(
        {
            "submitted_at": column(crowd.moment, pa.timestamp("us", tz="UTC")),
            "duration_s": column(crowd.duration, pa.float64()),
            "origin": column(crowd.origin, pa.string()),
        }
    )
    items = items_of([OPTIONS] * N_ITEMS, gold=crowd.truth.tolist())
    if crowd.own_options:
        sets = (("a", "b", "c", "d"), ("e", "f", "g", "h"))
        items = replace(items, option_sets=sets, option_set=np.arange(N_ITEMS) % 2)
    names = tuple(f"a{a:02d}" for a in range(PEOPLE))
    codes = (crowd.item[order], crowd.annotator[order], crowd.label[order])
    table = AnnotationTable(rows, items, names, *codes)
    return Case(table, fit_model(AnnotatorModel.EXPERTISE, labels_of(table), restarts=0))


def found(test: str, crowd: Crowd) -> dict[int, Entry]:
    """Whom a test finds."""
    told = weigh(test, EVIDENCE[test], case_of(crowd))
    return {entry.annotator: entry for entry in told if entry.found}
