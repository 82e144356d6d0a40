"""A run's model labels new items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from realm_cli import checkpoint, loaders
from realm_cli.annotations import Items, build_items, join
from realm_cli.checkpoint import require_training_extra
from realm_cli.errors import InputError
from realm_cli.intake import Source
from realm_cli.report.tables import label_columns
from realm_cli.schema import DEFAULT_TASK, Issue, Severity, with_column

if TYPE_CHECKING:
    from realm_cli.backbones.base import Backbone
    from realm_cli.coding import IntArray
    from realm_cli.labels import FloatArray
    from realm_cli.loaders.base import LoadedFile


UNWRITTEN = ("",)
"""Stands among the options of an item for the answer that the model has yet to write."""


def predict(run: Path, source: Source) -> pa.Table:
    """Label items with a run's model: item_id, task, label, probability, posterior, options.

    Where the run's labels were free text, the model writes the label of an item that brings no
    options; its probability is that of the whole text among all texts, end included.

    Raises:
        InputError: The folder is no run, or an item has no text, no options, or another task.
    """
    record = checkpoint.read_record(run)
    require_training_extra()
    items = _items_for(record, loaders.load_items(source.files, source.reading))
    from realm_cli.backbones.base import Request
    from realm_cli.backbones.loading import load_backbone

    backbone = load_backbone(Request(str(run), record.settings.seed, kind=record.settings.backbone))
    return pa.table(label_columns(*_labelled(items, backbone, record)))


def _labelled(
    items: Items, backbone: Backbone, record: checkpoint.RunRecord
) -> tuple[Items, FloatArray]:
    """The items with all there is to choose from, and its log-probabilities `[I, K]`."""
    from realm_cli.backbones.base import SequenceBackbone
    from realm_cli.batching import encode
    from realm_cli.training.predicting import log_likelihood, predict_log_p, write_answers

    size, longest = record.settings.batch_size, record.settings.max_length
    by_task = {task.task: task.template for task in record.tasks}
    templates = [by_task[task] for task in items.tasks]
    encoded = encode(items, backbone, templates, longest)
    unwritten = np.array([items.options(i) == UNWRITTEN for i in range(len(items))])
    if not unwritten.any():
        return items, predict_log_p(backbone, encoded, size)
    chosen = np.flatnonzero(unwritten)
    assert isinstance(backbone, SequenceBackbone)
    items = _offering(items, chosen, write_answers(backbone, encoded.only(chosen), size))
    encoded = encode(items, backbone, templates, longest)
    log_p = predict_log_p(backbone, encoded, size)
    log_p[chosen, :1] = log_likelihood(backbone, encoded.only(chosen), size)
    return items, log_p


def _offering(items: Items, chosen: IntArray, answers: Sequence[str]) -> Items:
    """The items, some of them with nothing to choose from but one answer each."""
    option_set = items.option_set.copy()
    option_set[chosen] = len(items.option_sets) + np.arange(len(chosen))
    own = tuple((answer,) for answer in answers)
    return replace(items, option_sets=(*items.option_sets, *own), option_set=option_set)


def _items_for(record: checkpoint.RunRecord, files: Sequence[LoadedFile]) -> Items:
    """The items of the files, their tasks and options filled in from the run."""
    rows = join([file.table for file in files])
    labels = {task.task: UNWRITTEN if task.open else task.labels for task in record.tasks}
    tasks = rows["task"].to_pylist()
    if len(labels) == 1:
        # A file that does not name its task means the only one that the run knows.
        tasks = [next(iter(labels)) if task == DEFAULT_TASK else task for task in tasks]
    options = [
        given if given is not None else labels.get(task)
        for given, task in zip(rows["options"].to_pylist(), tasks, strict=True)
    ]
    issues = [
        *_missing(rows, [task in labels for task in tasks], "unknown-task",
                  f"has a task that the run does not know ({', '.join(labels)})"),
        *_missing(rows, [o is not None for o in options], "item-without-options",
                  "has no options to choose from; name their column with --options-col"),
        *_missing(rows, rows["text"].is_valid().to_pylist(), "item-without-text",
                  "has no text; name its column with --text-col"),
    ]  # fmt: skip
    if issues:
        raise InputError("these items cannot be labelled", issues=issues)
    rows = with_column(rows, "task", pa.array(tasks, pa.string()))
    rows = with_column(rows, "options", pa.array(options, pa.list_(pa.string())))
    items, _, found = build_items(rows)
    errors = [issue for issue in found if issue.severity is Severity.ERROR]
    if errors:
        raise InputError("the items contradict one another", issues=errors)
    return items


def _missing(rows: pa.Table, good: Sequence[bool], code: str, what: str) -> list[Issue]:
    return [
        Issue(
            code=code,
            message=f"item {rows['item_id'][row].as_py()!r} {what}",
            file=rows["source_file"][row].as_py(),
            line=rows["source_line"][row].as_py(),
        )
        for row in np.flatnonzero(~np.array(good, dtype=bool)).tolist()
    ]
