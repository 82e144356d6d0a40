"""Turkle's results: Mechanical Turk's columns without prices and rates, and a user's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from realm_cli.loaders import mturk
from realm_cli.loaders.base import CERTAIN, Claim, Export, Loader, Record, Request
from realm_cli.loaders.csv_table import header_of, read_table

if TYPE_CHECKING:
    from collections.abc import Iterator

USER = "Turkle.Username"


def detect(export: Export) -> Claim | None:
    """Its own column of user names."""
    found = USER in header_of(export)
    return Claim(f"a table with the column {USER}", CERTAIN) if found else None


def read(export: Export, request: Request) -> Iterator[Record]:
    """One row a question and assignment.

    Raises:
        InputError: As for Mechanical Turk's results.
    """
    yield from mturk.read_rows(read_table(export), export, request, worker=USER)


LOADER = Loader(
    name="turkle",
    title="Turkle's results CSV",
    detect=detect,
    read=read,
    reads="The same as of Mechanical Turk's results; the annotator is `Turkle.Username`.",
    loses="The same as of Mechanical Turk's results. There is no status: every answer counts.",
    example="turkle.csv",
)
