"""Somebody's competence changes over their work, and what it was from stretch to stretch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
from scipy.special import kolmogorov

from realm_cli.coding import IntArray
from realm_cli.evidence.case import Case, Signs, competence
from realm_cli.evidence.times import in_order, submitted
from realm_cli.labels import FloatArray
from realm_cli.posterior import summarise

FEWEST = 20
"""Labels in known order that say something of a person."""
STRETCH = 25
"""Labels that a stretch has, at least."""
MOST_STRETCHES = 6
POINTS = 100
OVERSHOOT = 0.58


def drift(case: Case) -> Signs:
    """A change point: the place where what comes before differs most from what comes after.

    Under no change the score of competence, label by label, is exchangeable around zero, and the
    largest of its partial sums is that of a Brownian bridge at most (Kolmogorov's distribution).
    Effect: competence after the change less competence before.
    """
    work = case.once(_Work.of)
    if work is None:
        return Signs.none()
    n, peak, at = work.largest_sum()
    who = np.flatnonzero(n >= FEWEST)
    before, after = work.around(at)
    # a sum that moves in steps overshoots a level less than a Brownian path (Siegmund 1985)
    p = kolmogorov(peak[who] + OVERSHOOT / np.sqrt(n[who]))

    def words(f: int) -> str:
        a = who[f]
        return (
            f"was right about {before[a]:.0%} of the time in the first {at[a]:,} of {n[a]:,} "
            f"labels, and about {after[a]:.0%} in those after"
        )

    return Signs(who, n[who], (after - before)[who], p, words)


@dataclass(frozen=True)
class Stretch:
    """A part of somebody's work, one label after the other.

    Attributes:
        start: When its first label was submitted.
        end: When its last.
        n: How many labels it has.
        competence: P(a label is correct).
        interval: 95%.
    """

    start: datetime
    end: datetime
    n: int
    competence: float
    interval: tuple[float, float]


def stretches(case: Case) -> list[tuple[Stretch, ...]]:
    """Each annotator's work in stretches of as many labels `[A]`; none where there are too few."""
    found: list[tuple[Stretch, ...]] = [() for _ in range(case.labels.n_annotators)]
    work = case.once(_Work.of)
    if work is None:
        return found
    n = case.counts(work.rows)
    pieces = np.minimum(n // STRETCH, MOST_STRETCHES)
    pieces[pieces < 2] = 0
    start = np.cumsum(pieces) - pieces
    place = work.place * pieces[work.who] // np.maximum(n[work.who], 1)
    kept = pieces[work.who] > 0
    cell = (start[work.who] + place)[kept]
    if not len(cell):
        return found
    parts = _summaries(case, work.rows[kept], cell, work.when[kept])
    for a in np.flatnonzero(pieces).tolist():
        found[a] = tuple(parts[start[a] : start[a] + pieces[a]])
    return found


@dataclass(frozen=True)
class _Work:
    """Labels in the order of their annotators' work `[M]`.

    Attributes:
        case: All labels.
        rows: Which of them.
        who: Their annotators.
        place: How many of the annotator's labels came before.
        when: Microseconds.
    """

    case: Case
    rows: IntArray
    who: IntArray
    place: IntArray
    when: npt.NDArray[np.int64]

    @staticmethod
    def of(case: Case) -> _Work | None:
        """None where no order is known."""
        when = submitted(case)
        if when is None or not (when >= 0).any():
            return None
        rows = in_order(case, when)
        who = case.annotator[rows]
        n = case.counts(rows)
        place = np.arange(len(rows)) - (np.cumsum(n) - n)[who]
        return _Work(case, rows, who, place, when[rows])

    def largest_sum(self) -> tuple[IntArray, FloatArray, IntArray]:
        """By annotator `[A]`: labels, largest standardised partial sum, and where it is reached."""
        size = self.case.labels.n_annotators
        score = self._scores()
        n = self.case.counts(self.rows)
        spread = np.sqrt(np.bincount(self.who, score**2, size))
        total = np.cumsum(score)
        first = np.cumsum(n) - n
        offset = np.concatenate([[0.0], total])[first]
        height = np.abs(total - offset[self.who]) / np.maximum(spread[self.who], 1e-9)
        # labels of one moment have no order among themselves
        last = np.ones(len(self.rows), dtype=bool)
        last[:-1] = (self.who[1:] != self.who[:-1]) | (self.when[1:] != self.when[:-1])
        height[~last] = 0
        order = np.lexsort((height, self.who))
        ends = np.cumsum(n)[n > 0] - 1
        peak, at = np.zeros(size), np.zeros(size, dtype=np.int64)
        peak[n > 0] = height[order[ends]]
        at[n > 0] = self.place[order[ends]] + 1
        return n, peak, at

    def _scores(self) -> FloatArray:
        """`[M]` d log P(label) / d competence, less its mean over the annotator's task."""
        case = self.case
        n_tasks = len(case.table.items.tasks)
        cells, cell = np.unique(self.who * n_tasks + case.task[self.rows], return_inverse=True)
        backing, mistaken = case.backing[self.rows], case.mistaken[self.rows]
        c = competence(backing, mistaken, cell, len(cells))[cell]
        score = (backing - mistaken) / np.maximum(c * backing + (1 - c) * mistaken, 1e-9)
        mean = np.bincount(cell, score) / np.bincount(cell)
        return np.asarray(score - mean[cell])

    def around(self, at: IntArray) -> tuple[FloatArray, FloatArray]:
        """Competence before and after a place in each annotator's work `[A]`."""
        size = self.case.labels.n_annotators
        cell = self.who * 2 + (self.place >= at[self.who])
        rows = self.rows
        found = competence(self.case.backing[rows], self.case.mistaken[rows], cell, 2 * size)
        return found[::2], found[1::2]


def _summaries(
    case: Case, rows: IntArray, cell: IntArray, when: npt.NDArray[np.int64]
) -> list[Stretch]:
    """One stretch a cell; labels come in the order of cells."""
    n = np.bincount(cell)
    c = (np.arange(POINTS) + 0.5) / POINTS
    density = np.empty((len(n), POINTS))
    first = np.cumsum(n) - n
    backing, mistaken = case.backing[rows], case.mistaken[rows]
    for point, value in enumerate(c.tolist()):
        log = np.log(np.maximum(value * backing + (1 - value) * mistaken, 1e-300))
        density[:, point] = np.add.reduceat(log, first) + np.log(value)
    density = np.exp(density - density.max(axis=1, keepdims=True))
    of = summarise(density)
    starts, ends = when[first].tolist(), when[first + n - 1].tolist()
    rounded = [np.round(part, 4).tolist() for part in (of.mean, of.low, of.high)]
    return [
        Stretch(_moment(start), _moment(end), size, mean, (low, high))
        for start, end, size, mean, low, high in zip(
            starts, ends, n.tolist(), *rounded, strict=True
        )
    ]


def _moment(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1e6, UTC)
