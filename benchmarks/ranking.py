"""Are those whom a report ranks lowest, or flags, really worse? Real crowds, held against gold.

Reports are made from labels alone; gold is looked at afterwards.

    REALM_DATA=... python benchmarks/ranking.py --write
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from tables import markdown, write

from realm_cli import pipeline
from realm_cli.report.flags import Flag
from realm_cli.report.model import AnnotatorReport
from realm_cli.report.reading import worst_first

PAGE = Path(__file__).parent.parent / "docs" / "evidence.md"
SETS = ("snow_rte_temp", "nyu_mcqa")
LOWEST = 10
LEAST = 20
"""Labels with gold from which on somebody's accuracy is worth ranking."""


def right(people: list[AnnotatorReport]) -> str:
    """Mean accuracy on gold, and of how many annotators."""
    known = [one.gold.accuracy for one in people if one.gold is not None]
    return f"{np.mean(known):.3f} ({len(known)})" if known else "– (0)"


def row(name: str, folder: Path) -> list[str]:
    """The lowest ten beside the median, the flagged beside the rest."""
    report = pipeline.estimate(pipeline.Source((folder / f"{name}.parquet",)))
    people = [one for one in worst_first(report) if one.gold is not None and one.gold.n >= LEAST]
    accuracy = [one.gold.accuracy for one in people if one.gold is not None]
    below = sum(a < np.median(accuracy) for a in accuracy[:LOWEST])
    out = [one for one in people if set(one.flags) - {Flag.FEW_LABELS}]
    rest = [one for one in people if one not in out]
    lowest = f"{max(accuracy[:LOWEST]):.3f} at most, {below} of {LOWEST} below the median"
    return [
        name, str(len(people)), f"{np.median(accuracy):.3f}", right(people[:LOWEST]), lowest,
        right(out), right(rest),
    ]  # fmt: skip


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/evidence.md")
    options = parser.parse_args()
    folder = Path(os.environ["REALM_DATA"]) / "crowd"
    head = [
        "set", "annotators", "median accuracy", "lowest ten: mean", "each of them",
        "flagged: mean", "not flagged: mean",
    ]  # fmt: skip
    text = markdown(head, [row(name, folder) for name in SETS])
    print(text)
    if options.write:
        write("benchmarks/ranking.py", text + "\n", PAGE)


if __name__ == "__main__":
    main()
