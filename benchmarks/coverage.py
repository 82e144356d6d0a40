"""Do 95% intervals hold the truth? Crowds of known expertise, labels alone.

python benchmarks/coverage.py --write
"""

from __future__ import annotations

import argparse
from itertools import product

import numpy as np
from tables import markdown, write

from realm_cli.aggregate.choice import fit_model
from realm_cli.annotator_models.base import History
from realm_cli.choices import AnnotatorModel
from realm_cli.labels import Labels, Questions, build_labels
from realm_cli.posterior import judge

ANNOTATORS = (10, 40, 200)
LABELS = (1, 3, 5)
OPTIONS = (2, 4)
KINDS = ("uniform", "beta", "hammer-spammer")
PER_ANNOTATOR = 40
JUDGED = 400
"""Annotators judged in each cell: as many crowds as that takes."""


def expertise(kind: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """As `realm simulate` draws it."""
    if kind == "uniform":
        return rng.random(n)
    if kind == "beta":
        return rng.beta(2, 1, n)
    return np.where(rng.permutation(n) < n / 2, 0.95, 0.0)


def crowd(w: np.ndarray, per_item: int, k: int, rng: np.random.Generator) -> Labels:
    """Labels of a crowd that guesses uniformly where it does not know."""
    n = len(w)
    n_items = n * PER_ANNOTATOR // per_item
    annotator = np.argsort(rng.random((n_items, n)), axis=1)[:, :per_item].ravel()
    item = np.repeat(np.arange(n_items), per_item)
    truth = rng.integers(k, size=n_items)[item]
    knows = rng.random(len(item)) < w[annotator]
    label = np.where(knows, truth, rng.integers(k, size=len(item)))
    about = Questions(np.full(n_items, k))
    return build_labels(item, annotator, label, about, n_annotators=n)


def cell(kind: str, n: int, per_item: int, k: int) -> tuple[float, float, float]:
    """Coverage, mean error and bias over all crowds of a cell."""
    inside, error = [], []
    for seed in range(max(JUDGED // n, 1)):
        rng = np.random.default_rng([n, per_item, k, KINDS.index(kind), seed])
        w = expertise(kind, n, rng)
        labels = crowd(w, per_item, k, rng)
        found = judge(
            labels, fit_model(AnnotatorModel.EXPERTISE, labels), History.none(n), seed=seed
        ).expertise
        inside.append((found.low <= w) & (w <= found.high))
        error.append(found.mean - w)
    gap = np.concatenate(error)
    return float(np.concatenate(inside).mean()), float(np.abs(gap).mean()), float(gap.mean())


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/aggregation.md")
    options = parser.parse_args()
    rows, good = [], 0
    for kind, k, per_item in product(KINDS, OPTIONS, LABELS):
        found = [cell(kind, n, per_item, k) for n in ANNOTATORS]
        good += sum(0.92 <= cover <= 0.98 for cover, _, _ in found)
        figures = [f"{cover:.3f} / {error:.3f} / {bias:+.3f}" for cover, error, bias in found]
        rows.append([kind, str(k), str(per_item), *figures])
        print(rows[-1], flush=True)
    head = ["expertise", "K", "labels an item", *(f"{n} annotators" for n in ANNOTATORS)]
    total = len(rows) * len(ANNOTATORS)
    told = f"\nCoverage between .92 and .98 in {good} of {total} cells.\n\n"
    print(told)
    if options.write:
        write("benchmarks/coverage.py", markdown(head, rows) + told)


if __name__ == "__main__":
    main()
