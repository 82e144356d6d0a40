"""What an estimate cannot know is said, and not said where it can."""

from __future__ import annotations

import numpy as np
import pytest
from tables import items_of, table_of

from realm_cli import estimation
from realm_cli.annotations import AnnotationTable
from realm_cli.choices import AnnotatorModel
from realm_cli.config import JudgeSettings
from realm_cli.doubts import doubts
from realm_cli.estimation import history_of
from realm_cli.report.model import AnnotatorReport


def crowd(
    ways: list[str], n_items: int = 200, share: float = 0.6, seed: int = 0
) -> AnnotationTable:
    rng = np.random.default_rng(seed)
    gold = rng.integers(2, size=n_items)
    rows = []
    for a, way in enumerate(ways):
        for i in np.flatnonzero(rng.random(n_items) < share):
            right = rng.random() < {"good": 0.9, "wrong": 0.1}[way]
            rows.append((int(i), a, int(gold[i] if right else 1 - gold[i])))
    return table_of(rows, items_of([2] * n_items))


def codes(table: AnnotationTable, name: AnnotatorModel = AnnotatorModel.EXPERTISE) -> set[str]:
    settings = JudgeSettings(annotator_model=name)
    found = estimation.estimate(estimation.crowd_of(table, settings), settings)
    return {issue.code for issue in doubts(found, held_out=False)}


def test_nothing_is_said_of_a_plain_crowd():
    assert codes(crowd(["good"] * 5)) == set()


def test_two_annotators():
    assert "two-annotators" in codes(crowd(["good"] * 2))


def test_pairs_who_never_differ():
    table = crowd(["good"] * 8, n_items=300, share=0.7)
    rows = list(zip(table.item.tolist(), table.annotator.tolist(), table.label.tolist(),
                    strict=True))  # fmt: skip
    copied = [(i, 8, y) for i, a, y in rows if a == 0]
    assert "same-answers" in codes(table_of(rows + copied, table.items))


def test_gold_that_was_used_is_no_yardstick():
    items = items_of([2] * 30, gold=[0] * 30)
    table = table_of([(i, a, 0) for i in range(30) for a in range(4)], items)
    settings = JudgeSettings(annotator_model=AnnotatorModel.EXPERTISE, use_gold=True)
    found = estimation.estimate(estimation.crowd_of(table, settings), settings)
    (issue,) = doubts(found, held_out=False)
    assert (issue.code, issue.count) == ("gold-used", 30)


def test_few_labels_each():
    assert "few-labels" in codes(crowd(["good"] * 30, n_items=40, share=0.15))


@pytest.mark.parametrize(
    ("name", "hint"),
    [(AnnotatorModel.EXPERTISE, "--annotator-model signed"), (AnnotatorModel.SIGNED, "swapped")],
)
def test_below_chance(name, hint):
    settings = JudgeSettings(annotator_model=name)
    table = crowd(["good"] * 5 + ["wrong"])
    found = estimation.estimate(estimation.crowd_of(table, settings), settings)
    (issue,) = doubts(found, held_out=False)
    assert (issue.code, issue.count) == ("below-chance", 1)
    assert hint in issue.message
    assert ("cannot express" in issue.message) is (name is AnnotatorModel.EXPERTISE)


def known(name: str, n: int, competence: float, half: float) -> AnnotatorReport:
    bounds = (competence - half, min(competence + half, 1.0))
    return AnnotatorReport(
        annotator_id=name, n_annotations=n, expertise=0.7, expertise_interval=(0.6, 0.8),
        competence=competence, competence_interval=bounds, gold=None,
        agreement_with_posterior=0.8, flags=(), by_task=(),
    )  # fmt: skip


def test_history_is_worth_what_its_interval_says():
    # .8 within .098 either way: a standard error of .05, that is .16 / .0025 = 64 labels.
    earlier = [known("b", 500, 0.8, 0.098), known("c", 10, 0.8, 0.098), known("z", 9, 0.8, 0.1)]
    found = history_of(("a", "b", "c"), earlier, 0.5)
    np.testing.assert_allclose(found.n, [0, 32, 5], rtol=1e-3)
    np.testing.assert_allclose(found.competence, [0, 0.8, 0.8])


def test_a_prior_moves_who_is_known_and_nobody_else():
    table = crowd(["good"] * 4, n_items=30)
    settings = JudgeSettings(annotator_model=AnnotatorModel.EXPERTISE, prior_strength=1.0)
    earlier = [known("a000", 900, 0.6, 0.02)]
    alone = estimation.estimate(estimation.crowd_of(table, settings), settings)
    after = estimation.estimate(estimation.crowd_of(table, settings, earlier), settings)
    moved = after.judgement.competence.mean - alone.judgement.competence.mean
    assert abs(after.judgement.competence.mean[0] - 0.85) < 0.05  # w of .7 with two options
    assert np.abs(moved[1:]).max() < 0.06
