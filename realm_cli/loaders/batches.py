"""Checks of many rows at once, column by column: the same rules as `schema`, for Arrow.

Only rows that are plainly good pass here. Whatever is missing, odd or of an unusual type is left
to the check row by row, which knows how to say what is wrong; so both come to the same result,
and the ten million good rows of a large file cost no Python object each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from realm_cli.loaders.values import EXACT_FLOAT, as_text, iso_time
from realm_cli.schema import (
    DEFAULT_TASK,
    ENCODED_TEXT,
    ROW_SCHEMA,
    Origin,
    Scale,
    Status,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from realm_cli.loaders.base import RawBatch

Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]

WORDS = {"status": set(Status), "scale": set(Scale), "origin": set(Origin)}
"""Columns that know a few words only."""

NEEDED = ("item_id", "task")


class NotPlainError(Exception):
    """A column is of a type that only the check row by row understands."""


def plain_rows(batch: RawBatch, n_rows: int, *, file: str, labelled: bool) -> tuple[pa.Table, Mask]:
    """The plainly good rows of a batch as a table, and which rows those are `[n_rows]`.

    Args:
        batch: Columns as found.
        n_rows: How many rows it has.
        file: Where they come from.
        labelled: Rows are annotations, not bare items.
    """
    try:
        columns, good = _columns(batch, n_rows, labelled=labelled)
    except NotPlainError:
        return ROW_SCHEMA.empty_table(), np.zeros(n_rows, dtype=bool)
    lines = np.arange(batch.line, batch.line + n_rows, dtype=np.int64)
    columns.setdefault("source_file", _repeated(file, n_rows))
    columns.setdefault("source_line", pa.array(lines))
    table = pa.table(
        {
            **{
                column.name: columns.get(column.name, pa.nulls(n_rows, column.type))
                for column in ROW_SCHEMA
            },
            **{name: _field(column) for name, column in batch.fields.items()},
        }
    )
    return (table if good.all() else table.filter(pa.array(good))), good


def _columns(batch: RawBatch, n_rows: int, *, labelled: bool) -> tuple[dict[str, pa.Array], Mask]:
    """The canonical columns, and which rows are plainly good."""
    found = {name: READERS.get(name, _text)(column) for name, column in batch.columns.items()}
    found.setdefault("task", _repeated(DEFAULT_TASK, n_rows))
    if labelled and "status" not in found:
        found["status"] = _repeated(Status.OK.value, n_rows)
    good = np.ones(n_rows, dtype=bool)
    for name in (*NEEDED, *(("annotator_id", "status") if labelled else ())):
        good &= _valid(found[name]) if name in found else False
    for name, column in found.items():
        if name in WORDS:
            good &= _mask(pc.or_(pc.is_null(column), pc.is_in(column, pa.array(WORDS[name]))))
        # text that is there but blank, and cells that could not be read, need a closer look
        good &= ~(_present(batch.columns.get(name), n_rows) & ~_valid(column))
    if labelled:
        answered = _valid(found["label"]) if "label" in found else np.zeros(n_rows, dtype=bool)
        good &= answered | ~_mask(pc.equal(found["status"], Status.OK.value))
    if "duration_s" in found:
        sound = pc.and_(pc.is_finite(found["duration_s"]), pc.greater_equal(found["duration_s"], 0))
        good &= _mask(pc.fill_null(sound, True))
    if "options" in found:
        good &= _options_hold(found)
    return found, good


def _mask(column: pa.Array) -> Mask:
    return np.asarray(pc.fill_null(column, False).to_numpy(zero_copy_only=False), dtype=bool)


def _valid(column: pa.Array) -> Mask:
    return _mask(column.is_valid())


def _present(column: pa.Array | None, n_rows: int) -> Mask:
    """Where the file says something, NaN aside."""
    if column is None:
        return np.zeros(n_rows, dtype=bool)
    if pa.types.is_floating(column.type):
        return _mask(pc.and_(column.is_valid(), pc.invert(pc.is_nan(column))))
    return _valid(column)


def _repeated(value: str, n_rows: int) -> pa.Array:
    indices = pa.array(np.zeros(n_rows, dtype=np.int32))
    return pa.DictionaryArray.from_arrays(indices, pa.array([value], pa.string()))


def _text(column: pa.Array) -> pa.Array:
    """A column of ids or labels as text, each distinct one kept once; blank becomes null."""
    if pa.types.is_floating(column.type):
        column = _whole_numbers(column)
    if pa.types.is_integer(column.type) or pa.types.is_boolean(column.type):
        column = column.cast(pa.string())
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), ENCODED_TEXT)
    if not pa.types.is_dictionary(column.type):
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            raise NotPlainError
        column = column.cast(pa.string()).dictionary_encode()
    words = column.dictionary
    if not (pa.types.is_string(words.type) or pa.types.is_large_string(words.type)):
        raise NotPlainError
    words = words.cast(pa.string())
    if pc.any(pc.match_substring(words, "\0")).as_py():
        raise NotPlainError
    trimmed = pc.utf8_trim_whitespace(words)
    if not trimmed.equals(words):
        return _recoded(column.indices, trimmed)
    return pa.DictionaryArray.from_arrays(column.indices.cast(pa.int32()), words)


def _recoded(indices: pa.Array, words: pa.Array) -> pa.Array:
    """Codes for words that are not distinct any more; blank ones become null."""
    words = pc.if_else(pc.equal(words, ""), None, words)
    return words.take(indices).dictionary_encode()


def _whole_numbers(column: pa.Array) -> pa.Array:
    """Whole numbers that came as floats because some were missing."""
    column = pc.if_else(pc.is_nan(column), None, column)
    whole = pc.and_(pc.equal(pc.floor(column), column), pc.less(pc.abs(column), float(EXACT_FLOAT)))
    if not pc.all(pc.fill_null(whole, True)).as_py():
        raise NotPlainError
    return column.cast(pa.int64())


def _words(column: pa.Array) -> pa.Array:
    return _text(column)


def _options(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_null(kind):
        return pa.nulls(len(column), pa.list_(pa.string()))
    listed = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    if not listed or not pa.types.is_string(kind.value_type):
        raise NotPlainError
    empty = pc.equal(pc.list_value_length(column), 0)
    if pc.any(empty).as_py():
        raise NotPlainError
    return column.cast(pa.list_(pa.string()))


def _time(column: pa.Array) -> pa.Array:
    """Times in UTC; those that name no zone are taken for UTC, as in `values.iso_time`."""
    utc = pa.timestamp("us", tz="UTC")
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), utc)
    if pa.types.is_timestamp(column.type):
        return column.cast(utc, safe=False) if column.type.tz else _in_utc(column)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not pa.types.is_string(column.type):
        raise NotPlainError
    try:
        return column.cast(utc)
    except pa.ArrowInvalid:
        words = column.dictionary_encode()
        times = [iso_time(word) for word in words.dictionary.to_pylist()]
        if any(time is None for time in times):
            raise NotPlainError from None  # the warning about it is made row by row
        return pa.array(times, utc).take(words.indices)


def _in_utc(column: pa.Array) -> pa.Array:
    return column.cast(pa.timestamp("us"), safe=False).cast(pa.timestamp("us", tz="UTC"))


def _number(column: pa.Array) -> pa.Array:
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), pa.float64())
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise NotPlainError
    numbers = column.cast(pa.float64())
    return pc.if_else(pc.is_nan(numbers), None, numbers)


def _flag(column: pa.Array) -> pa.Array:
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), pa.bool_())
    if not pa.types.is_boolean(column.type):
        raise NotPlainError
    return column


def _line(column: pa.Array) -> pa.Array:
    if not pa.types.is_integer(column.type) or column.null_count:
        raise NotPlainError
    return column.cast(pa.int64())


READERS: Mapping[str, Callable[[pa.Array], pa.Array]] = {
    "options": _options,
    "submitted_at": _time,
    "duration_s": _number,
    "edited": _flag,
    "is_gold": _flag,
    "source_line": _line,
}
"""Canonical column -> what brings it into its type; all others are text."""


def _options_hold(columns: Mapping[str, pa.Array]) -> Mask:
    """Whether each list has two different options or more, and label and gold are among them."""
    options = columns["options"]
    given = _valid(options)
    lengths = pc.fill_null(pc.list_value_length(options), 0).to_numpy(zero_copy_only=False)
    row = np.repeat(np.arange(len(options)), lengths)
    flat = options.flatten().dictionary_encode()
    if flat.null_count or not pc.all(_trimmed(flat.dictionary)).as_py():
        raise NotPlainError
    option = flat.indices.to_numpy().astype(np.int64)
    good = ~given | (lengths >= 2)
    good &= ~_repeats(row, option, len(flat.dictionary), len(options))
    for name in ("label", "gold"):
        if name in columns:
            wanted = _codes_among(columns[name], flat.dictionary)
            hit = np.bincount(row, option == wanted[row], minlength=len(options)) > 0
            good &= ~given | ~_valid(columns[name]) | hit
    return np.asarray(good, dtype=bool)


def _trimmed(words: pa.Array) -> pa.Array:
    same = pc.and_(pc.equal(pc.utf8_trim_whitespace(words), words), pc.not_equal(words, ""))
    return pc.and_(same, pc.invert(pc.match_substring(words, "\0")))


def _repeats(row: Codes, option: Codes, n_words: int, n_rows: int) -> Mask:
    """Whether a list names one option twice."""
    keys = np.sort(row * n_words + option)
    twice = keys[1:][keys[1:] == keys[:-1]] // max(n_words, 1)
    return np.asarray(np.bincount(twice, minlength=n_rows) > 0, dtype=bool)


def _codes_among(column: pa.Array, words: pa.Array) -> Codes:
    """Where each row's text stands among `words`, -1 where nowhere."""
    places = pc.fill_null(pc.index_in(column.dictionary, words), -1)
    found = places.take(column.indices)
    return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), dtype=np.int64)


def _field(column: pa.Array) -> pa.Array:
    """A further field as text; see `values.as_text`."""
    kind = column.type
    if pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type):
        return pa.DictionaryArray.from_arrays(column.indices.cast(pa.int32()), column.dictionary)
    if pa.types.is_integer(kind):
        column = column.cast(pa.string())
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return column.cast(pa.string()).dictionary_encode()
    return pa.array(
        [as_text(value) for value in column.to_pylist()], pa.string()
    ).dictionary_encode()
