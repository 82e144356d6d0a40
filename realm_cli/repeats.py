"""Repeated answers: one annotator, one question, one item, and more than one answer."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from realm_cli.choices import Duplicates
from realm_cli.coding import IntArray, place_of, row_keys
from realm_cli.schema import MOST_LISTED, Issue, Severity


def resolve(rows: pa.Table, duplicates: Duplicates) -> tuple[pa.Table, list[Issue]]:
    """Keep one of the answers that one annotator gave to one question about one item.

    Which is the last or the first is told by time where every answer has one, else by the order
    in the files.

    Returns:
        The rows that count, and one issue for all that was repeated.
    """
    key = row_keys(rows, ("task", "item_id", "annotator_id"))
    order = np.argsort(key, kind="stable")
    same = key[order][1:] == key[order][:-1]
    if not same.any():
        return rows, []
    again = order[1:][same]
    if duplicates is Duplicates.ERROR:
        return rows, [_repeated_answer(rows, int(row), again) for row in again[:MOST_LISTED]]
    if duplicates is Duplicates.ALL:
        return rows, [_repeats(rows, again, "all of them count")]
    times = rows["submitted_at"]
    if times.null_count == 0:
        when = times.cast(pa.int64()).to_numpy()
        order = np.lexsort((np.arange(len(key)), when, key))
        same = key[order][1:] == key[order][:-1]
    drops = np.zeros(len(key), dtype=bool)
    last = duplicates is Duplicates.LAST
    drops[order[:-1][same] if last else order[1:][same]] = True
    which = f"the {duplicates.value} one counts"
    return rows.filter(pa.array(~drops)), [_repeats(rows, again, which)]


def _repeats(rows: pa.Table, again: IntArray, which: str) -> Issue:
    first = int(again.min())
    one = len(again) == 1
    return Issue(
        code="repeated-answers",
        severity=Severity.WARNING,
        message=f"{len(again):,} answer{' repeats' if one else 's repeat'} a question that the "
        f"same annotator had answered for the same item; {which}",
        **place_of(rows, first),
        hint="choose which count with --duplicates last, first, all or error",
        count=len(again),
    )


def _repeated_answer(rows: pa.Table, row: int, again: IntArray) -> Issue:
    return Issue(
        code="repeated-answers",
        message=f"annotator {rows['annotator_id'][row].as_py()!r} answers for item "
        f"{rows['item_id'][row].as_py()!r} again",
        **place_of(rows, row),
        hint="say which answer counts with --duplicates last, first or all",
        count=len(again) - MOST_LISTED + 1 if row == again[:MOST_LISTED][-1] else 1,
    )
