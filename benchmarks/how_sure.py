"""How sure labels alone are of the truth, and of people, against gold that no fit has seen.

Every set with independent gold, by the default annotator model: with each label counted in full,
and at the power that held-out annotations ask for (eq. 25). Beside it crowd-kit's MACE, its best
judge of annotators (one minus its share of spam). Needs the `bench` extra.

    REALM_DATA=... python benchmarks/how_sure.py --write
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import replace

import crowdkit.aggregation as crowd_kit
import numpy as np
import pandas as pd
from labels import SETS, read, right
from scipy.stats import spearmanr
from tables import markdown, write

from realm_cli import estimation
from realm_cli.annotations import NO_GOLD, AnnotationTable
from realm_cli.config import JudgeSettings
from realm_cli.estimation import Crowd, Estimation
from realm_cli.labels import FloatArray

LEAST = 20
"""Labels with gold from which on somebody's accuracy is worth ranking."""
MANY = 20
"""Such annotators from which on a ranking of them says anything."""


def surety(found: Estimation) -> tuple[str, str]:
    """Mean probability of the labels chosen, and log-loss of the right ones, on items with gold."""
    gold = found.crowd.table.items.gold
    known = np.flatnonzero(gold != NO_GOLD)
    log_q = found.fit.log_q[known]
    loss = -log_q[np.arange(len(known)), gold[known]].mean()
    return f"{np.exp(log_q.max(axis=1)).mean():.3f}", f"{abs(loss):.3f}"


def ranked(table: AnnotationTable, competence: FloatArray) -> str:
    """Spearman with the real accuracy of those with enough gold."""
    gold = table.items.gold[table.item]
    known = gold != NO_GOLD
    n = np.bincount(table.annotator[known], minlength=len(table.annotators))
    wins = np.bincount(table.annotator[known], (table.label == gold)[known], len(n))
    some = n >= LEAST
    if some.sum() < MANY:
        return "–"
    return f"{spearmanr(competence[some], wins[some] / n[some]).statistic:.3f}"


def trust(table: AnnotationTable) -> FloatArray:
    """What crowd-kit's MACE makes of annotators."""
    frame = pd.DataFrame({"task": table.item, "worker": table.annotator, "label": table.label})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = crowd_kit.MACE(random_state=0).fit(frame)
    by_code = np.zeros(len(table.annotators))
    by_code[pd.unique(frame.worker)] = model.spamming_[:, 1]
    return by_code


def row(name: str) -> list[str]:
    """One set."""
    table, settings = read(name), JudgeSettings()
    crowd: Crowd = estimation.crowd_of(table, settings)
    found = estimation.estimate(crowd, settings)
    full = estimation.judged(crowd, settings, replace(found.choice, power=1), found.fit.to_the(1))
    sure = [" → ".join(pair) for pair in zip(surety(full), surety(found), strict=True)]
    ranks = [ranked(table, one.judgement.competence.mean) for one in (full, found)]
    return [
        name.split("/")[1], f"{found.choice.model.value}, {found.fit.power:g}",
        f"{right(table, np.exp(found.fit.log_q)):.3f}", *sure, " → ".join(ranks),
        ranked(table, trust(table)),
    ]  # fmt: skip


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/aggregation.md")
    options = parser.parse_args()
    head = [
        "set", "annotator model, power", "right", "claimed", "log-loss",
        "rank of annotators", "of MACE",
    ]  # fmt: skip
    rows = []
    for name in SETS:
        rows.append(row(name))
        print(rows[-1], flush=True)
    if options.write:
        write("benchmarks/how_sure.py", markdown(head, rows) + "\n")


if __name__ == "__main__":
    main()
