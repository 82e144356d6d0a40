"""What annotators answer: labels, grades, ticked options, and what is none of these.

Every vendor's answers are first brought into one of these shapes; what they mean as tasks and
labels is decided here, once. A question whose options are ticked is a single choice where every
answer of the file ticks at most one of them; otherwise an answer becomes one yes/no task for each
option, or one label for the combination, as the user prefers.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from realm_cli.choices import MultiSelect
from realm_cli.schema import Issue, Scale, Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from realm_cli.errors import InputError
    from realm_cli.loaders.base import Export

YES, NO = "yes", "no"

CHECK_BOX = "on"
"""What a check box that stands alone calls its only option."""

TOGETHER = " + "
"""Between the options of a combination."""

WHOLE = re.compile(r"[+-]?\d+")
MANY_OPTIONS = 20
"""A form that is the same for all items offers hardly more options than this to tick."""
RARELY = 0.05
"""A question where fewer answers than this tick several options was probably meant as single."""


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
class Grade:
    """A label on a scale: stars, a number.

    Attributes:
        label: The grade as text.
        scale: Whether only the order counts or the distances do too.
    """

    label: str
    scale: Scale = Scale.ORDINAL


@dataclass(frozen=True)
class Unread:
    """An answer that is no label: a span, a box, free text.

    Attributes:
        kind: What the form calls it.
        text: Its text, where it has one that could be read as a label if the user says so.
    """

    kind: str
    text: str | None = None


Given: TypeAlias = str | Grade | Ticks | Unread | None
"""An answer to one question; None where nothing is there, which differs from ticking nothing."""


@dataclass(frozen=True)
class Question:
    """One question, as all answers of a file show it.

    Attributes:
        name: Its name: the task, or the beginning of the tasks' names.
        options: What can be ticked, or the steps of a scale; empty where labels are plain.
        single: No answer ticks more than one option.
        all_known: `options` are all that there are.
        scale: How its labels relate.
        multi: What answers with several options become.
    """

    name: str
    options: tuple[str, ...] = ()
    single: bool = True
    all_known: bool = True
    scale: Scale | None = None
    multi: MultiSelect = MultiSelect.PER_OPTION

    @property
    def alone(self) -> bool:
        """Whether it is a check box that stands alone."""
        return self.options == (CHECK_BOX,)

    @property
    def n_tasks(self) -> int:
        """How many tasks it becomes."""
        return len(self.options) if self._per_option else 1

    @property
    def _per_option(self) -> bool:
        return not (self.single or self.alone) and self.multi is MultiSelect.PER_OPTION

    def blank(self) -> list[dict[str, Any]]:
        """Its tasks, and their options where the form shows them."""
        if self.alone:
            return [{"task": self.name, "options": [NO, YES]}]
        if self._per_option:
            return [{**said, "label": None} for said in ticked(self.name, (), self.options)]
        told: dict[str, Any] = {"task": self.name}
        if self.scale is not None:
            told["scale"] = self.scale
        if self.single and self.all_known and len(self.options) > 1:
            told["options"] = list(self.options)
        return [told]

    def answered(self, given: Given) -> list[dict[str, Any]]:
        """Task, label and options of one answer; labels are None where it says nothing."""
        if isinstance(given, str | Grade):
            given = Ticks({given if isinstance(given, str) else given.label: True})
        chosen = given.chosen if isinstance(given, Ticks) else ()
        if self.alone and isinstance(given, Ticks) and given.options:
            return [{**self.blank()[0], "label": YES if chosen else NO}]
        if not chosen:  # whether nobody looked or nothing fits, it says nothing
            return [{**said, "label": None} for said in self.blank()]
        if self._per_option:
            return list(ticked(self.name, chosen, self.options))
        return [{**self.blank()[0], "label": chosen[0] if self.single else self._together(chosen)}]

    def _together(self, chosen: Sequence[str]) -> str:
        """One label for a combination, whatever the order in which it was ticked."""
        return TOGETHER.join(sorted(chosen, key=self.options.index))


def ticked(task: str, chosen: Collection[str], offered: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The canonical task, label and options of each option of one answer.

    Args:
        task: The question's name.
        chosen: The options that were ticked.
        offered: All the options, in the order in which their tasks should appear.
    """
    for option in offered:
        yield {
            "task": f"{task}: {option}",
            "label": YES if option in chosen else NO,
            "options": [NO, YES],
        }


