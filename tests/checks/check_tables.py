"""Tables with one thing wrong, for tests of the checks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from tables import loaded, row

from realm_cli.annotations import AnnotationTable, build_table
from realm_cli.checks import check_trainable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from realm_cli.schema import Issue

Row = dict[str, Any]


def crowd(n_items: int = 12, annotators: Sequence[str] = ("ann", "bob", "cleo")) -> list[Row]:
    """Rows of which nothing is wrong: everybody labels everything, with two labels in turn."""
    return [
        row(f"i{item}", who, "yes" if (item + n) % 3 else "no", line=item * len(annotators) + n + 2)
        for item in range(n_items)
        for n, who in enumerate(annotators)
    ]


def built(rows: Sequence[Row], **columns: Sequence[Any]) -> AnnotationTable:
    """A table of such rows; `columns` are further ones."""
    file = loaded(rows)
    for name, values in columns.items():
        file = replace(file, table=file.table.append_column(name, pa.array(values, pa.string())))
    return build_table([file])[0]


def found(rows: Sequence[Row], code: str, **columns: Sequence[Any]) -> list[Issue]:
    """The issues of one kind."""
    return [one for one in check_trainable(built(rows, **columns)) if one.code == code]


def kinds(rows: Sequence[Row]) -> list[str]:
    """The kinds of all issues."""
    return [one.code for one in check_trainable(built(rows))]
