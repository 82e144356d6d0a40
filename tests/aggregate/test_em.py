"""Fits to labels: known crowds recovered, nothing but names changed by renaming, no collapse."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr
from tables import crowd_of, items_of, table_of, tables

from realm_cli.aggregate.choice import asked_for, choose, fit_model
from realm_cli.aggregate.em import Fit, votes_of
from realm_cli.aggregate.majority import vote_shares, winning_shares
from realm_cli.annotations import NO_GOLD, AnnotationTable, Items, build_table
from realm_cli.annotator_models import ANNOTATOR_MODELS
from realm_cli.choices import AnnotatorModel, CrowdKind
from realm_cli.config import CrowdSettings, Reading
from realm_cli.labels import Questions, build_labels, labels_of
from realm_cli.loaders import load
from realm_cli.truth import Predicted

DATA = os.environ.get("REALM_DATA")
each_model = pytest.mark.parametrize("name", list(ANNOTATOR_MODELS))
few = settings(deadline=None, max_examples=15)


def golden_items(n: int, n_options: int = 4, n_tasks: int = 1) -> Items:
    dice = np.random.default_rng(11)
    return items_of(
        [n_options] * n,
        task=np.sort(np.arange(n) % n_tasks).tolist(),
        gold=dice.integers(0, n_options, n).tolist(),
    )


def accuracy(scores: np.ndarray, items: Items) -> float:
    known = np.flatnonzero(items.gold != NO_GOLD)
    return float(winning_shares(scores)[known, items.gold[known]].mean())


def real(name: str) -> AnnotationTable:
    if DATA is None:
        pytest.skip("REALM_DATA is not set")
    return build_table(load([Path(DATA, name)], Reading()))[0]


def answers_of(kind: str, rng: np.random.Generator, gold: np.ndarray, k: int) -> np.ndarray:
    """Labels of one annotator of a kind that only one of the models describes."""
    n = len(gold)
    if kind == "constant":
        return np.where(rng.random(n) < 0.3, gold, 0)
    if kind == "reversed":
        return np.where(rng.random(n) < 0.9, (gold + 1) % k, gold)
    return np.where(rng.random(n) < 0.85, gold, rng.integers(k, size=n))


def crowd(kinds: list[str], n_items: int = 400, k: int = 3, seed: int = 0):
    """Everybody labels every second item; skewed truth."""
    rng = np.random.default_rng(seed)
    gold = rng.choice(k, n_items, p=[0.2, 0.5, 0.3] if k == 3 else None)
    rows = []
    for a, kind in enumerate(kinds):
        chosen = np.flatnonzero(rng.random(n_items) < 0.5)
        answers = answers_of(kind, rng, gold[chosen], k)
        rows += [(int(i), a, int(y)) for i, y in zip(chosen, answers, strict=True)]
    items = items_of([k] * n_items, gold=gold.tolist())
    return table_of(rows, items), gold


@pytest.mark.parametrize("kind", [CrowdKind.UNIFORM, CrowdKind.HAMMER_SPAMMER, CrowdKind.BETA])
@pytest.mark.parametrize("name", [AnnotatorModel.EXPERTISE, AnnotatorModel.GUESS])
def test_known_expertise_is_recovered(name, kind):
    table, truth = crowd_of(
        golden_items(1_500), CrowdSettings(kind=kind, labels_per_item=5, seed=1)
    )
    found = fit_model(name, labels_of(table))
    w = found.model.expertise(found.parameters)
    assert pearsonr(w, truth[:, 0]).statistic >= 0.95
    assert np.abs(w - truth[:, 0]).mean() <= 0.08


@each_model
def test_never_far_below_the_vote(name):
    table, _ = crowd_of(
        golden_items(800), CrowdSettings(kind=CrowdKind.HAMMER_SPAMMER, share=0.3, seed=2)
    )
    found = fit_model(name, labels_of(table))
    assert accuracy(np.exp(found.log_q), table.items) >= accuracy(vote_shares(table), table.items)


def test_reversed_labels_count_against_what_they_name():
    table, gold = crowd(["honest"] * 4 + ["reversed"] * 2)
    signed = fit_model(AnnotatorModel.SIGNED, labels_of(table))
    w = signed.model.expertise(signed.parameters)
    assert (w[4:] < -0.2).all()
    assert (w[:4] > 0.7).all()
    confusion = fit_model(AnnotatorModel.CONFUSION, labels_of(table))
    blind = fit_model(AnnotatorModel.EXPERTISE, labels_of(table))
    right = [(one.log_q.argmax(axis=1) == gold).mean() for one in (confusion, blind)]
    assert right[0] > right[1] + 0.02


def test_someone_who_always_says_the_same_is_a_guesser():
    table, _ = crowd(["honest"] * 4 + ["constant"])
    found = fit_model(AnnotatorModel.GUESS, labels_of(table))
    w = found.model.expertise(found.parameters)
    assert w[4] < 0.5 < w[:4].min()
    liked = found.parameters.liked[4] / found.parameters.liked[4].sum()
    assert liked.argmax() == 0
    assert liked[0] > 0.8


def test_the_choice_follows_the_crowd():
    """Which model foretells best is known where the crowd was made by one of them."""
    honest, _ = crowd(["honest"] * 6, seed=1)
    reversed_, _ = crowd(["honest"] * 4 + ["reversed"] * 3, seed=2)
    constant, _ = crowd(["honest"] * 3 + ["constant"] * 3, seed=3)
    assert choose(labels_of(constant)).model is AnnotatorModel.GUESS
    assert choose(labels_of(reversed_)).model in {AnnotatorModel.SIGNED, AnnotatorModel.CONFUSION}
    even = choose(labels_of(honest))
    assert even.scores[even.model] >= even.scores[AnnotatorModel.EXPERTISE]
    assert choose(labels_of(constant), seed=0) == choose(labels_of(constant), seed=0)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([(i, i % 3, 0) for i in range(9)], "no item has two labels"),
        ([(i, a, 0) for i in range(9) for a in range(2)], "only two annotators share items"),
    ],
)
def test_nothing_is_chosen_where_labels_cannot_tell(rows, reason):
    found = choose(labels_of(table_of(rows, items_of([3] * 9))))
    assert (found.model, found.reason, found.margin) == (AnnotatorModel.EXPERTISE, reason, None)


def same_fit(one: Fit, other: Fit, item: np.ndarray, option: np.ndarray) -> None:
    """Whether a fit is another one with items and options renamed.

    Sums in another order round otherwise, and a slow fit may stop a pass earlier or later.
    """
    np.testing.assert_allclose(np.exp(one.log_q), np.exp(other.log_q)[item][:, option], atol=1e-3)


@each_model
@given(table=tables(max_tasks=1), seed=st.integers(0, 2**32 - 1))
@few
def test_renaming_changes_names_and_nothing_else(name, table, seed):
    """Annotators, items and options in another order."""
    rng = np.random.default_rng(seed)
    n, a, k = len(table.items), len(table.annotators), 5
    item, annotator, option = rng.permutation(n), rng.permutation(a), rng.permutation(k)
    about = Questions(np.full(n, k))
    labels = build_labels(table.item, table.annotator, table.label, about, n_annotators=a)
    renamed = build_labels(
        item[table.item], annotator[table.annotator], option[table.label], about, n_annotators=a
    )
    one, other = fit_one(name, labels), fit_one(name, renamed)
    same_fit(one, other, item, option)


def fit_one(name: AnnotatorModel, labels) -> Fit:
    from realm_cli.aggregate.choice import bind, truth_for
    from realm_cli.aggregate.em import fit

    model = bind(name, labels)
    return fit(labels, model, truth_for(model, labels, None), restarts=0)


@each_model
@pytest.mark.parametrize("k", [2, 3, 7, 50, 200])
def test_any_number_of_options(name, k):
    rng = np.random.default_rng(k)
    gold = rng.integers(k, size=60)
    rows = [
        (i, a, int(gold[i] if rng.random() < 0.8 else rng.integers(k)))
        for i in range(60)
        for a in range(5)
    ]
    table = table_of(rows, items_of([k] * 60, gold=gold.tolist()))
    found = fit_model(name, labels_of(table))
    # A table of 50 x 50 confusions has more numbers than there are labels.
    least = 0.8 if name is AnnotatorModel.CONFUSION else 0.9
    assert (found.log_q.argmax(axis=1) == gold).mean() > least
    np.testing.assert_allclose(np.exp(found.log_q).sum(axis=1), 1)


@each_model
def test_one_annotator_one_item_one_label(name):
    found = fit_model(name, labels_of(table_of([(0, 0, 1)], items_of([3]))))
    assert found.log_q.argmax() == 1
    assert np.isfinite(found.model.expertise(found.parameters)).all()


@each_model
def test_known_truth_is_believed(name):
    table, _ = crowd(["honest"] * 3)
    wrong = (table.items.gold + 1) % 3
    items = items_of([3] * len(table.items), gold=wrong.tolist())
    codes = zip(table.item, table.annotator, table.label, strict=True)
    labels = labels_of(table_of(list(codes), items), use_gold=True)
    found = fit_model(name, labels)
    assert (found.log_q.argmax(axis=1) == wrong).all()
    assert (found.model.expertise(found.parameters) < 0.3).all()


def test_blocks_do_not_show(monkeypatch):
    table, _ = crowd(["honest"] * 4 + ["constant"])
    whole = fit_model(AnnotatorModel.GUESS, labels_of(table))
    monkeypatch.setattr("realm_cli.labels.BLOCK", 37)
    labels = labels_of(table)
    assert len(labels.blocks) > 10
    in_blocks = fit_model(AnnotatorModel.GUESS, labels)
    np.testing.assert_allclose(whole.log_q, in_blocks.log_q, atol=1e-6)
    votes = np.concatenate([votes_of(labels)(block) for block in labels.blocks])
    assert votes.shape == (len(table.items), 3)


@pytest.mark.parametrize("name", ["bluebird", "product", "weather_cf", "rte"])
def test_known_collapses_do_not_happen(name):
    """One-coin collapses on bluebird, Dawid-Skene on weather, MACE on product with its seed."""
    table = real(f"labels_only/{name}.parquet")
    labels = labels_of(table)
    vote = accuracy(vote_shares(table), table.items)
    for model in ANNOTATOR_MODELS:
        if (name, model) == ("bluebird", AnnotatorModel.SIGNED):
            continue  # .722: twelve annotators lean one way, and one number cannot say so
        found = [
            accuracy(np.exp(fit_model(model, labels, seed=seed).log_q), table.items)
            for seed in (0, 1)
        ]
        assert min(found) >= vote - 0.01
        assert max(found) - min(found) <= 0.01
    choice = choose(labels)
    chosen = accuracy(np.exp(fit_model(choice.model, labels).log_q), table.items)
    assert chosen >= vote


def hard_and_easy(seed: int):
    """Twelve good annotators; on one item in three everybody guesses."""
    rng = np.random.default_rng(seed)
    gold, hard = rng.integers(3, size=400), rng.random(400) < 1 / 3
    rows = []
    for a in range(12):
        for i in np.flatnonzero(rng.random(400) < 0.5):
            knows = not hard[i] and rng.random() < 0.9
            rows.append((int(i), a, int(gold[i]) if knows else int(rng.integers(3))))
    return table_of(rows, items_of([3] * 400, gold=gold.tolist())), gold


def test_two_labels_to_the_power_of_a_half_are_one_by_hand():
    # w = .8 and K = 2: a label is right with .9. Two to the half leave .9, in full .81 / .82.
    table = table_of([(0, 0, 0), (0, 1, 0)], items_of([2]))
    found = fit_model(AnnotatorModel.EXPERTISE, labels_of(table), restarts=0)
    sure = replace(found, parameters=replace(found.parameters, level=np.full(2, np.log(4.0))))
    half = sure.to_the(0.5)
    np.testing.assert_allclose(np.exp(half.log_q), [[0.9, 0.1]])
    np.testing.assert_allclose(np.exp(half.to_the(1.0).log_q), [[0.81 / 0.82, 0.01 / 0.82]])


@pytest.mark.parametrize("seed", range(3))
def test_labels_count_in_full_where_annotators_err_independently(seed):
    table, _ = crowd(["honest"] * 20, seed=seed)
    assert asked_for(AnnotatorModel.EXPERTISE, labels_of(table)).power == 1
    assert choose(labels_of(table)).power == 1


@pytest.mark.parametrize("seed", range(3))
def test_labels_count_for_less_where_items_are_hard_and_then_tell_the_truth(seed):
    table, gold = hard_and_easy(seed)
    labels = labels_of(table)
    choice = asked_for(AnnotatorModel.EXPERTISE, labels)
    assert choice.power < 0.8
    rows = np.arange(400), gold
    full, less = (
        fit_model(AnnotatorModel.EXPERTISE, labels).to_the(power).log_q
        for power in (1.0, choice.power)
    )
    assert less[rows].mean() > full[rows].mean() + 0.1
    right = (less.argmax(axis=1) == gold).mean()
    too_sure = [np.exp(one.max(axis=1)).mean() - right for one in (full, less)]
    assert too_sure[1] < 0.65 * too_sure[0]


@each_model
@given(table=tables(), power=st.sampled_from([0.3, 0.7]))
@few
def test_a_power_moves_no_label(name, table, power):
    if name is AnnotatorModel.CONFUSION and not labels_of(table).one_set.all():
        return
    found = fit_model(name, labels_of(table), restarts=0)
    less = found.to_the(power).log_q
    offered = table.items.has_option
    best = np.where(offered, found.log_q, -np.inf).max(axis=1)
    chosen = found.log_q[np.arange(len(less)), less.argmax(axis=1)]
    np.testing.assert_allclose(chosen, best, atol=1e-9)
    np.testing.assert_allclose(np.exp(less).sum(axis=1), 1)


def test_what_a_language_model_says_counts_in_full():
    log_p = np.log([[0.7, 0.3]])
    assert Predicted(log_p).to_the(0.3).log_p is log_p
