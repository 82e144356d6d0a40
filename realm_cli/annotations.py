"""The AnnotationTable: rows in Arrow, integer codes beside them, gold kept apart from the labels.

Arrays are named by what they index: `[N]` annotations, `[I]` items, `[A]` annotators, `[T]` tasks,
`[K]` options. A label's code is its position among the options of its item.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from realm_cli.errors import InputError
from realm_cli.schema import Issue, Severity, Status

if TYPE_CHECKING:
    from realm_cli.loaders.base import LoadedFile

IntArray = npt.NDArray[np.int64]
NO_GOLD = -1


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
    """

    ids: tuple[str, ...]
    task: IntArray
    tasks: tuple[str, ...]
    texts: tuple[str | None, ...]
    option_sets: tuple[tuple[str, ...], ...]
    option_set: IntArray
    gold: IntArray

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
        return Items(
            ids=tuple(self.ids[i] for i in chosen),
            task=self.task[chosen],
            tasks=self.tasks,
            texts=tuple(self.texts[i] for i in chosen),
            option_sets=self.option_sets,
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

    @property
    def labels_per_item(self) -> IntArray:
        """How many annotations each item has `[I]`."""
        return np.bincount(self.item, minlength=len(self.items)).astype(np.int64)


def build_table(files: Sequence[LoadedFile]) -> tuple[AnnotationTable, list[Issue]]:
    """Join loaded files into one table.

    Args:
        files: What the loaders read; rows whose status is not `ok` are left out (their loader has
            counted them in `dropped`).

    Returns:
        The table, and the warnings met while building it.

    Raises:
        InputError: No usable annotation is left, one item has two texts or two lists of options,
            or a label is not among its item's options.
    """
    rows = pa.concat_tables([file.table for file in files], promote_options="default")
    rows = rows.filter(pc.equal(rows["status"], Status.OK.value)).combine_chunks()
    if rows.num_rows == 0:
        raise InputError("no usable annotation is left", hint=_dropped_hint(files))
    items, item, issues = build_items(rows)
    annotators, annotator = _codes(rows["annotator_id"])
    label, label_issues = _positions(rows["label"].to_pylist(), item, items, rows)
    issues += label_issues
    errors = [issue for issue in issues if issue.severity is Severity.ERROR]
    if errors:
        raise InputError("the annotations contradict one another", issues=errors)
    table = AnnotationTable(rows, items, annotators, item, annotator, label)
    return table, issues


def build_items(rows: pa.Table) -> tuple[Items, IntArray, list[Issue]]:
    """The distinct items of canonical rows.

    Returns:
        The items, the item code of each row `[N]`, and the problems found.
    """
    tasks, task_of_row = _codes(rows["task"])
    ids, id_of_row = _codes(rows["item_id"])
    keys = task_of_row * len(ids) + id_of_row
    item, firsts = _codes_by_appearance(keys)
    texts, text_issues = _one_each(rows, item, len(firsts), "text")
    given, option_issues = _one_each(rows, item, len(firsts), "options")
    task = task_of_row[firsts]
    labels = _labels_by_task(rows, task_of_row, len(tasks))
    option_sets, option_set = _option_sets(given, [labels[t] for t in task])
    gold, gold_issues = _gold(rows, item, len(firsts))
    without_gold = Items(
        ids=tuple(ids[code] for code in id_of_row[firsts]),
        task=task,
        tasks=tasks,
        texts=tuple(texts),
        option_sets=option_sets,
        option_set=option_set,
        gold=np.full(len(firsts), NO_GOLD, dtype=np.int64),
    )
    positions = [_position(without_gold, i, name) for i, name in enumerate(gold)]
    items = Items(
        **{**vars(without_gold), "gold": np.array(positions, dtype=np.int64)},
    )
    return items, item, text_issues + option_issues + gold_issues


def _codes(column: pa.ChunkedArray) -> tuple[tuple[str, ...], IntArray]:
    """Sorted distinct values of a text column, and each row's position among them `[N]`."""
    codes, values = pd.factorize(column.to_numpy(), sort=True)
    return tuple(str(value) for value in values), codes.astype(np.int64)


def _codes_by_appearance(keys: IntArray) -> tuple[IntArray, IntArray]:
    """Codes in order of first appearance `[N]`, and the row where each first appears."""
    codes, values = pd.factorize(keys)
    firsts = np.full(len(values), len(keys), dtype=np.int64)
    np.minimum.at(firsts, codes, np.arange(len(keys)))
    return codes.astype(np.int64), firsts


def _one_each(
    rows: pa.Table, item: IntArray, n_items: int, column: str
) -> tuple[list[Any], list[Issue]]:
    """The first value that an item's rows give for `column`, None where none does.

    An issue for each item whose rows disagree. Options that come in another order are the same
    options: some tools shuffle them for each annotator.
    """
    values = rows[column].to_pylist()
    alike = sorted if column == "options" else str
    first: dict[int, int] = {}
    clashes: dict[int, Issue] = {}
    for row, code in enumerate(item.tolist()):
        if values[row] is None or code in clashes:
            continue
        known = first.setdefault(code, row)
        if values[row] != values[known] and alike(values[row]) != alike(values[known]):
            clashes[code] = _conflict(rows, known, row, column)
    found = [values[first[code]] if code in first else None for code in range(n_items)]
    return found, list(clashes.values())


def _conflict(rows: pa.Table, first: int, row: int, column: str) -> Issue:
    place = f"{rows['source_file'][first]}:{rows['source_line'][first]}"
    what = {"text": "another text", "options": "other options"}[column]
    return Issue(
        code=f"item-with-two-{'texts' if column == 'text' else 'option-lists'}",
        message=f"item {rows['item_id'][row].as_py()!r} has {what} here than at {place}",
        file=rows["source_file"][row].as_py(),
        line=rows["source_line"][row].as_py(),
        hint="an item id must name one thing; choose its column with --item-col",
    )


def _option_sets(
    given: Sequence[Sequence[str] | None], otherwise: Sequence[tuple[str, ...]]
) -> tuple[tuple[tuple[str, ...], ...], IntArray]:
    """The distinct lists of options and which each item has: its own, else its task's labels."""
    wanted = [
        tuple(options) if options is not None else labels
        for options, labels in zip(given, otherwise, strict=True)
    ]
    distinct = {options: code for code, options in enumerate(dict.fromkeys(wanted))}
    return tuple(distinct), np.array([distinct[options] for options in wanted], dtype=np.int64)


def _labels_by_task(rows: pa.Table, task_of_row: IntArray, n_tasks: int) -> list[tuple[str, ...]]:
    """All labels and gold labels that a task has seen, sorted."""
    seen: list[set[str]] = [set() for _ in range(n_tasks)]
    for column in ("label", "gold"):
        codes, values = pd.factorize(rows[column].to_numpy())
        for task, code in set(zip(task_of_row.tolist(), codes.tolist(), strict=True)):
            if code >= 0:
                seen[task].add(str(values[code]))
    return [tuple(sorted(labels)) for labels in seen]


def _gold(rows: pa.Table, item: IntArray, n_items: int) -> tuple[list[str | None], list[Issue]]:
    """The gold label of each item; where rows name several, none of them, with a warning."""
    gold: list[str | None] = [None] * n_items
    issues: list[Issue] = []
    contested: set[int] = set()
    for row, value in enumerate(rows["gold"].to_pylist()):
        code = int(item[row])
        if value is None or code in contested:
            continue
        if gold[code] in (None, value):
            gold[code] = value
            continue
        contested.add(code)
        issues.append(_contested_gold(rows, row, str(gold[code]), value))
    for code in contested:
        gold[code] = None
    return gold, issues


def _contested_gold(rows: pa.Table, row: int, first: str, other: str) -> Issue:
    return Issue(
        code="item-with-two-gold-labels",
        severity=Severity.WARNING,
        message=f"item {rows['item_id'][row].as_py()!r} has two gold labels, {first!r} and "
        f"{other!r}; neither is used",
        file=rows["source_file"][row].as_py(),
        line=rows["source_line"][row].as_py(),
    )


def _position(items: Items, item: int, name: str | None) -> int:
    options = items.options(item)
    return options.index(name) if name in options else NO_GOLD


def _positions(
    names: Sequence[str], item: IntArray, items: Items, rows: pa.Table
) -> tuple[IntArray, list[Issue]]:
    """Label codes `[N]`; an issue for each label that its item does not offer."""
    lookup = [{name: k for k, name in enumerate(options)} for options in items.option_sets]
    found = [
        lookup[option_set].get(name, -1)
        for option_set, name in zip(items.option_set[item].tolist(), names, strict=True)
    ]
    positions = np.array(found, dtype=np.int64)
    issues = [
        Issue(
            code="label-outside-options",
            message=f"the label {names[row]!r} is not among the options of item "
            f"{rows['item_id'][row].as_py()!r}",
            file=rows["source_file"][row].as_py(),
            line=rows["source_line"][row].as_py(),
        )
        for row in np.flatnonzero(positions < 0).tolist()
    ]
    return positions, issues


def _dropped_hint(files: Sequence[LoadedFile]) -> str:
    dropped: Counter[str] = Counter()
    for file in files:
        dropped.update(file.dropped)
    counts = ", ".join(f"{count} {reason}" for reason, count in sorted(dropped.items()))
    return f"left out: {counts}" if counts else "the files hold no annotations"
