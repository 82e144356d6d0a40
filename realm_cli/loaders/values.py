"""Cells: what counts as missing, how a value becomes text, options, a time, an id."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from realm_cli.schema import Issue, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EXACT_FLOAT = 2**53
"""Above this a float no longer names one whole number, so its digits are not made up."""


def is_missing(value: Any) -> bool:
    """Whether a cell says nothing: null, NaN or blank text."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and math.isnan(value))


def present(values: dict[str, Any]) -> dict[str, Any]:
    """The values that say something."""
    return {name: value for name, value in values.items() if not is_missing(value)}


def as_text(value: Any) -> str | None:
    """A field as text: scalars plainly, everything else as JSON, missing as None."""
    if is_missing(value):
        return None
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace")
    if isinstance(value, float):
        whole = value.is_integer() and abs(value) < EXACT_FLOAT
        return str(int(value)) if whole else repr(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return _as_json(value)


def _as_json(value: Any) -> str:
    if isinstance(value, bool | int | dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def as_options(value: Any) -> Any:
    """A cell of options as a list: a list as it is, JSON text parsed, other text cut at `|`.

    Anything else is handed on as it is, for the row's validation to refuse.
    """
    if isinstance(value, str):
        value = _options_in_text(value)
    return None if isinstance(value, list | tuple) and not value else value


def _options_in_text(text: str) -> Any:
    if text.lstrip().startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            pass  # an option may well begin with a bracket
    return text.split("|")


def digest(*parts: Any) -> str:
    """A stable id for what has no id of its own."""
    text = json.dumps(parts, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()[:16]


def iso_time(text: str) -> datetime | None:
    """An ISO-8601 time, in UTC where it names no zone; None where it is none."""
    try:
        time = datetime.fromisoformat(text.strip())
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


class Clock:
    """Reads a file's times, and remembers those that it could not read.

    When somebody answered is worth having and never worth refusing an answer for, so a time that
    makes no sense is left empty and all of them together give one warning.
    """

    def __init__(self, parse: Callable[[str], datetime | None] = iso_time) -> None:
        self._parse = parse
        self._failed: list[tuple[int, str]] = []

    def read(self, value: Any, line: int) -> datetime | None:
        """The time in a cell, or None."""
        if is_missing(value):
            return None
        text = value.isoformat() if isinstance(value, datetime) else str(value)
        time = iso_time(text) if isinstance(value, datetime) else self._parse(text)
        if time is None:
            self._failed.append((line, text))
        return time

    def warnings(self, file: str) -> Iterator[Issue]:
        """One warning for all the times that could not be read."""
        if not self._failed:
            return
        line, text = self._failed[0]
        count = len(self._failed)
        yield Issue(
            code="unreadable-time",
            severity=Severity.WARNING,
            message=f"{count:,} time{'s are' if count > 1 else ' is'} left empty: {text!r} is not "
            "a time with a zone that realm knows",
            file=file,
            line=line,
        )
