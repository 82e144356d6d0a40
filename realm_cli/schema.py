"""The vocabulary: item, annotator, annotation, task, label, gold; and what is wrong with them.

These models are the only place where a row's shape is written down. Vendor words are translated
to these names in `loaders/` and nowhere else.
"""

from __future__ import annotations

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


class Severity(StrEnum):
    """An error stops the command; a warning is shown and kept in the report."""

    ERROR = "error"
    WARNING = "warning"


class Issue(BaseModel):
    """One problem in the data, at one place."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    message: str
    severity: Severity = Severity.ERROR
    file: str | None = None
    line: int | None = None
    hint: str | None = None

    @property
    def place(self) -> str:
        """`file:line`, as far as it is known."""
        return ":".join(str(part) for part in (self.file, self.line) if part is not None)


def _as_text(value: Any) -> Any:
    """Ids and labels are text; whole numbers keep their digits, the rest is refused by pydantic."""
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


Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1), BeforeValidator(_as_text)
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
    fields: dict[str, Any] = Field(default_factory=dict)
    source_file: str
    source_line: int

    @model_validator(mode="after")
    def _gold_is_an_option(self) -> Self:
        if self.options and self.gold is not None and self.gold not in self.options:
            raise ValueError(f"the gold label {self.gold!r} is not among the options")
        return self


class Annotation(Item):
    """One annotator's answer to one task about one item: a row of the canonical table."""

    annotator_id: Text
    label: Text | None = None
    status: Status = Status.OK
    submitted_at: datetime | None = None
    duration_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    group: Text | None = None

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
        ("source_file", pa.string()),
        ("source_line", pa.int64()),
    ]
)
"""The canonical table; an item's other fields follow as further string columns.

Rows of items that nobody labelled have null annotator_id, label and status.
"""


def with_column(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    """The table with one of its columns replaced."""
    return rows.set_column(rows.schema.get_field_index(name), name, values)
