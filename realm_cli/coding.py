"""Text columns as integer codes: each distinct value once, and which of them each row has.

Arrays are named by what they index: `[N]` rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from realm_cli.schema import ENCODED_TEXT

IntArray = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int64] | npt.NDArray[np.int32]
BETWEEN_OPTIONS = "\x1f"
"""Between options where a list of them is one text for a while; hardly a label has it."""


def or_null(places: IntArray) -> pa.Array:
    """Places to take from, where -1 takes nothing."""
    return pa.array(places, mask=places < 0)


def codes(column: pa.ChunkedArray) -> tuple[tuple[str, ...], IntArray]:
    """Sorted distinct values of a text column, and each row's place among them `[N]` or -1."""
    words, found = distinct(column)
    used = np.zeros(len(words) + 1, dtype=bool)
    used[found] = True
    order = pc.sort_indices(words).to_numpy()
    order = order[used[order]].astype(np.int64)
    place = np.full(len(words) + 1, -1, dtype=np.int64)
    place[order] = np.arange(len(order))
    return tuple(words.take(pa.array(order)).to_pylist()), place[found]


def distinct(column: pa.ChunkedArray) -> tuple[pa.Array, Codes]:
    """Values of a text column in no order, some perhaps unused, and the place of each row's."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    whole = encoded.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # no chunk at all
        whole = pa.array([], ENCODED_TEXT)
    places = whole.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return whole.dictionary, np.asarray(places, dtype=np.int32)


def distinct_each(columns: Sequence[pa.ChunkedArray]) -> list[tuple[pa.Array, Codes]]:
    """The same of several columns at once: Arrow lets go of the interpreter while it works."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(distinct, columns))


def list_codes(column: pa.ChunkedArray) -> tuple[tuple[tuple[str, ...], ...], Codes]:
    """The distinct lists of a column and each row's place among them `[N]` or -1."""
    if _holds_separator(column):
        return _list_codes_one_by_one(column)
    joined = [pc.binary_join(chunk, BETWEEN_OPTIONS).dictionary_encode() for chunk in column.chunks]
    words, found = distinct(pa.chunked_array(joined, ENCODED_TEXT))
    return tuple(tuple(word.split(BETWEEN_OPTIONS)) for word in words.to_pylist()), found


def _holds_separator(column: pa.ChunkedArray) -> bool:
    found = (
        pc.any(pc.match_substring(c.flatten(), BETWEEN_OPTIONS)).as_py() for c in column.chunks
    )
    return any(found)


def _list_codes_one_by_one(
    column: pa.ChunkedArray,
) -> tuple[tuple[tuple[str, ...], ...], Codes]:
    known: dict[tuple[str, ...], int] = {}
    found = [
        -1 if options is None else known.setdefault(tuple(options), len(known))
        for options in column.to_pylist()
    ]
    return tuple(known), np.array(found, dtype=np.int64)


def pairs_of(
    task: IntArray, code: IntArray, n_tasks: int, n_words: int
) -> Iterator[tuple[int, int]]:
    """Which words each task has."""
    for n in range(n_tasks):
        there = code if n_tasks == 1 else code[task == n]
        counts = np.bincount(there + 1, minlength=n_words + 1)
        yield from ((n, found) for found in np.flatnonzero(counts[1:]).tolist())


def row_keys(rows: pa.Table, names: Sequence[str]) -> IntArray:
    """One number for each distinct combination of some text columns `[N]`."""
    key = np.zeros(rows.num_rows, dtype=np.int64)
    for name in names:
        words, code = distinct(rows[name])
        key = key * (len(words) + 1) + code
    return key


def place_of(rows: pa.Table, row: int) -> dict[str, Any]:
    """`file` and `line` of a row, for issues."""
    return {
        "file": rows["source_file"][row].as_py(),
        "line": rows["source_line"][row].as_py(),
    }
