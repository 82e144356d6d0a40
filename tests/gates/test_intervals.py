from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from realm_cli.gates.intervals import fall, mean_of, share_interval

SHARES = st.floats(0, 1)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [
        (10, 10, 0.025 ** (1 / 10), 1),  # all right: p^10 = .025
        (0, 10, 0, 1 - 0.025 ** (1 / 10)),
        (81, 263, 0.2527, 0.3676),  # Newcombe (1998), table I
        (15, 148, 0.0578, 0.1617),
    ],
)
def test_shares_by_hand_and_from_print(right, n, low, high):
    assert share_interval(right / n, n) == pytest.approx((low, high), abs=6e-5)


@given(st.integers(1, 60), st.floats(0.01, 0.99))
def test_the_bounds_of_a_share_err_seldom_enough_on_either_side(n, p):
    missed_below = missed_above = 0.0
    for x in range(n + 1):
        low, high = share_interval(x / n, n)
        missed_below += binom.pmf(x, n, p) * (low > p)
        missed_above += binom.pmf(x, n, p) * (high < p)
    assert max(missed_below, missed_above) <= 0.025 + 1e-9


def test_a_fall_by_hand():
    # .8 (.7 to .85) to .6 (.5 to .72): down sqrt(.1^2 + .12^2), up sqrt(.05^2 + .1^2)
    value, (low, high) = fall((0.8, (0.7, 0.85)), (0.6, (0.5, 0.72)))
    assert value == pytest.approx(0.2)
    assert low == pytest.approx(0.2 - 0.156205, abs=1e-6)
    assert high == pytest.approx(0.2 + 0.111803, abs=1e-6)


def test_a_mean_by_hand():
    # weights 3/4 and 1/4: .75 * .8 + .25 * .4; down sqrt((.75 * .1)^2 + (.25 * .2)^2)
    value, (low, high) = mean_of([(0.8, (0.7, 0.8)), (0.4, (0.2, 0.8))], [3, 1])
    assert value == pytest.approx(0.7)
    assert low == pytest.approx(0.7 - 0.090139, abs=1e-6)
    assert high == pytest.approx(0.8)


@given(st.lists(st.tuples(SHARES, SHARES, SHARES), min_size=1, max_size=9))
def test_a_mean_lies_inside_an_interval_no_wider_than_those_of_its_parts(parts):
    estimates = [(b, (a, c)) for a, b, c in map(sorted, parts)]
    value, (low, high) = mean_of(estimates, [1] * len(parts))
    assert low <= value <= high
    widest = max(c - a for _, (a, c) in estimates)
    assert high - low <= widest + 1e-9


@given(st.tuples(SHARES, SHARES, SHARES), st.tuples(SHARES, SHARES, SHARES))
def test_a_fall_turned_round_is_a_rise(one, other):
    (a, b, c), (d, e, f) = sorted(one), sorted(other)
    value, (low, high) = fall((b, (a, c)), (e, (d, f)))
    back, (back_low, back_high) = fall((e, (d, f)), (b, (a, c)))
    assert (value, low, high) == pytest.approx((-back, -back_high, -back_low))
