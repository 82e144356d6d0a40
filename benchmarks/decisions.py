"""Who is excluded on real crowds by default, and were they as bad as that? Gold says.

Every set of `$REALM_DATA/labels_only` and `crowd` with independent gold, judged by labels alone.

    REALM_DATA=... python benchmarks/decisions.py --write
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from labels import SETS
from tables import markdown, write

from realm_cli import follow_up
from realm_cli.config import DecisionSettings, JudgeSettings
from realm_cli.decisions import Decision, level_for
from realm_cli.intake import Source
from realm_cli.report.model import AnnotatorReport, CompetenceReport

SEED = 0
USUAL = DecisionSettings()


def judged(name: str) -> CompetenceReport:
    """A set with decisions."""
    source = Source((Path(os.environ["REALM_DATA"], f"{name}.parquet"),))
    return follow_up.decided(follow_up.judged_files(source, JudgeSettings(seed=SEED)), USUAL)


def by_decision(report: CompetenceReport, decision: Decision) -> str:
    """How many, and their accuracy on gold, over their labels."""
    people = [one for one in report.annotators if one.decision == decision]
    n = sum(one.gold.n for one in people if one.gold)
    right = sum(one.gold.n * one.gold.accuracy for one in people if one.gold)
    return f"{len(people)}" + (f" ({right / n:.2f})" if n else "")


def wrongly(report: CompetenceReport) -> list[AnnotatorReport]:
    """The excluded who are at what is asked for, or above, on gold."""
    return [
        one
        for one in report.annotators
        if one.decision == Decision.EXCLUDE
        and one.gold
        and one.gold.accuracy >= level_for(one, report, USUAL)
    ]


def row(name: str, report: CompetenceReport) -> list[str]:
    """A line of the table."""
    assert report.decisions is not None
    found = report.decisions.exclusion
    effect = ["–"] * 3
    if found is not None:
        gold = found.gold
        effect = [
            f"{found.n_changed} of {found.n_items}",
            f"{found.expected_accuracy_before:.3f} → {found.expected_accuracy_after:.3f}",
            f"{gold.before:.4f} → {gold.after:.4f}" if gold else "–",
        ]
    decisions = [by_decision(report, decision) for decision in Decision]
    return [name.split("/")[1], *decisions, *effect]


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/aggregation.md")
    options = parser.parse_args()
    rows, n_excluded, n_wrongly = [], 0, 0
    for name in SETS:
        report = judged(name)
        assert report.decisions is not None
        n_excluded += report.decisions.counts[Decision.EXCLUDE]
        n_wrongly += len(wrongly(report))
        rows.append(row(name, report))
        print(rows[-1], flush=True)
    head = ["set", *(decision.value for decision in Decision), "labels changed",
            "expected accuracy", "on gold"]  # fmt: skip
    told = (
        f"\nOf {n_excluded} excluded annotators {n_wrongly} are at or above what is asked for on "
        "gold.\n\n"
    )
    print(told)
    if options.write:
        write("benchmarks/decisions.py", markdown(head, rows) + told)


if __name__ == "__main__":
    main()
