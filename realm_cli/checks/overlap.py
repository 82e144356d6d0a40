"""Can annotators be compared at all? Who shares items with whom, and how many labels items have."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from realm_cli.checks.facts import Facts, first_rows, some_of
from realm_cli.choices import AnnotatorFrom
from realm_cli.coding import IntArray
from realm_cli.schema import Issue

FEW_SINGLES = 0.05
"""So many items with one label are no cause for a warning."""


def check_between_annotators(facts: Facts) -> Iterator[Issue]:
    """Too few annotators, options or items in common."""
    yield from _one_annotator(facts)
    yield from _one_option(facts)
    if facts.table.labels_per_item.max() < 2:
        yield facts.warning(
            "no-overlap",
            "no item has two labels, so only a model's predictions can tell who is right",
        )
    elif len(facts.table.annotators) > 1:  # the rest would say the same in other words
        yield from _single_labels(facts)
        yield from _groups(facts)


def _one_annotator(facts: Facts) -> Iterator[Issue]:
    table = facts.table
    if len(table.annotators) > 1:
        return
    files = facts.n_files
    others = "give the files of the others too"
    if files > 1:
        others = f"if each file is by another, use --annotator-from {AnnotatorFrom.FILENAME.value}"
    yield Issue(
        code="one-annotator",
        message=f"all {len(table):,} labels{f' in {files:,} files' if files > 1 else ''} are by "
        f"one annotator, {facts.annotator_name(0)}; "
        "expertise shows only where annotators can be compared",
        hint=f"{others}, or name the right column with --annotator-col",
    )


def _one_option(facts: Facts) -> Iterator[Issue]:
    items = facts.table.items
    alone = np.flatnonzero(items.n_options < 2)
    for item in alone[np.unique(items.task[alone], return_index=True)[1]].tolist():
        yield Issue(
            code="one-label",
            message=f"in task {items.tasks[items.task[item]]!r} every label is "
            f"{items.options(item)[0]!r}; there is nothing to learn",
            hint="if there were other answers to choose from, name their column: --options-col",
        )


def _single_labels(facts: Facts) -> Iterator[Issue]:
    n = facts.table.labels_per_item
    single = np.flatnonzero(n == 1)
    if len(single) <= FEW_SINGLES * len(n):
        return
    yield facts.warning(
        "single-label-items",
        f"{len(single):,} of {len(n):,} items ({len(single) / len(n):.0%}) have one label only, "
        "so nobody's answer can be compared there",
        int(facts.first_row[single].min()),
        "have some of them labelled again, by other annotators",
        len(single),
    )


def _groups(facts: Facts) -> Iterator[Issue]:
    """Annotators are linked by the items that they share; who is not linked cannot be compared."""
    group = _group_of_annotators(facts)
    sizes = np.bincount(group)
    sizes, order = np.sort(sizes)[::-1], np.argsort(-sizes, kind="stable")
    if len(sizes) < 2:
        return
    first = first_rows(group[facts.table.annotator], len(sizes))
    yield facts.warning(
        "disconnected-groups",
        f"the annotators fall into {len(sizes):,} groups that share no item, of "
        f"{some_of([f'{size:,}' for size in sizes.tolist()], 5)} annotators; "
        "competence is not comparable between them",
        int(first[order[1]]),
        "have some items of each group labelled by the others too",
        len(sizes),
    )


def _group_of_annotators(facts: Facts) -> IntArray:
    """The connected component of each annotator `[A]`, numbered from 0."""
    table = facts.table
    size = len(table.annotators)
    # everybody who labelled an item is linked to the first who did: that joins the same groups
    first = table.annotator[facts.first_row]
    links = np.unique(first[table.item] * size + table.annotator)
    graph = coo_array((np.ones(len(links), np.int8), (links // size, links % size)), (size, size))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)
