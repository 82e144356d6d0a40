"""What annotators do with what they know: guess, like, confuse, repeat themselves, copy, tire.

A behaviour turns annotators at work into their answers, and says what is true of them. Expertise w
stands everywhere for being right with probability w + (1 - w) / K, on average over the answers that
were given.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from realm_cli.coding import IntArray
from realm_cli.config import CrowdSettings
from realm_cli.errors import UsageError
from realm_cli.labels import FloatArray
from realm_cli.simulate.draws import annotator_names, chosen

TIRED = 0.2
"""What is left of expertise at the end of somebody's work."""
SECONDS = 30.0
"""Mean time between two answers of one annotator."""


@dataclass(frozen=True)
class Work:
    """Annotators at work; `[N]` is the labels, in the order of their items.

    Attributes:
        rng: Where chance comes from.
        settings: The crowd's.
        expertise: `[A, T]` w as it was drawn.
        item: `[N]` code of the item; every item of `[I]` is there.
        annotator: `[N]` who was given the item.
        task: `[N]` code of the item's task.
        gold: `[N]` position of the truth among the item's options.
        n_options: `[N]` K.
    """

    rng: np.random.Generator
    settings: CrowdSettings
    expertise: FloatArray
    item: IntArray
    annotator: IntArray
    task: IntArray
    gold: IntArray
    n_options: IntArray

    @property
    def w(self) -> FloatArray:
        """`[N]` expertise behind each answer."""
        return self.expertise[self.annotator, self.task]

    @property
    def options_of_task(self) -> IntArray:
        """`[T]` the most options that an item of the task has."""
        most = np.ones(self.expertise.shape[1], dtype=np.int64)
        np.maximum.at(most, self.task, self.n_options)
        return most


@dataclass(frozen=True)
class Answers:
    """What came of it.

    Attributes:
        annotator: `[N]` who answered.
        label: `[N]` position of each answer among the item's options.
        expertise: `[A, T]` w, on average over the answers given.
        known: What else is true of an annotator in a task, by column `[A, T]`.
        known_of_items: What is true of the items, by column `[I]`.
        seconds: `[N]` when an answer came, from the start of the work; None if that means nothing.
    """

    annotator: IntArray
    label: IntArray
    expertise: FloatArray
    known: dict[str, list[list[str]]] = field(default_factory=dict)
    known_of_items: dict[str, FloatArray] = field(default_factory=dict)
    seconds: FloatArray | None = None


def chance_of_correct(w: FloatArray, n_options: IntArray) -> FloatArray:
    """W + (1 - w) / K, never below 0: P(label is correct) of an annotator of expertise w."""
    return np.maximum(w + (1 - w) / n_options, 0)


def know_or_guess(work: Work) -> Answers:
    """The truth with P(correct), else any wrong option alike."""
    return Answers(work.annotator, _answers(work, work.w), work.expertise)


def below_chance(work: Work) -> Answers:
    """P(correct) anywhere from never to always: w is drawn down to -1 / (K - 1)."""
    least = -1 / np.maximum(work.options_of_task - 1, 1)
    expertise = least + (1 - least) * work.expertise
    label = _answers(work, expertise[work.annotator, work.task])
    return Answers(work.annotator, label, expertise)


def like(work: Work) -> Answers:
    """Who does not know follows a liking for places among the options, s ~ Dirichlet(1/2)."""
    width = int(work.n_options.max())
    likes = work.rng.dirichlet(np.full(width, 0.5), work.settings.annotators)
    offered = np.arange(width) < work.n_options[:, None]
    liked = _one_of(work.rng, np.where(offered, likes[work.annotator] + 1e-9, 0))
    knows = work.rng.random(len(work.item)) < work.w
    told = [[_numbers(row)] * work.expertise.shape[1] for row in likes]
    return Answers(
        work.annotator, np.where(knows, work.gold, liked), work.expertise, {"likes": told}
    )


def confuse(work: Work) -> Answers:
    """Everyone takes some options for others: a table of P(label | truth) each, in each task.

    Raises:
        UsageError: Items of one task have different numbers of options.
    """
    options = work.options_of_task
    if (work.n_options != options[work.task]).any():
        raise UsageError(
            "a confusion is between options that are the same for all items of a task, and here "
            "their number differs from item to item",
            hint="take items with fixed options, or --kind guess",
        )
    tables = [[_table(work.rng, w, k) for w, k in zip(row, options, strict=True)]
              for row in work.expertise]  # fmt: skip
    width = int(options.max())
    rows = np.zeros((len(work.item), width))
    for n, (a, t, truth) in enumerate(zip(work.annotator, work.task, work.gold, strict=True)):
        rows[n, : options[t]] = tables[a][t][truth]
    right = np.array([[np.diag(table).mean() for table in row] for row in tables])
    expertise = (right - 1 / options) / np.maximum(1 - 1 / options, 0.5)
    told = [[_numbers(table.ravel()) for table in row] for row in tables]
    return Answers(work.annotator, _one_of(work.rng, rows), expertise, {"confusions": told})


def repeat_oneself(work: Work) -> Answers:
    """A share gives the option at one and the same place whatever is asked."""
    width = int(work.n_options.max())
    place = np.full(work.settings.annotators, -1)
    spammers = chosen(work.rng, work.settings)
    place[spammers] = work.rng.integers(width, size=len(spammers))
    expertise = np.where(place[:, None] < 0, work.expertise, 0.0)
    theirs = place[work.annotator]
    label = np.where(theirs < 0, _answers(work, work.w), theirs % work.n_options)
    told = [["" if p < 0 else str(p)] * work.expertise.shape[1] for p in place.tolist()]
    return Answers(work.annotator, label, expertise, {"always": told})


