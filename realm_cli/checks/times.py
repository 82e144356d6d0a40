"""Times that tell of idling, of one upload, or of nothing at all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from realm_cli.checks.facts import BoolArray, Facts, constant, counted, pairs
from realm_cli.coding import IntArray
from realm_cli.schema import Issue

IDLE_S = 30 * 60
IDLE_MEDIANS = 20
"""An annotation is idle when it took half an hour and 20 times its task's median, at least."""
ENOUGH_ITEMS = 5
"""One time for so many items is no chance."""


def check_times(facts: Facts) -> Iterator[Issue]:
    """Durations, then times of submission."""
    rows = facts.table.rows
    duration = np.asarray(rows["duration_s"].cast(pa.float64()).fill_null(np.nan).to_numpy())
    if (duration > 0).any():
        yield from _idle(facts, duration)
        yield from _one_duration(facts, duration)
    submitted = rows["submitted_at"]
    if submitted.null_count < len(submitted):
        yield from _one_time(facts, submitted)


def _idle(facts: Facts, duration: npt.NDArray[np.float64]) -> Iterator[Issue]:
    long = np.flatnonzero(duration > IDLE_S)  # few, so that only they are held against medians
    task = facts.table.task[long]
    medians = _medians(duration, facts.table.task, np.unique(task), len(facts.table.items.tasks))
    idle = long[duration[long] > IDLE_MEDIANS * medians[task]]
    if not len(idle):
        return
    longest = int(idle[np.argmax(duration[idle])])
    yield facts.warning(
        "idle-times",
        f"{counted(len(idle), 'annotation')} took more than half an hour and {IDLE_MEDIANS} times "
        f"the median of the task, up to {_hours(duration[longest])} by "
        f"{facts.annotator_name(facts.table.annotator[longest])}",
        int(idle[0]),
        "somebody was away from the screen; do not pay or judge by these times",
        len(idle),
    )


def _medians(
    duration: npt.NDArray[np.float64], task: IntArray, wanted: IntArray, n_tasks: int
) -> npt.NDArray[np.float64]:
    """The median duration of some tasks `[T]`, NaN for the others."""
    medians = np.full(n_tasks, np.nan)
    for one in wanted.tolist():
        medians[one] = np.nanmedian(duration[task == one])
    return medians


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:,.1f} hours"


def _one_duration(facts: Facts, duration: npt.NDArray[np.float64]) -> Iterator[Issue]:
    yield from _unchanging(
        facts,
        _always(facts, duration, duration > 0),
        "one-duration",
        "took equally long for every annotation",
    )


def _one_time(facts: Facts, submitted: pa.ChunkedArray) -> Iterator[Issue]:
    known = np.asarray(submitted.is_valid().to_numpy(), dtype=bool)
    when = np.asarray(submitted.cast(pa.int64()).fill_null(0).to_numpy())
    yield from _unchanging(
        facts,
        _always(facts, when, known),
        "one-submission-time",
        "submitted everything at one time",
    )


def _always(facts: Facts, value: npt.NDArray[np.generic], known: BoolArray) -> IntArray:
    """Annotators who have one value on all of their items, and enough items."""
    table, size = facts.table, len(facts.table.annotators)
    told = slice(None) if known.all() else known  # a slice copies nothing
    same = constant(table.annotator[told], value[told], size)
    rows = np.flatnonzero(known & same[table.annotator])
    distinct = pairs(table.annotator[rows], facts.item_id[table.item[rows]])
    return np.flatnonzero(np.bincount(distinct.left, minlength=size) >= ENOUGH_ITEMS)


def _unchanging(facts: Facts, who: IntArray, code: str, what: str) -> Iterator[Issue]:
    if not len(who):
        return
    yield facts.warning(
        code,
        f"{counted(len(who), 'annotator')} of {len(facts.table.annotators):,} with "
        f"{ENOUGH_ITEMS} items or more {what}, such as {facts.annotator_name(who[0])}",
        int(facts.first_of_annotator[who].min()),
        "the times may be those of an upload or of a batch, and not of the work",
        len(who),
    )
