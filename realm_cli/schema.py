"""The vocabulary: item, annotator, annotation, task, label, gold; and what is wrong with them.

These models are the only place where a row's shape is written down. Vendor words are translated
to these names in `loaders/` and nowhere else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

import pyarrow as pa
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

DEFAULT_TASK = "label"
"""The task's name where a file asks one question and does not name it."""


class Status(StrEnum):
    """Whether an annotation counts as an answer, and why not."""

    OK = "ok"
    SKIPPED = "skipped"
    EMPTY = "empty"
    REJECTED = "rejected"
    PENDING = "pending"
    MODEL = "model"


class Scale(StrEnum):
    """How a task's labels relate: names only, steps in an order, or numbers."""

    NOMINAL = "nominal"
    ORDINAL = "ordinal"
    INTERVAL = "interval"


class Origin(StrEnum):
    """Where an answer came from: the annotator's own head, a pre-label accepted, or a model."""

    MANUAL = "manual"
    PRE_LABEL = "pre-label"
    MODEL = "model"


class Severity(StrEnum):
    """An error stops the command; a warning is kept in the report; a note is shown once."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Issue(BaseModel):
    """One problem in the data, at one place; or all the further ones of its kind.

    Attributes:
        code: The kind of problem, for machines.
        message: One sentence for people.
        severity: Whether it stops the command.
        file: Where it is.
        line: Line or record in that file, from 1.
        hint: What to do about it.
        count: How many problems it stands for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    message: str
    severity: Severity = Severity.ERROR
    file: str | None = None
    line: int | None = None
    hint: str | None = None
    count: int = 1

    @property
    def place(self) -> str:
        """`file:line`, as far as it is known."""
        return ":".join(str(part) for part in (self.file, self.line) if part is not None)


MOST_LISTED = 20
"""How many problems of one kind are kept one by one; the rest of the kind is counted."""


class Findings:
    """Gathers problems: the first `MOST_LISTED` of each kind as they are, then only their number.

    A file of a million bad rows must neither fill the memory nor the screen.
    """

    def __init__(self, issues: Iterable[Issue] = ()) -> None:
        self._listed: list[Issue] = []
        self._counts: Counter[tuple[str, Severity]] = Counter()
        self._last: dict[tuple[str, Severity], Issue] = {}
        self.extend(issues)

    def add(self, issue: Issue) -> None:
        """Take in a problem."""
        kind = issue.code, issue.severity
        if self._counts[kind] < MOST_LISTED:
            self._listed.append(issue)
        else:
            self._last[kind] = issue
        self._counts[kind] += issue.count

    def extend(self, issues: Iterable[Issue]) -> None:
        """Take in several."""
        for issue in issues:
            self.add(issue)

    def __bool__(self) -> bool:
        return bool(self._listed)

    @property
    def has_errors(self) -> bool:
        """Whether one of them stops the command."""
        return any(severity is Severity.ERROR for _, severity in self._counts)

    def all(self) -> tuple[Issue, ...]:
        """The listed ones in their order, then one for the rest of each kind."""
        return (*self._listed, *map(self._rest, self._last))

    def _rest(self, kind: tuple[str, Severity]) -> Issue:
        listed = sum(issue.count for issue in self._listed if (issue.code, issue.severity) == kind)
        count = self._counts[kind] - listed
        message = f"{count:,} more of the same kind, the last one here"
        return self._last[kind].model_copy(
            update={"message": message, "hint": None, "count": count}
        )


