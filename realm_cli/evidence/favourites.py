"""Somebody favours one label, or one position among the options, whatever the item.

Of each (annotator, task) the option is looked at that was given most beyond what is expected of
somebody as competent on the same items:

    P(y) = c q(y) + (1 - c) sum over k != y of q(k) e(y | k)

with q the posterior of the item's truth without the label itself, and e how mistakes spread: as
those of all others do or evenly, whichever makes y the likelier.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from realm_cli.coding import IntArray
from realm_cli.evidence.case import Case, Signs, competence
from realm_cli.evidence.chance import Trials
from realm_cli.labels import FloatArray

LEAST = 0.4
"""Share of the answers that owes to habit, at least, to be worth telling."""
CLEAR = 1e-3
FEWEST = 15
"""Labels of one person in one task that say something."""


def favour_a_label(case: Case) -> Signs:
    """In tasks whose items all have the same options: a label given too often."""
    return _favour(case, case.labels.one_set[case.task], "the label {name}")


def favour_a_position(case: Case) -> Signs:
    """In tasks whose items bring their own options: a position among them given too often."""
    return _favour(case, ~case.labels.one_set[case.task], "the option in place {place}")


def monotonous(case: Case) -> npt.NDArray[np.bool_]:
    """`[A]` who clearly favours a label or a position in some task."""
    found = np.zeros(case.labels.n_annotators, dtype=bool)
    for signs in (case.once(favour_a_label), case.once(favour_a_position)):
        clear = (signs.p_value < CLEAR) & (signs.effect >= LEAST)
        found[signs.annotator[clear]] = True
    return found


def _favour(case: Case, about: npt.NDArray[np.bool_], what: str) -> Signs:
    n_tasks = len(case.table.items.tasks)
    key = case.annotator * n_tasks + case.task
    counts = np.bincount(key[about], minlength=case.labels.n_annotators * n_tasks)
    cells = np.flatnonzero(counts >= FEWEST)
    if not len(cells) or case.labels.width < 2:
        return Signs.none()
    place = np.full(len(counts), -1)
    place[cells] = np.arange(len(cells))
    cell = np.where(about, place[key], -1)
    expected = _Expected.of(case, cell, cells % n_tasks)
    return expected.signs(cells // n_tasks, cells % n_tasks, what)


@dataclass(frozen=True)
class _Expected:
    """What is expected of each cell `[F]`.

    Attributes:
        case: The labels.
        cell: `[N]` place of each label's cell, -1 where it has none.
        competence: `[F]`.
        spread: `[F, W]` share of each option among the mistakes of everybody else.
        given: `[F, W]` labels given.
        expected: `[F, W]` labels expected.
    """

    case: Case
    cell: IntArray
    competence: FloatArray
    spread: FloatArray
    given: FloatArray
    expected: FloatArray

    @staticmethod
    def of(case: Case, cell: IntArray, task: IntArray) -> _Expected:
        """Sums over all labels."""
        rows = np.flatnonzero(cell >= 0)
        size, width = len(task), case.labels.width
        c = competence(case.backing[rows], case.mistaken[rows], cell[rows], size)
        at = cell[rows] * width + case.labels.label[rows]
        given = np.bincount(at, minlength=size * width).astype(np.float64)
        wrong = np.bincount(at, 1 - case.backing[rows], size * width).reshape(size, width)
        of_task = np.zeros((int(task.max()) + 1, width))
        np.add.at(of_task, task, wrong)
        others = of_task[task] - wrong + 1.0
        spread = others / others.sum(axis=1, keepdims=True)
        found = _Expected(case, cell, c, spread, given.reshape(size, width), np.zeros((0, 0)))
        expected = np.zeros((size, width))
        for block, rest in case.passes():
            mine = np.flatnonzero(cell[block.rows] >= 0)
            where = cell[block.rows][mine]
            for y in range(width):
                chance = found.chance(where, rest[mine], y, case.n_options[block.rows][mine])
                expected[:, y] += np.bincount(where, chance, size)
        return _Expected(case, cell, c, spread, found.given, expected)

    def chance(
        self, cell: IntArray, rest: FloatArray, y: IntArray | int, n_options: IntArray
    ) -> FloatArray:
        """`[n]` P(y) of labels, by their cells and the posterior of the truth `[n, W]`."""
        right = rest[np.arange(len(rest)), y]
        own = self.spread[cell, y]
        elsewhere = rest / np.maximum(1 - self.spread[cell], own[:, None])
        as_others = own * (elsewhere.sum(axis=1) - elsewhere[np.arange(len(rest)), y])
        evenly = (1 - right) / np.maximum(n_options - 1, 1)
        c = self.competence[cell]
        return np.asarray(c * right + (1 - c) * np.maximum(as_others, evenly))

    def signs(self, annotator: IntArray, task: IntArray, what: str) -> Signs:
        """The option that each favours most, and how often chance does as much."""
        n = self.given.sum(axis=1)
        excess = self.given - self.expected
        room = np.sqrt(np.maximum(self.expected * (n[:, None] - self.expected), 1e-9))
        favourite = (excess / room).argmax(axis=1)
        p = self._tail(favourite)
        people = np.arange(len(n))
        options = (self.given + self.expected > 0).sum(axis=1)
        given, expected = self.given[people, favourite], self.expected[people, favourite]

        def words(f: int) -> str:
            named = what.format(name=self._name(task[f], favourite[f]), place=favourite[f] + 1)
            return (
                f"gave {named} to {given[f]:.0f} of {n[f]:.0f} items, where "
                f"{expected[f]:.0f} are expected of somebody as competent on the same items"
            )

        return Signs(
            annotator=annotator,
            n=n.astype(np.int64),
            effect=(given - expected) / np.maximum(n - expected, 1e-9),
            p_value=np.minimum(p * options, 1),
            words=words,
            task=task,
        )

    def _tail(self, favourite: IntArray) -> FloatArray:
        parts = []
        for block, rest in self.case.passes():
            mine = np.flatnonzero(self.cell[block.rows] >= 0)
            where = self.cell[block.rows][mine]
            parts.append(
                self.chance(
                    where, rest[mine], favourite[where], self.case.n_options[block.rows][mine]
                )
            )
        rows = np.flatnonzero(self.cell >= 0)
        happened = self.case.labels.label[rows] == favourite[self.cell[rows]]
        return Trials(self.cell[rows], np.concatenate(parts), happened, len(favourite)).tail()

    def _name(self, task: int, option: int) -> str:
        items = self.case.table.items
        sets = items.option_set[items.task == task]
        return repr(items.option_sets[sets[0]][option])
