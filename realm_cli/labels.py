"""Who answered what, as integer codes and nothing else: what every fit to labels works on.

Shapes: `[N]` labels in order of their items, `[I]` items, `[A]` annotators, `[C]` cells (annotator,
task) that hold labels, `[G]` groups (cell, number of options), `[J]` classes of items (task, number
of options), `[W]` the widest item's options. Nothing here is items x annotators: memory and time
are linear in the labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix

from realm_cli.annotations import AnnotationTable, Items
from realm_cli.coding import IntArray
from realm_cli.spans import Span, spans_of

FloatArray = npt.NDArray[np.float64]
Codes32 = npt.NDArray[np.int32]

BLOCK = 1 << 18
"""Labels worked on at once: few enough for the processor's cache, enough to make loops cheap."""


@dataclass(frozen=True)
class Groups:
    """Labels that share an annotator, a task and a number of options.

    Attributes:
        cell: Cell of each group `[G]`.
        n_options: K of each group `[G]`.
        n: Labels in each `[G]`.
        cell_annotator: Annotator of each cell `[C]`, ascending.
        cell_task: Task of each cell `[C]`.
    """

    cell: IntArray
    n_options: IntArray
    n: IntArray
    cell_annotator: IntArray
    cell_task: IntArray

    @property
    def annotator(self) -> IntArray:
        """Annotator of each group `[G]`."""
        return self.cell_annotator[self.cell]

    @property
    def task(self) -> IntArray:
        """Task of each group `[G]`."""
        return self.cell_task[self.cell]

    def by_cell(self, values: npt.NDArray[np.generic]) -> FloatArray:
        """Sums over the groups of each cell `[C]`."""
        return np.bincount(self.cell, values, len(self.cell_annotator)).astype(np.float64)


@dataclass(frozen=True)
class Block:
    """Items one after the other, with all their labels.

    Attributes:
        items: Which items.
        rows: Which labels.
        key: `[n]` label * number of items in the block + place of the item in it: the place of the
            label in a `[W, items]` table.
        group: `[n]` group of each label.
        label: `[n]` label codes.
        n_groups: G.
        width: W.
    """

    items: slice
    rows: slice
    key: Codes32
    group: Codes32
    label: Codes32
    n_groups: int
    width: int

    @property
    def n_items(self) -> int:
        """How many items."""
        return int(self.items.stop - self.items.start)

    @property
    def local_item(self) -> Codes32:
        """`[n]` place of each label's item in the block."""
        return self.key % np.int32(self.n_items)

    @cached_property
    def matrix(self) -> csr_matrix[np.float64]:
        """`[items, G W]` a one for each label, by item, group and label."""
        ends = np.cumsum(np.bincount(self.local_item, minlength=self.n_items))
        column = self.group * np.int32(self.width) + self.label
        parts = (np.ones(len(column)), column, np.concatenate([[0], ends]).astype(np.int32))
        return csr_matrix(parts, shape=(self.n_items, self.n_groups * self.width))