def copy(work: Work) -> Answers:
    """A share copies: each sits beside one other annotator, at that one's items, and repeats them.

    Raises:
        UsageError: More than half are to copy, or no item has two labels.
    """
    if work.settings.share > 1 / 2 or work.settings.labels_per_item < 2:
        raise UsageError(
            "colluding takes two: at most half of the annotators can copy, and only where an item "
            "has two labels or more",
            hint="--share 0.3 --labels-per-item 3",
        )
    order = work.rng.permutation(work.settings.annotators)
    n_copiers = int(len(order) * work.settings.share)
    copiers, honest = order[:n_copiers], order[n_copiers:]
    leader = np.full(len(order), -1)
    leader[copiers] = honest[:n_copiers]
    hands = work.annotator.reshape(-1, work.settings.labels_per_item)
    seats = np.array([_seat(work.rng, hand, leader, honest) for hand in hands.tolist()])
    annotator = seats.ravel()
    beside = np.arange(len(annotator)) - (leader[annotator] >= 0)
    expertise = np.where(leader[:, None] < 0, work.expertise, work.expertise[leader])
    label = _answers(work, expertise[annotator, work.task])[beside]
    names = annotator_names(work.settings)
    told = [["" if one < 0 else names[one]] * expertise.shape[1] for one in leader]
    return Answers(annotator, label, expertise, {"copies": told})


def _seat(
    rng: np.random.Generator, hand: list[int], leader: IntArray, honest: IntArray
) -> list[int]:
    """As many of an item's annotators as before, each copier right behind the one it copies."""
    copiers = [a for a in hand if leader[a] >= 0][: len(hand) // 2]
    seated = [one for a in copiers for one in (int(leader[a]), a)]
    seated += [a for a in hand if leader[a] < 0 and a not in seated][: len(hand) - len(seated)]
    free = [a for a in rng.permutation(honest).tolist() if a not in seated]
    return seated + free[: len(hand) - len(seated)]


def tire(work: Work) -> Answers:
    """Expertise falls in a line to TIRED of what it was, over each annotator's work."""
    n = len(work.item)
    count = np.bincount(work.annotator, minlength=work.settings.annotators)
    start = np.cumsum(count) - count
    order = np.lexsort((work.rng.random(n), work.annotator))
    place = np.empty(n)
    place[order] = np.arange(n) - start[work.annotator[order]]
    done = place / np.maximum(count[work.annotator] - 1, 1)
    w = work.w * (1 - (1 - TIRED) * done)
    clock = np.cumsum(work.rng.exponential(SECONDS, n))
    seconds = np.empty(n)
    seconds[order] = clock - np.concatenate([[0.0], clock])[start[work.annotator[order]]]
    return Answers(work.annotator, _answers(work, w), _average(work, w), seconds=seconds)


def find_hard(work: Work) -> Answers:
    """An item of difficulty d ~ Beta(1, 2) leaves everyone 1 - d of their expertise."""
    difficulty = work.rng.beta(1, 2, int(work.item.max()) + 1)
    w = work.w * (1 - difficulty[work.item])
    return Answers(
        work.annotator,
        _answers(work, w),
        _average(work, w),
        known_of_items={"difficulty": difficulty},
    )


def _answers(work: Work, w: FloatArray) -> IntArray:
    """The truth with P(correct), else any wrong option alike `[N]`."""
    n = len(w)
    correct = work.rng.random(n) < chance_of_correct(w, work.n_options)
    shift = 1 + (work.rng.random(n) * (work.n_options - 1)).astype(np.int64)
    return np.where(correct, work.gold, (work.gold + shift) % work.n_options)


def _one_of(rng: np.random.Generator, weights: FloatArray) -> IntArray:
    """A position of each row `[N]`, by the row's weights `[N, K]`."""
    rising = np.cumsum(weights, axis=1)
    drawn = rng.random((len(weights), 1)) * rising[:, -1:]
    place: IntArray = np.count_nonzero(rising <= drawn, axis=1).astype(np.int64)
    return place


def _average(work: Work, w: FloatArray) -> FloatArray:
    """`[A, T]` mean of w over each annotator's answers; what was drawn where there are none."""
    n_tasks = work.expertise.shape[1]
    cell = work.annotator * n_tasks + work.task
    count = np.bincount(cell, minlength=work.expertise.size).reshape(work.expertise.shape)
    total = np.bincount(cell, w, minlength=work.expertise.size).reshape(work.expertise.shape)
    return np.where(count > 0, total / np.maximum(count, 1), work.expertise)


def _table(rng: np.random.Generator, w: float, k: int) -> FloatArray:
    """`[K, K]` P(label | truth): as often right as w says, one truth more often than another."""
    right = 1 / k + (1 - 1 / k) * rng.beta(1 + 4 * w, 5 - 4 * w, k)
    table = np.diag(right)
    for truth in range(k):
        others = np.arange(k) != truth
        table[truth, others] = (1 - right[truth]) * rng.dirichlet(np.full(max(k - 1, 1), 0.3))[
            : k - 1
        ]
    return table


def _numbers(values: FloatArray) -> str:
    return " ".join(f"{value:.4f}" for value in values)
