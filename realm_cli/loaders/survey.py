"""Files of survey platforms that look like exports and hold no annotations yet. Refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from realm_cli.loaders.base import Claim, Export, Loader, Record, Request
from realm_cli.loaders.columns import fold
from realm_cli.loaders.csv_table import first_rows, header_of

if TYPE_CHECKING:
    from collections.abc import Iterator

PROLIFIC = frozenset({"submissionid", "participantid", "status", "timetaken"})


def detect(export: Export) -> Claim | None:
    """Qualtrics' third header row, or Prolific's columns."""
    rows = first_rows(export)
    if len(rows) > 2 and any(cell.startswith('{"ImportId"') for cell in rows[2]):
        return Claim("a Qualtrics survey: its third row names import ids")
    if {fold(name) for name in header_of(export)} >= PROLIFIC:
        return Claim("Prolific's list of participants")
    return None


def read(export: Export, request: Request) -> Iterator[Record]:  # noqa: ARG001 - the contract
    """Nothing: somebody has to say which question is about which item.

    Raises:
        InputError: Always.
    """
    claim = detect(export)
    if claim is not None and "Prolific" in claim.evidence:
        raise export.refuse(
            "no-annotations",
            "this is Prolific's list of participants; it tells who took part, and no labels",
            hint="export the answers from the tool that collected them, with Prolific's ids",
        )
    raise export.refuse(
        "no-annotations",
        "this is a survey with a column for each question; which question is about which item is "
        "not in the file",
        hint="convert it to one row an answer: item_id, annotator_id (ResponseId or PROLIFIC_PID), "
        "label",
    )


LOADER = Loader(
    name="survey",
    title="Survey files (Qualtrics, Prolific's participants)",
    detect=detect,
    read=read,
    reads="Nothing: they are recognised, and the message says what to do.",
    loses="Everything; a survey does not say which question is about which item.",
    example="qualtrics.csv",
)
