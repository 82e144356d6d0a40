"""The AnnotationTable: rows in Arrow, integer codes beside them, gold kept apart from the labels.

Arrays are named by what they index: `[N]` annotations, `[I]` items, `[A]` annotators, `[T]` tasks,
`[K]` options. A label's code is its position among the options of its item.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from realm_cli.choices import Duplicates
from realm_cli.coding import (
    Codes,
    IntArray,
    codes,
    distinct_each,
    list_codes,
    or_null,
    pairs_of,
    place_of,
)
from realm_cli.errors import InputError
from realm_cli.repeats import resolve
from realm_cli.schema import (
    Findings,
    Issue,
    Scale,
    Severity,
    Status,
    compact,
)

if TYPE_CHECKING:
    from realm_cli.loaders.base import LoadedFile

NO_GOLD = -1
LARGEST_LOOKUP = 1 << 22
"""Entries of a table of (option set, label) that is still quicker than looking for the pairs."""


@dataclass(frozen=True)
class Items:
    """The distinct (task, item_id) pairs, in the order they were first seen.

    Attributes:
        ids: Item ids `[I]`.
        task: Task codes `[I]`.
        tasks: Task names `[T]`, sorted.
        texts: Texts `[I]`, None where the file has none.
        option_sets: The distinct lists of options.
        option_set: Which of them an item has `[I]`.
        gold: Position of the gold label among the item's options `[I]`, NO_GOLD where unknown.
        scales: How the labels of each task relate `[T]`; empty where nothing is known of it.
        open_tasks: Codes of the tasks whose labels are free text: their options are the answers
            that an item got and a sample of others'.
    """

    ids: tuple[str, ...]
    task: IntArray
    tasks: tuple[str, ...]
    texts: tuple[str | None, ...]
    option_sets: tuple[tuple[str, ...], ...]
    option_set: IntArray
    gold: IntArray
    scales: tuple[Scale, ...] = ()
    open_tasks: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.ids)

    def options(self, item: int) -> tuple[str, ...]:
        """The options of one item, by its code."""
        return self.option_sets[self.option_set[item]]

    @cached_property
    def n_options(self) -> IntArray:
        """K of each item `[I]`."""
        sizes = np.array([len(options) for options in self.option_sets], dtype=np.int64)
        return sizes[self.option_set]

    @cached_property
    def has_option(self) -> npt.NDArray[np.bool_]:
        """`[I, max K]`: whether an item has a k-th option."""
        widest = int(self.n_options.max(initial=1))
        return np.arange(widest)[None, :] < self.n_options[:, None]

    def only(self, keep: npt.NDArray[np.bool_]) -> Items:
        """The items where `keep [I]` holds; tasks and option sets stay as they are."""
        chosen = np.flatnonzero(keep)
        return replace(
            self,
            ids=tuple(self.ids[i] for i in chosen),
            task=self.task[chosen],
            texts=tuple(self.texts[i] for i in chosen),
            option_set=self.option_set[chosen],
            gold=self.gold[chosen],
        )


@dataclass(frozen=True)
class AnnotationTable:
    """Every answer that counts, as Arrow rows and as codes `[N]` into items and annotators.

    Attributes:
        rows: The canonical rows, one an annotation, in file order.
        items: What was labelled.
        annotators: Annotator ids `[A]`, sorted.
        item: Item code of each annotation.
        annotator: Annotator code of each annotation.
        label: Position of each label among its item's options.
    """

    rows: pa.Table
    items: Items
    annotators: tuple[str, ...]
    item: IntArray
    annotator: IntArray
    label: IntArray

    def __len__(self) -> int:
        return len(self.item)

    @property
    def task(self) -> IntArray:
        """Task code of each annotation `[N]`."""
        return self.items.task[self.item]

    @cached_property
    def is_gold(self) -> npt.NDArray[np.bool_]:
        """Whether an annotation is itself its item's gold `[N]`."""
        said = self.rows["is_gold"].fill_null(False)
        return np.asarray(said.to_numpy(), dtype=bool)

    @cached_property
    def choosable(self) -> npt.NDArray[np.bool_]:
        """`[I, max K]`: options that may be an item's label; of free text only what was given."""
        given = np.zeros(self.items.has_option.shape, dtype=bool)
        given[self.item, self.label] = True
        open_item = np.isin(self.items.task, list(self.items.open_tasks))
        return self.items.has_option & (given | ~open_item[:, None])

    @property
    def labels_per_item(self) -> IntArray:
        """How many annotations each item has `[I]`."""
        return np.bincount(self.item, minlength=len(self.items)).astype(np.int64)


