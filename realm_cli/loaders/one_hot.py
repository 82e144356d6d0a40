"""Long tables with a column of 0 and 1 for each label: one row an item and annotator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from realm_cli.loaders.answers import Given, Ticks
from realm_cli.loaders.any_table import open_table, sample, values_of
from realm_cli.loaders.base import LIKELY, Claim, Export, Loader, Record, Request
from realm_cli.loaders.columns import NAMES, fold
from realm_cli.loaders.submissions import Submission, Told, submission_rows
from realm_cli.loaders.tables import TableRow
from realm_cli.schema import DEFAULT_TASK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TRUE, FALSE = frozenset({"1", "true", "1.0"}), frozenset({"0", "false", "0.0"})
UNCLEAR = "unclear"
"""Part of the names of columns that say that somebody could not decide."""

ITEM_ID = ("item_id", "id")


def detect(export: Export) -> Claim | None:
    """Annotators, no label, and several columns of nothing but 0 and 1."""
    names, rows = sample(export)
    columns = label_columns(names, rows)
    if not columns:
        return None
    return Claim(f"one row an answer, and {len(columns)} columns of 0 and 1", LIKELY)


def read(export: Export, request: Request) -> Iterator[Record]:
    """The ticked labels of each row.

    Raises:
        InputError: No column is a label of 0 and 1.
    """
    names, rows = sample(export)
    columns = label_columns(names, rows)
    if not columns and request.labelled:
        raise export.refuse(
            "no-column:label",
            "there are no columns of 0 and 1 beside an annotator's, so none is taken for a label",
            hint="name the column of labels with --label-col and the format with --format csv",
        )
    table = open_table(export)
    person = _annotator(names)
    unclear = [name for name in columns if UNCLEAR in name.casefold()]
    labels = [name for name in columns if name not in unclear]

    def submissions() -> Iterator[Told]:
        for row in table.rows():
            if not isinstance(row, TableRow):
                yield row
                continue
            asked = {name: row.cells.get(name) for name in labels}
            answers: dict[str, Given] = {DEFAULT_TASK: _ticks(asked)}
            answers |= {name: _yes_no(row.cells.get(name)) for name in unclear}
            data = {name: cell for name, cell in row.cells.items() if name not in columns}
            who = data.pop(person, None) if person else None
            yield Submission(row.line, data, annotator=who, answers=answers, record=row.cells)

    yield from submission_rows(submissions, request, export)


def label_columns(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The columns of 0 and 1, in a table that has annotators and no label."""
    roles = {role: {fold(one) for rank in ranks for one in rank} for role, ranks in NAMES.items()}
    has = {role: any(fold(name) in known for name in names) for role, known in roles.items()}
    if not has["annotator"] or has["label"] or not (has["item"] or has["text"]) or not rows:
        return []
    known = set().union(*roles.values())
    found = [name for name in names if fold(name) not in known and _is_one_hot(rows, name)]
    return found if len(found) > 1 else []


def _is_one_hot(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    values = {str(value).strip().casefold() for value in values_of(rows, name)}
    return bool(values) and values <= TRUE | FALSE


def _annotator(names: Sequence[str]) -> str | None:
    for rank in NAMES["annotator"]:
        folded = {fold(name) for name in rank}
        found = [name for name in names if fold(name) in folded]
        if found:
            return found[0]
    return None


def _ticks(cells: Mapping[str, Any]) -> Ticks:
    return Ticks({name: str(cell).strip().casefold() in TRUE for name, cell in cells.items()})


def _yes_no(cell: Any) -> str:
    return "yes" if str(cell).strip().casefold() in TRUE else "no"


LOADER = Loader(
    name="one_hot",
    title="A long table with a column of 0 and 1 for each label",
    detect=detect,
    read=read,
    reads="One row is one answer. Where every row has exactly one 1 the columns are the options of "
    "one task; otherwise each is a yes/no task. Columns with `unclear` in their names are "
    "questions of their own.",
    loses="A row of zeros counts as empty: it may mean none of these, or no answer.",
    example="one_hot.csv",
    reads_text=False,
    by_shape=True,
)
