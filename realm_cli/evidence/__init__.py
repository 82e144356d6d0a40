"""What speaks for or against an annotator beside their competence: one test a file.

Each test gives for each annotator, or annotator and task, a p-value and an effect. Over all of them
Benjamini and Hochberg's procedure makes q-values of one test's p-values. Found is what is both
unlikely by chance and large.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from realm_cli.evidence.case import Case, Signs
from realm_cli.evidence.chance import q_values
from realm_cli.evidence.consistency import inconsistent
from realm_cli.evidence.copying import LEAST_COPIED, copying
from realm_cli.evidence.drift import drift
from realm_cli.evidence.favourites import LEAST, favour_a_label, favour_a_position
from realm_cli.evidence.minority import minority
from realm_cli.evidence.prelabels import accepts_prelabels
from realm_cli.evidence.speed import too_fast

LEVEL = 0.02
"""False discovery rate at which something is found: it is people who are spoken of."""
WORTH_KEEPING = 0.5
"""Entries with a larger q-value say nothing."""


@dataclass(frozen=True)
class Test:
    """A test of annotators.

    Attributes:
        look: What it says of a case.
        least: The smallest effect, up or down, that is worth telling.
    """

    look: Callable[[Case], Signs]
    least: float


EVIDENCE = {
    "constant-answers": Test(favour_a_label, LEAST),
    "position-bias": Test(favour_a_position, LEAST),
    "too-fast": Test(too_fast, 0.75),
    "copying": Test(copying, LEAST_COPIED),
    "drift": Test(drift, 0.15),
    "minority": Test(minority, 0.3),
    "inconsistent": Test(inconsistent, 0.2),
    "accepts-prelabels": Test(accepts_prelabels, 0.2),
}
"""By the name of the flag that a finding becomes."""


@dataclass(frozen=True)
class Entry:
    """What one test says of one annotator.

    Attributes:
        annotator: Who.
        test: A key of `EVIDENCE`.
        task: Which task; None where it is about all of them.
        n: Labels, items or repeats that it rests on.
        effect: How much, in the test's own unit.
        p_value: How often chance does as much.
        q_value: The share of false findings to expect among all that are as clear.
        found: Whether it is both unlikely by chance and large.
        words: The same as a sentence.
        others: The other annotators that it is about.
    """

    annotator: int
    test: str
    task: int | None
    n: int
    effect: float
    p_value: float
    q_value: float
    found: bool
    words: str
    others: tuple[int, ...]


def gather(case: Case) -> list[tuple[Entry, ...]]:
    """What there is to say of each annotator `[A]`, entries that say nothing left out."""
    entries: list[list[Entry]] = [[] for _ in range(case.labels.n_annotators)]
    for name, test in EVIDENCE.items():
        for entry in weigh(name, test, case):
            entries[entry.annotator].append(entry)
    return [tuple(some) for some in entries]


def weigh(name: str, test: Test, case: Case) -> list[Entry]:
    """One test's entries, those left out that say nothing."""
    signs = case.once(test.look)
    q = q_values(signs.p_value)
    found = (q < LEVEL) & (np.abs(signs.effect) >= test.least)
    return [
        Entry(
            annotator=int(signs.annotator[f]),
            test=name,
            task=None if signs.task is None else int(signs.task[f]),
            n=int(signs.n[f]),
            effect=float(signs.effect[f]),
            p_value=float(signs.p_value[f]),
            q_value=float(q[f]),
            found=bool(found[f]),
            words=signs.words(f),
            others=signs.others(f),
        )
        for f in np.flatnonzero(q < WORTH_KEEPING).tolist()
    ]
