"""The data of a plan: items split into those to train on and to test on, and who labels them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from realm_cli import loaders
from realm_cli.annotations import NO_GOLD, AnnotationTable, Items, build_items, build_table, join
from realm_cli.bench.plan import Column, Crowd, Data, DataKind, Plan
from realm_cli.bench.questions import READERS, read_questions
from realm_cli.config import CrowdSettings
from realm_cli.errors import InputError, UsageError
from realm_cli.labels import FloatArray
from realm_cli.loaders.base import RawRow
from realm_cli.loaders.validation import check_rows
from realm_cli.schema import Severity, plain, with_column
from realm_cli.simulate.crowd import simulate
from realm_cli.simulate.files import annotation_rows

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Split:
    """Which items are trained on and which tested on, `[I]` each."""

    train: BoolArray
    test: BoolArray


@dataclass(frozen=True)
class DataSet:
    """A data set, read.

    Attributes:
        name: What the plan calls it.
        items: All items.
        rows: A canonical row of each `[I]`.
        splits: One; of a data set with folds as many.
        digests: SHA-256 of each of its files.
        table: The annotations, where people have labelled it.
        n_left_out: Rows of items that could not be used.
    """

    name: str
    items: Items
    rows: pa.Table
    splits: tuple[Split, ...]
    digests: tuple[str, ...]
    table: AnnotationTable | None = None
    n_left_out: int = 0


@dataclass(frozen=True)
class Labelled:
    """What a model is trained on.

    Attributes:
        table: Annotations of the items to train on.
        test: The items to test on, all with gold.
        truth: `[A, T]` true expertise, of simulated annotators.
    """

    table: AnnotationTable
    test: Items
    truth: FloatArray | None = None


def read_data(plan: Plan) -> dict[str, DataSet]:
    """Every data set of a plan by its name.

    Raises:
        InputError: A file cannot be used.
        UsageError: A split leaves nothing to train on or to test on.
    """
    found: dict[str, DataSet] = {}
    for data in sorted(plan.data, key=lambda one: one.kind is DataKind.TOGETHER):
        if data.kind is DataKind.TOGETHER:
            found[data.name] = _together(data, found)
        elif data.kind is DataKind.ANNOTATIONS:
            found[data.name] = _annotated(data)
        else:
            found[data.name] = _items(data)
        for split in found[data.name].splits:
            if not (split.train.any() and split.test.any()):
                raise UsageError(
                    f"the data set {data.name} has no items with gold to "
                    f"{'test' if split.train.any() else 'train'} on",
                    hint="look at `split`, `test` and `test_files` in the plan",
                )
    return {one.name: found[one.name] for one in plan.data}


def labelled(data: DataSet, fold: int, crowd: Crowd | None, seed: int) -> Labelled:
    """A split's items to train on with their labels, and its items to test on.

    Args:
        data: The data set.
        fold: Which of its splits.
        crowd: Who labels it; None where people have.
        seed: Decides what simulated annotators are and say.
    """
    split = data.splits[fold]
    test = data.items.only(split.test)
    if data.table is not None:
        return Labelled(_part(data.table, split.train), test)
    assert crowd is not None
    items = data.items.only(split.train)
    settings = CrowdSettings(seed=seed, **crowd.behaviour)
    people = simulate(items, settings)
    rows = annotation_rows(data.rows.filter(pa.array(split.train)), items, people)
    answers = people.answers
    table = AnnotationTable(
        rows, items, people.annotators, people.item, answers.annotator, answers.label
    )
    return Labelled(table, test, answers.expertise)


def _part(table: AnnotationTable, keep: BoolArray) -> AnnotationTable:
    """The annotations of the items where `keep [I]` holds."""
    kept = keep[table.item]
    place = np.cumsum(keep) - 1
    return replace(
        table,
        rows=table.rows.filter(pa.array(kept)),
        items=table.items.only(keep),
        item=place[table.item[kept]],
        annotator=table.annotator[kept],
        label=table.label[kept],
    )


def _annotated(data: Data) -> DataSet:
    table, _ = build_table(loaders.load(data.files))
    first = np.unique(table.item, return_index=True)[1]
    items, rows = table.items, plain(table.rows).take(first)
    return DataSet(data.name, items, rows, _drawn(data, items), _digests(data), table)


def _items(data: Data) -> DataSet:
    train, left_out = _rows(data, data.files, data.labels)
    test, more = train.slice(0, 0), 0
    if data.test_files:
        test, more = _rows(data, data.test_files, data.test_labels)
    n_train = train.num_rows
    rows = join([train, test])
    items, item, issues = build_items(rows)
    if errors := [issue for issue in issues if issue.severity is Severity.ERROR]:
        raise InputError(f"the items of {data.name} contradict one another", issues=errors)
    first = np.unique(item, return_index=True)[1]
    if data.test_files:
        splits: tuple[Split, ...] = (_told(data, items, item, np.arange(len(item)) >= n_train),)
    elif data.split:
        splits = (_by_column(data, items, item, rows),)
    else:
        splits = _drawn(data, items)
    own = plain(rows).take(first)
    return DataSet(data.name, items, own, splits, _digests(data), n_left_out=left_out + more)


def _together(data: Data, found: Mapping[str, DataSet]) -> DataSet:
    parts = [found[name] for name in data.of]
    items, _, issues = build_items(join([part.rows for part in parts]))
    n_items = sum(len(part.items) for part in parts)
    if issues or len(items) != n_items:
        raise InputError(
            f"the data sets of {data.name} share items of one task",
            issues=issues,
            hint="give each a `task` of its own",
        )
    split = Split(
        np.concatenate([part.splits[0].train for part in parts]),
        np.concatenate([part.splits[0].test for part in parts]),
    )
    rows = plain(join([part.rows for part in parts]))
    digests = tuple(digest for part in parts for digest in part.digests)
    left_out = sum(part.n_left_out for part in parts)
    return DataSet(data.name, items, rows, (split,), digests, n_left_out=left_out)


def _rows(data: Data, files: Sequence[Path], labels: Sequence[Path]) -> tuple[pa.Table, int]:
    """Canonical rows of items, whatever the files are, and how many were left out."""
    if data.kind in READERS:
        answers: Sequence[Path | None] = labels or [None] * len(files)
        return join([_asked(data, *pair) for pair in zip(files, answers, strict=True)]), 0
    rows, left_out = _usable(files) if data.leave_out_bad else (_all(files), 0)
    if data.task is None:
        return rows, left_out
    if isinstance(data.task, Column):
        task = _column(data, data.task.column, rows)
    else:
        task = pa.array([data.task] * rows.num_rows)
    kind = rows.schema.field("task").type
    return with_column(rows, "task", task.dictionary_encode().cast(kind)), left_out


def _column(data: Data, name: str, rows: pa.Table) -> pa.Array:
    """A column of the files as text.

    Raises:
        UsageError: They have none of that name.
    """
    if name not in rows.column_names:
        raise UsageError(
            f"the files of {data.name} have no column {name!r}",
            hint=f"their columns: {', '.join(rows.column_names)}",
        )
    return rows[name].cast(pa.string()).combine_chunks()


def _all(files: Sequence[Path]) -> pa.Table:
    return join([file.table for file in loaders.load_items(files)])


def _usable(files: Sequence[Path]) -> tuple[pa.Table, int]:
    """The good rows of items, and how many others there are."""
    pieces = list(loaders.open_items(files).pieces())
    rows = join([piece.table for piece in pieces])
    return rows, sum(piece.n_rows for piece in pieces) - rows.num_rows


def _asked(data: Data, path: Path, labels: Path | None) -> pa.Table:
    records = [
        RawRow(
            question.line,
            {
                "item_id": question.item_id,
                "task": data.task or data.name,
                "text": question.text,
                "options": list(question.options),
                "gold": question.gold,
            },
        )
        for question in read_questions(data.kind, path, labels)
    ]
    checked = check_rows(records, file=str(path), labelled=False)
    if checked.findings.has_errors:
        raise InputError(f"{path} cannot be used", issues=checked.findings.all())
    return checked.table


def _told(data: Data, items: Items, item: npt.NDArray[np.int64], is_test: BoolArray) -> Split:
    """A split that rows `[N]` tell."""
    test, train = (
        np.bincount(item[rows], minlength=len(items)) > 0 for rows in (is_test, ~is_test)
    )
    if (test & train).any():
        name = items.ids[int(np.flatnonzero(test & train)[0])]
        raise InputError(f"item {name!r} of {data.name} is both trained on and tested on")
    return _limited(data, items, train, test)


def _by_column(data: Data, items: Items, item: npt.NDArray[np.int64], rows: pa.Table) -> Split:
    assert data.split is not None
    said = np.array(_column(data, data.split, rows).to_pylist(), dtype=object)
    counts = (said == data.test_split) | (said == data.train_split)
    split = _told(data, items, item, said == data.test_split)
    used = np.bincount(item[counts], minlength=len(items)) > 0
    return _limited(data, items, split.train & used, split.test & used)


def _drawn(data: Data, items: Items) -> tuple[Split, ...]:
    """Splits that chance makes, the same for every seed of the plan."""
    dice = np.random.default_rng(0).permutation(len(items))
    if data.folds is None:
        parts = [dice < round(data.test * len(items))]
    else:
        parts = [dice % data.folds == fold for fold in range(data.folds)]
    return tuple(_limited(data, items, ~part, part) for part in parts)


def _limited(data: Data, items: Items, train: BoolArray, test: BoolArray) -> Split:
    """Not more items than the plan asks for; only those with gold are tested on."""
    test = test & (items.gold != NO_GOLD)
    return Split(_at_most(train, data.n_train), _at_most(test, data.n_test))


def _at_most(mask: BoolArray, n: int | None) -> BoolArray:
    chosen = np.flatnonzero(mask)
    kept = np.zeros_like(mask)
    kept[np.random.default_rng(1).permutation(chosen)[:n]] = True
    return kept


def _digests(data: Data) -> tuple[str, ...]:
    """SHA-256 of each file."""
    paths = (*data.files, *data.labels, *data.test_files, *data.test_labels)
    return tuple(sha256(path.read_bytes()).hexdigest() for path in paths)