@dataclass(frozen=True)
class Labels:
    """The labels of a crowd.

    Attributes:
        item: Item of each label `[N]`, ascending.
        label: Position of the label among its item's options `[N]`.
        group: Group of each label `[N]`.
        groups: The groups and cells.
        n_annotators: A.
        n_options: K of each item `[I]`.
        item_class: Class of each item `[I]`.
        class_task: Task of each class `[J]`.
        one_set: Whether all items of a task share one list of options `[T]`.
        known: Position of the truth where it may be used, NO_GOLD elsewhere `[I]`.
        order: Place of each label in the table it came from `[N]`; None where it is the same.
        rank: Place of each item in the order of names `[I]`, so that draws do not depend on the
            order of files and rows; None where items have no names.
        blocks: The labels in blocks of whole items.
    """

    item: Codes32
    label: Codes32
    group: Codes32
    groups: Groups
    n_annotators: int
    n_options: IntArray
    item_class: IntArray
    class_task: IntArray
    one_set: npt.NDArray[np.bool_]
    known: IntArray | None = None
    order: IntArray | None = None
    rank: IntArray | None = None
    blocks: tuple[Block, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "blocks", tuple(_blocks(self)))

    def __len__(self) -> int:
        return len(self.item)

    @property
    def n_items(self) -> int:
        """I."""
        return len(self.n_options)

    @property
    def width(self) -> int:
        """W, the options of the widest item."""
        return int(self.n_options.max(initial=1))

    @property
    def class_options(self) -> IntArray:
        """K of each class `[J]`."""
        sizes = np.ones(len(self.class_task), dtype=np.int64)
        sizes[self.item_class] = self.n_options
        return sizes

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """All annotators, in spans."""
        groups = self.groups
        return spans_of(groups.cell, groups.cell_annotator, self.n_annotators)

    def in_table_order(self, values: FloatArray) -> FloatArray:
        """Values of labels `[N, ...]`, put back in the order of the table."""
        if self.order is None:
            return values
        back = np.empty_like(values)
        back[self.order] = values
        return back

    def dice(self, rng: np.random.Generator) -> FloatArray:
        """`[N]` uniform numbers, the same for the same item and annotator in any order of rows."""
        rank = self.item if self.rank is None else self.rank[self.item]
        values = np.empty(len(self))
        order = np.lexsort((self.groups.annotator[self.group], rank))
        values[order] = rng.random(len(self))
        return values

    def item_dice(self, rng: np.random.Generator) -> FloatArray:
        """`[I]` uniform numbers, the same for the same item."""
        values = rng.random(self.n_items)
        return values if self.rank is None else values[self.rank]

    def only(self, keep: npt.NDArray[np.bool_]) -> Labels:
        """The labels where `keep [N]` holds; items, annotators, groups and cells stay as they are.

        So a fit to a part can be held against the rest.
        """
        group = self.group[keep]
        n = np.bincount(group, minlength=len(self.groups.n))
        groups = Groups(
            self.groups.cell,
            self.groups.n_options,
            n,
            self.groups.cell_annotator,
            self.groups.cell_task,
        )
        return Labels(
            self.item[keep],
            self.label[keep],
            group,
            groups,
            self.n_annotators,
            self.n_options,
            self.item_class,
            self.class_task,
            self.one_set,
            self.known,
            rank=self.rank,
        )


def labels_of(table: AnnotationTable, *, use_gold: bool = False, by_task: bool = True) -> Labels:
    """The labels of a table.

    Args:
        table: The annotations.
        use_gold: Whether the gold of control items counts as known truth.
        by_task: Whether an annotator's tasks are cells of their own.
    """
    items = table.items
    sets = [np.unique(items.option_set[items.task == t]) for t in range(len(items.tasks))]
    about = Questions(
        n_options=items.n_options,
        task=items.task,
        one_set=np.array(
            [len(found) <= 1 and t not in items.open_tasks for t, found in enumerate(sets)]
        ),
        known=items.gold if use_gold else None,
        rank=_rank(items),
    )
    return build_labels(
        table.item,
        table.annotator,
        table.label,
        about,
        by_task=by_task,
        n_annotators=len(table.annotators),
    )


def _rank(items: Items) -> IntArray:
    """Place of each item in the order of (id, task) `[I]`."""
    names = pa.table({"id": pa.array(items.ids), "task": pa.array(items.task)})
    order = pc.sort_indices(names, [("id", "ascending"), ("task", "ascending")]).to_numpy()
    rank = np.empty(len(items), dtype=np.int64)
    rank[order] = np.arange(len(items))
    return rank


@dataclass(frozen=True)
class Questions:
    """What is asked about each item.

    Attributes:
        n_options: K of each item `[I]`.
        task: Task of each `[I]`; one task where None.
        one_set: Whether the items of a task share one list of options `[T]`; all where None.
        known: Truth that may be used `[I]`, NO_GOLD where there is none.
        rank: Place of each item in the order of names `[I]`.
    """

    n_options: IntArray
    task: IntArray | None = None
    one_set: npt.NDArray[np.bool_] | None = None
    known: IntArray | None = None
    rank: IntArray | None = None


