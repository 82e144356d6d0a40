"""Texts: missing, under several item ids, or both trained on and held out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from realm_cli.annotations import AnnotationTable, Items
from realm_cli.checks.facts import (
    Facts,
    coded,
    counted,
    folded,
    listed,
    pairs,
    shown,
    some_of,
)
from realm_cli.coding import codes, place_of
from realm_cli.schema import Issue

if TYPE_CHECKING:
    from realm_cli.coding import IntArray

SPLIT = "split"
"""The column that tells train from test, where the file has one."""


def without_text(facts: Facts) -> Iterator[Issue]:
    """Items that a model cannot read: errors."""
    items = facts.table.items
    missing = np.flatnonzero(facts.text < 0)
    if len(missing) < len(items):
        yield from listed(missing, lambda item: _no_text(facts, item))
        return
    yield Issue(
        code="item-without-text",
        message="no item has a text: labels can be judged (realm report), "
        "but no model can be trained on them",
        hint="name the column of texts with --text-col",
        count=len(items),
    )


def _no_text(facts: Facts, item: int) -> Issue:
    return Issue(
        code="item-without-text",
        message=f"item {facts.table.items.ids[item]!r} has no text to train on",
        **place_of(facts.table.rows, int(facts.first_row[item])),
        hint="name the column of texts with --text-col",
    )


def repeated_texts(facts: Facts) -> Iterator[Issue]:
    """One text under several item ids of a task, with the same options to choose from."""
    items = facts.table.items
    texts = np.flatnonzero(facts.text >= 0)
    question = _with_options(facts.text, items)
    group, _ = pd.factorize((question * len(items.tasks) + items.task)[texts])
    sizes = np.bincount(group)
    several = np.flatnonzero(sizes > 1)
    if not len(several):
        return
    same = texts[group == several[0]]
    ids = [shown(items.ids[item]) for item in same[:3]]
    yield facts.warning(
        "repeated-text",
        f"{counted(len(several), 'text')} {'stands' if len(several) == 1 else 'stand'} under "
        f"several item ids, {sizes[several].sum():,} items in all, such as "
        f"{some_of(ids, 3, len(same))}; their labels are not counted together",
        int(facts.first_row[same[1]]),
        "an item id must name one thing; choose its column with --item-col",
        int(sizes[several].sum()),
    )


def splits_overlap(facts: Facts) -> Iterator[Issue]:
    """Texts that a file puts in several of its own splits."""
    rows = facts.table.rows
    if SPLIT not in rows.column_names or not _is_text(rows[SPLIT].type):
        return
    names, split = codes(rows[SPLIT])
    if len(names) < 2:
        return
    items = facts.table.items
    text = _with_options(coded(folded(items.texts)), items)[facts.table.item]
    told = np.flatnonzero((split >= 0) & (text >= 0))
    seen = pairs(text[told], split[told])
    again = np.asarray(pd.Series(seen.left).duplicated())
    if not again.any():
        return
    n = len(np.unique(seen.left[again]))
    yield facts.warning(
        "split-overlap",
        f"{counted(n, 'text')} {'stands' if n == 1 else 'stand'} in more than "
        f"one split ({some_of([shown(name) for name in names], 5)}), so that a test on one is "
        "no test of what was learned on another",
        int(told[seen.first[again].min()]),
        "put all items of one text in one split",
        n,
    )


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_dictionary(kind))


def _with_options(text: IntArray, items: Items) -> IntArray:
    """One code for each text and what there is to choose from `[I]`; -1 where there is no text."""
    code, _ = pd.factorize(text * len(items.option_sets) + items.option_set)
    return np.where(text >= 0, code, -1)


def check_overlap(table: AnnotationTable, heldout: Items) -> list[Issue]:
    """Held-out items whose text is trained on too, whatever its case and spaces."""
    trained = folded(table.items.texts)
    held = folded(heldout.texts)
    both = pc.is_in(held, value_set=trained.drop_null())
    n = int(pc.sum(pc.and_(both, held.is_valid())).as_py() or 0)
    if not n:
        return []
    facts = Facts(table)
    item = int(np.argmax(pc.is_in(trained, value_set=held.drop_null()).to_numpy(False)))
    return [
        facts.warning(
            "train-test-overlap",
            f"{n:,} of {counted(len(heldout), 'held-out item')} "
            f"{'has a text that is' if n == 1 else 'have texts that are'} trained on too, so that "
            "they are no test of the model",
            int(facts.first_row[item]),
            "take them out of one of the files",
            n,
        )
    ]
