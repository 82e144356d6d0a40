"""Is a budget better spent on the relabel queue than at random? Labels alone.

A crowd labels every item a few times; then a budget of one label for every other item is spent: on
the queue, on items drawn at random, or on the items of lowest probability, one label each. Whoever
gives a new label is drawn at random from those who have not labelled the item. Accuracy is that of
the posterior labels of a fit to all labels, old and new. Simulated crowds, and real ones that have
labelled every item often: of their labels some are held back, to be bought.

    REALM_DATA=... python benchmarks/relabel.py --write
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tables import markdown, write

from realm_cli.aggregate.choice import asked_for, fit_model
from realm_cli.annotations import NO_GOLD, build_table
from realm_cli.choices import AnnotatorModel
from realm_cli.labels import Questions, build_labels
from realm_cli.loaders import load
from realm_cli.relabel import queue

ITEMS, ANNOTATORS = 1_000, 40
PER_ITEM = 3
SEEDS = range(20)
KINDS = ("uniform", "half experts")
SETS = {"labels_only/bluebird": 2, "labels_only/face": 4, "labels_only/rte": 2}
"""Real crowds with seven labels an item or more, and their K."""


@dataclass(frozen=True)
class World:
    """Labels that have been given, and those that would be given next.

    Attributes:
        truth: `[I]`.
        who: `[I, R]` annotators in the order in which they would label each item.
        label: `[I, R]` what they would say; NO_GOLD where nobody is left.
        n_options: K of each item `[I]`.
        model: The annotator model that is fitted.
    """

    truth: np.ndarray
    who: np.ndarray
    label: np.ndarray
    n_options: np.ndarray
    model: AnnotatorModel = AnnotatorModel.EXPERTISE

    def fit(self, n_labels: np.ndarray) -> tuple[np.ndarray, float]:
        """`[I, K]` posterior of each item's first labels `[I]`, and the crowd's mean expertise."""
        given = np.arange(self.who.shape[1])[None, :] < n_labels[:, None]
        given &= self.label != NO_GOLD
        item = np.nonzero(given)[0]
        n = int(self.who.max()) + 1
        about = Questions(self.n_options)
        labels = build_labels(item, self.who[given], self.label[given], about, n_annotators=n)
        power = asked_for(self.model, labels).power
        fitted = fit_model(self.model, labels).to_the(power)
        weight = labels.groups.by_cell(labels.groups.n)
        w = fitted.model.expertise(fitted.parameters)
        return np.exp(fitted.log_q), float(weight @ w / weight.sum())

    def accuracy(self, n_labels: np.ndarray) -> float:
        """Of the posterior labels; ties at their expected share."""
        q, _ = self.fit(n_labels)
        best = q >= q.max(axis=1, keepdims=True) - 1e-9
        right = best[np.arange(len(q)), self.truth] / best.sum(axis=1)
        return float(right[self.truth != NO_GOLD].mean())


def simulated(kind: str, n_options: int, seed: int) -> World:
    """A crowd of known expertise."""
    rng = np.random.default_rng([KINDS.index(kind), n_options, seed])
    half = np.where(rng.permutation(ANNOTATORS) < ANNOTATORS / 2, 0.9, 0.1)
    w = rng.random(ANNOTATORS) if kind == "uniform" else half
    truth = rng.integers(n_options, size=ITEMS)
    who = np.argsort(rng.random((ITEMS, ANNOTATORS)), axis=1)
    knows = rng.random(who.shape) < w[who]
    label = np.where(knows, truth[:, None], rng.integers(n_options, size=who.shape))
    return World(truth, who, label, np.full(ITEMS, n_options))


def real(name: str, seed: int) -> World:
    """A real crowd, each item's labels in random order."""
    table = build_table(load([Path(os.environ["REALM_DATA"], f"{name}.parquet")]))[0]
    order = np.lexsort((np.random.default_rng(seed).random(len(table)), table.item))
    item = table.item[order]
    place = np.arange(len(item)) - np.searchsorted(item, item)
    shape = (len(table.items), int(place.max()) + 1)
    who, label = np.zeros(shape, np.int64), np.full(shape, NO_GOLD)
    who[item, place], label[item, place] = table.annotator[order], table.label[order]
    gold, n_options = table.items.gold, table.items.n_options
    return World(gold, who, label, n_options, AnnotatorModel.GUESS)


def spent(crowd: World, per_item: int, seed: int) -> list[float]:
    """Accuracy before, and with the budget spent at random, on the least probable, on the queue."""
    n_items = len(crowd.truth)
    budget = n_items // 2
    before = np.full(n_items, per_item)
    q, expertise = crowd.fit(before)
    rng = np.random.default_rng(seed)
    at_random = before.copy()
    at_random[rng.permutation(n_items)[:budget]] += 1
    unsure = before.copy()
    unsure[np.argsort(q.max(axis=1), kind="stable")[:budget]] += 1
    competence = expertise + (1 - expertise) / crowd.n_options
    found = queue(q, crowd.n_options, competence, budget, PER_ITEM)
    told = float(found.accuracy.mean())
    return [
        *(crowd.accuracy(n) for n in (before, at_random, unsure, before + found.n_labels)),
        float(q.max(axis=1).mean()),
        told,
    ]


def row(name: str, k: int, per_item: int) -> tuple[list[str], float]:
    """Means over the seeds, and by how many standard errors the queue is better."""
    crowds = [real(name, seed) if name in SETS else simulated(name, k, seed) for seed in SEEDS]
    found = np.array([spent(crowd, per_item, s) for s, crowd in zip(SEEDS, crowds, strict=True)])
    gap = found[:, 3] - found[:, 1]
    error = gap.std(ddof=1) / np.sqrt(len(gap))
    means = found.mean(axis=0)
    cells = [
        Path(name).name, str(k), str(per_item), *(f"{value:.3f}" for value in means[:4]),
        f"{gap.mean():+.3f} ± {error:.3f}", f"{means[4]:.3f}", f"{means[5]:.3f}",
    ]  # fmt: skip
    return cells, float(gap.mean() / error)


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/aggregation.md")
    options = parser.parse_args()
    wanted = [(kind, k, n) for kind in KINDS for k in (2, 4) for n in (2, 3, 5)]
    wanted += [(name, k, n) for name, k in SETS.items() for n in (2, 3)]
    rows, better = [], 0
    for name, k, per_item in wanted:
        cells, sigmas = row(name, k, per_item)
        better += sigmas > 2
        rows.append(cells)
        print(cells, flush=True)
    head = [
        "crowd", "K", "labels an item", "before", "at random", "least probable", "queue",
        "queue - random", "expected before", "expected with queue",
    ]  # fmt: skip
    told = (
        f"\nThe queue is ahead of chance by more than two standard errors in {better} of "
        f"{len(wanted)} rows.\n\n"
    )
    text = markdown(head, rows) + told
    print(text)
    if options.write:
        write("benchmarks/relabel.py", text)


if __name__ == "__main__":
    main()
