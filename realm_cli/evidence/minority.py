"""An honest minority: people whose disagreements with the rest coincide, again and again.

Somebody who guesses disagrees with everybody alike. Somebody who sees things differently, with
others of the same mind, agrees against the rest with *certain* others on some items, and with the
same ones on further items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from realm_cli.coding import IntArray
from realm_cli.evidence.case import Case, Signs
from realm_cli.evidence.copying import Likeness
from realm_cli.evidence.pairs import Pairs
from realm_cli.labels import FloatArray

FEWEST_DISSENTS = 8
"""Labels against the rest that say something of a person."""
FEWEST_PARTNERS = 6
"""Partners among whom it can be seen that some of them are always the same."""
DRAWS = 20_000
AT_ONCE = 1 << 20
FIRST_DRAWS = 200
"""Draws that settle most cases: beyond the first twentieth of them nobody is anything special."""
ALIKE = 1.0
"""Standard deviations by which the like-minded agree beyond expectation."""
FEWEST_ALIKE = 2
FAINT = 0.05
"""Variance below which the items that two people share say nothing of shared dissent."""


def minority(case: Case) -> Signs:
    """Do those who share an annotator's dissent on half of the items share it on the others?

    For each pair the dissent shared beyond what is expected is added up on two halves of the items,
    less what is common to all pairs of either annotator. What one half says of an annotator's
    partners, friends of friends included, is held against what the other half says, and its
    correlation against that of partners in random order. Of two of whom one may copy the other only
    one counts. Effect: the correlation; 0 with fewer than two partners of the same mind, or
    for those who dissent no more often than most: where a minority happens to prevail on an item,
    it is the others who dissent together.
    """
    likeness = case.once(Likeness.of)
    if likeness is None:
        return Signs.none()
    views = _Views.of(likeness.without_doubles())
    dissents = np.bincount(case.annotator, 1 - case.backing, case.labels.n_annotators)
    mine = views.by_person()
    who = np.array(
        [a for a, rows in mine.items() if len(rows) >= FEWEST_PARTNERS
         and dissents[a] >= FEWEST_DISSENTS], dtype=np.int64,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    found = [views.judge(mine[a], rng) for a in who.tolist()]
    alike = [tuple(views.partner[one.alike].tolist()) for one in found]

    def words(f: int) -> str:
        return (
            f"disagrees with the rest on {dissents[who[f]]:.0f} items, and on many of them the way "
            f"the same {len(alike[f])} others do: perhaps another view, not carelessness"
        )

    share = dissents / np.maximum(case.counts(), 1)
    often = share[who] > np.median(share)
    enough = np.array([len(one.alike) >= FEWEST_ALIKE for one in found], dtype=bool)
    effect = np.array([one.correlation for one in found])
    return Signs(
        annotator=who,
        n=np.round(dissents[who]).astype(np.int64),
        effect=np.where(often & enough, effect, 0.0),
        p_value=np.array([one.p_value for one in found]),
        words=words,
        others=lambda f: alike[f],
    )


@dataclass(frozen=True)
class _Finding:
    correlation: float
    p_value: float
    alike: IntArray


@dataclass(frozen=True)
class _Views:
    """Shared dissent, by person and partner `[V]`, every pair twice.

    Attributes:
        who: `[V]` whose dissent.
        partner: `[V]` who shares it.
        half: `[2, V]` standard deviations beyond expectation on either half of the items.
        smooth: `[2, V]` the same with what friends of friends share.
    """

    who: IntArray
    partner: IntArray
    half: FloatArray
    smooth: FloatArray

    @staticmethod
    def of(pairs: Pairs) -> _Views:
        """Either annotator of a pair is the other's partner."""
        case = pairs.case
        side = case.rank[case.labels.item[pairs.left]] % 2
        found = [_shared_dissent(pairs, side == half) for half in (0, 1)]
        known = (found[0][1] > FAINT) & (found[1][1] > FAINT)
        who = np.concatenate([pairs.one[known], pairs.other[known]])
        partner = np.concatenate([pairs.other[known], pairs.one[known]])
        half = np.stack([
            _less_common(np.tile(excess[known], 2), np.tile(variance[known], 2), who, partner)
            for excess, variance in found
        ])  # fmt: skip
        smooth = np.stack([_with_friends(row, who, partner) for row in half])
        return _Views(who, partner, half, smooth)

    def by_person(self) -> dict[int, IntArray]:
        """Places of each person's partners."""
        order = np.argsort(self.who, kind="stable")
        people, first, n = np.unique(self.who[order], return_index=True, return_counts=True)
        parts = zip(people.tolist(), first.tolist(), n.tolist(), strict=True)
        return {a: order[start : start + size] for a, start, size in parts}

    def judge(self, mine: IntArray, rng: np.random.Generator) -> _Finding:
        """One person, by the places of their partners."""
        seen, smooth = np.maximum(self.half[:, mine], 0), self.smooth[:, mine]
        first = np.stack([seen[0], smooth[0]])
        second = np.stack([smooth[1], seen[1]])
        first, second = (part - part.mean(axis=1, keepdims=True) for part in (first, second))
        scale = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        first = first / np.maximum(scale, 1e-9)[:, None]
        r = float((first * second).sum() / 2)
        alike = mine[seen.sum(axis=0) > ALIKE * 2]
        return _Finding(r, _drawn(first, second, rng), alike)


