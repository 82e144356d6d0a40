"""Which rows are of one item, told by digests: 24 bytes a row, however long its text is.

What is labelled a piece at a time still has to be labelled once, and an item that comes again with
another text has to be found.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from realm_cli.coding import IntArray

Prints = npt.NDArray[np.uint64]
"""`[N, 3]`: two words for the item's key, one for its text and options."""

KEY, CONTENT = 16, 8
"""Bytes of each; two of a million keys are alike by accident once in 10^26 files."""


def fingerprints(rows: pa.Table) -> Prints:
    """Digests of canonical rows `[N, 3]`; options in another order are the same options."""
    names = ("task", "item_id", "text", "options")
    columns = [rows[name].to_pylist() for name in names]
    digests = b"".join(
        _digest([task, item], KEY) + _digest([text, sorted(options or ())], CONTENT)
        for task, item, text, options in zip(*columns, strict=True)
    )
    return np.frombuffer(digests, dtype=np.uint64).reshape(-1, 3)


def first_of_each(pieces: Sequence[Prints]) -> tuple[npt.NDArray[np.bool_], IntArray]:
    """Whether each row is the first of its item `[N]`, and the rows that contradict that first.

    Args:
        pieces: Digests, in the rows' order.
    """
    prints = np.concatenate(pieces) if pieces else np.empty((0, 3), np.uint64)
    order = np.lexsort((np.arange(len(prints)), prints[:, 1], prints[:, 0]))
    keys = prints[order, :2]
    starts = np.ones(len(prints), dtype=bool)
    starts[1:] = (keys[1:] != keys[:-1]).any(axis=1)
    firsts = order[starts]
    content = prints[:, 2]
    clash = content[order] != content[firsts][np.cumsum(starts) - 1]
    is_first = np.zeros(len(prints), dtype=bool)
    is_first[firsts] = True
    return is_first, np.sort(order[clash])


def _digest(values: Sequence[Any], size: int) -> bytes:
    return hashlib.blake2b(json.dumps(values).encode(), digest_size=size).digest()
