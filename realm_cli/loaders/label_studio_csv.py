"""Label Studio's CSV and TSV exports: one row an annotation, as lossy as JSON_MIN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from realm_cli.loaders.base import Claim, Export, Loader, Record, Request
from realm_cli.loaders.csv_table import header_of, read_table
from realm_cli.loaders.label_studio_min import MARKS, flat_rows

if TYPE_CHECKING:
    from collections.abc import Iterator


def detect(export: Export) -> Claim | None:
    """A header with annotator, annotation_id and lead_time."""
    if export.head.lstrip()[:1] in ("[", "{") or not set(header_of(export)) >= MARKS:
        return None
    return Claim("a table with the columns annotator, annotation_id and lead_time")


def read(export: Export, request: Request) -> Iterator[Record]:
    """One row a question and annotation."""
    yield from flat_rows(read_table(export), export, request)


LOADER = Loader(
    name="label_studio_csv",
    title="Label Studio's CSV and TSV exports",
    detect=detect,
    read=read,
    reads="The same as of JSON-MIN; lists and objects are JSON text in the cells. The delimiter is "
    "told by the header, because TSV exports are often named .csv.",
    loses="The same as JSON-MIN, and a field `data.id` takes the place of the task's own id. A "
    "warning says so: export JSON instead.",
    example="label_studio.csv",
)