def _shared_dissent(pairs: Pairs, rows: npt.NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """`[Q]` agreement beyond expectation where either dissents, and its variance."""
    size = len(pairs.one)
    pair, agree = pairs.pair[rows], pairs.agree[rows]
    excess, variance = np.zeros(size), np.zeros(size)
    for column, chance in enumerate((pairs.forward[rows], pairs.backward[rows])):
        doubt = pairs.doubt[rows, column]
        excess += np.bincount(pair, doubt * (agree - chance), size)
        variance += np.bincount(pair, doubt**2 * chance * (1 - chance), size)
    return excess, variance


def _less_common(
    excess: FloatArray, variance: FloatArray, who: IntArray, partner: IntArray
) -> FloatArray:
    """`[V]` standard deviations, less what all pairs of either annotator have in common."""
    for end in (who, partner):
        n = int(end.max(initial=0)) + 1
        rate = np.bincount(end, excess, n) / np.maximum(np.bincount(end, variance, n), 1e-9)
        excess = excess - variance * rate[end]
    return excess / np.sqrt(variance)


def _with_friends(shared: FloatArray, who: IntArray, partner: IntArray) -> FloatArray:
    """`[V]` what pairs share, and what both share with third persons."""
    size = int(max(who.max(initial=0), partner.max(initial=0))) + 1
    close = np.where(shared > ALIKE / 2, shared, 0.0)
    graph = csr_array((close, (who, partner)), shape=(size, size))
    graph.eliminate_zeros()
    through_friends = np.asarray((graph @ graph)[who, partner]).ravel()
    n_partners = np.bincount(who, minlength=size)
    return np.maximum(shared, 0) + through_friends / np.sqrt(np.maximum(n_partners[who], 1))


def _drawn(first: FloatArray, second: FloatArray, rng: np.random.Generator) -> float:
    """How often partners in random order `[2, n]` go together as much."""
    reached = float((first * second).sum()) - 1e-12
    n = first.shape[1]
    above = drawn = 0
    while drawn < DRAWS:
        some = min(FIRST_DRAWS if drawn == 0 else max(AT_ONCE // n, 1), DRAWS - drawn)
        order = rng.permuted(np.broadcast_to(np.arange(n), (some, n)), axis=1)
        sums = second[0][order] @ first[0] + second[1][order] @ first[1]
        above += int((sums >= reached).sum())
        drawn += some
        if above > FIRST_DRAWS / 20:
            break
    return (1 + above) / (1 + drawn)
