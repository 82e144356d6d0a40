"""Measures and differences, against numbers worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tables import items_of, table_of

from realm_cli.annotations import NO_GOLD
from realm_cli.bench.compare import paired_difference
from realm_cli.bench.crowd_layer import crowd_layer_loss
from realm_cli.bench.measures import Judged, accuracy, covered, miscalibration, recovery
from realm_cli.report.model import Kind


def test_accuracy_looks_at_items_with_gold_alone():
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    assert accuracy(scores, np.array([0, 0, NO_GOLD])) == 0.5
    assert accuracy(scores, np.array([NO_GOLD] * 3)) is None


def test_a_tie_is_right_at_its_expected_share():
    scores = np.log([[0.25, 0.25, 0.5], [0.4, 0.4, 0.2], [0.1, 0.45, 0.45]])
    assert accuracy(scores, np.array([2, 0, 0])) == 0.5


def test_miscalibration_by_hand():
    # Two items of .9, one right: gap 2 * .9 - 1 = .8. One of .6, right: gap .6 - 1 = -.4.
    log_p = np.log([[0.9, 0.1], [0.1, 0.9], [0.6, 0.4]])
    assert miscalibration(log_p, np.array([0, 0, 0])) == pytest.approx((0.8 + 0.4) / 3)


def test_one_who_is_always_right_and_sure_is_calibrated():
    log_p = np.log(np.array([[1.0, 1e-300], [1e-300, 1.0]]))
    assert miscalibration(log_p, np.array([0, 1])) == pytest.approx(0)


def test_intervals_may_touch_the_truth():
    truth = np.array([0.0, 0.5, 0.9])
    assert covered(truth, np.array([0.0, 0.6, 0.1]), np.array([0.1, 0.7, 0.9])) == pytest.approx(
        2 / 3
    )


def test_a_difference_by_hand():
    first, second = np.array([[1.0, 1, 0, 1]]), np.array([[1.0, 0, 0, 0]])
    found = paired_difference(first, second)
    assert found.mean == 0.5
    # Two of four items differ: the count in a resample of four is binomial(4, 1/2) / 4.
    assert (found.low, found.high) == (0.0, 1.0)


def test_a_difference_that_is_everywhere_has_no_width():
    found = paired_difference(np.ones((3, 5)), np.zeros((3, 5)))
    assert (found.low, found.mean, found.high) == pytest.approx((1, 1, 1))


@given(arrays(np.float64, (3, 8), elements=st.sampled_from([0.0, 1.0])))
def test_differences_turn_round_with_their_methods(right):
    there = paired_difference(right, 1 - right)
    back = paired_difference(1 - right, right)
    assert there.mean == -back.mean
    assert there.low <= there.mean <= there.high
    assert there.low == pytest.approx(-back.high)


def test_an_identity_layer_by_hand():
    # p = (.75, .25): softmax of it is 1 / (1 + e^-.5) = .6225 for the first.
    log_p = torch.tensor([[0.75, 0.25]]).log()
    own = torch.eye(2).expand(1, 2, 2, 2)
    loss = crowd_layer_loss(log_p, own, torch.tensor([[0, -100]]))
    assert loss.item() == pytest.approx(-np.log(1 / (1 + np.exp(-0.5))), rel=1e-5)


def test_a_layer_of_someone_always_wrong_turns_labels_round():
    log_p = torch.tensor([[0.9, 0.1]]).log()
    wrong = 20 * torch.tensor([[0.0, 1.0], [1.0, 0.0]]).expand(1, 1, 2, 2)
    assert crowd_layer_loss(log_p, wrong, torch.tensor([[1]])).item() < 1e-3
    assert crowd_layer_loss(log_p, wrong, torch.tensor([[0]])).item() > 10


def test_who_is_always_wrong_has_no_expertise():
    table = table_of([(0, 0, 1), (0, 1, 0), (1, 2, 0)], items_of([2, 2]))
    found = Judged(Kind.IN_SAMPLE, np.array([[0.1], [0.8], [0.5]]))
    truth = np.array([[-1.0], [1.0], [0.5]])
    assert recovery(found, truth, table).expertise_error == pytest.approx((0.1 + 0.2) / 3)
