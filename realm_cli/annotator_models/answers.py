"""What annotators answer, laid out for a pass over many labels: log A(y | k), and what to count.

Two shapes are enough for every annotator model. Where A(y | k) depends on k only through whether
k is y, a label lifts its own option and touches no other (`OwnOption`); where it depends on k in
full, there is a table (`Table`). Letters as in `labels.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from realm_cli.labels import Block, FloatArray, Labels


class Answers(Protocol):
    """Log-probabilities of answers, and the sums over them that a fit needs."""

    @property
    def counts_shape(self) -> tuple[int, ...]:
        """The shape of what `count` returns."""

    def evidence(self, block: Block) -> FloatArray:
        """`[items, W]` sum over an item's labels of log A(y | k), up to a number an item."""

    def count(self, block: Block, q: FloatArray) -> FloatArray:
        """Expected counts under the posterior `q [items, W]` of a block."""

    def log_answers(
        self, group: npt.NDArray[np.integer], label: npt.NDArray[np.integer]
    ) -> FloatArray:
        """`[n, W]` log A(y | k) of single labels."""

    def constant(self, labels: Labels) -> float:
        """What `evidence` leaves out, summed over all items."""

    def to_the(self, power: float) -> Answers:
        """A(y | k)^power: answers that count for less than their number."""


@dataclass(frozen=True)
class OwnOption:
    """A(y | k) = hit if k is y, else miss.

    Attributes:
        hit: `[G, 1]`, or `[G, W]` where it depends on the label: log A(y | y).
        miss: The same for log A(y | k != y).
        width: W.
    """

    hit: FloatArray
    miss: FloatArray
    width: int

    @property
    def counts_shape(self) -> tuple[int, ...]:
        """Expected right labels, by group and, where it matters, by label."""
        return self.hit.shape

    def _place(self, block: Block) -> npt.NDArray[np.int32]:
        if self.hit.shape[1] == 1:
            return block.group
        return block.group * np.int32(self.width) + block.label

    def evidence(self, block: Block) -> FloatArray:
        """`[items, W]`: each label lifts its own option by hit - miss."""
        lift = (self.hit - self.miss).ravel()[self._place(block)]
        table: FloatArray = np.bincount(block.key, lift, block.n_items * self.width).astype(
            np.float64, copy=False
        )
        return table.reshape(self.width, block.n_items).T

    def count(self, block: Block, q: FloatArray) -> FloatArray:
        """Expected right labels, `[G, 1]` or `[G, W]`."""
        right = q.ravel(order="F")[block.key]
        total: FloatArray = np.bincount(self._place(block), right, self.hit.size).astype(
            np.float64, copy=False
        )
        return total.reshape(self.hit.shape)

    def log_answers(
        self, group: npt.NDArray[np.integer], label: npt.NDArray[np.integer]
    ) -> FloatArray:
        """`[n, W]`."""
        column = label if self.hit.shape[1] > 1 else np.zeros_like(label)
        table = np.repeat(self.miss[group, column][:, None], self.width, axis=1)
        table[np.arange(len(group)), label] = self.hit[group, column]
        return table

    def constant(self, labels: Labels) -> float:
        """Every label misses all options but its own."""
        if self.miss.shape[1] == 1:
            return float(labels.groups.n @ self.miss[:, 0])
        return float((label_counts(labels) * self.miss).sum())

    def to_the(self, power: float) -> OwnOption:
        """Both, in logs, times the power."""
        return OwnOption(power * self.hit, power * self.miss, self.width)


@dataclass(frozen=True)
class Table:
    """A(y | k) in full.

    Attributes:
        log_a: `[G, W, W]` by group, label and truth.
    """

    log_a: FloatArray

    @property
    def counts_shape(self) -> tuple[int, ...]:
        """Expected labels by group, label and truth."""
        return self.log_a.shape

    def evidence(self, block: Block) -> FloatArray:
        """`[items, W]`."""
        return np.asarray(block.matrix @ self.log_a.reshape(-1, self.log_a.shape[2]))

    def count(self, block: Block, q: FloatArray) -> FloatArray:
        """`[G, W, W]` expected labels by group, label and truth."""
        found = block.matrix.T @ np.ascontiguousarray(q)
        return np.asarray(found).reshape(self.log_a.shape)

    def log_answers(
        self, group: npt.NDArray[np.integer], label: npt.NDArray[np.integer]
    ) -> FloatArray:
        """`[n, W]`."""
        table: FloatArray = self.log_a[group, label]
        return table

    def constant(self, labels: Labels) -> float:
        """Nothing is left out."""
        del labels
        return 0.0

    def to_the(self, power: float) -> Table:
        """All of it, in logs, times the power."""
        return Table(power * self.log_a)


def label_counts(labels: Labels) -> FloatArray:
    """`[G, W]` how often each group gave each label."""
    shape = (len(labels.groups.n), labels.width)
    total = np.zeros(shape[0] * shape[1])
    for block in labels.blocks:
        total += np.bincount(block.group * np.int32(shape[1]) + block.label, minlength=total.size)
    return total.reshape(shape)
