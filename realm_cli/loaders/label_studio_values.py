"""What Label Studio's controls answer, in the full export and in the flat ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from realm_cli.loaders.answers import Given, Grade, Ticks, Unread
from realm_cli.loaders.values import as_text, is_missing
from realm_cli.schema import Scale

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

JOINT = " / "
"""Between the steps of a nested choice."""

GEOMETRY = frozenset({"start", "end", "x", "y", "startOffset", "globalOffsets", "ranges", "points"})
"""Keys that tie an answer to a region of the item."""


def control_answer(kind: str, value: Any, level: int | None = None) -> Given:
    """One result of the full export.

    Args:
        kind: The result's `type`: the control's tag.
        value: Its `value`.
        level: How much of a taxonomy's path makes the label; see `Reading.taxonomy_level`.
    """
    value = value if isinstance(value, dict) else {}
    if kind not in READERS:
        return Unread(kind)
    if not GEOMETRY.isdisjoint(value):
        return Unread("per-region")
    return READERS[kind](value, level)


def flat_answer(value: Any, level: int | None = None) -> Given:
    """One cell of the flat exports: JSON_MIN and CSV.

    A single choice is plain text there, and everything else keeps a shape of its own.
    """
    value = parsed(value)
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        answers = [flat_answer(one, level) for one in value]
        return merged(answers)
    if isinstance(value, dict):
        for key, kind in KEYS.items():
            if key in value:
                return control_answer(kind, value, level)
        return Unread(next(iter(map(str, value)), "empty"))
    return None if is_missing(value) or isinstance(value, list) else as_text(value)


def is_shaped(value: Any) -> bool:
    """Whether a cell of a flat export can only be an answer."""
    value = parsed(value)
    if isinstance(value, list):
        return bool(value) and all(isinstance(one, dict) and _has_key(one) for one in value)
    return isinstance(value, dict) and set(value) <= set(KEYS) and bool(value)


def _has_key(value: Mapping[str, Any]) -> bool:
    return not set(KEYS).isdisjoint(value)


def parsed(value: Any) -> Any:
    """A cell of a CSV export, where complex values are JSON text."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def merged(answers: Sequence[Given]) -> Given:
    """Several results of one control are one answer."""
    ticks = [one for one in answers if isinstance(one, Ticks)]
    if len(ticks) < 2:
        return next((one for one in answers if one is not None), None)
    options = {option: on for one in ticks for option, on in one.options.items()}
    return Ticks(options, all_known=False)


def _choices(value: Mapping[str, Any], _: int | None) -> Given:
    chosen = value.get("choices")
    chosen = chosen if isinstance(chosen, list) else [chosen]
    labels = [
        JOINT.join(map(str, one)) if isinstance(one, list) else str(one)
        for one in chosen
        if not is_missing(one)
    ]
    return Ticks(dict.fromkeys(labels, True), all_known=False)


def _taxonomy(value: Mapping[str, Any], level: int | None) -> Given:
    """A path that only leads to another chosen one is no choice of its own."""
    found = value.get("taxonomy")
    paths = [
        tuple(map(str, path)) if isinstance(path, list) else (str(path),)
        for path in (found if isinstance(found, list) else [])
        if path
    ]
    ends = [
        path
        for path in paths
        if not any(other[: len(path)] == path for other in paths if len(other) > len(path))
    ]
    return Ticks({_label(path, level): True for path in ends}, all_known=False)


def _label(path: Sequence[str], level: int | None) -> str:
    if level == -1:
        return path[-1]
    return JOINT.join(path[:level] if level else path)


def _graded(key: str, scale: Scale) -> Callable[[Mapping[str, Any], int | None], Given]:
    def read(value: Mapping[str, Any], _: int | None) -> Given:
        grade = value.get(key)
        if is_missing(grade) or isinstance(grade, dict | list):
            return None
        return Grade(str(as_text(grade)), scale)

    return read


def _pairwise(value: Mapping[str, Any], _: int | None) -> Given:
    side = value.get("selected")
    return side if isinstance(side, str) and side else None


def _text(key: str) -> Callable[[Mapping[str, Any], int | None], Given]:
    def read(value: Mapping[str, Any], _: int | None) -> Given:
        found = value.get(key)
        lines = found if isinstance(found, list) else [found]
        text = "\n".join(str(line) for line in lines if not is_missing(line))
        return Unread("text", text) if text else None

    return read


READERS: Mapping[str, Callable[[Mapping[str, Any], int | None], Given]] = {
    "choices": _choices,
    "taxonomy": _taxonomy,
    "rating": _graded("rating", Scale.ORDINAL),
    "number": _graded("number", Scale.INTERVAL),
    "pairwise": _pairwise,
    "textarea": _text("text"),
    "datetime": _text("datetime"),
}
"""Control -> what reads its value; answers of all other controls are counted and left out."""

KEYS: Mapping[str, str] = {
    "choices": "choices",
    "taxonomy": "taxonomy",
    "rating": "rating",
    "number": "number",
    "selected": "pairwise",
    "text": "textarea",
    "datetime": "datetime",
    "ranker": "ranker",
    "labels": "labels",
    "hypertextlabels": "hypertextlabels",
    "paragraphlabels": "paragraphlabels",
    "timeserieslabels": "timeserieslabels",
    "rectanglelabels": "rectanglelabels",
    "brushlabels": "brushlabels",
    "polygonlabels": "polygonlabels",
    "chatmessage": "chatmessage",
}
"""Key of a flat value -> the control it comes from."""
