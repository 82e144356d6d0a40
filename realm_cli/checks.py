"""Problems that only the whole table shows. Never prints, never raises: gives back issues."""

from __future__ import annotations

import numpy as np

from realm_cli.annotations import AnnotationTable
from realm_cli.schema import Issue, Severity


def check_estimable(table: AnnotationTable) -> list[Issue]:
    """What keeps annotators from being judged, or makes the judgement weak."""
    return [*_one_annotator(table), *_one_option(table), *_no_overlap(table)]


def check_trainable(table: AnnotationTable) -> list[Issue]:
    """The same, and what keeps a language model from being trained."""
    return [*_without_text(table), *check_estimable(table)]


def _one_annotator(table: AnnotationTable) -> list[Issue]:
    if len(table.annotators) > 1:
        return []
    return [
        Issue(
            code="one-annotator",
            message=f"all {len(table):,} labels are by one annotator, {table.annotators[0]!r}; "
            "expertise shows only where annotators can be compared",
            hint="give the files of the others too, or name the right column with --annotator-col",
        )
    ]


def _one_option(table: AnnotationTable) -> list[Issue]:
    names = {
        table.items.tasks[table.items.task[item]]: table.items.options(item)
        for item in np.flatnonzero(table.items.n_options < 2).tolist()
    }
    return [
        Issue(
            code="one-label",
            message=f"in task {task!r} every label is {options[0]!r}; there is nothing to learn",
            hint="if there were other answers to choose from, name their column: --options-col",
        )
        for task, options in names.items()
    ]


def _no_overlap(table: AnnotationTable) -> list[Issue]:
    if table.labels_per_item.max(initial=0) > 1:
        return []
    return [
        Issue(
            code="no-overlap",
            severity=Severity.WARNING,
            message="no item has two labels, so annotators are judged by the model alone",
        )
    ]


def _without_text(table: AnnotationTable) -> list[Issue]:
    missing = [item for item, text in enumerate(table.items.texts) if text is None]
    first = np.full(len(table.items), len(table), dtype=np.int64)
    np.minimum.at(first, table.item, np.arange(len(table)))
    return [
        Issue(
            code="item-without-text",
            message=f"item {table.items.ids[item]!r} has no text to train on",
            file=table.rows["source_file"][int(first[item])].as_py(),
            line=table.rows["source_line"][int(first[item])].as_py(),
            hint="name the column of texts with --text-col",
        )
        for item in missing
    ]
