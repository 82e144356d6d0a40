"""Simulated crowds: expertise of the stated shape, labels that follow it, draws from one seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest, kstest
from tables import items_of

from realm_cli.annotations import NO_GOLD, Items
from realm_cli.choices import CrowdKind
from realm_cli.config import CrowdSettings
from realm_cli.errors import InputError, UsageError
from realm_cli.simulate import DRAWS, EXPERT, NOVICE, SimulatedCrowd, chance_of_correct, simulate

each_kind = pytest.mark.parametrize("kind", list(CrowdKind))


def golden_items(n: int, n_options: list[int] | None = None, n_tasks: int = 1) -> Items:
    dice = np.random.default_rng(5)
    sizes = ((n_options or [4]) * n)[:n]
    return items_of(
        sizes,
        task=np.sort(np.arange(n) % n_tasks).tolist(),
        gold=dice.integers(0, sizes).tolist(),
    )


def crowd(n_items: int = 60, n_tasks: int = 1, **settings) -> SimulatedCrowd:
    return simulate(golden_items(n_items, n_tasks=n_tasks), CrowdSettings(**settings))


def test_chance_of_correct_by_hand():
    # .8 + .2/4 = .85; 1/5 for a guesser; always wrong: -1 + 2/2 = 0 and -1 + 2/4 < 0, that is 0.
    w, n_options = np.array([0.8, 0.0, -1.0, -1.0, 1.0]), np.array([4, 5, 2, 4, 3])
    np.testing.assert_allclose(chance_of_correct(w, n_options), [0.85, 0.2, 0, 0, 1])


def test_every_kind_can_be_drawn():
    assert set(DRAWS) == set(CrowdKind)


@each_kind
def test_shapes(kind):
    made = crowd(30, n_tasks=3, kind=kind, annotators=12, labels_per_item=4)
    assert made.expertise.shape == (12, 3)
    assert made.annotators[0] == "annotator-00"
    assert len(set(made.annotators)) == 12
    assert made.item.tolist() == np.repeat(np.arange(30), 4).tolist()
    assert len(made.annotator) == len(made.label) == 120


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 1.0])
def test_hammer_spammer(share):
    w = crowd(kind="hammer-spammer", annotators=40, share=share, n_tasks=2).expertise
    assert np.isin(w, [0, EXPERT]).all()
    assert (w == EXPERT).sum(axis=0).tolist() == [40 * share] * 2
    assert (w[:, 0] == w[:, 1]).all()


def test_uniform():
    w = crowd(2_000, kind="uniform", annotators=2_000, n_tasks=2).expertise
    assert kstest(w[:, 0], "uniform").pvalue > 0.01
    assert (w[:, 0] == w[:, 1]).all()


def test_beta():
    w = crowd(2_000, kind="beta", annotators=2_000).expertise[:, 0]
    assert kstest(w, "beta", args=(2, 1)).pvalue > 0.01


def test_adversarial():
    w = crowd(kind="adversarial", annotators=50, share=0.3).expertise
    assert (w == -1).sum() == 15
    others = w[w != -1]
    assert ((others >= 0) & (others <= 1)).all()
    assert len(set(others.tolist())) == 35


def test_task_specialist():
    w = crowd(kind="task-specialist", annotators=200, share=0.4, n_tasks=5).expertise
    assert np.isin(w, [NOVICE, EXPERT]).all()
    assert ((w == EXPERT).sum(axis=1) == 2).all()
    # No task is left out: each has 200 * 2/5 = 80 specialists, give or take.
    assert ((w == EXPERT).sum(axis=0) > 50).all()
    alone = crowd(kind="task-specialist", annotators=9, share=0.0, n_tasks=4).expertise
    assert ((alone == EXPERT).sum(axis=1) == 1).all()


@each_kind
def test_labels_are_right_as_often_as_expertise_says(kind):
    items = golden_items(6_000, [2, 4, 5], n_tasks=2)
    made = simulate(items, CrowdSettings(kind=kind, annotators=6, share=0.5, seed=8))
    right = made.label == items.gold[made.item]
    w = made.expertise[made.annotator, items.task[made.item]]
    expected = chance_of_correct(w, items.n_options[made.item])
    for value in np.unique(expected):
        these = right[expected == value]
        assert binomtest(int(these.sum()), len(these), float(value)).pvalue > 1e-4


def test_wrong_labels_fall_on_all_other_options_alike():
    items = golden_items(4_000, [4])
    made = simulate(items, CrowdSettings(kind="hammer-spammer", share=0.0, seed=9))
    shift = (made.label - items.gold[made.item]) % 4
    counts = np.bincount(shift, minlength=4)
    assert counts.sum() == 12_000
    for count in counts:
        assert binomtest(int(count), 12_000, 0.25).pvalue > 1e-4


def test_labels_are_among_the_options_of_their_item():
    items = golden_items(999, [2, 3, 7])
    made = simulate(items, CrowdSettings(kind="adversarial", annotators=7))
    assert (made.label >= 0).all()
    assert (made.label < items.n_options[made.item]).all()


@pytest.mark.parametrize(("annotators", "per_item"), [(1, 1), (3, 3), (4, 3), (7, 3), (40, 3)])
def test_annotators_are_distinct_in_an_item_and_equally_busy(annotators, per_item):
    made = crowd(600, annotators=annotators, labels_per_item=per_item)
    hands = made.annotator.reshape(600, per_item)
    assert all(len(set(hand)) == per_item for hand in hands.tolist())
    load = np.bincount(made.annotator, minlength=annotators)
    fair = 600 * per_item / annotators
    assert load.min() >= 0.85 * fair
    assert load.max() <= 1.15 * fair


@each_kind
def test_one_seed_one_crowd(kind):
    first, again, other = (
        crowd(kind=kind, seed=seed, annotators=15, n_tasks=4) for seed in (3, 3, 4)
    )
    for name in ("expertise", "annotator", "label"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
        assert (getattr(first, name) != getattr(other, name)).any()


def test_items_without_gold_are_refused():
    items = golden_items(5)
    gold = items.gold.copy()
    gold[[2, 4]] = NO_GOLD
    with pytest.raises(InputError, match=r"2 items have no gold label .* 'i2'") as caught:
        simulate(replace(items, gold=gold), CrowdSettings())
    assert "--gold-col" in (caught.value.hint or "")


def test_more_labels_an_item_than_annotators_are_refused():
    with pytest.raises(UsageError, match=r"5 labels an item .* there are 4"):
        crowd(annotators=4, labels_per_item=5)
