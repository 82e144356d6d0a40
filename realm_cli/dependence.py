"""Annotators who may not have answered on their own: what labels alone would take for competence.

Every estimate rests on annotators erring independently of one another. Who copies agrees, and
agreement is what labels alone know of competence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array, triu
from scipy.stats import binom

from realm_cli.annotations import AnnotationTable
from realm_cli.coding import IntArray
from realm_cli.labels import FloatArray

ONE_PARTNER = 0.8
"""Whoever shares so many of their pairs of labels with one person is compared with nobody else."""
BY_ACCIDENT = 0.05
"""How likely it may be that a table of honest annotators has one pair that never differs."""
MOST_PAIRS = 20_000_000
"""Pairs of labels beyond which nobody is compared one by one."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Pairs:
    """Pairs of annotators who share items, each pair once `[P]`.

    Attributes:
        one: The first annotator.
        other: The second.
        shared: Items that both labelled.
        same: Those of them that they labelled the same.
    """

    one: IntArray
    other: IntArray
    shared: IntArray
    same: IntArray


def pairs_of(table: AnnotationTable, task: int | None = None) -> Pairs:
    """Who shares how many items with whom, in one task or in all."""
    n = table.labels_per_item
    kept = n[table.item] > 1
    if task is not None:
        kept &= table.task == task
    if int((n * (n - 1)).sum()) > 2 * MOST_PAIRS:
        kept &= False
    item, who = table.item[kept], table.annotator[kept]
    width = table.items.has_option.shape[1]
    n_annotators = len(table.annotators)
    pair, shared = _together(item, who, n_annotators)
    agreeing, n_same = _together(item * width + table.label[kept], who, n_annotators)
    same = np.zeros_like(shared)
    same[np.searchsorted(pair, agreeing)] = n_same  # whoever agrees on an item shares it
    return Pairs(pair // n_annotators, pair % n_annotators, shared, same)


def _together(row: IntArray, annotator: IntArray, n: int) -> tuple[IntArray, IntArray]:
    """Pairs of annotators with rows in common, as one * n + other, ascending; and how many."""
    used, place = np.unique(row, return_inverse=True)
    ones = np.ones(len(row), dtype=np.int64)
    there = csr_array((ones, (place, annotator)), shape=(len(used), n))
    common = coo_array(triu(there.T @ there, k=1))
    pair = common.coords[0].astype(np.int64) * n + common.coords[1]
    order = np.argsort(pair)
    return pair[order], common.data[order].astype(np.int64)


def with_one_partner(table: AnnotationTable) -> Flags:
    """`[A]` whether an annotator is compared with one other person, and hardly anybody else."""
    pairs, n = pairs_of(table), len(table.annotators)
    who = np.concatenate([pairs.one, pairs.other])
    shared = np.concatenate([pairs.shared, pairs.shared])
    total = np.bincount(who, shared, n)
    most = np.zeros(n)
    np.maximum.at(most, who, shared)
    alone: Flags = (total > 0) & (most >= ONE_PARTNER * total)
    return alone


def never_differing(table: AnnotationTable, task: int, competence: FloatArray) -> Pairs:
    """Pairs who gave the same label every time, where honest annotators would have differed.

    Two annotators of competence c and d agree with probability c d + (1 - c) (1 - d) / (K - 1), or
    as often as either agrees with the others, if that is more. Of all pairs that share items some
    would never differ by accident; so the chance of it is multiplied by their number (Bonferroni).

    Args:
        table: The annotations.
        task: Code of the task.
        competence: `[A]` P(label is correct) in it.
    """
    pairs = pairs_of(table, task)
    options = table.items.n_options[table.items.task == task]
    by_accident = float((1 / np.maximum(options - 1, 1)).mean())
    c, d = competence[pairs.one], competence[pairs.other]
    agree = c * d + (1 - c) * (1 - d) * by_accident
    for who in (pairs.one, pairs.other):
        agree = np.maximum(agree, _with_the_others(pairs, who, len(table.annotators)))
    chance = np.asarray(binom.sf(pairs.same - 1, pairs.shared, np.minimum(agree, 1.0)))
    odd = (pairs.same == pairs.shared) & (chance * len(chance) < BY_ACCIDENT)
    return Pairs(*(part[odd] for part in (pairs.one, pairs.other, pairs.shared, pairs.same)))


def _with_the_others(pairs: Pairs, who: IntArray, n: int) -> FloatArray:
    """`[P]` how often one of a pair agrees with all but the other; 0 where there is nobody else."""
    same = np.bincount(pairs.one, pairs.same, n) + np.bincount(pairs.other, pairs.same, n)
    shared = np.bincount(pairs.one, pairs.shared, n) + np.bincount(pairs.other, pairs.shared, n)
    rest = shared[who] - pairs.shared
    share: FloatArray = (same[who] - pairs.same) / np.maximum(rest, 1)
    return share
