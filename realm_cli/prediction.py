"""A run's model labels new items, a piece of the file at a time.

The files are gone through twice: once to find all that is wrong with them before the model is
loaded, once to label. What is kept of all items are 25 bytes each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from realm_cli import checkpoint, loaders
from realm_cli.annotations import Items, build_items
from realm_cli.checkpoint import RunRecord, require_training_extra
from realm_cli.errors import InputError
from realm_cli.fingerprints import fingerprints, first_of_each
from realm_cli.intake import Source
from realm_cli.report.tables import label_columns
from realm_cli.schema import DEFAULT_TASK, Findings, Issue, Severity, with_column

if TYPE_CHECKING:
    from realm_cli.backbones.base import Backbone
    from realm_cli.batching import EncodedItems
    from realm_cli.coding import IntArray
    from realm_cli.labels import FloatArray
    from realm_cli.loaders import ItemFiles

UNWRITTEN = ("",)
"""Stands among the options of an item for the answer that the model has yet to write."""
PIECE = 4096
"""Items that are tokenised, labelled and written together."""


@dataclass(frozen=True)
class Labelled:
    """How many items have a label by now."""

    done: int
    total: int


@dataclass(frozen=True)
class Work:
    """How to go about it.

    Attributes:
        batch_size: Items that the model reads at a time; as in training if None.
        watcher: Told how far it is.
    """

    batch_size: int | None = None
    watcher: Callable[[Labelled], None] = lambda _: None


@dataclass(frozen=True)
class Labels:
    """The labels of new items.

    Attributes:
        n_items: How many items there are.
        pieces: Tables of item_id, task, label, probability, posterior, options, in file order.
        issues: What was odd; complete once all pieces have come.
    """

    n_items: int
    pieces: Iterator[pa.Table]
    issues: list[Issue] = field(default_factory=list)


AS_TRAINED = Work()


def predict(run: Path, source: Source) -> pa.Table:
    """The labels of new items in one table; see `label`."""
    return pa.concat_tables(label(run, source).pieces)


def label(run: Path, source: Source, work: Work = AS_TRAINED) -> Labels:
    """Label items with a run's model.

    Where the run's labels were free text, the model writes the label of an item that brings no
    options; its probability is that of the whole text among all texts, end included.

    Args:
        run: The run's folder.
        source: The items.
        work: How to go about it.

    Raises:
        InputError: The folder is no run, or an item has no text, no options, or another task.
        ModelNotFoundError: The run's checkpoint is damaged.
    """
    record = checkpoint.read_record(run)
    require_training_extra()
    files = loaders.open_items(source.files, source.reading)
    wanted = _survey(record, files)
    backbone = _backbone(run, record)
    labels = Labels(int(wanted.sum()), iter(()))
    pieces = _label(_wanted(record, files, wanted), backbone, record, work, labels)
    return Labels(labels.n_items, pieces, labels.issues)


def _backbone(run: Path, record: RunRecord) -> Backbone:
    from realm_cli.backbones.base import Request
    from realm_cli.backbones.loading import load_backbone

    return load_backbone(Request(str(run), record.settings.seed, kind=record.settings.backbone))


def _label(
    tables: Iterator[pa.Table], backbone: Backbone, record: RunRecord, work: Work, labels: Labels
) -> Iterator[pa.Table]:
    from realm_cli.batching import encode

    done = n_texts = n_options = 0
    longest = record.settings.max_length
    by_task = {task.task: task.template for task in record.tasks}

    def told(n: int) -> None:
        nonlocal done
        done += n
        work.watcher(Labelled(done, labels.n_items))

    for rows in tables:
        items, _, _ = build_items(rows)
        templates = [by_task[task] for task in items.tasks]
        read = _Reader(backbone, work.batch_size or record.settings.batch_size, told)
        encoded = encode(items, backbone, templates, longest)
        unwritten = np.flatnonzero([items.options(i) == UNWRITTEN for i in range(len(items))])
        if len(unwritten):
            items = _offering(items, unwritten, _written(read, encoded.only(unwritten)))
            encoded = encode(items, backbone, templates, longest)
        n_texts, n_options = n_texts + encoded.n_cut_texts, n_options + encoded.n_cut_options
        yield pa.table(label_columns(items, _log_p(read, encoded, unwritten)))
    labels.issues.extend(_truncation(n_texts, n_options, longest))


@dataclass(frozen=True)
class _Reader:
    """A model, how many items it reads at a time, and whom it tells."""

    backbone: Backbone
    batch_size: int
    told: Callable[[int], None]


def _log_p(read: _Reader, encoded: EncodedItems, written: IntArray) -> FloatArray:
    """`[I, K]` log-probabilities; of an answer that was written, among all texts."""
    from realm_cli.training.predicting import log_likelihood, predict_log_p

    log_p = predict_log_p(read.backbone, encoded, read.batch_size, read.told)
    if len(written):
        found = log_likelihood(read.backbone, encoded.only(written), read.batch_size)
        log_p[written, :1] = found
    return log_p


def _written(read: _Reader, encoded: EncodedItems) -> list[str]:
    """The model's own answer for each item."""
    from realm_cli.backbones.base import SequenceBackbone
    from realm_cli.training.predicting import write_answers

    assert isinstance(read.backbone, SequenceBackbone)
    return write_answers(read.backbone, encoded, read.batch_size)


