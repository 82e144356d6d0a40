"""REALM's annotator model: its prior by hand, its start, and the same numbers as in numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from realm_cli.annotator_models import ANNOTATOR_MODELS
from realm_cli.annotator_models.expertise import Expertise
from realm_cli.choices import Pooling
from realm_cli.config import TASK_SCALE
from realm_cli.posterior import log_answer_odds

few = settings(deadline=None, max_examples=25)


def matrix(seed: int, shape: tuple[int, int]) -> torch.Tensor:
    return torch.tensor(np.random.default_rng(seed).uniform(0.01, 0.99, shape))


def test_it_is_registered():
    assert ANNOTATOR_MODELS["expertise"] is Expertise


@pytest.mark.parametrize("pooling", list(Pooling))
@pytest.mark.parametrize("n_tasks", [1, 3])
def test_everyone_starts_at_one_half(pooling, n_tasks):
    assert torch.equal(Expertise(4, n_tasks, pooling).expertise(), torch.full((4, n_tasks), 0.5))


def test_prior_by_hand():
    # Logistic density w (1 - w): .25 at w = .5 and .1875 at w = .75, where u = log 3.
    annotators = Expertise(2, 1, Pooling.PARTIAL)
    annotators.start_from(torch.tensor([[0.5], [0.75]]))
    assert annotators.deviation is None
    assert annotators.log_prior().item() == pytest.approx(math.log(0.25 * 0.1875), abs=1e-6)


def test_prior_of_deviations_by_hand():
    # Deviations of 1, 2 and 0 standard deviations: -1/2 - 4/2 - 0 on top of log .25.
    annotators = Expertise(1, 3, Pooling.PARTIAL)
    assert annotators.deviation is not None
    with torch.no_grad():
        annotators.deviation.copy_(TASK_SCALE * torch.tensor([[1.0, -2.0, 0.0]]))
    assert annotators.log_prior().item() == pytest.approx(math.log(0.25) - 2.5, abs=1e-6)


@given(u=st.floats(-8, 8))
@few
def test_the_prior_of_the_level_is_w_uniform(u):
    # Density of u over |dw/du| = w (1 - w) is the density of w: 1 everywhere.
    annotators = Expertise(1, 1, Pooling.PARTIAL).double()
    with torch.no_grad():
        annotators.level.fill_(u)
    w = annotators.expertise().item()
    assert annotators.log_prior().item() - math.log(w * (1 - w)) == pytest.approx(0, abs=1e-9)


def test_prior_is_finite_at_the_extremes():
    annotators = Expertise(2, 2, Pooling.PARTIAL)
    with torch.no_grad():
        annotators.level.copy_(torch.tensor([1e4, -1e4]))
    prior = annotators.log_prior()
    prior.backward()
    assert prior.isfinite()
    # The prior pulls towards one half with a force of at most 1: d/du = 1 - 2 w.
    assert annotators.level.grad is not None
    torch.testing.assert_close(annotators.level.grad, torch.tensor([-1.0, 1.0]))


def test_expertise_never_rounds_to_certainty():
    # In single precision sigmoid(17) is 1, and a label of certain knowledge has infinite odds.
    annotators = Expertise(3, 1, Pooling.PARTIAL)
    with torch.no_grad():
        annotators.level.copy_(torch.tensor([17.0, 1e4, -1e4]))
    w = annotators.expertise().double().numpy()
    assert np.isfinite(log_answer_odds(w, np.array([2]))).all()
    assert w[:, 0] == pytest.approx([1, 1, 0], abs=1e-6)


@given(seed=st.integers(0, 2**32 - 1), n_tasks=st.integers(1, 4))
@few
def test_it_starts_from_what_it_is_given(seed, n_tasks):
    w = matrix(seed, (5, n_tasks))
    annotators = Expertise(5, n_tasks, Pooling.PARTIAL)
    annotators.start_from(w)
    torch.testing.assert_close(annotators.expertise().double(), w, atol=1e-6, rtol=1e-5)
    if annotators.deviation is not None:
        assert annotators.deviation.sum(dim=1).abs().max() < 1e-5


def test_full_pooling_has_one_number_an_annotator():
    # Logits log 3 and -log 3 average to 0, w = .5; log 3 twice stays w = .75.
    annotators = Expertise(2, 2, Pooling.FULL)
    annotators.start_from(torch.tensor([[0.75, 0.25], [0.75, 0.75]]))
    assert annotators.deviation is None
    assert [len(one) for one in annotators.parameters()] == [2]
    torch.testing.assert_close(annotators.expertise(), torch.tensor([[0.5, 0.5], [0.75, 0.75]]))


@given(seed=st.integers(0, 2**32 - 1), n_options=st.integers(2, 50))
@few
def test_answers_agree_with_numpy_and_find_their_cell(seed, n_options):
    dice = np.random.default_rng(seed)
    n_annotators, n_tasks, shape = 4, 3, (6, 2)
    annotators = Expertise(n_annotators, n_tasks, Pooling.PARTIAL).double()
    annotators.start_from(matrix(seed, (n_annotators, n_tasks)))
    who, tasks = dice.integers(n_annotators, size=shape), dice.integers(n_tasks, size=shape[0])
    labels, sizes = dice.integers(n_options, size=shape), np.full(shape[0], n_options)
    log_a = annotators.log_answers(
        *(torch.tensor(codes) for codes in (who, tasks, labels, sizes)), n_options
    ).detach()
    w = annotators.expertise().numpy()[who, tasks[:, None]]
    hit = np.take_along_axis(log_a.numpy(), labels[..., None], axis=2)[..., 0]
    miss = np.take_along_axis(log_a.numpy(), (labels[..., None] + 1) % n_options, axis=2)[..., 0]
    np.testing.assert_allclose(hit, np.log(w + (1 - w) / n_options), atol=1e-9)
    np.testing.assert_allclose(hit - miss, log_answer_odds(w, sizes[:, None]), atol=1e-9)


def test_a_batch_teaches_its_own_annotators_only():
    annotators = Expertise(3, 2, Pooling.PARTIAL)
    log_a = annotators.log_answers(
        torch.tensor([[2]]), torch.tensor([1]), torch.tensor([[0]]), torch.tensor([2]), 2
    )
    log_a[0, 0, 0].backward()
    # d/du log(w + (1 - w) / 2) = w (1 - w) / (1 + w): 1/6 at w = 1/2.
    assert annotators.level.grad is not None
    assert annotators.deviation is not None
    assert annotators.deviation.grad is not None
    torch.testing.assert_close(annotators.level.grad, torch.tensor([0.0, 0.0, 1 / 6]))
    expected = torch.zeros(3, 2)
    expected[2, 1] = 1 / 6
    torch.testing.assert_close(annotators.deviation.grad, expected)
