"""Is a budget better spent on the relabel queue than at random? Simulated crowds, labels alone.

A crowd labels every item a few times; then a budget of one label for every other item is spent: on
the queue, on items drawn at random, or on the items of lowest probability, one label each. Whoever
gives a new label is drawn at random from those who have not labelled the item. Accuracy is that of
the posterior labels of a fit to all labels, old and new.

    python benchmarks/relabel.py --write
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from tables import markdown, write

from realm_cli.aggregate.choice import fit_model
from realm_cli.choices import AnnotatorModel
from realm_cli.labels import Questions, build_labels
from realm_cli.relabel import queue

ITEMS, ANNOTATORS = 1_000, 40
BUDGET = ITEMS // 2
PER_ITEM = 3
SEEDS = range(20)
KINDS = ("uniform", "half experts")
CELLS = [(kind, k, n) for kind in KINDS for k in (2, 4) for n in (2, 3, 5)]


@dataclass(frozen=True)
class World:
    """Labels that have been given, and those that would be given next.

    Attributes:
        truth: `[I]`.
        who: `[I, A]` annotators in the order in which they would label each item.
        label: `[I, A]` what they would say.
        n_options: K.
    """

    truth: np.ndarray
    who: np.ndarray
    label: np.ndarray
    n_options: int

    def fit(self, n_labels: np.ndarray) -> tuple[np.ndarray, float]:
        """`[I, K]` posterior of each item's first labels `[I]`, and the crowd's mean expertise."""
        given = np.arange(ANNOTATORS)[None, :] < n_labels[:, None]
        item = np.nonzero(given)[0]
        about = Questions(np.full(ITEMS, self.n_options))
        labels = build_labels(
            item, self.who[given], self.label[given], about, n_annotators=ANNOTATORS
        )
        fitted = fit_model(AnnotatorModel.EXPERTISE, labels)
        n = labels.groups.by_cell(labels.groups.n)
        return np.exp(fitted.log_q), float(n @ fitted.model.expertise(fitted.parameters) / n.sum())

    def accuracy(self, n_labels: np.ndarray) -> float:
        """Of the posterior labels; ties at their expected share."""
        q, _ = self.fit(n_labels)
        best = q >= q.max(axis=1, keepdims=True) - 1e-9
        return float((best[np.arange(ITEMS), self.truth] / best.sum(axis=1)).mean())


def world(kind: str, n_options: int, seed: int) -> World:
    """A crowd of known expertise."""
    rng = np.random.default_rng([KINDS.index(kind), n_options, seed])
    half = np.where(rng.permutation(ANNOTATORS) < ANNOTATORS / 2, 0.9, 0.1)
    w = rng.random(ANNOTATORS) if kind == "uniform" else half
    truth = rng.integers(n_options, size=ITEMS)
    who = np.argsort(rng.random((ITEMS, ANNOTATORS)), axis=1)
    knows = rng.random(who.shape) < w[who]
    label = np.where(knows, truth[:, None], rng.integers(n_options, size=who.shape))
    return World(truth, who, label, n_options)


def spent(crowd: World, per_item: int, seed: int) -> list[float]:
    """Accuracy before, and with the budget spent at random, on the least probable, on the queue."""
    before = np.full(ITEMS, per_item)
    q, expertise = crowd.fit(before)
    rng = np.random.default_rng(seed)
    at_random = before.copy()
    at_random[rng.permutation(ITEMS)[:BUDGET]] += 1
    unsure = before.copy()
    unsure[np.argsort(q.max(axis=1), kind="stable")[:BUDGET]] += 1
    competence = np.full(ITEMS, expertise + (1 - expertise) / crowd.n_options)
    found = queue(q, np.full(ITEMS, crowd.n_options), competence, BUDGET, PER_ITEM)
    told = float(found.accuracy.mean())
    return [
        *(crowd.accuracy(n) for n in (before, at_random, unsure, before + found.n_labels)),
        float(q.max(axis=1).mean()),
        told,
    ]


def row(kind: str, k: int, per_item: int) -> tuple[list[str], float]:
    """Means over the seeds, and the standard error of what the queue is better by."""
    found = np.array([spent(world(kind, k, seed), per_item, seed) for seed in SEEDS])
    gap = found[:, 3] - found[:, 1]
    error = gap.std(ddof=1) / np.sqrt(len(gap))
    means = found.mean(axis=0)
    cells = [
        kind, str(k), str(per_item), *(f"{value:.3f}" for value in means[:4]),
        f"{gap.mean():+.3f} ± {error:.3f}", f"{means[4]:.3f}", f"{means[5]:.3f}",
    ]  # fmt: skip
    return cells, float(gap.mean() / error)


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/aggregation.md")
    options = parser.parse_args()
    rows, better = [], 0
    for kind, k, per_item in CELLS:
        cells, sigmas = row(kind, k, per_item)
        better += sigmas > 2
        rows.append(cells)
        print(cells, flush=True)
    head = [
        "expertise", "K", "labels an item", "before", "at random", "least probable", "queue",
        "queue - random", "expected before", "expected with queue",
    ]  # fmt: skip
    told = (
        f"\nThe queue is ahead of chance by more than two standard errors in {better} of "
        f"{len(CELLS)} rows.\n\n"
    )
    text = markdown(head, rows) + told
    print(text)
    if options.write:
        write("benchmarks/relabel.py", text)


if __name__ == "__main__":
    main()