def build_table(
    files: Sequence[LoadedFile], duplicates: Duplicates = Duplicates.LAST
) -> tuple[AnnotationTable, list[Issue]]:
    """Join loaded files into one table.

    Args:
        files: What the loaders read; rows whose status is not `ok` are left out (their loader has
            counted them in `dropped`).
        duplicates: Which of one annotator's several answers to one question about an item counts.

    Returns:
        The table, and the warnings met while building it.

    Raises:
        InputError: No usable annotation is left, one item has two texts or two lists of options,
            or a label is not among its item's options.
    """
    rows = join([file.table for file in files])
    counts = pc.equal(rows["status"], Status.OK.value)
    if not pc.all(counts, skip_nulls=False).as_py():  # a filter copies all the rows
        rows = rows.filter(counts)
    if rows.num_rows == 0:
        raise InputError("no usable annotation is left", hint=_dropped_hint(files))
    rows, repeated = resolve(rows, duplicates)
    items, item, issues = build_items(rows)
    annotators, annotator = codes(rows["annotator_id"])
    label, label_issues = _positions(rows, item, items)
    issues = [*repeated, *issues, *label_issues]
    errors = [issue for issue in issues if issue.severity is Severity.ERROR]
    if errors:
        raise InputError("the annotations contradict one another", issues=errors)
    table = AnnotationTable(rows, items, annotators, item, annotator, label)
    return table, issues


def join(tables: Sequence[pa.Table]) -> pa.Table:
    """The rows of several files in one table."""
    return compact(list(tables))


def build_items(rows: pa.Table) -> tuple[Items, IntArray, list[Issue]]:
    """The distinct items of canonical rows.

    Returns:
        The items, the item code of each row `[N]`, and the problems found.
    """
    tasks, task_of_row = codes(rows["task"])
    (ids, id_of_row), (text_words, text) = distinct_each([rows["item_id"], rows["text"]])
    item, firsts = _codes_by_appearance(task_of_row * len(ids) + id_of_row)
    findings = Findings()
    text_of_item = _one_each(text, item, len(firsts), partial(_two, rows, "text", findings))
    list_words, lists = list_codes(rows["options"])
    options_of_item = _one_each(lists, item, len(firsts), partial(_two, rows, "options", findings))
    gold_words, gold_code = codes(rows["gold"])
    contested = set[int]()
    gold = _one_each(
        gold_code, item, len(firsts), partial(_two_golds, rows, item, contested, findings)
    )
    gold[list(contested)] = -1
    task = task_of_row[firsts]
    labels = _labels_by_task(rows, task_of_row, len(tasks))
    option_sets, option_set = _option_sets(list_words, options_of_item, labels, task)
    items = Items(
        ids=tuple(ids.take(pa.array(id_of_row[firsts])).to_pylist()),
        task=task,
        tasks=tasks,
        texts=tuple(text_words.take(or_null(text_of_item)).to_pylist()),
        option_sets=option_sets,
        option_set=option_set,
        gold=_places(gold_words, gold, option_sets, option_set),
        scales=_scales(rows, task_of_row, len(tasks)),
    )
    return items, item, list(findings.all())


def _codes_by_appearance(keys: IntArray) -> tuple[IntArray, IntArray]:
    """Codes in order of first appearance `[N]`, and the row where each first appears."""
    found, values = pd.factorize(keys)
    firsts = np.full(len(values), len(keys), dtype=np.int64)
    np.minimum.at(firsts, found, np.arange(len(keys)))
    return found.astype(np.int64), firsts


def _one_each(
    code: Codes, item: IntArray, n_items: int, clash: Callable[[int, int], None]
) -> IntArray:
    """The first value that an item's rows have `[I]`, -1 where none has one.

    Args:
        code: Value of each row `[N]`, -1 where it has none.
        item: Item of each row `[N]`.
        n_items: I.
        clash: Called with the first row and the first other row of items whose rows differ.
    """
    first = np.full(n_items, -1, dtype=np.int64)
    given = np.flatnonzero(code >= 0)
    # of several, the last write wins: the first row
    first[item[::-1] if len(given) == len(code) else item[given][::-1]] = given[::-1]
    other = np.flatnonzero((code >= 0) & (code != code[first[item]]))
    for row in other[np.sort(np.unique(item[other], return_index=True)[1])].tolist():
        clash(int(first[item[row]]), row)
    return np.where(first >= 0, code[first], -1)


def _two(rows: pa.Table, column: str, findings: Findings, first: int, row: int) -> None:
    """An item has two texts, or two lists of options.

    Options that come in another order are the same options: some tools shuffle them for each
    annotator.
    """
    one, other = rows[column][first].as_py(), rows[column][row].as_py()
    if column == "options" and sorted(one) == sorted(other):
        return
    place = f"{rows['source_file'][first]}:{rows['source_line'][first]}"
    what = {"text": "another text", "options": "other options"}[column]
    findings.add(
        Issue(
            code=f"item-with-two-{'texts' if column == 'text' else 'option-lists'}",
            message=f"item {rows['item_id'][row].as_py()!r} has {what} here than at {place}",
            **place_of(rows, row),
            hint="an item id must name one thing; choose its column with --item-col",
        )
    )


