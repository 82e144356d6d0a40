"""Power and false alarms of the tests of annotators: simulated crowds, then real ones with gold.

REALM_DATA=... python benchmarks/evidence.py --write
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa
from odd_crowds import (
    MICROSECONDS,
    NULLS,
    PARTLY,
    PATTERNS,
    World,
    answers_of,
    case_of,
    make_items,
    records,
)
from tables import markdown, write

from realm_cli import estimation
from realm_cli.aggregate.choice import fit_model
from realm_cli.annotations import NO_GOLD, AnnotationTable, build_table
from realm_cli.choices import AnnotatorModel, CrowdKind
from realm_cli.config import Columns, JudgeSettings, Reading
from realm_cli.evidence import EVIDENCE, weigh
from realm_cli.evidence.case import Case
from realm_cli.evidence.drift import stretches
from realm_cli.labels import labels_of
from realm_cli.loaders import load

LABELS = (20, 50, 200)
NULL_CROWDS, PATTERN_CROWDS = 336, 34
"""Crowds of each size: some thousand without anybody to be found, a hundred of each pattern."""
SETS = ("snow_rte_temp", "nyu_mcqa", "ukp_convarg1")
ONLY = {
    "items with options of their own": "position-bias",
    "repeated items": "inconsistent",
    "pre-labels": "accepts-prelabels",
}
"""Kinds of crowd of `PARTLY`, and the test that needs them."""
PAGE = Path(__file__).parent.parent / "docs" / "evidence.md"


@dataclass(frozen=True)
class Score:
    """Of one test on one crowd: how many were found, of how many, and how many more wrongly."""

    hit: int
    odd: int
    wrong: int


def scores(world: World, n_labels: int, seed: int, tests: Sequence[str]) -> dict[str, Score]:
    """Some tests on one crowd; whoever copies makes two of a pair."""
    crowd = records(world, n_labels, seed)
    case = case_of(crowd)
    found = {}
    for name in tests:
        test = EVIDENCE[name]
        odd = crowd.odd if name == world.pattern else np.zeros_like(crowd.odd)
        told = [entry for entry in weigh(name, test, case) if entry.found]
        hit = {entry.annotator for entry in told if odd[entry.annotator]}
        partly = {entry.annotator for entry in told if any(odd[b] for b in entry.others)}
        wrong = {entry.annotator for entry in told} - hit - partly
        found[name] = Score(len(hit), int(odd.sum()), len(wrong))
    return found


def false_share(some: list[Score]) -> float:
    """Mean share of false findings among findings, 0 where nothing was found."""
    return float(np.mean([s.wrong / max(s.wrong + s.hit, 1) for s in some]))


Job = tuple[World, int, int, tuple[str, ...]]
"""A kind of crowd, labels each, how many crowds, which tests."""


def told_in(job: Job) -> list[dict[str, Score]]:
    """Some crowds of a world, with their own seeds."""
    world, n_labels, n, tests = job
    return [scores(world, n_labels, 1000 * n_labels + seed, tests) for seed in range(n)]


Map = Callable[[Callable[[Job], list[dict[str, Score]]], list[Job]], Iterator]


def false_alarms(spread: Map) -> str:
    """Share of crowds with nobody to be found in which a test finds somebody."""
    share = NULL_CROWDS // len(NULLS)
    everywhere = tuple(test for test in EVIDENCE if test not in ONLY.values())
    jobs: list[Job] = [(w, n, share, everywhere) for n, w in product(LABELS, NULLS.values())]
    jobs += [(PARTLY[name], n, NULL_CROWDS, (ONLY[name],)) for n, name in product(LABELS, ONLY)]
    done = list(zip(jobs, spread(told_in, jobs), strict=True))
    names = {world: name for name, world in {**NULLS, **PARTLY}.items()}
    rows = []
    for test in EVIDENCE:
        wrong = [
            (n, names[world], scored[test].wrong > 0)
            for (world, n, _, tests), part in done
            if test in tests
            for scored in part
        ]
        by_size = [share_of(one for n, _, one in wrong if n == size) for size in LABELS]
        kinds = {
            name: share_of(one for _, kind, one in wrong if kind == name)
            for name in dict.fromkeys(k for _, k, _ in wrong)
        }
        worst = max(kinds, key=lambda name: kinds[name])
        told = f"{worst}: {kinds[worst]:.3f}" if kinds[worst] else "–"
        figures = [f"{one:.3f}" for one in (*by_size, share_of(one for *_, one in wrong))]
        rows.append([test, f"{len(wrong):,}", *figures, told])
    head = ["test", "crowds", *(f"{n} labels each" for n in LABELS), "all", "worst kind of crowd"]
    return markdown(head, rows)


def share_of(happened: Iterable[bool]) -> float:
    """How often something happened."""
    return float(np.mean(list(happened)))


def power(spread: Map) -> str:
    """How many of the odd ones each test finds, and how many of its findings are wrong."""
    tests = tuple(EVIDENCE)
    jobs = [(world, n, PATTERN_CROWDS, tests) for world, n in product(PATTERNS.values(), LABELS)]
    parts = list(spread(told_in, jobs))
    rows = []
    for place, (name, world) in enumerate(PATTERNS.items()):
        mine = parts[place * len(LABELS) : (place + 1) * len(LABELS)]
        own = [[scored[world.pattern] for scored in part] for part in mine]
        found = [f"{sum(s.hit for s in some) / sum(s.odd for s in some):.2f}" for some in own]
        wrong = false_share([s for some in own for s in some])
        others = {
            test: false_share([scored[test] for part in mine for scored in part])
            for test in EVIDENCE
            if test != world.pattern
        }
        most = max(others, key=lambda one: others[one])
        besides = f"{most} {others[most]:.3f}" if others[most] else "–"
        rows.append([name, world.pattern or "", *found, f"{wrong:.3f}", besides])
    head = [
        "crowd", "test", *(f"found of {n} labels each" for n in LABELS), "wrong among found",
        "most wrong of the other tests",
    ]  # fmt: skip
    return markdown(head, rows)


def real(name: str) -> list[list[str]]:
    """Whom each test finds in a real crowd, and how right they are on gold."""
    path = Path(os.environ["REALM_DATA"], "crowd", f"{name}.parquet")
    columns = Columns(time="created_at") if name == "ukp_convarg1" else Columns()
    table = build_table(load([path], Reading(columns=columns)))[0]
    settings = JudgeSettings()
    crowd = estimation.crowd_of(table, settings)
    choice = estimation.choice_for(crowd, settings)
    case = Case(table, estimation.fit_crowd(crowd, settings, choice))
    gold = table.items.gold[table.item]
    known = gold != NO_GOLD
    n = np.bincount(table.annotator[known], minlength=len(table.annotators))
    right = np.bincount(table.annotator[known], (table.label == gold)[known], len(n))
    rows = []
    for test in EVIDENCE:
        start = time.process_time()
        told = weigh(test, EVIDENCE[test], case)
        who = np.zeros(len(n), dtype=bool)
        who[[entry.annotator for entry in told if entry.found]] = True
        figures = [
            f"{(right[some] / n[some]).mean():.3f}" if some.any() else "–"
            for some in (who & (n > 0), ~who & (n > 0))
        ]
        spent = time.process_time() - start
        rows.append([name, f"{len(n):,}", test, str(who.sum()), *figures, f"{spent:.1f}"])
    return rows


def million() -> str:
    """CPU time on a million labels of 5,000 annotators, by test."""
    rng = np.random.default_rng(0)
    n, people, per_item = 1_000_000, 5_000, 4
    item = np.arange(n) // per_item
    annotator = (np.arange(n) % per_item) * (people // per_item)
    annotator = annotator + rng.integers(people // per_item, size=n)
    gold = rng.integers(5, size=n // per_item)
    label = answers_of(rng, gold[item], rng.random(people)[annotator], 5)
    items = make_items(World(CrowdKind.UNIFORM, 5), n // per_item, rng)
    rows = pa.table(
        {
            "submitted_at": pa.array(np.arange(n) * MICROSECONDS, pa.timestamp("us", tz="UTC")),
            "duration_s": pa.array(np.exp(rng.normal(3, 0.5, n))),
            "origin": pa.nulls(n, pa.string()),
        }
    )
    names = tuple(f"a{a:04d}" for a in range(people))
    table = AnnotationTable(rows, items, names, item, annotator, label)
    case = Case(table, fit_model(AnnotatorModel.EXPERTISE, labels_of(table), restarts=0))
    spent = {}
    for name, test in EVIDENCE.items():
        start = time.process_time()
        weigh(name, test, case)
        spent[name] = time.process_time() - start
    start = time.process_time()
    stretches(case)
    spent["over time"] = time.process_time() - start
    parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in spent.items())
    return (
        f"A million labels of 5,000 annotators: {sum(spent.values()):.1f} s of CPU time in all "
        f"({parts}).\n\n"
    )


def main() -> None:
    """Print the tables, or write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/evidence.md")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    start = time.time()
    with ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
        text = false_alarms(pool.map) + "\n" + power(pool.map) + "\n"
    simulated = time.time() - start
    head = ["set", "annotators", "test", "found", "their accuracy on gold", "of the rest", "CPU, s"]
    text += markdown(head, [row for name in SETS for row in real(name)]) + "\n" + million()
    text += (
        f"Seeds 1000 n + 0, 1, ... for n labels each; {simulated / 60:.0f} minutes with "
        f"{options.processes} processes for the simulated crowds.\n\n"
    )
    print(text)
    if options.write:
        write("benchmarks/evidence.py", text, PAGE)


if __name__ == "__main__":
    main()
