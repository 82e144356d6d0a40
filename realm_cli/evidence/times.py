"""Times that tell of the work: how long a label took, and in which order labels were given.

Times are those of an upload or of a form, and not of the work, where somebody has one and the same
for nearly everything; such people are left out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from realm_cli.checks.times import IDLE_S
from realm_cli.coding import IntArray
from realm_cli.evidence.case import Case
from realm_cli.labels import FloatArray

FEWEST = 5
"""Different times below which they are no order."""
DIFFERENT = 0.5
"""Share of somebody's times that have to be different, for what lies between them to be work."""


def submitted(case: Case) -> npt.NDArray[np.int64] | None:
    """`[N]` microseconds, -1 where unknown or of people whose times tell no order."""
    column = case.column("submitted_at")
    if column.null_count == len(column):
        return None
    when = np.asarray(column.cast(pa.int64()).fill_null(-1).to_numpy())
    return np.where(_distinct(case, when)[case.annotator] >= FEWEST, when, -1)


def _distinct(case: Case, value: npt.NDArray[np.int64] | FloatArray) -> IntArray:
    """How many different known (not negative) values each annotator has `[A]`."""
    order = np.lexsort((value, case.annotator))
    who, sorted_value = case.annotator[order], value[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (who[1:] != who[:-1]) | (sorted_value[1:] != sorted_value[:-1])
    return np.bincount(who[new & (sorted_value >= 0)], minlength=case.labels.n_annotators)


def in_order(case: Case, when: npt.NDArray[np.int64]) -> IntArray:
    """Rows with a time, annotator by annotator, each in the order of their work."""
    order = np.lexsort((when, case.annotator))
    return order[when[order] >= 0]


def seconds(case: Case) -> FloatArray | None:
    """`[N]` how long each label took, NaN where that is not known.

    `duration_s` where the export has it, else the time since the annotator's label before.
    """
    taken = np.asarray(case.column("duration_s").cast(pa.float64()).fill_null(np.nan).to_numpy())
    if not (taken > 0).any():
        gaps = _between(case)
        if gaps is None:
            return None
        taken = gaps
    taken = np.where((taken > 0) & (taken < IDLE_S), taken, np.nan)
    known = np.isfinite(taken)
    enough = DIFFERENT * np.bincount(case.annotator[known], minlength=case.labels.n_annotators)
    rounded = np.round(np.nan_to_num(taken, nan=-1.0), 3)
    different = _distinct(case, np.where(known, rounded, -1.0))
    # whole seconds repeat, so that a fifth of them is as many different ones as one can ask for
    whole = bool((rounded[known] == np.round(rounded[known])).all())
    real = different >= np.maximum(np.minimum(enough, FEWEST) if whole else enough, 2)
    return np.where(real[case.annotator], taken, np.nan)


def _between(case: Case) -> FloatArray | None:
    when = submitted(case)
    if when is None:
        return None
    order = in_order(case, when)
    gap = np.full(len(when), np.nan)
    if len(order) < 2:
        return gap
    follows = case.annotator[order][1:] == case.annotator[order][:-1]
    between = (when[order][1:] - when[order][:-1]) / 1e6
    gap[order[1:][follows]] = between[follows]
    return gap