@dataclass
class _Seen:
    """What the answers to one question have been so far."""

    options: dict[str, None] = field(default_factory=dict)
    scales: set[Scale] = field(default_factory=set)
    plain: bool = False
    ticks: bool = False
    single: bool = True
    all_known: bool = True
    n_answers: int = 0
    n_several: int = 0
    item_of: dict[str, object] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)

    def add(self, given: str | Grade | Ticks | None, item: object) -> None:
        if given is None:
            return
        self.n_answers += 1
        if isinstance(given, Grade):
            self.scales.add(given.scale)
            self.options.setdefault(given.label)
        elif isinstance(given, str):
            self.plain = True
            self.options.setdefault(given)
        else:
            self.ticks |= bool(given.options)
            self.options.update(dict.fromkeys(given.options))
            self.shared.update(
                one for one in given.options if self.item_of.setdefault(one, item) != item
            )
            self.n_several += len(given.chosen) > 1
            self.single &= not given.several and len(given.chosen) <= 1
            self.all_known &= given.all_known

    def question(self, name: str, multi: MultiSelect) -> Question:
        if self.scales and not (self.plain or self.ticks):
            scale = Scale.INTERVAL if Scale.INTERVAL in self.scales else Scale.ORDINAL
            return Question(name, tuple(sorted(self.options, key=by_number)), scale=scale)
        if not self.ticks:
            return Question(name)
        known = self.all_known and not (self.plain or self.scales)
        return Question(name, tuple(self.options), self.single, known, multi=multi)


class Learner:
    """Learns the questions of a file from all that was answered, one form at a time."""

    def __init__(self, multi: MultiSelect = MultiSelect.PER_OPTION) -> None:
        self._multi = multi
        self._seen: dict[str, _Seen] = {}
        self.unread: Counter[tuple[str, str]] = Counter()
        """(question, kind) -> how many answers are no labels."""

    def add(self, answers: Mapping[str, Given], item: object = None) -> None:
        """What one annotator answered about one item."""
        for name, given in answers.items():
            if isinstance(given, Unread):
                self.unread[name, given.kind] += 1
            else:
                self._seen.setdefault(name, _Seen()).add(given, item)

    def by_item(self, name: str) -> bool:
        """Whether a question's options differ from item to item, so that most are of one alone."""
        seen = self._seen[name]
        many = len(seen.options) > MANY_OPTIONS
        return not seen.single and many and 2 * len(seen.shared) < len(seen.options)

    def questions(self) -> dict[str, Question]:
        """Name -> question, in order of appearance; those without an answer to read are absent."""
        return {
            name: seen.question(name, self._multi)
            for name, seen in self._seen.items()
            if seen.n_answers
        }

    def warnings(self, names: Collection[str], file: str) -> Iterator[Issue]:
        """What is odd about the questions that are read, and what is left out.

        Args:
            names: The questions that are read.
            file: For messages.
        """
        for name in names:
            seen = self._seen.get(name)
            if seen and 0 < seen.n_several <= RARELY * seen.n_answers:
                yield _seldom_several(name, seen, file)
        yield from unread_warnings(self.unread, file)


def by_number(label: str) -> tuple[float, str]:
    """Sorts grades by their value."""
    try:
        return float(label), label
    except ValueError:
        return float("inf"), label


def _seldom_several(name: str, seen: _Seen, file: str) -> Issue:
    return Issue(
        code="seldom-several-choices",
        severity=Severity.WARNING,
        message=f"only {seen.n_several:,} of {seen.n_answers:,} answers to {name!r} tick more than "
        f"one option, so each of its {len(seen.options)} options is a yes/no task",
        file=file,
        hint="if it was meant as a single choice, correct those answers, or read combinations as "
        "labels with --multi-select combination",
    )


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
            f"{'are' if count > 1 else 'is'} left out: realm reads labels, grades and ticked "
            "options",
            file=file,
        )


def dropped_reason(given: Unread) -> str:
    """What reports call an answer that is left out."""
    return f"other-answer:{given.kind}"


def no_labels(kinds: Mapping[tuple[str, str], int], export: Export) -> InputError:
    """The refusal of a file whose answers are all of a kind that realm does not read."""
    which = ", ".join(f"{name} ({kind})" for name, kind in kinds)
    texts = [name for name, kind in kinds if kind == "text"]
    return export.refuse(
        "no-choices",
        f"no answer holds a label; what the file has is {which}",
        hint=f"free text is read as labels if you say so: --label-col {texts[0]}"
        if texts
        else "realm reads labels, grades and ticked options; spans, boxes and the like are left "
        "out",
    )
