"""Labels that are one label in several spellings, and tasks whose labels are no choice at all."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from realm_cli.checks.facts import Facts, Pairs, listed, pairs, shown, some_of
from realm_cli.schema import Issue

MOST_SPELLINGS = 10_000
"""A task of more labels is free text; its spellings are not compared."""
MOST_COMPARED = 100
"""A task of more labels has its labels not held against one another for slips."""
SHORTEST_MISSPELT = 5
RARE = 0.2
"""A slip is made less often than its label is written; two labels that differ little are not."""
ALIKE = 0.9
MANY_LABELS = 20


class Spelling(NamedTuple):
    """One label of a task: how often it was given, and the row where it first was."""

    label: str
    n: int
    row: int


@dataclass(frozen=True)
class Spellings:
    """The labels of one task, most frequent first."""

    task: int
    labels: tuple[Spelling, ...]


def check_labels(facts: Facts) -> Iterator[Issue]:
    """Only of tasks that do not list their options: a list's labels are meant as they are."""
    seen = _open_labels(facts)
    tasks = list(_spellings(facts, seen))
    yield from _variants(facts, tasks)
    yield from _similar(facts, tasks)
    yield from _too_many(facts, seen)


def _open_labels(facts: Facts) -> Pairs:
    """The labels (`right`) by task (`left`), where an item's options are not given."""
    table = facts.table
    given = np.asarray(table.rows["options"].is_valid().to_numpy(), dtype=bool)
    if not given.any():
        return facts.labels_by_task
    listing = np.zeros(len(table.items), dtype=bool)
    listing[table.item[given]] = True
    rows = np.flatnonzero(~listing[table.item])
    seen = pairs(table.task[rows], facts.word[rows])
    return Pairs(seen.left, seen.right, seen.count, rows[seen.first])


def _spellings(facts: Facts, seen: Pairs) -> Iterator[Spellings]:
    order = np.lexsort((-seen.count, seen.left))
    tasks, starts = np.unique(seen.left[order], return_index=True)
    for task, chosen in zip(tasks.tolist(), np.split(order, starts[1:]), strict=False):
        if len(chosen) <= MOST_SPELLINGS:
            words = [facts.words[word] for word in seen.right[chosen]]
            counts, firsts = seen.count[chosen].tolist(), seen.first[chosen].tolist()
            yield Spellings(task, tuple(map(Spelling, words, counts, firsts)))


def bare(label: str) -> str:
    """A label without its case, spaces, Unicode form and zero-width characters."""
    text = unicodedata.normalize("NFKC", label).casefold()
    seen = "".join(c for c in text if unicodedata.category(c) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", seen).split())


def _variants(facts: Facts, tasks: Sequence[Spellings]) -> Iterator[Issue]:
    found = [(task.task, group) for task in tasks for group in _groups(task) if len(group) > 1]
    yield from listed(range(len(found)), lambda n: _variant(facts, *found[n]))


def _groups(task: Spellings) -> Iterator[list[Spelling]]:
    groups: dict[str, list[Spelling]] = {}
    for spelling in task.labels:
        groups.setdefault(bare(spelling.label), []).append(spelling)
    yield from groups.values()


def _variant(facts: Facts, task: int, group: Sequence[Spelling]) -> Issue:
    names = [shown(one.label) for one in group]
    if len({unicodedata.normalize("NFC", name) for name in names}) < len(names):
        names = [ascii(one.label) for one in group]  # the same to the eye
    told = [f"{name} ({one.n:,})" for name, one in zip(names, group, strict=True)]
    return facts.warning(
        "label-variants",
        f"in task {facts.task_name(task)} the labels {some_of(told, 6)} "
        "differ only in case, spaces or Unicode form",
        min(one.row for one in group[1:]),
        "if they mean the same, count them as one with --normalize-labels",
    )


def _similar(facts: Facts, tasks: Sequence[Spellings]) -> Iterator[Issue]:
    found = [
        (task.task, often, rare)
        for task in tasks
        if len(task.labels) <= MOST_COMPARED
        for often, rare in combinations(task.labels, 2)
        if rare.n <= RARE * often.n and look_alike(bare(often.label), bare(rare.label))
    ]
    yield from listed(range(len(found)), lambda n: _slip(facts, *found[n]))


def _slip(facts: Facts, task: int, often: Spelling, rare: Spelling) -> Issue:
    return facts.warning(
        "similar-labels",
        f"in task {facts.task_name(task)} the label {shown(rare.label)} ({rare.n:,}) looks "
        f"like a slip for {shown(often.label)} ({often.n:,})",
        rare.row,
        "if it is one, mend it in the file",
    )


def look_alike(one: str, other: str) -> bool:
    """Whether two labels may be one and a slip in writing it."""
    if one == other or min(len(one), len(other)) < SHORTEST_MISSPELT:
        return False
    if one.endswith(other) or other.endswith(one) or _named_apart(one, other):
        return False
    return _one_edit(one, other) or _ratio(one, other) >= ALIKE


def _named_apart(one: str, other: str) -> bool:
    """`grade 1` and `grade 2`, `type a` and `type b`: numbers and letters tell these apart."""
    words, others = one.split(), other.split()
    differ = [pair for pair in zip(words, others, strict=False) if pair[0] != pair[1]]
    by_short_words = len(words) == len(others) and all(min(map(len, pair)) < 4 for pair in differ)
    return by_short_words or _digits(one) != _digits(other)


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _one_edit(one: str, other: str) -> bool:
    """Whether a letter added, left out or put for another makes the one the other."""
    short, long = sorted((one, other), key=len)
    same = next(
        (n for n, pair in enumerate(zip(short, long, strict=False)) if pair[0] != pair[1]),
        len(short),
    )
    rest = long[same + 1 :]
    return rest == short[same + (len(short) == len(long)) :]


def _ratio(one: str, other: str) -> float:
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    return matcher.ratio() if matcher.real_quick_ratio() >= ALIKE else 0.0


def _too_many(facts: Facts, seen: Pairs) -> Iterator[Issue]:
    distinct = np.bincount(seen.left)
    answers = np.bincount(seen.left, seen.count).astype(np.int64)
    yield from listed(
        np.flatnonzero((distinct > MANY_LABELS) & (distinct * 2 > answers)),
        lambda task: facts.warning(
            "too-many-labels",
            f"task {facts.task_name(task)} has {distinct[task]:,} different labels in "
            f"{answers[task]:,} annotations: that is free text, not a choice",
            int(seen.first[seen.left == task].min()),
            "name the right column with --label-col, or the answers to choose from with "
            "--options-col; if people wrote freely, train with --labels open",
        ),
    )
