"""The methods without an annotator model, and what `realm aggregate` makes of all of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.stats import spearmanr
from tables import items_of, table_of

from realm_cli.aggregate import glad as glad_module
from realm_cli.aggregate.glad import glad
from realm_cli.aggregate.methods import METHODS, MODEL_METHODS
from realm_cli.aggregate.wawa import wawa
from realm_cli.choices import Method
from realm_cli.labelling import label_items, weights
from realm_cli.labels import labels_of


def crowd(n_items: int = 300, seed: int = 0):
    """Five people of falling ability, items of differing ease."""
    rng = np.random.default_rng(seed)
    gold = rng.integers(3, size=n_items)
    ease = np.exp(rng.normal(0, 0.8, n_items))
    rows = []
    for a, ability in enumerate((3.0, 2.0, 1.0, 0.5, 0.0)):
        right = rng.random(n_items) < 1 / (1 + np.exp(-ability * ease))
        wrong = (gold + rng.integers(1, 3, size=n_items)) % 3
        rows += [(i, a, int(y)) for i, y in enumerate(np.where(right, gold, wrong))]
    return table_of(rows, items_of([3] * n_items, gold=gold.tolist())), ease


def test_every_method_is_one_or_the_other():
    assert set(METHODS) | set(MODEL_METHODS) | {Method.AUTO} == set(Method)
    assert not set(METHODS) & set(MODEL_METHODS)


def test_wawa_by_hand():
    # Items 0 and 1: everyone says 0. Item 2: a0 says 0, a1 and a2 say 1. a0 has won 2 of 3, the
    # others 3 of 3: on item 2 the shares are (2/3) / (2/3 + 2) = 1/4 and 3/4.
    rows = [(i, a, 0) for i in (0, 1) for a in range(3)] + [(2, 0, 0), (2, 1, 1), (2, 2, 1)]
    found = wawa(labels_of(table_of(rows, items_of([2] * 3))))
    np.testing.assert_allclose(found, [[1, 0], [1, 0], [0.25, 0.75]])


def test_glad_finds_ability_and_ease():
    table, ease = crowd()
    found = glad(labels_of(table))
    assert spearmanr(found.ability, [3, 2, 1, 0.5, 0]).statistic > 0.85
    assert spearmanr(found.ease, ease).statistic > 0.3
    np.testing.assert_allclose(np.exp(found.log_q).sum(axis=1), 1)


def test_the_gradient_of_glad():
    table, _ = crowd(20)
    labels = labels_of(table)
    who = labels.groups.annotator[labels.group]
    rng = np.random.default_rng(0)
    right, x = rng.random(len(labels)), rng.normal(size=25)

    def part(which: int):
        return lambda x: glad_module._loss(x, labels, who, right)[which]

    assert check_grad(part(0), part(1), x) < 1e-4


@pytest.mark.parametrize("method", list(Method))
def test_every_method_beats_a_coin_and_says_what_it_did(method):
    table, _ = crowd()
    found = label_items(table, method)
    assert found.method.startswith(method.value)
    assert found.accuracy == pytest.approx(1, abs=0.25)
    assert (found.n_items, found.n_gold) == (300, 300)
    assert found.labels["label"].null_count == 0
    q = weights(table, method)
    np.testing.assert_allclose(q.sum(axis=1), 1)


def test_the_majority_is_never_against_itself():
    table, _ = crowd()
    found = label_items(table, Method.MAJORITY)
    assert found.n_against == 0
    assert found.accuracy is not None


def test_a_fit_that_overrules_the_vote_is_pointed_out():
    """Three of five share one wrong way, so that what they agree on is not what is true."""
    rng = np.random.default_rng(3)
    gold = rng.integers(3, size=400)
    rows = []
    for a in range(7):
        sloppy = a >= 3
        answers = np.where(rng.random(400) < (0.35 if sloppy else 0.97), gold, 0)
        rows += [(i, a, int(y)) for i, y in enumerate(answers)]
    table = table_of(rows, items_of([3] * 400, gold=gold.tolist()))
    found = label_items(table, Method.GUESS)
    honest, _ = crowd()
    assert found.accuracy > 0.9 > found.majority_accuracy
    assert "against-the-vote" in {issue.code for issue in found.issues} or found.n_against > 20
    assert label_items(honest, Method.GUESS).issues == ()
