"""Annotation tables written down in a line or drawn at random, for tests of the method."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from realm_cli.annotations import NO_GOLD, AnnotationTable, Items
from realm_cli.loaders.base import LoadedFile
from realm_cli.schema import CANONICAL_SCHEMA
from realm_cli.simulate.crowd import simulate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from realm_cli.config import CrowdSettings
    from realm_cli.posterior import FloatArray


def items_of(
    n_options: Sequence[int],
    *,
    task: Sequence[int] | None = None,
    gold: Sequence[int] | None = None,
) -> Items:
    """Items with options `L0`, `L1`, ...: one entry of `n_options` an item."""
    sizes = sorted(set(n_options))
    tasks = np.zeros(len(n_options), np.int64) if task is None else np.array(task, np.int64)
    return Items(
        ids=tuple(f"i{i}" for i in range(len(n_options))),
        task=tasks,
        tasks=tuple(f"t{t}" for t in range(int(tasks.max()) + 1)),
        texts=tuple(f"text {i}" for i in range(len(n_options))),
        option_sets=tuple(tuple(f"L{k}" for k in range(size)) for size in sizes),
        option_set=np.array([sizes.index(n) for n in n_options], np.int64),
        gold=np.full(len(n_options), NO_GOLD) if gold is None else np.array(gold, np.int64),
    )


def table_of(
    annotations: Sequence[tuple[int, int, int]], items: Items, n_annotators: int | None = None
) -> AnnotationTable:
    """A table from (item, annotator, label) codes; its annotators are `a000`, `a001`, ..."""
    item, annotator, label = np.array(annotations, np.int64).reshape(-1, 3).T.copy()
    names = [f"a{a:03d}" for a in range(n_annotators or int(annotator.max()) + 1)]
    rows = [
        row(
            items.ids[i],
            names[a],
            items.options(i)[y],
            task=items.tasks[items.task[i]],
            text=items.texts[i],
            options=list(items.options(i)),
            line=n,
        )
        for n, (i, a, y) in enumerate(zip(item, annotator, label, strict=True), start=2)
    ]
    return AnnotationTable(
        canonical(rows), items, tuple(names), item=item, annotator=annotator, label=label
    )


def crowd_of(items: Items, settings: CrowdSettings) -> tuple[AnnotationTable, FloatArray]:
    """A simulated crowd's table, and its true w `[A, T]`."""
    crowd = simulate(items, settings)
    codes = zip(crowd.item, crowd.answers.annotator, crowd.answers.label, strict=True)
    return table_of(list(codes), items, len(crowd.annotators)), crowd.answers.expertise


def row(
    item: str = "i", annotator: str = "a", label: str | None = "yes", *, line: int = 2, **more: Any
) -> dict[str, Any]:
    """One canonical row."""
    return {
        "item_id": item,
        "annotator_id": annotator,
        "label": label,
        "task": "label",
        "text": f"text of {item}",
        "status": "ok",
        "source_file": "votes.csv",
        "source_line": line,
        **more,
    }


def canonical(rows: Sequence[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=CANONICAL_SCHEMA)


def loaded(rows: Sequence[dict[str, Any]], **dropped: int) -> LoadedFile:
    """A file that a loader has read."""
    return LoadedFile(
        path=Path("votes.csv"),
        format="csv",
        evidence="a test says so",
        sha256="0" * 64,
        n_rows=len(rows),
        table=canonical(rows),
        dropped=dropped,
        issues=(),
    )


@st.composite
def tables(draw: st.DrawFn, *, max_tasks: int = 2) -> AnnotationTable:
    """Small tables: options and annotators differ from item to item, some items have no labels."""
    dice = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_items, n_annotators = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    items = items_of(
        dice.integers(2, 6, n_items).tolist(),
        task=np.sort(dice.integers(0, max_tasks, n_items)).tolist(),
    )
    annotations = [
        (i, a, int(dice.integers(items.n_options[i])))
        for i in range(n_items)
        for a in range(n_annotators)
        if (i, a) == (0, 0) or dice.random() < 0.6
    ]
    return table_of(annotations, items, n_annotators)


def draw_expertise(table: AnnotationTable, seed: int) -> FloatArray:
    """`[A, T]` w anywhere in 0..1, its ends nearly reached."""
    shape = (len(table.annotators), len(table.items.tasks))
    return np.random.default_rng(seed).beta(0.5, 0.5, shape).clip(1e-6, 1 - 1e-6)


def draw_log_p(items: Items, seed: int) -> FloatArray:
    """`[I, K]` log-probabilities of a model with opinions; -inf beyond an item's options."""
    scores = np.random.default_rng(seed).normal(0, 3, items.has_option.shape)
    scores[~items.has_option] = -np.inf
    return scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
