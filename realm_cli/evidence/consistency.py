"""Somebody contradicts their own earlier answers more often than others do.

Only where repeated answers have survived (`--duplicates all`).
"""

from __future__ import annotations

import numpy as np

from realm_cli.coding import IntArray
from realm_cli.evidence.case import Case, Signs
from realm_cli.evidence.chance import standing_out
from realm_cli.labels import FloatArray

FEWEST = 8
"""Repeats of one person that say something."""


def inconsistent(case: Case) -> Signs:
    """Effect: how much less often than usual somebody repeats their own answer."""
    one, other = _repeats(case)
    n = case.counts(one)
    who = np.flatnonzero(n >= FEWEST)
    if not len(who):
        return Signs.none()
    differs = case.labels.label[one] != case.labels.label[other]
    changed = case.counts(one[differs])[who].astype(np.float64)
    share, variance = steady(changed, n[who])
    p = standing_out(share, variance)
    usual = float(np.median(changed / n[who]))

    def words(f: int) -> str:
        return (
            f"gave another answer than before to {changed[f]:.0f} of {n[who[f]]:,} items seen "
            f"again, where {usual:.0%} is usual"
        )

    return Signs(who, n[who], changed / n[who] - usual, p, words)


def steady(count: FloatArray, n: IntArray) -> tuple[FloatArray, FloatArray]:
    """Shares on a scale where their variance depends on n alone (Anscombe 1948), and it."""
    return np.arcsin(np.sqrt((count + 3 / 8) / (n + 3 / 4))), 1 / (4 * n + 2)


def _repeats(case: Case) -> tuple[IntArray, IntArray]:
    """Rows of an answer and of the same annotator's next answer about the same item."""
    order = np.lexsort((case.annotator, case.labels.item))
    item, who = case.labels.item[order], case.annotator[order]
    again = np.flatnonzero((item[1:] == item[:-1]) & (who[1:] == who[:-1]))
    return order[again], order[again + 1]