def _offering(items: Items, chosen: IntArray, answers: Sequence[str]) -> Items:
    """The items, some of them with nothing to choose from but one answer each."""
    option_set = items.option_set.copy()
    option_set[chosen] = len(items.option_sets) + np.arange(len(chosen))
    own = tuple((answer,) for answer in answers)
    return replace(items, option_sets=(*items.option_sets, *own), option_set=option_set)


def _truncation(n_texts: int, n_options: int, limit: int) -> list[Issue]:
    found = ((n_texts, "text"), (n_options, "option"))
    return [
        Issue(
            code=f"truncated-{what}",
            severity=Severity.WARNING,
            count=n,
            message=f"{n:,} item{'s have' if n > 1 else ' has'} {'an' if what == 'option' else 'a'}"
            f" {what} longer than the model reads ({limit} tokens at most), which was cut off",
        )
        for n, what in found
        if n
    ]


def _survey(record: RunRecord, files: ItemFiles) -> npt.NDArray[np.bool_]:
    """Which rows are the first of their item `[N]`, in the order of the files.

    Raises:
        InputError: With everything that is wrong with them.
    """
    broken, unfit, prints = Findings(), Findings(), []
    for file in files.pieces():
        broken.extend(issue for issue in file.issues if issue.severity is Severity.ERROR)
        for rows in _in_pieces(file.table):
            filled, issues = _filled(rows, record)
            unfit.extend(issues)
            prints.append(fingerprints(filled))
    if broken:
        raise loaders.refusal(files.paths, broken.all())
    if unfit:
        raise InputError("these items cannot be labelled", issues=unfit.all())
    is_first, clashing = first_of_each(prints)
    if len(clashing):
        raise InputError(
            "the items contradict one another", issues=_clashes(record, files, clashing.tolist())
        )
    return is_first


def _clashes(record: RunRecord, files: ItemFiles, rows: Sequence[int]) -> list[Issue]:
    """What to say of rows whose item has come before with another text or other options."""
    findings, start = Findings(), 0
    for table in _tables(record, files):
        here = [row - start for row in rows if start <= row < start + table.num_rows]
        good = ~np.isin(np.arange(table.num_rows), here)
        what = "has come before, with another text or other options"
        findings.extend(_missing(table, good.tolist(), "contradiction", what))
        start += table.num_rows
    return list(findings.all())


def _wanted(
    record: RunRecord, files: ItemFiles, wanted: npt.NDArray[np.bool_]
) -> Iterator[pa.Table]:
    """The rows that are to be labelled."""
    start = 0
    for rows in _tables(record, files):
        kept = rows.filter(pa.array(wanted[start : start + rows.num_rows]))
        start += rows.num_rows
        if kept.num_rows:
            yield kept


def _tables(record: RunRecord, files: ItemFiles) -> Iterator[pa.Table]:
    """The rows of the files a piece at a time, filled in."""
    for file in files.pieces():
        for rows in _in_pieces(file.table):
            yield _filled(rows, record)[0]


def _in_pieces(table: pa.Table) -> Iterator[pa.Table]:
    return (table.slice(start, PIECE) for start in range(0, table.num_rows, PIECE))


def _filled(rows: pa.Table, record: RunRecord) -> tuple[pa.Table, list[Issue]]:
    """Rows with tasks and options filled in from the run, and what keeps them from being used."""
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
    rows = with_column(rows, "task", pa.array(tasks, pa.string()))
    return with_column(rows, "options", pa.array(options, pa.list_(pa.string()))), issues


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