def _two_golds(
    rows: pa.Table, item: IntArray, contested: set[int], findings: Findings, first: int, row: int
) -> None:
    """An item has several gold labels: none of them is used."""
    contested.add(int(item[row]))
    findings.add(
        Issue(
            code="item-with-two-gold-labels",
            severity=Severity.WARNING,
            message=f"item {rows['item_id'][row].as_py()!r} has two gold labels, "
            f"{rows['gold'][first].as_py()!r} and {rows['gold'][row].as_py()!r}; neither is used",
            **place_of(rows, row),
        )
    )


def _option_sets(
    given: Sequence[tuple[str, ...]],
    given_of_item: Codes,
    labels: Sequence[tuple[str, ...]],
    task: IntArray,
) -> tuple[tuple[tuple[str, ...], ...], IntArray]:
    """The distinct lists of options and which each item has: its own, else its task's labels."""
    wanted = np.where(given_of_item >= 0, given_of_item, len(given) + task)
    known = [*given, *labels]
    distinct: dict[tuple[str, ...], int] = {}
    used, where = np.unique(wanted, return_index=True)
    place = np.zeros(len(known), dtype=np.int64)
    for code in used[np.argsort(where)].tolist():
        place[code] = distinct.setdefault(known[code], len(distinct))
    return tuple(distinct), place[wanted]


def _labels_by_task(rows: pa.Table, task: IntArray, n_tasks: int) -> list[tuple[str, ...]]:
    """All labels and gold labels that a task has seen: numbers by value, then the rest by name."""
    seen: list[set[str]] = [set() for _ in range(n_tasks)]
    for column in ("label", "gold"):
        words, code = codes(rows[column])
        for n, found in pairs_of(task, code, n_tasks, len(words)):
            seen[n].add(words[found])
    return [tuple(sorted(labels, key=_in_order)) for labels in seen]


def _in_order(label: str) -> tuple[float, str]:
    try:
        return float(label), label
    except ValueError:
        return float("inf"), label


def _scales(rows: pa.Table, task: IntArray, n_tasks: int) -> tuple[Scale, ...]:
    """How the labels of each task relate, as the loader has said."""
    words, code = codes(rows["scale"])
    scales = [Scale.NOMINAL] * n_tasks
    for n, found in pairs_of(task, code, n_tasks, len(words)):
        scales[n] = Scale(words[found])
    return tuple(scales)


def _places(
    words: Sequence[str],
    word: IntArray,
    option_sets: Sequence[tuple[str, ...]],
    option_set: IntArray,
) -> IntArray:
    """Where each row's word stands among its options, -1 where it does not."""
    width = len(words) + 1
    if len(option_sets) * width <= LARGEST_LOOKUP:
        lookup = np.full((len(option_sets), width), -1, dtype=np.int64)
        number = {name: n for n, name in enumerate(words, start=1)}
        for n, options in enumerate(option_sets):
            for k, name in enumerate(options):
                lookup[n, number.get(name, 0)] = k
        lookup[:, 0] = -1  # no word at all, and words that nobody used
        return lookup[option_set, word + 1]
    pair, back = np.unique(option_set * width + word + 1, return_inverse=True)
    place = np.full(len(pair), -1, dtype=np.int64)
    for n, code in enumerate(pair.tolist()):
        options, name = option_sets[code // width], code % width - 1
        if name >= 0 and words[name] in options:
            place[n] = options.index(words[name])
    return place[back]


def _positions(rows: pa.Table, item: IntArray, items: Items) -> tuple[IntArray, list[Issue]]:
    """Label codes `[N]`; an issue for each label that its item does not offer."""
    words, code = codes(rows["label"])
    positions = _places(words, code, items.option_sets, items.option_set[item])
    findings = Findings(
        Issue(
            code="label-outside-options",
            message=f"the label {rows['label'][row].as_py()!r} is not among the options of item "
            f"{rows['item_id'][row].as_py()!r}",
            **place_of(rows, row),
        )
        for row in np.flatnonzero(positions < 0).tolist()
    )
    return positions, list(findings.all())


def _dropped_hint(files: Sequence[LoadedFile]) -> str:
    dropped: Counter[str] = Counter()
    for file in files:
        dropped.update(file.dropped)
    counts = ", ".join(f"{count} {reason}" for reason, count in sorted(dropped.items()))
    return f"left out: {counts}" if counts else "the files hold no annotations"
