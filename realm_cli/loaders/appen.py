"""Appen's (CrowdFlower's) full report: one row a judgement.

Its words in ours: a unit is an item, a contributor an annotator, a judgement a submission. Columns
that begin with `_` are the platform's own; `q_gold` is the gold of the question `q`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from realm_cli.loaders.answers import Given, Ticks
from realm_cli.loaders.base import Claim, Export, Loader, Record, Request
from realm_cli.loaders.columns import closest, listed
from realm_cli.loaders.csv_table import header_of, read_table
from realm_cli.loaders.submissions import Submission, Told, submission_rows
from realm_cli.loaders.tables import Table, TableRow
from realm_cli.loaders.values import Clock, is_missing, iso_time
from realm_cli.schema import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

UNIT, WORKER, GOLD = "_unit_id", "_worker_id", "_gold"


def detect(export: Export) -> Claim | None:
    """The platform's own columns."""
    names = set(header_of(export))
    if UNIT not in names:
        return None
    if WORKER in names:
        return Claim(f"a table with the columns {UNIT} and {WORKER}")
    aggregated = any(name.endswith(":confidence") for name in names)
    return Claim(f"a table with {UNIT} and confidences, and no {WORKER}") if aggregated else None


def read(export: Export, request: Request) -> Iterator[Record]:
    """One row a question and judgement.

    Raises:
        InputError: It is the aggregated report, or nobody but the user can tell the question.
    """
    table = read_table(export)
    if WORKER not in table.names and request.labelled and request.columns.annotator is None:
        raise export.refuse(
            "no-column:annotator",
            "this is the aggregated report: it holds one answer an item, and nobody's name; "
            "expertise is learned from who gave which label",
            hint="download the full report instead",
        )
    questions = _questions(table, request, export)
    gold = {name: name + GOLD for name in questions if name + GOLD in table.names}

    def submissions() -> Iterator[Told]:
        for row in table.rows():
            yield _submission(row, questions, gold) if isinstance(row, TableRow) else row

    yield from submission_rows(submissions, request, export, Clock(us_time))


def _submission(row: TableRow, questions: Sequence[str], gold: Mapping[str, str]) -> Submission:
    cells = row.cells
    tainted = str(cells.get("_tainted")).casefold() == "true"
    aside = {*questions, *(name for name in cells if name.startswith("_") or name.endswith(GOLD))}
    return Submission(
        line=row.line,
        data={name: cell for name, cell in cells.items() if name not in aside},
        item_id=cells.get(UNIT),
        keyed=True,
        annotator=cells.get(WORKER),
        answers={name: _answer(cells.get(name)) for name in questions},
        gold={name: _answer(cells.get(column)) for name, column in gold.items()},
        status=Status.REJECTED if tainted else Status.OK,
        said={
            "submitted_at": cells.get("_created_at"),
            "duration_s": _seconds(cells.get("_started_at"), cells.get("_created_at")),
            "group": cells.get("_channel") or None,
        },
        record=cells,
    )


def _answer(cell: Any) -> Given:
    """A JSON list or several lines are several options; anything else is a label."""
    if is_missing(cell):
        return None
    text = str(cell).strip()
    if text.startswith("["):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return text
        if isinstance(found, list):
            chosen = [str(one) for one in found if not is_missing(one)]
            return Ticks(dict.fromkeys(chosen, True), several=True, all_known=False)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > 1:
        return Ticks(dict.fromkeys(lines, True), several=True, all_known=False)
    return text


def _questions(table: Table, request: Request, export: Export) -> list[str]:
    """The columns that are answers: those with a gold column, else those that differ in a unit."""
    wanted = request.columns.label
    if wanted in table.names:
        return [str(wanted)]
    if wanted is not None and request.labelled:
        match = closest(wanted, table.names)
        raise export.refuse(
            "unknown-column:label",
            f"there is no column {wanted!r}; {listed(table.names)}",
            hint=f"did you mean --label-col {match}?" if match else "change --label-col",
        )
    own = [name for name in table.names if not name.startswith("_") and not name.endswith(GOLD)]
    with_gold = [name for name in own if name + GOLD in table.names]
    found = with_gold or [name for name in own if _differs(table, name)]
    if with_gold or len(found) == 1 or not request.labelled:
        return found
    raise _unclear(found, own, export)


def _differs(table: Table, name: str) -> bool:
    """Whether contributors have said different things about one unit; inputs never differ."""
    first: dict[Any, Any] = {}
    return any(first.setdefault(unit, cell) != cell for unit, cell in table.cells(UNIT, name))


def _unclear(found: Sequence[str], own: Sequence[str], export: Export) -> Exception:
    if found:
        return export.refuse(
            "ambiguous-column:label",
            f"ambiguous: {', '.join(found)} each differ between contributors of one unit",
            hint=f"choose the question with --label-col, for instance --label-col {found[0]}",
        )
    return export.refuse(
        "no-column:label",
        f"no column differs between contributors of one unit; {listed(own)}",
        hint="name the question with --label-col NAME",
    )


def us_time(text: str) -> datetime | None:
    """`3/24/2016 17:57:02`: month, day, year, in UTC."""
    try:
        return datetime.strptime(text.strip(), "%m/%d/%Y %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return iso_time(text)


def _seconds(start: Any, end: Any) -> float | None:
    begun, done = us_time(str(start)), us_time(str(end))
    if begun is None or done is None or done < begun:
        return None
    return (done - begun).total_seconds()


LOADER = Loader(
    name="appen",
    title="Appen's (CrowdFlower's) full report",
    detect=detect,
    read=read,
    reads="Columns with a `_gold` column beside them are questions; without any, the one column "
    "that differs between contributors of a unit. `--label-col` settles it. JSON lists and several "
    "lines are several options. Tainted judgements have status `rejected`; `_created_at`, "
    "`_started_at` and `_channel` become `submitted_at`, `duration_s` and `group`.",
    loses="Trust, country, region, city and address of contributors. The aggregated report names "
    "nobody and is refused.",
    example="appen.csv",
)
