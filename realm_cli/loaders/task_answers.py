"""What annotators filled in on a form: labels, ticked options, and what is neither.

Mechanical Turk's and Ground Truth's forms give one answer a question, in a handful of shapes:
`{"label": "dog"}`, `{"labels": ["dog", "cat"]}`, `{"dog": true, "cat": false}`, `{"on": true}`.
A question whose options are ticked is a single choice where every answer of the file ticks exactly
one of them; otherwise each option becomes a yes/no task of its own.
"""

from __future__ import annotations

import ast
import json
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from realm_cli.loaders.multi import NO, YES, ticked
from realm_cli.loaders.values import as_text, is_missing
from realm_cli.schema import Issue, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from realm_cli.errors import InputError
    from realm_cli.loaders.base import Head

LONGEST_REPR = 100_000
"""Python's own notation is read up to this many characters: its parser is hungry."""

CHECK_BOX = "on"
"""What a check box that stands alone calls its only option."""

SHOWN_KIND = 40


@dataclass(frozen=True)
class Ticks:
    """Options that could be ticked.

    Attributes:
        options: Option -> whether it was ticked.
        several: The form lets people tick several, whatever they did.
        all_known: These are all the options that there are, not only those that were ticked.
    """

    options: Mapping[str, bool]
    several: bool = False
    all_known: bool = True

    @property
    def chosen(self) -> tuple[str, ...]:
        """The options that were ticked."""
        return tuple(option for option, on in self.options.items() if on)


@dataclass(frozen=True)
class Unread:
    """An answer that is no label: a span, a box, free structure.

    Attributes:
        kind: What the form calls it.
    """

    kind: str


Given: TypeAlias = str | Ticks | Unread | None
"""An answer to one question; None where nothing is there, which differs from ticking nothing."""


@dataclass(frozen=True)
class Question:
    """One question of a form, as all answers of a file show it.

    Attributes:
        name: Its name: the task, or the beginning of the tasks' names.
        options: What can be ticked, in order of appearance; empty where labels are plain.
        single: Exactly one option is ticked in every answer.
        all_known: `options` are all that there are.
    """

    name: str
    options: tuple[str, ...] = ()
    single: bool = True
    all_known: bool = True

    @property
    def alone(self) -> bool:
        """Whether it is a check box that stands alone."""
        return self.options == (CHECK_BOX,)

    @property
    def n_tasks(self) -> int:
        """How many tasks it becomes."""
        return 1 if self.single or self.alone else len(self.options)

    def blank(self) -> list[dict[str, Any]]:
        """Its tasks, and their options where the form shows them."""
        if self.alone:
            return [{"task": self.name, "options": [NO, YES]}]
        if not self.single:
            return [{**said, "label": None} for said in ticked(self.name, (), self.options)]
        offered = self.all_known and len(self.options) > 1
        return [{"task": self.name, **({"options": list(self.options)} if offered else {})}]

    def answered(self, given: Given) -> list[dict[str, Any]]:
        """Task, label and options of one answer; labels are None where it says nothing."""
        chosen: tuple[str, ...] = (given,) if isinstance(given, str) else ()
        chosen = given.chosen if isinstance(given, Ticks) else chosen
        if self.alone and isinstance(given, Ticks) and given.options:
            return [{**self.blank()[0], "label": YES if chosen else NO}]
        if not chosen:
            return [{**said, "label": None} for said in self.blank()]
        if self.single:
            return [{**self.blank()[0], "label": chosen[0]}]
        return list(ticked(self.name, chosen, self.options))


@dataclass
class _Seen:
    """What the answers to one question have been so far."""

    options: dict[str, None] = field(default_factory=dict)
    labelled: bool = False
    single: bool = True
    all_known: bool = True

    def add(self, given: Given) -> None:
        if isinstance(given, str):
            self.labelled = True
            self.options.setdefault(given)
        elif isinstance(given, Ticks):
            self.options.update(dict.fromkeys(given.options))
            self.single &= not given.several and len(given.chosen) <= 1
            self.all_known &= given.all_known


def learn(answers: Iterable[Mapping[str, Given]]) -> dict[str, Question]:
    """The questions of a form, from all that was answered.

    Args:
        answers: Question -> answer, an annotator's form at a time.

    Returns:
        Name -> question, in order of appearance; those that have no answer that is read are absent.
    """
    seen: dict[str, _Seen] = {}
    ticks: set[str] = set()
    for form in answers:
        for name, given in form.items():
            if not isinstance(given, Unread):
                seen.setdefault(name, _Seen()).add(given)
            if isinstance(given, Ticks) and given.options:
                ticks.add(name)
    return {name: _question(name, what, name in ticks) for name, what in seen.items()}


def _question(name: str, seen: _Seen, has_ticks: bool) -> Question:
    if not has_ticks:
        return Question(name)
    known = seen.all_known and not seen.labelled
    return Question(name, tuple(seen.options), seen.single, known)


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


def unread_warnings(kinds: Mapping[tuple[str, str], int], file: str) -> Iterator[Issue]:
    """One warning for each question whose answers are no labels.

    Args:
        kinds: (question, kind of answer) -> how many answers.
        file: For messages.
    """
    for (name, kind), count in kinds.items():
        yield Issue(
            code="other-answer",
            severity=Severity.WARNING,
            message=f"{count:,} answer{'s' if count > 1 else ''} to {name!r} ({kind}) "
            f"{'are' if count > 1 else 'is'} left out: realm reads labels and ticked options",
            file=file,
        )


def dropped_reason(given: Unread) -> str:
    """What reports call an answer that is left out."""
    return f"other-answer:{given.kind}"


def no_labels(kinds: Mapping[tuple[str, str], int], head: Head) -> InputError:
    """The refusal of a file whose answers are all of a kind that realm does not read."""
    which = ", ".join(f"{name} ({kind})" for name, kind in kinds)
    return head.refuse(
        "no-choices",
        f"no answer holds a label; what the file has is {which}",
        hint="realm reads labels and ticked options; spans, boxes and the like are left out",
    )
