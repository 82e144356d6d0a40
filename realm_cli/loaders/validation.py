"""Raw rows -> checked rows in Arrow, and every problem as one plain sentence."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pydantic import ValidationError

from realm_cli.errors import InputError
from realm_cli.loaders.base import Dropped, RawBatch, RawRow, Record
from realm_cli.loaders.batches import plain_rows
from realm_cli.loaders.values import as_text
from realm_cli.schema import (
    ENCODED_TEXT,
    ROW_SCHEMA,
    Annotation,
    Findings,
    Issue,
    Item,
    Severity,
    Status,
    compact,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

CHUNK = 4096

WORDS = {
    "item_id": "item id",
    "annotator_id": "annotator id",
    "submitted_at": "time",
    "duration_s": "duration",
}
"""Canonical name -> what a sentence calls it, where the name itself will not do."""

STAND_INS: dict[str, dict[str, Any]] = {
    "item_id": {"item_id": "?"},
    "annotator_id": {"annotator_id": "?"},
    "label": {"status": Status.EMPTY},
    "status": {"status": Status.EMPTY},
}
"""Bad field -> what to put there, so that the rules which span fields still get their turn."""


@dataclass
class Checked:
    """The rows of one file, checked.

    Attributes:
        table: The good rows, canonical, with the other fields behind.
        n_rows: All rows: good, bad and dropped.
        dropped: Reason -> rows that are no answers.
        findings: The problems, in file order.
        mapping: Canonical column name -> what the file calls it.
    """

    table: pa.Table
    n_rows: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    findings: Findings = field(default_factory=Findings)
    mapping: dict[str, str] = field(default_factory=dict)


def check_rows(records: Iterable[Record], *, file: str, labelled: bool = True) -> Checked:
    """Check every row against the schema.

    Args:
        records: What a loader yields.
        file: Where they come from, for messages.
        labelled: Rows are annotations, not bare items.

    Returns:
        The good rows and all the problems; nothing is raised, so that all problems are seen.
    """
    checked = Checked(ROW_SCHEMA.empty_table())
    writer = _Writer()
    try:
        for record in records:
            if isinstance(record, RawBatch):
                _take_batch(record, file, labelled, checked, writer)
            else:
                _take(record, file, labelled, checked, writer)
    except InputError as error:  # the loader gave up; what was found before still counts
        checked.findings.extend(error.issues)
    checked.table = writer.finish()
    return checked


def in_pieces(records: Iterable[Record], size: int) -> Iterator[Iterator[Record]]:
    """Records in stretches of so many rows, each of which is to be used up before the next."""
    rest = iter(records)
    ended = False

    def piece() -> Iterator[Record]:
        nonlocal ended
        n_rows = 0
        for record in rest:
            yield record
            n_rows += _size(record) if isinstance(record, RawBatch) else 1
            if n_rows >= size:
                return
        ended = True

    while not ended:
        yield piece()


def _take(
    record: RawRow | Dropped | Issue, file: str, labelled: bool, checked: Checked, writer: _Writer
) -> None:
    row = _good_row(record, file, labelled, checked)
    if row is not None and isinstance(record, RawRow):
        checked.mapping = checked.mapping or dict(record.names)
        writer.add(row, record.fields)


def _size(batch: RawBatch) -> int:
    return len(next(iter(batch.columns.values()), ()))


def _take_batch(
    batch: RawBatch, file: str, labelled: bool, checked: Checked, writer: _Writer
) -> None:
    """The plainly good rows as they are, the others one by one."""
    n_rows = _size(batch)
    table, good = plain_rows(batch, n_rows, file=file, labelled=labelled)
    checked.n_rows += table.num_rows
    checked.mapping = checked.mapping or dict(batch.names)
    if labelled:
        for count in table["status"].value_counts().to_pylist():
            if count["values"] != Status.OK.value:
                checked.dropped[count["values"]] += count["counts"]
    if good.all():
        writer.add_table(table)
        return
    odd, kept = _Writer(), []
    for position in np.flatnonzero(~good).tolist():
        raw = batch.row(position)
        row = _good_row(raw, file, labelled, checked)
        if row is not None:
            odd.add(row, raw.fields)
            kept.append(position)
    rows = pa.concat_tables([table, odd.finish()], promote_options="default")
    writer.add_table(rows.take(np.argsort([*np.flatnonzero(good), *kept])))


def _good_row(
    record: RawRow | Dropped | Issue, file: str, labelled: bool, checked: Checked
) -> dict[str, Any] | None:
    """The checked row, if the record is one and is good; everything else is booked."""
    if isinstance(record, Issue):
        checked.findings.add(record)
        checked.n_rows += record.severity is Severity.ERROR
        return None
    checked.n_rows += 1
    if isinstance(record, Dropped):
        checked.dropped[record.reason] += 1
        return None
    row, issues = _check(record, Annotation if labelled else Item, file)
    checked.findings.extend(issues)
    if row is not None and labelled and row["status"] is not Status.OK:
        checked.dropped[row["status"].value] += 1
    return row


def _check(raw: RawRow, model: type[Item], file: str) -> tuple[dict[str, Any] | None, list[Issue]]:
    given = {"source_file": file, "source_line": raw.line, **raw.values}
    try:
        row = model(**given)
    except ValidationError as error:
        return None, [_issue(raw, file, *found) for found in _problems(error, model, given)]
    return vars(row), []


def _problems(
    error: ValidationError, model: type[Item], given: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Code and sentence of each problem of a row, one a field."""
    problems = _by_field(error)
    if "" not in problems:
        problems.update(_problems_across_fields(problems, model, given))
    return list(problems.values())


