"""Pairs of annotators on the items that they share, and how often they should agree there.

Only pairs that share items are ever looked at: nothing here is annotators x annotators.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
from scipy.special import expit, logit

from realm_cli.coding import IntArray
from realm_cli.evidence.case import Case
from realm_cli.evidence.favourites import monotonous
from realm_cli.labels import FloatArray
from realm_cli.schema import Origin

FEWEST_SHARED = 8
"""Items that two people have to share before anything is said of them as a pair."""
MOST = 12_000_000
"""Pairs of labels looked at; beyond, the items with the most labels are left out."""
SAMPLE = 50_000
"""Pairs of labels by which expectations are held against the crowd."""
AT_ONCE = 1 << 18
SHRUNK = 4.0
"""Labels as of the whole crowd that are added to each annotator's own habits."""
BITS = 1e-4


@dataclass(frozen=True)
class Pairs:
    """Labels of two annotators on one item `[P]`, and the pairs of annotators `[Q]`.

    Attributes:
        case: The labels.
        left: `[P]` row of the label by the annotator with the lower code.
        right: `[P]` row of the other's.
        pair: `[P]` which pair of annotators.
        one: `[Q]` code of the annotator on the left.
        other: `[Q]` on the right.
        forward: `[P]` P(right's label is left's), given left's and everybody else's.
        backward: `[P]` P(left's label is right's), given right's and everybody else's.
        doubt: `[P, 2]` P(left's label is wrong), and right's, by all other labels of the item.
    """

    case: Case
    left: IntArray
    right: IntArray
    pair: IntArray
    one: IntArray
    other: IntArray
    forward: FloatArray
    backward: FloatArray
    doubt: FloatArray

    @staticmethod
    def of(case: Case) -> Pairs | None:
        """All pairs that share enough items; None where there are none."""
        left, right = _together(case)
        size = case.labels.n_annotators
        key = case.annotator[left] * size + case.annotator[right]
        keys, code, count = np.unique(key, return_inverse=True, return_counts=True)
        often = count >= FEWEST_SHARED
        if not often.any():
            return None
        kept = np.flatnonzero(often[code])
        pair = (np.cumsum(often) - 1)[code[kept]]
        expect = _Expectation.of(case, left, right)
        left, right = left[kept], right[kept]
        forward, doubt_left = expect.chance(left, right)
        backward, doubt_right = expect.chance(right, left)
        doubt = np.stack([doubt_left, doubt_right], axis=1)
        one, other = keys[often] // size, keys[often] % size
        return Pairs(case, left, right, pair, one, other, forward, backward, doubt)

    @property
    def agree(self) -> npt.NDArray[np.bool_]:
        """`[P]` whether both gave the same label."""
        label = self.case.labels.label
        return np.asarray(label[self.left] == label[self.right])

    def without(self, pairs: npt.NDArray[np.bool_]) -> Pairs:
        """All but some pairs `[Q]`; the others keep their numbers."""
        kept = ~pairs[self.pair]
        left, right = self.left[kept], self.right[kept]
        return replace(
            self,
            left=left,
            right=right,
            pair=self.pair[kept],
            forward=self.forward[kept],
            backward=self.backward[kept],
            doubt=self.doubt[kept],
        )


def _together(case: Case) -> tuple[IntArray, IntArray]:
    """Rows of two different annotators' labels of one item, the lower code on the left."""
    own = np.flatnonzero(_own_first_answers(case))
    item = case.labels.item[own]
    each = np.bincount(item, minlength=case.labels.n_items)
    made = each * (each - 1) // 2
    if made.sum() > MOST:
        rising = np.argsort(each, kind="stable")
        most = each[rising][np.searchsorted(np.cumsum(made[rising]), MOST)]
        used = own[(each < most)[item]]
    else:
        used = own
    left, right = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    mine = case.labels.item[used]
    for lag in range(1, int(each[mine].max(initial=0))):
        first = np.flatnonzero(mine[lag:] == mine[:-lag])
        left.append(used[first])
        right.append(used[first + lag])
    a, b = np.concatenate(left), np.concatenate(right)
    swap = case.annotator[a] > case.annotator[b]
    return np.where(swap, b, a), np.where(swap, a, b)


def _own_first_answers(case: Case) -> npt.NDArray[np.bool_]:
    """`[N]` whether an answer can tell whose it is.

    Not if it was suggested, if the annotator had answered for the item before, or if they give
    everything the same answer anyway.
    """
    key = case.labels.item.astype(np.int64) * case.labels.n_annotators + case.annotator
    first = np.zeros(len(key), dtype=bool)
    first[np.unique(key, return_index=True)[1]] = True
    suggested = pc.equal(case.column("origin"), Origin.PRE_LABEL.value).fill_null(False)
    own = first & ~np.asarray(suggested.to_numpy(), dtype=bool)
    return np.asarray(own & ~case.once(monotonous)[case.annotator])


