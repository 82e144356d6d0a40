"""Two annotators agree where their competence does not explain it, above all on wrong answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from realm_cli.coding import IntArray
from realm_cli.evidence.case import Case, Signs
from realm_cli.evidence.chance import Trials
from realm_cli.evidence.pairs import Pairs
from realm_cli.labels import FloatArray

LEAST_COPIED = 0.8
"""Share of answers below which two people may well be of one mind."""
GRANTED = 0.4
"""Share of answers on which two people may be of one mind before it counts."""
SUSPECT = 1e-3
"""Pairs below this p-value count as one person to other tests."""


def copying(case: Case) -> Signs:
    """The partner whom each annotator agrees with most beyond chance.

    Agreement counts by its surprise, log(1 + 1/p) where p is its probability given both annotators'
    competence and all other labels of the item. An annotator's p-value is that of the best of
    their pairs, times how many pairs there are. Effect: the share of the answers that would have
    to be copied, (agreements - expected) / (shared - expected).
    """
    found = case.once(Likeness.of)
    if found is None:
        return Signs.none()
    sides = _Sides.of(found.pairs, found.p_value)
    best = sides.best

    def words(f: int) -> str:
        q = best[f]
        return (
            f"gave the same answer as one other annotator to {found.agreed[q]:,} of "
            f"{found.shared[q]:,} shared items, where {found.expected[q]:.0f} are expected, "
            "wrong answers included"
        )

    return Signs(
        annotator=sides.annotator,
        n=found.shared[best],
        effect=found.copied[best],
        p_value=sides.p_value,
        words=words,
        others=lambda f: (int(sides.partner[f]),),
    )


@dataclass(frozen=True)
class Likeness:
    """How alike the answers of pairs are `[Q]`.

    Attributes:
        pairs: The pairs.
        shared: Items that both answered.
        agreed: How often they agreed.
        expected: How often competence would have them agree.
        copied: The share of answers copied that would explain the difference.
        p_value: How often chance makes two agree so surprisingly, seen from either side.
    """

    pairs: Pairs
    shared: IntArray
    agreed: IntArray
    expected: FloatArray
    copied: FloatArray
    p_value: FloatArray

    @staticmethod
    def of(case: Case) -> Likeness | None:
        """None where no pair shares enough items."""
        pairs = Pairs.of(case)
        if pairs is None:
            return None
        size = len(pairs.one)
        shared = np.bincount(pairs.pair, minlength=size)
        agreed = np.bincount(pairs.pair[pairs.agree], minlength=size)
        chance = (pairs.forward + pairs.backward) / 2
        expected = np.bincount(pairs.pair, chance, size).astype(np.float64)
        copied = (agreed - expected) / np.maximum(shared - expected, 1e-9)
        p = np.maximum(_tail(pairs, pairs.forward), _tail(pairs, pairs.backward))
        return Likeness(pairs, shared, agreed, expected, copied, p)

    def without_doubles(self) -> Pairs:
        """The pairs, each of those who seem to be another one's double left out."""
        alike = (self.p_value < SUSPECT) & (self.copied > LEAST_COPIED)
        doubles = self.pairs.other[alike]
        ends = (np.isin(self.pairs.one, doubles), np.isin(self.pairs.other, doubles))
        return self.pairs.without(ends[0] | ends[1])


def _tail(pairs: Pairs, chance: FloatArray) -> FloatArray:
    granted = chance + GRANTED * (1 - chance)
    surprise = np.log1p(1 / granted)
    return Trials(pairs.pair, granted, pairs.agree, len(pairs.one), surprise).tail()


@dataclass(frozen=True)
class _Sides:
    """Each annotator's best pair `[F]`."""

    annotator: IntArray
    best: IntArray
    partner: IntArray
    p_value: FloatArray

    @staticmethod
    def of(pairs: Pairs, p: FloatArray) -> _Sides:
        """Every pair is one of both its annotators' pairs."""
        who = np.concatenate([pairs.one, pairs.other])
        partner = np.concatenate([pairs.other, pairs.one])
        which = np.tile(np.arange(len(p)), 2)
        order = np.lexsort((p[which], who))
        people, first, n = np.unique(who[order], return_index=True, return_counts=True)
        rows = order[first]
        best = which[rows]
        return _Sides(people, best, partner[rows], np.minimum(p[best] * n, 1))