def _problems_across_fields(
    bad: Collection[str], model: type[Item], given: Mapping[str, Any]
) -> dict[str, tuple[str, str]]:
    """What else is wrong with a row, once its bad fields are out of the way."""
    rest = {name: value for name, value in given.items() if name not in bad}
    for name in bad:
        rest.update(STAND_INS.get(name, {}))
    try:
        model(**rest)
    except ValidationError as error:
        return _by_field(error)
    return {}


def _by_field(error: ValidationError) -> dict[str, tuple[str, str]]:
    """The first problem of each field; what concerns the row as a whole is under ""."""
    problems: dict[str, tuple[str, str]] = {}
    for detail in error.errors(include_url=False):
        problems.setdefault(_field(detail), _sentence(detail))
    return problems


def _field(detail: Any) -> str:
    return str(detail["loc"][0]) if detail["loc"] else ""


def _sentence(detail: Any) -> tuple[str, str]:
    """A code for machines and a sentence for people, instead of pydantic's words."""
    name, kind, value = _field(detail), detail["type"], detail["input"]
    word = WORDS.get(name, name)
    if kind == "value_error":
        sentence = str(detail["ctx"]["error"])
        if sentence.startswith("holds "):  # said of a text, whatever part it plays
            return f"bad-{name}", f"the {word} {sentence}"
        return _code(name, sentence), sentence
    if kind in ("missing", "string_too_short") or value is None:
        one = f"one of the {word}" if len(detail["loc"]) > 1 else f"the {word}"
        return f"missing-{name}", f"{one} is {'empty' if name == 'options' else 'missing'}"
    return f"bad-{name}", _mismatch(name, word, kind, value)


def _code(name: str, sentence: str) -> str:
    """The same problem has the same code, whatever values its sentence quotes."""
    if sentence.endswith("is missing"):
        return "missing-label"
    if "not among the options" in sentence:
        return "gold-outside-options" if "gold" in sentence else "label-outside-options"
    return f"bad-{name}"


def _mismatch(name: str, word: str, kind: str, value: Any) -> str:
    if name == "options":
        few = kind == "too_short"
        return "there are fewer than two options" if few else "the options are not a list of texts"
    wanted = {
        "status": "one of " + ", ".join(Status),
        "duration_s": "a number of seconds, 0 or more",
        "submitted_at": "a date and time",
    }
    shown = repr(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "…"
    return f"the {word} is {shown}, not {wanted.get(name, 'a text or a whole number')}"


def _issue(raw: RawRow, file: str, code: str, sentence: str) -> Issue:
    note = f"{raw.note}: " if raw.note else ""
    return Issue(
        code=code, message=note + _with_column(sentence, raw.names), file=file, line=raw.line
    )


def _with_column(sentence: str, names: Mapping[str, str]) -> str:
    """Name the file's own column beside ours, where it is called something else."""
    for name, column in names.items():
        word = f"the {WORDS.get(name, name)} "
        if sentence.startswith(word) and column != name:
            return f"{word}(column {column!r}) {sentence.removeprefix(word)}"
    return sentence


class _Writer:
    """Gathers rows into Arrow, a chunk at a time, so that the pydantic objects can go."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._fields: list[Mapping[str, Any]] = []
        self._chunks: list[pa.Table] = [ROW_SCHEMA.empty_table()]

    def add(self, row: dict[str, Any], fields: Mapping[str, Any]) -> None:
        """One checked row and the item's other fields."""
        self._rows.append(row)
        self._fields.append(fields)
        if len(self._rows) >= CHUNK:
            self._flush()

    def add_table(self, table: pa.Table) -> None:
        """Many checked rows."""
        self._flush()
        self._chunks.append(table)

    def finish(self) -> pa.Table:
        """All rows in one table."""
        self._flush()
        return compact(self._chunks)

    def _flush(self) -> None:
        if not self._rows:
            return
        columns = {
            column.name: pa.array([row.get(column.name) for row in self._rows], type=column.type)
            for column in ROW_SCHEMA
        }
        for name in dict.fromkeys(name for fields in self._fields for name in fields):
            texts = [as_text(fields.get(name)) for fields in self._fields]
            columns[name] = pa.array(texts, type=ENCODED_TEXT)
        self._chunks.append(pa.table(columns))
        self._rows, self._fields = [], []
