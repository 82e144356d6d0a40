"""Which items to have labelled again: those whose next label tells most about their truth.

Letters as in `labels.py`; `[M, K]` are the ways in which n new labels can fall on K options. A new
label is taken to come from a typical annotator, right with probability c and else wrong evenly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations_with_replacement
from math import comb, factorial

import numpy as np
from scipy.special import xlogy

from realm_cli.coding import IntArray
from realm_cli.labels import FloatArray

MOST_WAYS = 50_000
"""Ways in which labels can fall beyond which no further label of an item is planned ahead."""
NOTHING = 1e-6
"""Nats below which a label is not worth having."""
CELLS = 1 << 21
"""Numbers worked on at once."""


@dataclass(frozen=True)
class Queue:
    """How many new labels each item gets, and what they are expected to bring.

    Attributes:
        n_labels: `[I]`.
        information: `[I]` expected information of an item's new labels, in nats.
        accuracy: `[I]` expected accuracy of the posterior label once they are there.
        order: The items that get any, those whose first label tells most first.
    """

    n_labels: IntArray
    information: FloatArray
    accuracy: FloatArray
    order: IntArray


def affordable(budget: float, price: float) -> int:
    """How many labels a budget pays for; in decimals, so that 0.3 at 0.1 is three."""
    return int(Decimal(str(budget)) / Decimal(str(price)))


def queue(
    q: FloatArray, n_options: IntArray, competence: FloatArray, n_labels: int, per_item: int
) -> Queue:
    """The `n_labels` new labels that tell most, by greedy choice.

    Every further label of an item tells less than the one before, so the choice is that of the
    largest increments; those of the n-th label are needed only where the one before it was chosen.

    Args:
        q: `[I, W]` posterior of the truth, 0 beyond an item's options.
        n_options: `[I]` K of each item.
        competence: `[I]` P(a new label is correct).
        n_labels: How many labels to have at most.
        per_item: How many an item may get.
    """
    gains = np.zeros((len(q), per_item))
    told, accuracy = np.zeros(len(q)), q.max(axis=1, initial=0)
    after = np.repeat(accuracy[:, None], per_item + 1, axis=1)
    chosen = np.arange(len(q))
    for n in range(per_item):
        found, right = expected(q[chosen], n_options[chosen], competence[chosen], n + 1)
        gains[chosen, n] = found - told[chosen]
        after[chosen, n + 1] = right
        told[chosen] = found
        # of two labels that tell the same, the first of its item, then the item that comes first
        chosen = np.flatnonzero(_largest(gains, n_labels)[:, n])
        if not len(chosen):
            break
    taken = _largest(gains, n_labels)
    counts = taken.sum(axis=1)
    order = np.lexsort((np.arange(len(q)), -_rounded(gains[:, 0])))
    return Queue(
        n_labels=counts,
        information=np.where(taken, gains, 0).sum(axis=1),
        accuracy=after[np.arange(len(q)), counts],
        order=order[counts[order] > 0],
    )


def expected(
    q: FloatArray, n_options: IntArray, competence: FloatArray, n: int
) -> tuple[FloatArray, FloatArray]:
    """What n new labels are expected to bring, of each item `[I]`.

    Args:
        q: `[I, W]` posterior of the truth.
        n_options: `[I]`.
        competence: `[I]`.
        n: How many labels.

    Returns:
        Their information on the truth in nats, and the accuracy of the best label after them.
        Items with so many options that the ways are beyond `MOST_WAYS` gain nothing.
    """
    information, accuracy = np.zeros(len(q)), q.max(axis=1, initial=0)
    kinds, kind = np.unique(np.stack([n_options, competence], axis=1), axis=0, return_inverse=True)
    for g, (k, c) in enumerate(kinds):
        if k < 2 or comb(n + int(k) - 1, n) > MOST_WAYS:
            continue
        chances = outcomes(int(k), n, float(c))
        for rows in _pieces(np.flatnonzero(kind.ravel() == g), chances.size):
            beliefs = q[rows, : int(k)]
            information[rows] = expected_information(beliefs, chances)
            accuracy[rows] = expected_accuracy(beliefs, chances)
    return information, accuracy


def outcomes(n_options: int, n: int, competence: float) -> FloatArray:
    """`[M, K]` P(the labels fall so | truth) of n labels, by how many fall on each option."""
    falls = list(combinations_with_replacement(range(n_options), n))
    counts = np.array([np.bincount(fall, minlength=n_options) for fall in falls])
    ways = [factorial(n) // int(np.prod([factorial(m) for m in row])) for row in counts.tolist()]
    wrong = (1 - competence) / (n_options - 1)
    chances: FloatArray = (
        np.array(ways, dtype=np.float64)[:, None] * competence**counts * wrong ** (n - counts)
    )
    return chances


def expected_information(q: FloatArray, chances: FloatArray) -> FloatArray:
    """Eq. (21): mutual information of truth and new labels `[I]`, in nats.

    Args:
        q: `[I, K]` posterior of the truth.
        chances: `[M, K]` P(the labels fall so | truth).
    """
    joint = q[:, None, :] * chances[None]
    falls = joint.sum(axis=2)
    # what is said of truth and labels together, less what is said of each
    together = xlogy(joint, joint).sum(axis=(1, 2))
    apart = xlogy(falls, falls).sum(axis=1) + xlogy(q, q).sum(axis=1)
    information: FloatArray = np.maximum(together - apart, 0.0)
    return information


def expected_accuracy(q: FloatArray, chances: FloatArray) -> FloatArray:
    """Eq. (22): P(the best label after the new ones is right) `[I]`."""
    best: FloatArray = (q[:, None, :] * chances[None]).max(axis=2).sum(axis=1)
    return best


def _largest(gains: FloatArray, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """`[I, n]` whether a label is among the `count` that tell most; never without those before."""
    n_items, per_item = gains.shape
    nth = np.tile(np.arange(per_item), n_items)
    flat = _rounded(gains).ravel()
    order = np.lexsort((np.arange(len(flat)), nth, -flat))[:count]
    taken = np.zeros(len(flat), dtype=bool)
    taken[order[flat[order] >= NOTHING]] = True
    found: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = np.logical_and.accumulate(
        taken.reshape(gains.shape), axis=1
    )
    return found


def _rounded(gains: FloatArray) -> FloatArray:
    """Gains whose difference is more than one of rounding errors."""
    return np.round(gains, 9)


def _pieces(rows: IntArray, size: int) -> Iterator[IntArray]:
    step = max(CELLS // size, 1)
    for start in range(0, len(rows), step):
        yield rows[start : start + step]
