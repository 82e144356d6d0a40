from __future__ import annotations

import numpy as np
import pytest
from tables import items_of, table_of

from realm_cli.annotations import AnnotationTable
from realm_cli.dependence import never_differing, pairs_of, with_one_partner


def crowd(n_items: int, competence: list[float], per_item: int, seed: int = 0) -> AnnotationTable:
    """Items with three options; who labels which is drawn."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=n_items)
    rows = []
    for i in range(n_items):
        for a in rng.choice(len(competence), per_item, replace=False):
            right = rng.random() < competence[a]
            rows.append((i, int(a), int(truth[i] if right else (truth[i] + 1) % 3)))
    return table_of(rows, items_of([3] * n_items), len(competence))


def test_pairs_by_hand():
    # item 0: a0 and a1 agree, a2 does not; item 1: a0 and a1 differ; item 2: a2 alone
    table = table_of(
        [(0, 0, 1), (0, 1, 1), (0, 2, 0), (1, 0, 1), (1, 1, 0), (2, 2, 0)], items_of([2] * 3)
    )
    pairs = pairs_of(table)
    found = zip(*(part.tolist() for part in vars(pairs).values()), strict=True)
    assert sorted(found) == [(0, 1, 2, 1), (0, 2, 1, 0), (1, 2, 1, 0)]


def test_pairs_of_one_task():
    items = items_of([2] * 2, task=[0, 1])
    table = table_of([(0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 0)], items)
    assert [pairs_of(table, t).same.tolist() for t in (0, 1)] == [[1], [0]]


def test_whoever_meets_one_person_only():
    # a0 and a1 share nine items with one another and one with a2; a2 meets a3 twice
    rows = [(i, a, 0) for i in range(9) for a in (0, 1)]
    rows += [(9, a, 0) for a in (0, 2)] + [(i, a, 0) for i in (10, 11) for a in (2, 3)]
    table = table_of([*rows, (12, 4, 0)], items_of([2] * 13), 5)
    assert with_one_partner(table).tolist() == [True, True, False, True, False]


@pytest.mark.parametrize("seed", range(5))
def test_honest_annotators_differ_now_and_then(seed):
    skill = [0.6, 0.7, 0.8, 0.9, 0.95, 0.97]
    table = crowd(300, skill, 3, seed)
    assert len(never_differing(table, 0, np.array(skill)).one) == 0


def test_a_copy_is_found():
    honest = crowd(300, [0.7] * 6, 3)
    rows = list(zip(honest.item.tolist(), honest.annotator.tolist(), honest.label.tolist(),
                    strict=True))  # fmt: skip
    rows += [(i, 6, y) for i, a, y in rows if a == 2]
    pairs = never_differing(table_of(rows, honest.items), 0, np.full(7, 0.7))
    assert (pairs.one.tolist(), pairs.other.tolist()) == ([2], [6])
    assert pairs.shared.tolist() == pairs.same.tolist()


def test_people_who_all_agree_are_not_taken_for_copies():
    rows = [(i, a, i % 3) for i in range(60) for a in range(4)]
    table = table_of(rows, items_of([3] * 60))
    assert len(never_differing(table, 0, np.full(4, 0.9)).one) == 0
