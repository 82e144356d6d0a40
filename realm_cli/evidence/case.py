"""What tests of annotators are given, and the shape of what they say.

Letters as in `labels.py`; `[F]` are the people, or people in a task, of whom a test speaks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from realm_cli.aggregate.em import Fit
from realm_cli.annotations import AnnotationTable
from realm_cli.coding import IntArray
from realm_cli.estimation import Estimation
from realm_cli.labels import Block, FloatArray, Labels
from realm_cli.truth import Prevalence

T = TypeVar("T")

ROUNDS = 30
"""Passes in which prevalence and competence are found: they move little after ten."""


@dataclass(frozen=True)
class Signs:
    """What one test says, an entry for each of whom there is enough to say `[F]`.

    Attributes:
        annotator: Who.
        n: Labels, items or pairs that it rests on.
        effect: How much, in the test's own unit.
        p_value: How often that much or more comes of chance.
        words: The entry as a sentence, by its place.
        task: Which task; -1 where it is about all of them.
        others: The other annotators that an entry is about, by its place.
    """

    annotator: IntArray
    n: IntArray
    effect: FloatArray
    p_value: FloatArray
    words: Callable[[int], str]
    task: IntArray | None = None
    others: Callable[[int], tuple[int, ...]] = lambda _: ()

    @staticmethod
    def none() -> Signs:
        """Nothing can be said of anybody."""
        nobody, nothing = np.zeros(0, np.int64), np.zeros(0)
        return Signs(nobody, nobody, nothing, nothing, lambda _: "")


@dataclass(frozen=True)
class Case:
    """The labels of a crowd and what was made of them.

    All arrays `[N]` are in the order of `labels`, by item.

    Attributes:
        table: The annotations.
        fit: Truth and annotators, as fitted.
    """

    table: AnnotationTable
    fit: Fit
    _made: dict[object, object] = field(default_factory=dict, repr=False)

    def once(self, make: Callable[[Case], T]) -> T:
        """What a function makes of the case, made once however many tests ask for it."""
        if make not in self._made:
            self._made[make] = make(self)
        return cast("T", self._made[make])

    @staticmethod
    def of(found: Estimation) -> Case:
        """The case that an estimate makes."""
        return Case(found.crowd.table, found.fit)

    @property
    def labels(self) -> Labels:
        """The labels."""
        return self.fit.model.labels

    @cached_property
    def annotator(self) -> IntArray:
        """Who gave each label `[N]`."""
        return self.labels.groups.annotator[self.labels.group]

    @cached_property
    def task(self) -> IntArray:
        """Task of each label `[N]`."""
        return self.labels.class_task[self.labels.item_class[self.labels.item]]

    @cached_property
    def n_options(self) -> IntArray:
        """K of each label's item `[N]`."""
        return self.labels.n_options[self.labels.item]

    @property
    def rank(self) -> IntArray:
        """Place of each item in the order of names `[I]`."""
        named = self.labels.rank
        return np.arange(self.labels.n_items) if named is None else named

    def column(self, name: str) -> pa.ChunkedArray:
        """A column of the table, in the order of the labels `[N]`."""
        column = self.table.rows[name]
        return column if self.labels.order is None else column.take(pa.array(self.labels.order))

    def counts(self, rows: IntArray | slice = slice(None)) -> IntArray:
        """How many labels each annotator has `[A]`, of all or of some rows."""
        return np.bincount(self.annotator[rows], minlength=self.labels.n_annotators)

    @cached_property
    def log_tilt(self) -> FloatArray:
        """`[J, W]` what a skew of the truth adds to posteriors that take all options for alike.

        Under `expertise` and `signed` the truth is even beforehand. That serves the labels, but
        somebody who is often right about a frequent option would seem to favour it.
        """
        truth = self.fit.truth
        if not isinstance(truth, Prevalence) or truth.learns:
            return np.zeros((len(self.labels.class_task), self.labels.width))
        return np.log(_prevalence(self.labels, np.exp(self.fit.log_q)))

    def without_own(self, block: Block) -> FloatArray:
        """`[n, W]` posterior of the truth behind each label of a block, without the label."""
        own = self.fit.model.answers(self.fit.parameters).log_answers(block.group, block.label)
        item = self.labels.item[block.rows]
        return self.posterior(item, own)

    def posterior(self, item: npt.NDArray[np.integer], without: FloatArray) -> FloatArray:
        """`[n, W]` posterior of items' truth, some log-probabilities of answers taken out."""
        rest = self.fit.log_q[item] + self.log_tilt[self.labels.item_class[item]] - without
        rest -= rest.max(axis=1, keepdims=True)
        np.exp(rest, out=rest)
        rest /= rest.sum(axis=1, keepdims=True)
        return np.asarray(rest)

    def passes(self) -> Iterator[tuple[Block, FloatArray]]:
        """Each block of labels, and the posterior without own labels."""
        for block in self.labels.blocks:
            yield block, self.without_own(block)

    @cached_property
    def backing(self) -> FloatArray:
        """`[N]` posterior of each label without the label itself: how far the rest backs it."""
        found = np.empty(len(self.labels))
        for block, rest in self.passes():
            found[block.rows] = rest[np.arange(len(rest)), block.label]
        return found

    @cached_property
    def mistaken(self) -> FloatArray:
        """`[N]` P(this label) of somebody who is wrong about the item, whatever its truth."""
        return (1 - self.backing) / np.maximum(self.n_options - 1, 1)

    @cached_property
    def competence(self) -> FloatArray:
        """`[A]` P(a label is correct), as the rest of the crowd has it."""
        return competence(self.backing, self.mistaken, self.annotator, self.labels.n_annotators)


def competence(backing: FloatArray, mistaken: FloatArray, cell: IntArray, size: int) -> FloatArray:
    """Most likely c of each cell `[size]` under c * backing + (1 - c) * mistaken.

    Half a right and half a wrong label are added, so that nobody is perfect.

    Args:
        backing: `[N]` P(label) of somebody who is right.
        mistaken: `[N]` P(label) of somebody who is wrong.
        cell: `[N]` whose labels they are.
        size: How many cells there are.
    """
    n = np.bincount(cell, minlength=size)
    c = np.full(size, 0.7)
    for _ in range(ROUNDS):
        right = c[cell] * backing
        right /= np.maximum(right + (1 - c[cell]) * mistaken, 1e-300)
        c = (np.bincount(cell, right, size) + 0.5) / (n + 1)
    return c


def _prevalence(labels: Labels, q: FloatArray) -> FloatArray:
    """`[J, W]` how often each option is true, given posteriors under even prevalence, times K."""
    share = np.ones((len(labels.class_task), labels.width))
    for j in np.unique(labels.item_class).tolist():
        k = int(labels.class_options[j])
        mine = q[labels.item_class == j, :k]
        tilt = np.ones(k)
        for _ in range(ROUNDS):
            joint = mine * tilt
            joint /= joint.sum(axis=1, keepdims=True)
            tilt = (joint.sum(axis=0) + 1) / (len(mine) + k) * k
        share[j, :k] = tilt
    return share