def _as_text(value: Any) -> Any:
    """Ids and labels are text; whole numbers keep their digits, the rest is refused by pydantic."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value


def _distinct(options: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(options)) < len(options):
        raise ValueError("the options repeat one another")
    return options


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds a NUL character")
    return text


Text = Annotated[
    str,
    StringConstraints(min_length=1),
    AfterValidator(_without_nul),
    BeforeValidator(_as_text),
]
Options = Annotated[tuple[Text, ...], Field(min_length=2), AfterValidator(_distinct)]


class Item(BaseModel):
    """The thing labelled, as one task asks about it; its key is (task, item_id)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item_id: Text
    task: Text = DEFAULT_TASK
    text: Text | None = None
    options: Options | None = None
    gold: Text | None = None
    scale: Scale | None = None
    fields: dict[str, Any] = Field(default_factory=dict)
    source_file: str
    source_line: int

    @model_validator(mode="after")
    def _gold_is_an_option(self) -> Self:
        if self.options and self.gold is not None and self.gold not in self.options:
            raise ValueError(f"the gold label {self.gold!r} is not among the options")
        return self


class Annotation(Item):
    """One annotator's answer to one task about one item: a row of the canonical table.

    Attributes:
        origin: Where the answer came from, as far as the export says.
        edited: Whether somebody else changed it after the annotator.
        is_gold: Whether this answer is itself the item's gold, so that it cannot be scored on it.
    """

    annotator_id: Text
    label: Text | None = None
    status: Status = Status.OK
    submitted_at: datetime | None = None
    duration_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    group: Text | None = None
    origin: Origin | None = None
    edited: bool | None = None
    is_gold: bool | None = None

    @model_validator(mode="after")
    def _an_answer_has_a_label(self) -> Self:
        if self.status is Status.OK and self.label is None:
            raise ValueError("the label is missing")
        return self

    @model_validator(mode="after")
    def _label_is_an_option(self) -> Self:
        known = self.label is None or self.options is None or self.label in self.options
        if not known:
            shown = ", ".join(repr(option) for option in self.options or ())
            raise ValueError(f"the label {self.label!r} is not among the options ({shown})")
        return self


CANONICAL_SCHEMA = pa.schema(
    [
        ("item_id", pa.string()),
        ("task", pa.string()),
        ("annotator_id", pa.string()),
        ("label", pa.string()),
        ("text", pa.string()),
        ("options", pa.list_(pa.string())),
        ("gold", pa.string()),
        ("status", pa.string()),
        ("submitted_at", pa.timestamp("us", tz="UTC")),
        ("duration_s", pa.float64()),
        ("group", pa.string()),
        ("scale", pa.string()),
        ("origin", pa.string()),
        ("edited", pa.bool_()),
        ("is_gold", pa.bool_()),
        ("source_file", pa.string()),
        ("source_line", pa.int64()),
    ]
)
"""The canonical table; an item's other fields follow as further string columns.

Rows of items that nobody labelled have null annotator_id, label and status.
"""


ENCODED_TEXT = pa.dictionary(pa.int32(), pa.string())
ROW_SCHEMA = pa.schema(
    [
        (column.name, ENCODED_TEXT if column.type == pa.string() else column.type)
        for column in CANONICAL_SCHEMA
    ]
)
"""The canonical table in memory, where every distinct text is kept once."""


def compact(parts: list[pa.Table]) -> pa.Table:
    """The rows of several tables in one, each distinct text kept once for all of them.

    The list is emptied and the columns are brought together one by one, so that the parts of a
    large table are never all in memory twice.
    """
    rows = pa.concat_tables(parts, promote_options="default")
    parts.clear()
    names, columns = rows.column_names, rows.columns
    nothing = pa.chunked_array([pa.nulls(rows.num_rows, ENCODED_TEXT)])
    del rows
    for place, column in enumerate(columns):
        if pa.types.is_dictionary(column.type) and column.num_chunks != 1:
            empty = column.null_count == len(column)
            whole = nothing if empty else column.unify_dictionaries().combine_chunks()
            columns[place] = whole if empty else pa.chunked_array([whole])
    return pa.table(columns, names=names)


def plain(rows: pa.Table) -> pa.Table:
    """Rows as they are written: text as text."""
    columns = [
        column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
        for column in rows.columns
    ]
    return pa.table(columns, names=rows.column_names)


def with_column(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    """The table with one of its columns replaced."""
    return rows.set_column(rows.schema.get_field_index(name), name, values)
