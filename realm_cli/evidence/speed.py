"""Somebody answers faster than the item allows: far faster than others on the same items.

The logarithm of each time is held against the mean of the others' on the same item, or, where
nobody else was timed there, against what a text of that length takes. A person's mean of these is
held against everybody's: people differ in speed, so only who stands out from them is told, and only
if they are among the third that is right least often: who is quick and good is not too fast.
"""

from __future__ import annotations

import numpy as np

from realm_cli.coding import IntArray
from realm_cli.evidence.case import Case, Signs
from realm_cli.evidence.chance import standing_out
from realm_cli.evidence.times import seconds
from realm_cli.labels import FloatArray

WORST = 1 / 3
FEWEST = 10
"""Timed labels that say something of a person."""


def too_fast(case: Case) -> Signs:
    """Effect: the share of the usual time that was saved; 0.75 is four times as fast.

    It is 0 for those who are not among the third that is right least often.
    """
    taken = seconds(case)
    if taken is None:
        return Signs.none()
    rows = np.flatnonzero(np.isfinite(taken))
    n = case.counts(rows)
    who = np.flatnonzero(n >= FEWEST)
    if not len(who):
        return Signs.none()
    log = np.log(taken[rows])
    lead = _usual(case, rows, log) - log
    mean = np.bincount(case.annotator[rows], lead, len(n))[who] / n[who]
    square = np.bincount(case.annotator[rows], lead**2, len(n))[who] / n[who]
    own = np.maximum(square - mean**2, 0)
    pooled = float(np.median(own))
    p = standing_out(mean, np.maximum(own, pooled) / n[who])
    share = np.exp(-(mean - np.median(mean)))
    worse = case.competence[who] < np.quantile(case.competence, WORST)

    def words(f: int) -> str:
        return (
            f"took {share[f]:.0%} of the time that others take for the same items "
            f"({n[who[f]]:,} labels), and is right less often than most"
        )

    return Signs(who, n[who], np.where(worse, 1 - share, 0), p, words)


def _usual(case: Case, rows: IntArray, log: FloatArray) -> FloatArray:
    """What others take for the item of each row, as a logarithm."""
    item = case.labels.item[rows]
    count = np.bincount(item, minlength=case.labels.n_items)
    total = np.bincount(item, log, case.labels.n_items)
    by_text = _by_length(case, rows, log)
    others = count[item] - 1
    mean = (total[item] - log) / np.maximum(others, 1)
    return np.where(others > 0, mean, by_text)


def _by_length(case: Case, rows: IntArray, log: FloatArray) -> FloatArray:
    """A line through log time against log length of text, task by task."""
    items = case.table.items
    length = np.log1p([len(text or "") for text in items.texts])[case.labels.item[rows]]
    found = np.empty(len(rows))
    task = case.task[rows]
    for t in np.unique(task).tolist():
        mine = task == t
        x, y = length[mine] - length[mine].mean(), log[mine]
        slope = float((x * y).sum() / max((x * x).sum(), 1e-9))
        found[mine] = y.mean() + slope * x
    return found
