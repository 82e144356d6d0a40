"""Annotators of known expertise, so that every estimate can be held against the truth."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from realm_cli.annotations import NO_GOLD, Items
from realm_cli.choices import CrowdKind
from realm_cli.coding import IntArray
from realm_cli.config import CrowdSettings
from realm_cli.errors import InputError, UsageError
from realm_cli.labels import FloatArray
from realm_cli.schema import Status, with_column

EXPERT = 0.95
NOVICE = 0.05


@dataclass(frozen=True)
class SimulatedCrowd:
    """Annotations drawn from annotators whose expertise is known.

    Attributes:
        annotators: Ids `[A]`.
        expertise: `[A, T]` w; -1 stands for always wrong (the lowest that K allows).
        item: Item code of each annotation `[N]`, items in order.
        annotator: Annotator code of each `[N]`.
        label: Position of each label among its item's options `[N]`.
    """

    annotators: tuple[str, ...]
    expertise: FloatArray
    item: IntArray
    annotator: IntArray
    label: IntArray


def simulate(items: Items, settings: CrowdSettings) -> SimulatedCrowd:
    """Let a crowd label the items.

    Args:
        items: With gold labels, all of them.
        settings: Who labels, and how much.

    Raises:
        InputError: An item has no gold label.
        UsageError: More labels an item are asked for than there are annotators.
    """
    _check(items, settings)
    rng = np.random.default_rng(settings.seed)
    expertise = DRAWS[settings.kind](rng, settings, len(items.tasks))
    annotator = _assign(rng, len(items), settings).ravel()
    item = np.repeat(np.arange(len(items)), settings.labels_per_item)
    w = expertise[annotator, items.task[item]]
    label = _answer(rng, w, items.gold[item], items.n_options[item])
    width = len(str(settings.annotators - 1))
    names = tuple(f"annotator-{a:0{width}d}" for a in range(settings.annotators))
    return SimulatedCrowd(names, expertise, item, annotator, label)


def chance_of_correct(w: FloatArray, n_options: IntArray) -> FloatArray:
    """W + (1 - w) / K, never below 0: P(label is correct) of an annotator of expertise w."""
    return np.maximum(w + (1 - w) / n_options, 0)


def _check(items: Items, settings: CrowdSettings) -> None:
    missing = np.flatnonzero(items.gold == NO_GOLD)
    if len(missing):
        raise InputError(
            f"{len(missing):,} items have no gold label among their options, the first is "
            f"{items.ids[missing[0]]!r}",
            hint="simulated annotators need the truth to know or miss; name it with --gold-col",
        )
    if settings.labels_per_item > settings.annotators:
        raise UsageError(
            f"{settings.labels_per_item} labels an item need as many annotators, "
            f"and there are {settings.annotators}"
        )


def _assign(rng: np.random.Generator, n_items: int, settings: CrowdSettings) -> IntArray:
    """`[I, R]` distinct annotators for each item, all annotators equally busy.

    Annotators are dealt like cards: whole shuffled decks one after the other; an item that meets
    the same annotator twice at the seam of two decks has its annotators drawn afresh.
    """
    per_item = settings.labels_per_item
    decks = -(-n_items * per_item // settings.annotators)
    cards = np.concatenate([rng.permutation(settings.annotators) for _ in range(decks)])
    hands = cards[: n_items * per_item].reshape(n_items, per_item)
    for hand in hands:
        if len(set(hand.tolist())) < per_item:
            hand[:] = rng.choice(settings.annotators, per_item, replace=False)
    return hands.astype(np.int64)


def _answer(
    rng: np.random.Generator, w: FloatArray, gold: IntArray, n_options: IntArray
) -> IntArray:
    """The truth with P(correct), else any wrong option alike."""
    correct = rng.random(len(w)) < chance_of_correct(w, n_options)
    shift = 1 + (rng.random(len(w)) * (n_options - 1)).astype(np.int64)
    return np.where(correct, gold, (gold + shift) % n_options)


def _shuffled_share(rng: np.random.Generator, n: int, share: float) -> IntArray:
    """Positions of a random share of n."""
    return rng.permutation(n)[: round(n * share)]


def _hammer_spammer(rng: np.random.Generator, settings: CrowdSettings, tasks: int) -> FloatArray:
    w = np.zeros(settings.annotators)
    w[_shuffled_share(rng, settings.annotators, settings.share)] = EXPERT
    return np.repeat(w[:, None], tasks, axis=1)


def _uniform(rng: np.random.Generator, settings: CrowdSettings, tasks: int) -> FloatArray:
    return np.repeat(rng.random(settings.annotators)[:, None], tasks, axis=1)


def _beta(rng: np.random.Generator, settings: CrowdSettings, tasks: int) -> FloatArray:
    return np.repeat(rng.beta(2, 1, settings.annotators)[:, None], tasks, axis=1)


def _adversarial(rng: np.random.Generator, settings: CrowdSettings, tasks: int) -> FloatArray:
    w = rng.random(settings.annotators)
    w[_shuffled_share(rng, settings.annotators, settings.share)] = -1
    return np.repeat(w[:, None], tasks, axis=1)


def _task_specialist(rng: np.random.Generator, settings: CrowdSettings, tasks: int) -> FloatArray:
    w = np.full((settings.annotators, tasks), NOVICE)
    for row in w:
        known = rng.permutation(tasks)[: max(1, round(tasks * settings.share))]
        row[known] = EXPERT
    return w


DRAWS: dict[CrowdKind, Callable[[np.random.Generator, CrowdSettings, int], FloatArray]] = {
    CrowdKind.HAMMER_SPAMMER: _hammer_spammer,
    CrowdKind.UNIFORM: _uniform,
    CrowdKind.BETA: _beta,
    CrowdKind.ADVERSARIAL: _adversarial,
    CrowdKind.TASK_SPECIALIST: _task_specialist,
}


def annotation_rows(rows: pa.Table, items: Items, crowd: SimulatedCrowd) -> pa.Table:
    """Canonical annotations: each item's row, once for each of its labels.

    Args:
        rows: One canonical row an item `[I]`.
        items: The same items.
        crowd: Who labelled them, and how.
    """
    labels = [
        items.options(i)[k] for i, k in zip(crowd.item.tolist(), crowd.label.tolist(), strict=True)
    ]
    table = rows.take(crowd.item)
    filled = {
        "annotator_id": [crowd.annotators[a] for a in crowd.annotator],
        "label": labels,
        "status": [Status.OK.value] * len(labels),
    }
    for name, values in filled.items():
        table = with_column(table, name, pa.array(values, pa.string()))
    return table


def truth_csv(items: Items, crowd: SimulatedCrowd) -> str:
    """What nobody knows of real annotators: columns annotator_id, task, expertise."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["annotator_id", "task", "expertise"])
    for a, annotator in enumerate(crowd.annotators):
        for t, task in enumerate(items.tasks):
            writer.writerow([annotator, task, f"{crowd.expertise[a, t]:.6f}"])
    return out.getvalue()