def build_labels(
    item: npt.NDArray[np.integer],
    annotator: npt.NDArray[np.integer],
    label: npt.NDArray[np.integer],
    about: Questions,
    *,
    by_task: bool = True,
    n_annotators: int | None = None,
) -> Labels:
    """Labels from codes `[N]`; items need not be in order.

    Args:
        item: Item codes, below I.
        annotator: Annotator codes; those that never occur have no cell.
        label: Positions among the item's options.
        about: What is asked about each item.
        by_task: Whether an annotator's tasks are cells of their own.
        n_annotators: A, where some of them may have no label.
    """
    order = None if (np.diff(item) >= 0).all() else np.argsort(item, kind="stable")
    if order is not None:
        item, annotator, label = item[order], annotator[order], label[order]
    n_options = np.asarray(about.n_options, dtype=np.int64)
    task = np.zeros_like(n_options) if about.task is None else about.task
    n_tasks = int(task.max(initial=0)) + 1
    width = int(n_options.max(initial=1)) + 1
    classes, item_class = np.unique(task * width + n_options, return_inverse=True)
    n_annotators = n_annotators or int(annotator.max(initial=0)) + 1
    group, groups = _group(
        annotator,
        item_class[item].astype(np.int32),
        _Classes(classes // width if by_task else 0 * classes, classes % width, n_tasks),
    )
    return Labels(
        item=item.astype(np.int32),
        label=label.astype(np.int32),
        group=group,
        groups=groups,
        n_annotators=n_annotators,
        n_options=n_options,
        item_class=item_class.astype(np.int64),
        class_task=classes // width,
        one_set=np.ones(n_tasks, dtype=bool) if about.one_set is None else about.one_set,
        known=about.known,
        order=order,
        rank=about.rank,
    )


@dataclass(frozen=True)
class _Classes:
    task: IntArray
    n_options: IntArray
    n_tasks: int


def _group(
    annotator: npt.NDArray[np.integer], item_class: Codes32, classes: _Classes
) -> tuple[Codes32, Groups]:
    """Group of each label, and the groups, by annotator, task and number of options."""
    n_classes = len(classes.task)
    pair = annotator.astype(np.int64) * n_classes + item_class
    counts = np.bincount(pair)
    used = np.flatnonzero(counts)
    place = np.zeros(len(counts), dtype=np.int32)
    place[used] = np.arange(len(used), dtype=np.int32)
    who, which = used // n_classes, used % n_classes
    cells, cell = np.unique(who * classes.n_tasks + classes.task[which], return_inverse=True)
    groups = Groups(
        cell=cell.astype(np.int64),
        n_options=classes.n_options[which],
        n=counts[used],
        cell_annotator=cells // classes.n_tasks,
        cell_task=cells % classes.n_tasks,
    )
    return place[pair], groups


def _blocks(labels: Labels) -> Iterator[Block]:
    """Whole items until a block holds BLOCK labels, and at most as many items."""
    start = 0
    while start < labels.n_items or start == 0:
        row = int(np.searchsorted(labels.item, np.int32(start)))  # an int would copy them all
        last = min(row + BLOCK, len(labels)) - 1
        stop = max(int(labels.item[last]), start + 1) if last + 1 < len(labels) else labels.n_items
        stop = min(stop, start + BLOCK)
        end = int(np.searchsorted(labels.item, np.int32(stop)))
        rows = slice(row, end)
        local = labels.item[rows] - np.int32(start)
        yield Block(
            items=slice(start, stop),
            rows=rows,
            key=labels.label[rows] * np.int32(stop - start) + local,
            group=labels.group[rows],
            label=labels.label[rows],
            n_groups=len(labels.groups.n),
            width=labels.width,
        )
        start = stop
