"""Somebody accepts the labels that a tool suggests far more often than others do."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from realm_cli.evidence.case import Case, Signs
from realm_cli.evidence.chance import standing_out
from realm_cli.evidence.consistency import steady
from realm_cli.schema import Origin

FEWEST = 15
"""Labels of known origin that say something of a person."""


def accepts_prelabels(case: Case) -> Signs:
    """Effect: how much more often than usual a suggestion was accepted unchanged."""
    origin = case.column("origin")
    accepted = _is(origin, Origin.PRE_LABEL)
    known = accepted | _is(origin, Origin.MANUAL)
    n = case.counts(np.flatnonzero(known))
    who = np.flatnonzero(n >= FEWEST)
    if not accepted.any() or not len(who):
        return Signs.none()
    count = case.counts(np.flatnonzero(accepted))[who].astype(np.float64)
    share, variance = steady(count, n[who])
    p = standing_out(share, variance)
    usual = float(np.median(count / n[who]))

    def words(f: int) -> str:
        return (
            f"accepted the suggested label unchanged in {count[f]:.0f} of {n[who[f]]:,} "
            f"annotations, where {usual:.0%} is usual"
        )

    return Signs(who, n[who], count / n[who] - usual, p, words)


def _is(column: object, origin: Origin) -> np.ndarray:
    return np.asarray(pc.equal(column, origin.value).fill_null(False).to_numpy(), dtype=bool)
