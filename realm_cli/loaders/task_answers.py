"""The JSON of a whole form, as Mechanical Turk and Ground Truth keep it.

They give one answer a question, in a handful of shapes: `{"label": "dog"}`,
`{"labels": ["dog", "cat"]}`, `{"dog": true, "cat": false}`, `{"on": true}`.
"""

from __future__ import annotations

import ast
import json
import warnings
from typing import TYPE_CHECKING, Any

from realm_cli.loaders.answers import Given, Ticks, Unread
from realm_cli.loaders.values import as_text, is_missing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LONGEST_REPR = 100_000
"""Python's own notation is read up to this many characters: its parser is hungry."""

SHOWN_KIND = 40


def given_in(value: Any) -> Given:
    """One question's answer out of a form's JSON."""
    if isinstance(value, dict):
        return _given_in_object(value)
    if isinstance(value, list):
        return _given_in_list(value)
    return None if is_missing(value) else _scalar(value)


def _given_in_object(value: Mapping[Any, Any]) -> Given:
    if not value:
        return None
    if set(value) == {"label"}:
        return given_in(value["label"])
    if set(value) == {"labels"} and isinstance(value["labels"], list):
        return _given_in_list(value["labels"])
    names = [str(name).strip() for name in value]
    if all(isinstance(on, bool) for on in value.values()) and all(names):
        return Ticks(dict(zip(names, value.values(), strict=True)))
    lists = [name for name, inner in value.items() if isinstance(inner, list)]
    return Unread(str((lists or list(value))[0])[:SHOWN_KIND])


def _given_in_list(values: Sequence[Any]) -> Given:
    if any(isinstance(value, dict | list) or is_missing(value) for value in values):
        return Unread("list")
    return Ticks(dict.fromkeys(map(_scalar, values), True), several=True, all_known=False)


def _scalar(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else as_text(value)
    return (text or "").strip()


def parse_form(text: str) -> dict[str, Given]:
    """The answers in a `taskAnswers` cell: JSON, or what Python makes of it when it is copied.

    Raises:
        ValueError: It is neither, or not one object alone or in a list.
    """
    value = _parse(text)
    if isinstance(value, list) and len(value) <= 1:
        value = value[0] if value else {}
    if not isinstance(value, dict):
        raise ValueError("it does not hold one object")
    return {str(name).strip(): given_in(inner) for name, inner in value.items()}


def _parse(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        pass  # perhaps it is Python's notation
    if len(text) > LONGEST_REPR:
        raise ValueError(f"it is no JSON, and longer than {LONGEST_REPR:,} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        raise ValueError("it is no JSON") from None
