"""Accuracy of labels found without a language model, crowd-kit's methods side by side.

Every set of `$REALM_DATA/labels_only` and `crowd` with independent gold. A tie counts at its
expected share, for both sides. Needs the `bench` extra.

    REALM_DATA=... python benchmarks/labels.py --write
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from tables import markdown, write

from realm_cli.aggregate.choice import choose
from realm_cli.aggregate.majority import winning_shares
from realm_cli.annotations import NO_GOLD, AnnotationTable, build_table
from realm_cli.bench.peers import CROWD_KIT, crowd_kit
from realm_cli.choices import Method
from realm_cli.config import Reading
from realm_cli.errors import UsageError
from realm_cli.labelling import weights
from realm_cli.labels import labels_of
from realm_cli.loaders import load

SETS = (
    "labels_only/bluebird", "labels_only/face", "labels_only/music_ms", "labels_only/product",
    "labels_only/rte", "labels_only/sentiment_sp", "labels_only/weather_cf", "crowd/nyu_mcqa",
    "crowd/snow_rte_temp", "crowd/spatial_directions", "crowd/pubmedqa_two_annotators",
)  # fmt: skip
OURS = [method for method in Method if method is not Method.AUTO]
SEEDS = range(10)


def read(name: str) -> AnnotationTable:
    """One set."""
    path = Path(os.environ["REALM_DATA"], f"{name}.parquet")
    return build_table(load([path], Reading()))[0]


def right(table: AnnotationTable, q: np.ndarray) -> float:
    """Share of items with gold that are right, ties at their expected share."""
    known = np.flatnonzero(table.items.gold != NO_GOLD)
    return float(winning_shares(q)[known, table.items.gold[known]].mean())


def ours(table: AnnotationTable, method: Method, seed: int = 0) -> float | None:
    """Accuracy of one of realm's methods; None where it does not apply."""
    try:
        return right(table, weights(table, method, seed=seed))
    except UsageError:
        return None


def theirs(table: AnnotationTable) -> dict[str, float]:
    """Accuracy of crowd-kit's methods."""
    found = {method.value: right(table, crowd_kit(method, table, seed=0)) for method in CROWD_KIT}
    return {name.removeprefix("crowd-kit-"): value for name, value in found.items()}


def figure(value: float | None) -> str:
    """A share as three digits."""
    return "–" if value is None else f"{value:.4f}"


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/aggregation.md")
    parser.add_argument("--ours", action="store_true", help="leave crowd-kit out")
    options = parser.parse_args()
    rows, beaten, near, above = [], 0, 0, 0
    for name in SETS:
        table = read(name)
        found = {method: ours(table, method) for method in OURS}
        peers = {} if options.ours else theirs(table)
        chosen = choose(labels_of(table)).model
        seeds = [ours(table, Method.AUTO, seed) or 0.0 for seed in SEEDS]
        best = max(value for value in found.values() if value is not None)
        peer = max(peers, key=lambda one: peers[one]) if peers else "–"
        beaten += bool(peers) and best >= peers[peer] - 1e-9
        near += min(seeds) >= best - 0.01
        above += min(seeds) >= (found[Method.MAJORITY] or 0) - 0.01
        row = [
            name.split("/")[1], *(figure(found[method]) for method in OURS),
            f"{figure(seeds[0])} ({chosen.value})", f"{max(seeds) - min(seeds):.4f}",
            f"{figure(peers.get(peer))} ({peer})",
        ]  # fmt: skip
        print(row, {key: round(value, 4) for key, value in peers.items()}, flush=True)
        rows.append(row)
    head = ["set", *(method.value for method in OURS), "auto", "spread, 10 seeds", "crowd-kit"]
    told = (
        f"\nBest of realm at or above the best of crowd-kit on {beaten} of {len(SETS)} sets; "
        f"`auto` within .01 of the best of realm on {near}, and not more than .01 below the vote "
        f"on {above} (worst of ten seeds).\n\n"
    )
    print(told)
    if options.write:
        write("benchmarks/labels.py", markdown(head, rows) + told)


if __name__ == "__main__":
    main()
