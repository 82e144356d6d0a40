"""Expertise at one label an item, in-sample and cross-fitted: sample_data's questions, tiny-t5.

A model that learns the labels of its training items by heart finds every annotator right, the more
so the longer it trains; annotators judged by models that have not seen their items are spared it.

    python benchmarks/cross_fit.py --write
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from tables import markdown, write

from realm_cli import loaders, pipeline, prediction, simulation
from realm_cli.annotations import build_items
from realm_cli.config import CrowdSettings, TrainSettings

DATA = Path(__file__).parent.parent / "sample_data"
CROWDS = {
    "15% experts": {"kind": "hammer-spammer", "share": 0.15},
    "uniform, 10 annotators": {"kind": "uniform", "annotators": 10},
    "uniform": {"kind": "uniform"},
}
SEEDS = (0, 1, 2)


def run(crowd: Path, seed: int, folds: int | None) -> tuple[float, float, float, str]:
    """Mean error and bias of expertise, accuracy on the held-out questions, kind of estimate."""
    settings = TrainSettings(model="tiny-t5", seed=seed, cross_fit=folds)
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "run"
        report = pipeline.train(pipeline.Source((crowd,)), settings, out)
        predicted = prediction.predict(out, pipeline.Source((DATA / "heldout.jsonl",)))
    lines = crowd.with_name("crowd.truth.csv").read_text(encoding="utf-8").splitlines()[1:]
    truth = {line.split(",")[0]: float(line.split(",")[2]) for line in lines}
    gap = np.array([one.expertise - truth[one.annotator_id] for one in report.annotators])
    (file,) = loaders.load_items([DATA / "heldout.jsonl"])
    items = build_items(file.table.combine_chunks())[0]
    gold = [items.options(i)[items.gold[i]] for i in range(len(items))]
    right = np.mean([a == b for a, b in zip(predicted["label"].to_pylist(), gold, strict=True)])
    return float(np.abs(gap).mean()), float(gap.mean()), float(right), report.estimate.kind.value


def pair(name: str, seed: int) -> list[tuple[float, float, float, str]]:
    """In-sample and cross-fitted, of one crowd."""
    with tempfile.TemporaryDirectory() as scratch:
        crowd = Path(scratch) / "crowd.parquet"
        settings = CrowdSettings(labels_per_item=1, seed=seed, **CROWDS[name])
        simulation.simulate_crowd(pipeline.Source((DATA / "items.jsonl",)), settings, crowd)
        found = [run(crowd, seed, folds) for folds in (1, None)]
    print(name, seed, found, flush=True)
    return found


def row(name: str) -> list[str]:
    """In-sample beside cross-fitted, means over the seeds and the ratio of each."""
    found = [pair(name, seed) for seed in SEEDS]
    figures = np.array([[one[:3] for one in both] for both in found])
    error, bias, right = figures.mean(axis=0).T
    ratios = figures[:, 1, 0] / figures[:, 0, 0]
    kinds = {both[1][3] for both in found}
    return [
        name, f"{error[0]:.3f} / {bias[0]:+.3f}", f"{error[1]:.3f} / {bias[1]:+.3f}",
        f"{error[1] / error[0]:.2f} ({', '.join(f'{one:.2f}' for one in ratios)})",
        *(f"{share:.3f}" for share in right), ", ".join(sorted(kinds)),
    ]  # fmt: skip


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/aggregation.md")
    parser.add_argument("--crowds", nargs="*", choices=CROWDS, default=list(CROWDS))
    options = parser.parse_args()
    rows = [row(name) for name in options.crowds]
    head = [
        "crowd", "in-sample: error / bias", "cross-fitted: error / bias", "ratio (of each seed)",
        "accuracy in-sample", "accuracy cross-fitted", "reported as",
    ]  # fmt: skip
    text = markdown(head, rows)
    print(text)
    if options.write:
        write("benchmarks/cross_fit.py", text + "\n")


if __name__ == "__main__":
    main()
