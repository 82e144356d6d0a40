"""What a second file knows of the items: their texts, options and gold, put in by item id."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from realm_cli.errors import InputError
from realm_cli.schema import Issue, Severity, with_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from realm_cli.loaders.base import LoadedFile

KNOWN = ("text", "options", "gold")


def complete(file: LoadedFile, items: Sequence[LoadedFile]) -> LoadedFile:
    """Put in what rows lack of their items; what they have stays.

    Args:
        file: Annotations.
        items: Items by the same ids; the first row that names an id counts.

    Raises:
        InputError: The files have no item id in common.
    """
    known = pa.concat_tables([one.table for one in items], promote_options="default")
    ids = known["item_id"].cast(pa.string()).combine_chunks()
    wanted = file.table["item_id"].cast(pa.string())
    place = pc.index_in(wanted, ids)  # the first of several
    missing = place.null_count
    if missing == len(place):
        raise InputError(
            f"none of the items of {file.path} is in {items[0].path}",
            hint="the ids must be the same in both; choose their column with --item-col",
        )
    rows = file.table
    for name in KNOWN:
        there = known[name].take(place)
        rows = with_column(rows, name, _either(rows[name], there))
    issues = (*file.issues, _not_known(file, items, missing)) if missing else file.issues
    return replace(file, table=rows, issues=issues)


def _either(first: pa.ChunkedArray, second: pa.ChunkedArray) -> pa.ChunkedArray:
    """The first where it is there, else the second."""
    if not pa.types.is_dictionary(first.type):
        return pc.coalesce(first, second.cast(first.type))
    text = pa.string()
    return pc.coalesce(first.cast(text), second.cast(text)).dictionary_encode()


def _not_known(file: LoadedFile, items: Sequence[LoadedFile], missing: int) -> Issue:
    return Issue(
        code="items-not-found",
        severity=Severity.WARNING,
        message=f"{missing:,} annotations are of items that {items[0].path} does not have",
        file=str(file.path),
        count=missing,
    )
