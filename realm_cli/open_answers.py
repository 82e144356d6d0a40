"""Labels that are free text: an item's options are its answers and a sample of others' (eq. 23)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pyarrow as pa

from realm_cli.annotations import NO_GOLD, AnnotationTable
from realm_cli.coding import IntArray, codes
from realm_cli.schema import ENCODED_TEXT, Issue, Severity, with_column


def with_sampled_options(
    table: AnnotationTable, n_distractors: int, seed: int
) -> tuple[AnnotationTable, list[Issue]]:
    """Eq. (23): the table with options of their own for the items of tasks that list none.

    Such an item's options are the distinct answers that it got and answers that were given to
    other items of its task, drawn as often as they were given, so that what somebody writes
    everywhere is met as often among the one as among the other. They stand in the order of their
    spelling: a place says nothing. Gold is no option unless somebody gave it.

    Args:
        table: The annotations.
        n_distractors: How many answers to draw for each item, as far as there are other ones.
        seed: Decides the draw; the order of files and rows does not.

    Returns:
        The table, its labels and gold without superfluous white space, and what there is to say.
    """
    rows = table.rows
    for column in ("label", "gold"):
        rows = with_column(rows, column, _in_one_space(rows[column]))
    listing = np.asarray(rows["options"].is_valid().to_numpy(), dtype=bool)
    tasks = set(range(len(table.items.tasks))) - set(table.task[listing].tolist())
    words, word = codes(rows["label"])
    options = [table.items.options(i) for i in range(len(table.items))]
    for task in sorted(tasks):
        chosen = _by_name(table, np.flatnonzero(table.items.task == task))
        drawn = _draw(_answers(table, word, chosen), n_distractors, [seed, 3, task])
        for item, found in zip(chosen.tolist(), drawn, strict=True):
            options[item] = tuple(words[k] for k in found)  # words are sorted
    opened = _with_options(replace(table, rows=rows), options, frozenset(tasks))
    return opened, _gold_not_given(table, opened)


def _in_one_space(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Words with one space between them, whatever stood there."""
    names, code = codes(column)
    plain = pa.array([" ".join(name.split()) for name in names], pa.string())
    found = plain.take(pa.array(code, mask=code < 0))
    return pa.chunked_array([found.dictionary_encode().cast(ENCODED_TEXT)])


def _by_name(table: AnnotationTable, items: IntArray) -> IntArray:
    return np.array(sorted(items.tolist(), key=lambda i: table.items.ids[i]), dtype=np.int64)


@dataclass(frozen=True)
class _Given:
    """The answers of a task: which were given to each item, and how often each of them in all."""

    by_item: Sequence[IntArray]
    count: IntArray


def _answers(table: AnnotationTable, word: IntArray, items: IntArray) -> _Given:
    """The words given to items, in the order of these."""
    order = np.argsort(table.item, kind="stable")
    bounds = np.searchsorted(table.item[order], np.arange(len(table.items) + 1))
    parts = [word[order[start:end]] for start, end in pairwise(bounds)]
    chosen = [parts[i] for i in items]
    count = np.bincount(np.concatenate([*chosen, np.zeros(0, np.int64)]))
    return _Given([np.unique(part) for part in chosen], count)


def _draw(given: _Given, n: int, seed: Sequence[int]) -> list[IntArray]:
    """The options of each item as sorted words: those given, and n others weighed by count."""
    rng = np.random.default_rng(seed)
    used = np.flatnonzero(given.count)
    weight = given.count[used]
    found = []
    for own in given.by_item:
        # The n smallest of exponential waiting times are a draw by weight without replacement.
        wait = rng.exponential(size=len(used)) / weight
        wait[np.searchsorted(used, own)] = np.inf
        n_others = min(n, len(used) - len(own))
        found.append(np.union1d(own, used[np.argsort(wait)[:n_others]]))
    return found


def _with_options(
    table: AnnotationTable, options: Sequence[tuple[str, ...]], open_tasks: frozenset[int]
) -> AnnotationTable:
    """The table, its items' options replaced, labels and gold found among them."""
    sets = {found: k for k, found in enumerate(dict.fromkeys(options))}
    places = [{name: k for k, name in enumerate(found)} for found in sets]
    option_set = np.array([sets[found] for found in options], dtype=np.int64)
    labels, golds = table.rows["label"].to_pylist(), table.rows["gold"].to_pylist()
    label = np.zeros(len(table), dtype=np.int64)
    gold = np.where(np.isin(table.items.task, list(open_tasks)), NO_GOLD, table.items.gold)
    for row, item in enumerate(table.item.tolist()):
        place = places[option_set[item]]
        label[row] = place[labels[row]]
        if table.items.gold[item] != NO_GOLD and labels[row] == golds[row]:
            gold[item] = label[row]
    items = replace(
        table.items,
        option_sets=tuple(sets),
        option_set=option_set,
        gold=gold,
        open_tasks=open_tasks,
    )
    return replace(table, items=items, label=label)


def _gold_not_given(before: AnnotationTable, after: AnnotationTable) -> list[Issue]:
    """Items whose gold nobody wrote: they cannot be scored on it, and it is no option."""
    lost = np.flatnonzero((before.items.gold != NO_GOLD) & (after.items.gold == NO_GOLD))
    if not len(lost):
        return []
    return [
        Issue(
            code="gold-not-given",
            severity=Severity.WARNING,
            message=f"the gold of {len(lost):,} items is no answer that anybody gave in the same "
            "words; accuracy on gold leaves these items out, so it is too high",
            count=len(lost),
        )
    ]
