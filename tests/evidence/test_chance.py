"""P-values against exact ones, and q-values worked by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from realm_cli.evidence.chance import FEWEST_PEERS, Trials, q_values, standing_out


def test_q_values_by_hand():
    """4 p-values: .04 * 4 / 3 is larger than .045 * 4 / 4, which therefore holds for both."""
    p = np.array([0.04, 0.001, 0.045, 0.02])
    assert q_values(p) == pytest.approx([0.045, 0.004, 0.045, 0.04])


def test_no_p_values_have_no_q_values():
    assert len(q_values(np.zeros(0))) == 0


def counts(p: list[float], happened: list[bool], weight: list[float] | None = None) -> float:
    zeros = np.zeros(len(p), dtype=np.int64)
    heavy = None if weight is None else np.array(weight)
    return float(Trials(zeros, np.array(p), np.array(happened), 1, heavy).tail()[0])


@pytest.mark.parametrize(
    ("n", "p", "k"), [(10, 0.3, 7), (50, 0.2, 20), (200, 0.9, 195), (30, 0.05, 6)]
)
def test_tails_of_equal_trials_are_binomial(n, p, k):
    exact = binom.sf(k - 1, n, p)
    assert counts([p] * n, [i < k for i in range(n)]) == pytest.approx(exact, rel=0.03)


def test_if_everything_happened_its_probability_is_the_product():
    assert counts([0.5, 0.2, 0.1], [True] * 3) == pytest.approx(0.01)


def test_near_the_mean_nothing_is_worked_out():
    assert counts([0.5] * 10, [True] * 6 + [False] * 4) == 1


def test_tails_of_weighted_trials():
    """Against all 2^12 outcomes."""
    dice = np.random.default_rng(0)
    p, weight = dice.uniform(0.1, 0.6, 12), dice.uniform(0.5, 3, 12)
    happened = weight > np.median(weight)
    reached = weight[happened].sum()
    outcomes = np.array(list(product([0, 1], repeat=12)))
    chance = np.where(outcomes, p, 1 - p).prod(axis=1)
    exact = chance[outcomes @ weight >= reached - 1e-9].sum()
    assert exact < 0.1
    found = counts(p.tolist(), happened.tolist(), weight.tolist())
    assert found == pytest.approx(exact, rel=0.15)


def test_groups_do_not_touch():
    group = np.repeat([0, 1], 20)
    happened = np.concatenate([np.arange(20) < 15, np.arange(20) < 2])
    both = Trials(group, np.full(40, 0.3), happened, 2).tail()
    assert both[0] == counts([0.3] * 20, happened[:20].tolist())
    assert both[1] == 1


@given(st.lists(st.tuples(st.floats(0.001, 0.999), st.booleans()), min_size=1, max_size=60))
def test_tails_are_probabilities(trials):
    p, happened = zip(*trials, strict=True)
    assert 0 <= counts(list(p), list(happened)) <= 1


def test_one_far_above_the_others_stands_out():
    value = np.concatenate([np.linspace(-1, 1, 30), [8.0]])
    p = standing_out(value, np.full(31, 0.01))
    assert p[-1] < 1e-3
    assert p[:-1].min() > 0.02


def test_few_people_leave_nobody_to_stand_out():
    n = FEWEST_PEERS - 1
    assert standing_out(np.array([0.0] * (n - 1) + [99.0]), np.ones(n)).tolist() == [1.0] * n


def test_what_is_seen_badly_stands_out_less():
    value = np.concatenate([np.linspace(-1, 1, 30), [4.0, 4.0]])
    p = standing_out(value, np.concatenate([np.full(31, 0.01), [4.0]]))
    assert p[-2] < p[-1]