@dataclass(frozen=True)
class _Expectation:
    """P(the second gives the first's label), as the fit has it and as the crowd bears it out.

    What the fit expects is held against how often pairs of the crowd really agree, in a logistic
    regression: where items are hard for everybody, mistakes coincide more often than competence
    explains, and they do so for all pairs.

    Attributes:
        case: The labels.
        habit: `[A, W]` log odds of an option among an annotator's labels, above the crowd's.
        skill: `[A]` logit of competence.
        weights: Of the regression; None before it.
    """

    case: Case
    habit: FloatArray
    skill: FloatArray
    weights: FloatArray | None = None

    @staticmethod
    def of(case: Case, left: IntArray, right: IntArray) -> _Expectation:
        """Learned from all pairs of labels, or a sample of them spread evenly over the items."""
        blank = _Expectation(case, _habits(case), logit(np.clip(case.competence, 0.02, 0.98)))
        rank = case.rank[case.labels.item[left]]
        some = np.flatnonzero(rank % max(len(left) // SAMPLE, 1) == 0)
        one, other = left[some], right[some]
        first, second = np.concatenate([one, other]), np.concatenate([other, one])
        chance, doubt = blank._by_fit(first, second)
        label = case.labels.label
        x = blank._features(first, second, chance, doubt)
        weights = _logistic(x, label[first] == label[second], logit(chance))
        return replace(blank, weights=weights)

    def chance(self, first: IntArray, second: IntArray) -> tuple[FloatArray, FloatArray]:
        """`[P]` the probability, and `[P]` P(the first is wrong) by all others' labels."""
        assert self.weights is not None
        by_fit, doubt = self._by_fit(first, second)
        x = self._features(first, second, by_fit, doubt)
        habit = self.habit[self.case.annotator[second], self.case.labels.label[first]]
        found = expit(logit(by_fit) + x @ self.weights + np.maximum(habit, 0))
        return np.clip(found, BITS, 1 - BITS), doubt

    def _by_fit(self, first: IntArray, second: IntArray) -> tuple[FloatArray, FloatArray]:
        chance, doubt = np.empty(len(first)), np.empty(len(first))
        for start in range(0, len(first), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            chance[part], doubt[part] = self._part(first[part], second[part])
        return np.clip(chance, BITS, 1 - BITS), doubt

    def _part(self, first: IntArray, second: IntArray) -> tuple[FloatArray, FloatArray]:
        case, labels = self.case, self.case.labels
        answers = case.fit.model.answers(case.fit.parameters)
        y = labels.label[first]
        own = answers.log_answers(labels.group[second], labels.label[second])
        first_said = answers.log_answers(labels.group[first], y)
        rest = case.posterior(labels.item[first], own)
        gives = np.exp(answers.log_answers(labels.group[second], y))
        both = case.posterior(labels.item[first], own + first_said)
        return (rest * gives).sum(axis=1), 1 - both[np.arange(len(y)), y]

    def _features(
        self, first: IntArray, second: IntArray, chance: FloatArray, doubt: FloatArray
    ) -> FloatArray:
        """`[P, D]` what the log odds of agreement are mended by."""
        one = self.skill[self.case.annotator[first]]
        two = self.skill[self.case.annotator[second]]
        columns = [np.ones_like(doubt), doubt, logit(chance), doubt * logit(chance)]
        return np.stack([*columns, doubt * one, doubt * two], axis=1)


def _habits(case: Case) -> FloatArray:
    """`[A, W]`: somebody who gives one label to everything agrees with others who do."""
    size, width = case.labels.n_annotators, case.labels.width
    counts = np.bincount(case.annotator * width + case.labels.label, minlength=size * width)
    crowd = np.bincount(case.labels.label, minlength=width) / len(case.labels)
    n = case.counts()
    share = (counts.reshape(size, width) + SHRUNK * crowd) / (n + SHRUNK)[:, None]
    return np.asarray(logit(np.clip(share, BITS, 1 - BITS)) - logit(np.clip(crowd, BITS, 1 - BITS)))


def _logistic(x: FloatArray, y: npt.NDArray[np.bool_], offset: FloatArray) -> FloatArray:
    """Weights `[D]` of a logistic regression beside an offset; a ridge keeps them near nothing."""
    weights = np.zeros(x.shape[1])
    for _ in range(12):
        p = expit(offset + x @ weights)
        bend = (x * (p * (1 - p))[:, None]).T @ x + np.eye(x.shape[1])
        step = np.linalg.solve(bend, x.T @ (y - p) - weights)
        weights = weights + np.clip(step, -2, 2)
    return weights
