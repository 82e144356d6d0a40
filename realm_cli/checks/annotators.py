"""Annotators who are not who they seem, or of whom little can be known."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from realm_cli.checks.facts import Facts, coded, constant, counted, folded, listed, shown, some_of
from realm_cli.coding import IntArray
from realm_cli.schema import Issue

FEW_ITEMS = 10
"""Where there are fewer items, one item is not a small part of them."""
FEW_ONE_ITEM = 0.05
"""So small a part of the annotators may have one item each without a warning."""
MANY_ANSWERS = 10
"""So many answers of one kind are needed before they stand out."""
UNLIKELY = 0.01
"""How rarely honest answers should be taken for one-class answers, over the whole table."""
PLACEHOLDERS = (
    *("none", "null", "nil", "nan", "n/a", "<na>", "undefined", "unknown", "anonymous", "anon"),
    *("-", "?"),
)
E_MAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
NUMBER = r"^\d+$"
SESSION = r"\d{4}-\d{2}-\d{2}[T_ -]\d{2}[-:.]\d{2}([-:.]\d{2})?([.,]\d+)?Z?$"
"""The end of an id that is a time: Prodigy names a session without a name after its start."""


def check_annotators(facts: Facts) -> Iterator[Issue]:
    """Odd ids first, then odd answers."""
    ids = pa.array(facts.table.annotators, pa.large_string())
    alike = folded(facts.table.annotators)
    yield from _placeholders(facts, alike)
    yield from _sessions(facts, ids)
    yield from _variants(facts, coded(alike))
    yield from _mixed_kinds(facts, ids)
    yield from _one_item(facts)
    yield from _one_class(facts)


def _where(holds: pa.Array) -> IntArray:
    return np.flatnonzero(holds.fill_null(False).to_numpy(zero_copy_only=False))


def _placeholders(facts: Facts, alike: pa.Array) -> Iterator[Issue]:
    known = pa.array(PLACEHOLDERS, pa.large_string())
    yield from listed(
        _where(pc.is_in(alike, value_set=known)),
        lambda who: facts.warning(
            "placeholder-annotator",
            f"annotator {facts.annotator_name(who)} is no name: "
            f"{counted(int(facts.n_of_annotator[who]), 'annotation')} by whoever gave none "
            "would be judged as one person's",
            int(facts.first_of_annotator[who]),
            "leave these rows out, or name the right column with --annotator-col",
        ),
    )


def _sessions(facts: Facts, ids: pa.Array) -> Iterator[Issue]:
    found = _where(pc.match_substring_regex(ids, SESSION))
    if not len(found):
        return
    yield facts.warning(
        "timestamp-annotators",
        f"{counted(len(found), 'annotator id')} of {len(ids):,} "
        f"{'is a time' if len(found) == 1 else 'are times'}, such as "
        f"{facts.annotator_name(found[0])}: every session would be judged as another person",
        int(facts.first_of_annotator[found[0]]),
        "put a name in place of each session's id in the file",
        len(found),
    )


def _variants(facts: Facts, alike: IntArray) -> Iterator[Issue]:
    sizes = np.bincount(alike)
    yield from listed(
        np.flatnonzero(sizes > 1), lambda group: _variant(facts, np.flatnonzero(alike == group))
    )


def _variant(facts: Facts, group: IntArray) -> Issue:
    group = group[np.argsort(-facts.n_of_annotator[group], kind="stable")]
    names = [f"{facts.annotator_name(who)} ({facts.n_of_annotator[who]:,})" for who in group[:4]]
    return facts.warning(
        "annotator-variants",
        f"the annotator ids {some_of(names, 4, len(group))} "
        "differ only in case, spaces or Unicode form",
        int(facts.first_of_annotator[group[1]]),
        "if they are one person, write them alike in the files",
    )


def _mixed_kinds(facts: Facts, ids: pa.Array) -> Iterator[Issue]:
    mails = _where(pc.match_substring_regex(ids, E_MAIL))
    numbers = _where(pc.match_substring_regex(ids, NUMBER))
    if not len(mails) or not len(numbers):
        return
    fewer = min(mails, numbers, key=len)
    yield facts.warning(
        "annotator-kinds-mixed",
        f"{counted(len(mails), 'annotator id')} {'is an' if len(mails) == 1 else 'are'} e-mail "
        f"address{'' if len(mails) == 1 else 'es'} and {len(numbers):,} "
        f"{'is a number' if len(numbers) == 1 else 'are numbers'}: one person may go by both",
        int(facts.first_of_annotator[fewer].min()),
        "if so, write the same id in all files",
        len(fewer),
    )


def _one_item(facts: Facts) -> Iterator[Issue]:
    table = facts.table
    if facts.item_id.max() + 1 < FEW_ITEMS:
        return
    one = np.flatnonzero(
        constant(table.annotator, facts.item_id[table.item], len(table.annotators))
        & (facts.n_of_annotator > 0)
    )
    if len(one) <= FEW_ONE_ITEM * len(table.annotators):
        return
    yield facts.warning(
        "annotators-with-one-item",
        f"{len(one):,} of {counted(len(table.annotators), 'annotator')} labelled one item only, "
        f"such as {facts.annotator_name(one[0])}; next to nothing can be known of their expertise",
        int(facts.first_of_annotator[one].min()),
        "read the intervals of their competence, not the figures",
        len(one),
    )


def _one_class(facts: Facts) -> Iterator[Issue]:
    """Annotators who always give one label, where that is not what everybody mostly gives."""
    table = facts.table
    n_tasks = len(table.items.tasks)
    cell, keys = pd.factorize(table.annotator * n_tasks + table.task)
    n = np.bincount(cell, minlength=len(keys))
    word = np.zeros(len(keys), dtype=np.int64)
    word[cell] = facts.word
    share = _share_of_label(facts, keys % n_tasks, word)
    odd = constant(cell, facts.word, len(keys)) & (n >= MANY_ANSWERS)
    odd &= n * np.log(share) < np.log(UNLIKELY / len(keys))
    yield from listed(
        np.flatnonzero(odd),
        lambda c: facts.warning(
            "one-class-annotator",
            f"annotator {facts.annotator_name(keys[c] // n_tasks)} gives the label "
            f"{shown(facts.words[word[c]])} in all {n[c]:,} answers to task "
            f"{facts.task_name(keys[c] % n_tasks)}, where it makes up {share[c]:.0%} of all labels",
            int(np.argmax(cell == c)),
            "look at these answers: were the items read?",
        ),
    )


def _share_of_label(facts: Facts, task: IntArray, word: IntArray) -> np.ndarray:
    """The share that a label has in all annotations of its task."""
    seen, wide = facts.labels_by_task, len(facts.words)
    key = seen.left * wide + seen.right
    order = np.argsort(key)
    count = seen.count[order[np.searchsorted(key[order], task * wide + word)]]
    return count / np.bincount(facts.table.task)[task]
