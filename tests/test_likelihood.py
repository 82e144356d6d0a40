"""The likelihood against numbers worked by hand, its limits and its symmetries."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from realm_cli.likelihood import (
    OBJECTIVES,
    form_term,
    independent,
    joint,
    log_expertise_answers,
    log_option_probabilities,
    smoothed,
    without_model,
    without_unlabelled,
)

seeds = st.integers(0, 2**32 - 1)
few = settings(deadline=None, max_examples=20)
each_objective = pytest.mark.parametrize("name", list(OBJECTIVES))


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """These tensors are so small that a second thread is only waited for."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass(frozen=True)
class Batch:
    """Items with their annotations, as `RealmModule.forward` sees them; expertise as logits."""

    scores: Tensor
    logits: Tensor
    labels: Tensor
    n_options: Tensor
    present: Tensor

    @property
    def log_a(self) -> Tensor:
        return log_expertise_answers(self.logits, self.labels, self.n_options, self.scores.shape[1])

    def value(self, name: str) -> Tensor:
        log_p = log_option_probabilities(self.scores)
        return OBJECTIVES[name](log_p, self.log_a, self.present).sum()

    def gradients(self, name: str) -> tuple[Tensor, Tensor]:
        """With respect to scores and to the logits of w."""
        leaves = [self.scores.clone().requires_grad_(), self.logits.clone().requires_grad_()]
        value = replace(self, scores=leaves[0], logits=leaves[1]).value(name)
        gradients = torch.autograd.grad(value, leaves)
        return gradients[0], gradients[1]


def draw_batch(seed: int, *, one_label: bool = False) -> Batch:
    """Up to five items with 2 to 6 options and 1 to 4 labels, padded to the widest."""
    dice = np.random.default_rng(seed)
    n_items = int(dice.integers(1, 6))
    n_options = dice.integers(2, 7, n_items)
    n_labels = np.ones(n_items, int) if one_label else dice.integers(1, 5, n_items)
    shape = (n_items, int(n_labels.max()))
    scores = dice.normal(0, 2, (n_items, n_options.max()))
    scores[np.arange(n_options.max()) >= n_options[:, None]] = -np.inf
    present = np.arange(shape[1]) < n_labels[:, None]
    labels = dice.integers(0, n_options[:, None], shape)
    return Batch(
        scores=torch.tensor(scores, dtype=torch.float32),
        logits=torch.tensor(dice.normal(0, 2, shape), dtype=torch.float32),
        labels=torch.tensor(np.where(present, labels, -100)),
        n_options=torch.tensor(n_options),
        present=torch.tensor(present),
    )


def logit(w: float) -> float:
    return math.log(w / (1 - w))


def two_items() -> Batch:
    """Two items with K = 2; annotators of w = .8 and .5, that is A(y|y) = .9 and .75.

    Item 0: p = (.6, .4), labels 0 by the better and 1 by the other annotator.
    Item 1: p = (.3, .7), label 1 by the better annotator.
    """
    return Batch(
        scores=torch.tensor([[0.6, 0.4], [0.3, 0.7]]).log(),
        logits=torch.tensor([[logit(0.8), 0.0], [logit(0.8), 0.0]]),
        labels=torch.tensor([[0, 1], [1, -100]]),
        n_options=torch.tensor([2, 2]),
        present=torch.tensor([[True, True], [True, False]]),
    )


def test_option_probabilities_by_hand():
    # Masses 1, 2, 5 of 8, and 3, 1 of 4 where there is no third option.
    scores = torch.tensor([[1.0, 2.0, 5.0], [3.0, 1.0, 0.0]]).log()
    p = log_option_probabilities(scores).exp()
    torch.testing.assert_close(p, torch.tensor([[0.125, 0.25, 0.625], [0.75, 0.25, 0.0]]))
    torch.testing.assert_close(log_option_probabilities(scores - 100).exp(), p)


def test_answers_by_hand():
    # w = .8, K = 4: .8 + .2/4 = .85 where the label is true, .2/4 = .05 elsewhere.
    log_a = log_expertise_answers(
        torch.tensor([[logit(0.8)]]), torch.tensor([[2]]), torch.tensor([4]), 4
    )
    torch.testing.assert_close(log_a.exp(), torch.tensor([[[0.05, 0.05, 0.85, 0.05]]]))


@given(n_options=st.integers(2, 200), z=st.floats(-20, 20), beyond=st.integers(0, 3))
@few
def test_the_answers_to_one_truth_sum_to_one(n_options, z, beyond):
    labels = torch.arange(n_options)[None, :]
    logits = torch.full((1, n_options), z, dtype=torch.float64)
    log_a = log_expertise_answers(logits, labels, torch.tensor([n_options]), n_options + beyond)
    over_labels = log_a[0, :, :n_options].exp().sum(dim=0)
    torch.testing.assert_close(over_labels, torch.ones(n_options, dtype=torch.float64))


def test_both_objectives_by_hand():
    # Item 0, joint: .6 * .9 * .25 + .4 * .1 * .75 = .135 + .030 = .165.
    # Item 0, one by one: .6 * .9 + .4 * .1 = .58 and .6 * .25 + .4 * .75 = .45.
    # Item 1, either way: .3 * .1 + .7 * .9 = .66.
    assert two_items().value("joint").item() == pytest.approx(math.log(0.165 * 0.66), abs=1e-6)
    assert two_items().value("independent").item() == pytest.approx(
        math.log(0.58 * 0.45 * 0.66), abs=1e-6
    )


def test_labels_that_agree_count_for_more_together():
    # p = (.5, .5), two labels 0 with A = .9: jointly .5 * .81 + .5 * .01 = .41, apart .5 * .5.
    log_p = torch.tensor([[0.5, 0.5]]).log()
    log_a = torch.tensor([[[0.9, 0.1], [0.9, 0.1]]]).log()
    present = torch.ones(1, 2, dtype=torch.bool)
    assert joint(log_p, log_a, present).sum().exp().item() == pytest.approx(0.41)
    assert independent(log_p, log_a, present).sum().exp().item() == pytest.approx(0.25)


@given(seed=seeds)
@few
def test_the_objectives_are_one_where_items_have_one_label(seed):
    batch = draw_batch(seed, one_label=True)
    torch.testing.assert_close(batch.value("joint"), batch.value("independent"))


@each_objective
@given(seed=seeds)
@few
def test_certain_knowledge_is_cross_entropy(name, seed):
    batch = draw_batch(seed, one_label=True)
    batch = replace(batch, logits=torch.full_like(batch.logits, 60.0))
    cross_entropy = F.cross_entropy(batch.scores, batch.labels[:, 0], reduction="sum")
    torch.testing.assert_close(batch.value(name), -cross_entropy)
    scores = batch.scores.clone().requires_grad_()
    (expected,) = torch.autograd.grad(
        F.cross_entropy(scores, batch.labels[:, 0], reduction="sum"), scores
    )
    torch.testing.assert_close(batch.gradients(name)[0], -expected)


@each_objective
@given(seed=seeds)
@few
def test_pure_guessing_is_uniform_and_teaches_the_model_nothing(name, seed):
    batch = draw_batch(seed)
    batch = replace(batch, logits=torch.full_like(batch.logits, -60.0))
    per_item = batch.present.sum(dim=1) * batch.n_options.float().log()
    torch.testing.assert_close(batch.value(name), -per_item.sum())
    into_scores, into_expertise = batch.gradients(name)
    torch.testing.assert_close(into_scores, torch.zeros_like(into_scores), atol=1e-6, rtol=0)
    assert into_expertise.abs().max() < 1e-6


def shuffled_items(batch: Batch, dice: np.random.Generator) -> Batch:
    order = torch.tensor(dice.permutation(len(batch.scores)))
    return Batch(*(getattr(batch, name)[order] for name in batch.__dataclass_fields__))


def shuffled_annotators(batch: Batch, dice: np.random.Generator) -> Batch:
    """The annotations of each item in another order, and padding among them."""
    order = torch.tensor(dice.permuted(np.indices(batch.labels.shape)[1], axis=1))
    moved = {
        name: torch.gather(getattr(batch, name), 1, order)
        for name in ("logits", "labels", "present")
    }
    return replace(batch, **moved)


def shuffled_options(batch: Batch, dice: np.random.Generator) -> Batch:
    """Each item's options in another order, its labels with them."""
    scores, labels = batch.scores.clone(), batch.labels.clone()
    for i, n in enumerate(batch.n_options.tolist()):
        to = torch.tensor(dice.permutation(n))
        scores[i, to] = batch.scores[i, :n]
        labels[i] = torch.where(batch.present[i], to[batch.labels[i].clamp(min=0)], -100)
    return replace(batch, scores=scores, labels=labels)


@each_objective
@pytest.mark.parametrize("shuffle", [shuffled_items, shuffled_annotators, shuffled_options])
@given(seed=seeds)
@few
def test_order_does_not_matter(name, shuffle, seed):
    batch = draw_batch(seed)
    other = shuffle(batch, np.random.default_rng(seed))
    torch.testing.assert_close(batch.value(name), other.value(name), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(form_term(batch.scores), form_term(other.scores))
    warm, warm_other = (
        without_model(OBJECTIVES[name], one.scores, one.log_a, one.present)
        for one in (batch, other)
    )
    torch.testing.assert_close(warm, warm_other, rtol=1e-4, atol=1e-4)


@each_objective
@given(seed=seeds, code=st.integers(-100, 3))
@few
def test_padding_adds_nothing(name, seed, code):
    batch = draw_batch(seed)
    n_items = len(batch.scores)
    padded = Batch(
        scores=F.pad(batch.scores, (0, 2), value=-torch.inf),
        logits=F.pad(batch.logits, (0, 1), value=3.0),
        labels=torch.cat([batch.labels, torch.full((n_items, 1), code)], dim=1),
        n_options=batch.n_options,
        present=F.pad(batch.present, (0, 1), value=False),
    )
    torch.testing.assert_close(padded.value(name), batch.value(name), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(form_term(padded.scores), form_term(batch.scores))
    for with_padding, without in zip(padded.gradients(name), batch.gradients(name), strict=True):
        width = without.shape[1]
        torch.testing.assert_close(with_padding[:, :width], without, rtol=1e-4, atol=1e-5)
        assert (with_padding[:, width:] == 0).all()


@each_objective
@given(seed=seeds)
@few
def test_a_batch_of_unlike_items_is_the_sum_of_its_items(name, seed):
    batch = draw_batch(seed)
    alone = 0.0
    for i, n in enumerate(batch.n_options.tolist()):
        r = batch.present[i]
        alone += Batch(
            scores=batch.scores[i : i + 1, :n],
            logits=batch.logits[i, r][None],
            labels=batch.labels[i, r][None],
            n_options=batch.n_options[i : i + 1],
            present=torch.ones(1, int(r.sum()), dtype=torch.bool),
        ).value(name)
    torch.testing.assert_close(batch.value(name), alone, rtol=1e-5, atol=1e-5)


def extreme_batch() -> Batch:
    """Every way to be confidently right or wrong: scores and logits of w at 1e4 and -1e4."""
    signs = list(itertools.product([-1e4, 1e4], repeat=5))
    table = torch.tensor(signs)
    n_items = len(signs)
    return Batch(
        scores=torch.cat([table[:, :3], torch.full((n_items, 1), -torch.inf)], dim=1),
        logits=torch.cat([table[:, 3:], torch.zeros(n_items, 1)], dim=1),
        labels=torch.tensor([0, 1, -100]).repeat(n_items, 1),
        n_options=torch.full((n_items,), 3),
        present=torch.tensor([True, True, False]).repeat(n_items, 1),
    )


@each_objective
@pytest.mark.parametrize("warm_up", [False, True])
def test_values_and_gradients_are_finite_at_the_extremes(name, warm_up):
    batch = extreme_batch()
    leaves = [batch.scores.requires_grad_(), batch.logits.requires_grad_()]
    if warm_up:
        value = without_model(OBJECTIVES[name], batch.scores, batch.log_a, batch.present)
    else:
        value = batch.value(name) + 0.1 * form_term(batch.scores)
    assert value.dtype == torch.float32
    assert value.isfinite()
    for gradient in torch.autograd.grad(value, leaves):
        assert gradient.isfinite().all()
        assert gradient.abs().max() <= 3


def test_half_precision_scores_are_normalised_in_single():
    scores = torch.tensor([[-1.5, -40.0]], dtype=torch.bfloat16)
    assert log_option_probabilities(scores).dtype == torch.float32
    assert form_term(scores).dtype == torch.float32


@each_objective
def test_gradients_agree_with_finite_differences(name):
    batch = two_items()
    log_p = batch.scores.double().requires_grad_()
    logits = batch.logits.double().requires_grad_()

    def value(log_p: Tensor, logits: Tensor) -> Tensor:
        log_a = log_expertise_answers(logits, batch.labels, batch.n_options, 2)
        return OBJECTIVES[name](log_p, log_a, batch.present).sum()

    assert torch.autograd.gradcheck(value, (log_p, logits))


def test_form_term_by_hand():
    # Masses .2 + .3 = .5 and .1 + .1 + .05 = .25 on the options: log .5 + log .25 = log .125.
    scores = torch.tensor([[0.2, 0.3, 0.0], [0.1, 0.1, 0.05]]).log()
    assert form_term(scores).item() == pytest.approx(math.log(0.125), abs=1e-6)


def test_form_term_raises_every_option_by_its_share():
    scores = torch.tensor([[0.1, 0.3]]).log().requires_grad_()
    (gradient,) = torch.autograd.grad(form_term(scores), scores)
    torch.testing.assert_close(gradient, torch.tensor([[0.25, 0.75]]))


# Label-only posterior of item 0 of two_items, jointly: .9 * .25 : .1 * .75 = .225 : .075 = 3 : 1.
# One by one: .9 : .1 from the better annotator and .25 : .75 from the other, 1.15 : .85 in all.
# Item 1: .1 : .9 either way.
LABEL_POSTERIORS = {
    "joint": [[0.75, 0.25], [0.1, 0.9]],
    "independent": [[1.15, 0.85], [0.1, 0.9]],
}
# With p = 1/2: jointly .5 * (.225 + .075) = .15, one by one .5 * .5 = .25; item 1: .5.
LABEL_LIKELIHOODS = {"joint": math.log(0.15 * 0.5), "independent": math.log(0.25 * 0.5)}


@each_objective
def test_without_model_by_hand(name):
    batch = replace(two_items(), scores=torch.tensor([[-1.0, -2.0], [-3.0, -5.0]]))
    scores = batch.scores.requires_grad_()
    value = without_model(OBJECTIVES[name], scores, batch.log_a, batch.present)
    q = torch.tensor(LABEL_POSTERIORS[name])
    expected = LABEL_LIKELIHOODS[name] + (q * scores).sum().item()
    assert value.item() == pytest.approx(expected, abs=1e-5)
    (gradient,) = torch.autograd.grad(value, scores)
    torch.testing.assert_close(gradient, q)


@given(seed=seeds)
@few
def test_without_model_teaches_one_truth_an_item_or_one_a_label(seed):
    batch = draw_batch(seed)
    for name, mass in [
        ("joint", torch.ones(len(batch.scores))),
        ("independent", batch.present.sum(dim=1).float()),
    ]:
        scores = batch.scores.clone().requires_grad_()
        value = without_model(OBJECTIVES[name], scores, batch.log_a, batch.present)
        (gradient,) = torch.autograd.grad(value, scores)
        torch.testing.assert_close(gradient.sum(dim=1), mass)
        assert (gradient >= 0).all()
        assert (gradient[scores == -torch.inf] == 0).all()


@each_objective
@given(seed=seeds)
@few
def test_without_model_the_annotators_learn_from_one_another_only(name, seed):
    batch = draw_batch(seed)

    def into_expertise(scores: Tensor, *, warm: bool) -> Tensor:
        logits = batch.logits.clone().requires_grad_()
        moved = replace(batch, scores=scores, logits=logits)
        if warm:
            value = without_model(OBJECTIVES[name], scores, moved.log_a, moved.present)
        else:
            value = moved.value(name)
        return torch.autograd.grad(value, logits)[0]

    flat = torch.where(batch.scores.isfinite(), 0.0, -torch.inf)
    expected = into_expertise(flat, warm=False)
    torch.testing.assert_close(into_expertise(batch.scores, warm=True), expected)


@each_objective
def test_without_model_a_confident_error_is_unlearned_at_once(name):
    # Three labels 0 at w = .8 (K = 2) say 0 with odds 9^3 = 729 : 1; the model is sure of 1.
    batch = Batch(
        scores=torch.tensor([[0.0, 40.0]]),
        logits=torch.full((1, 3), logit(0.8)),
        labels=torch.zeros(1, 3, dtype=torch.int64),
        n_options=torch.tensor([2]),
        present=torch.ones(1, 3, dtype=torch.bool),
    )
    assert batch.gradients(name)[0].abs().max() < 1e-6
    scores = batch.scores.requires_grad_()
    value = without_model(OBJECTIVES[name], scores, batch.log_a, batch.present)
    (gradient,) = torch.autograd.grad(value, scores)
    # Jointly 729/730; one by one .9 from each of three.
    expected = {"joint": 729 / 730, "independent": 2.7}[name]
    assert gradient[0, 0].item() == pytest.approx(expected, abs=1e-4)


@each_objective
def test_without_model_a_score_that_is_no_number_is_not_hidden(name):
    # Only -inf means that there is no such option; NaN must reach whoever watches the loss.
    batch = replace(two_items(), scores=torch.tensor([[-1.0, torch.nan], [-3.0, -5.0]]))
    assert without_model(OBJECTIVES[name], batch.scores, batch.log_a, batch.present).isnan()


def test_smoothing_by_hand():
    # e = .2, K = 2: .8 * .9 + .1 = .82; K = 3 with p = (1, 0, 0): .8 + .2 / 3 and .2 / 3.
    log_p = torch.tensor([[0.9, 0.1, 0.0], [1.0, 1e-30, 1e-30]]).log()
    p = smoothed(log_p, 0.2).exp()
    torch.testing.assert_close(p[0], torch.tensor([0.82, 0.18, 0.0]))
    torch.testing.assert_close(p[1], torch.tensor([0.8 + 0.2 / 3, 0.2 / 3, 0.2 / 3]))


@few
@given(seeds, st.floats(0.01, 0.99))
def test_smoothing_keeps_probabilities_and_the_order_of_options(seed, share):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(5, 4, generator=generator) * 3
    scores[0, 2:] = -torch.inf
    scores.requires_grad_()
    log_p = log_option_probabilities(scores)
    mixed = smoothed(log_p, share)
    torch.testing.assert_close(mixed.exp().sum(dim=1), torch.ones(5))
    assert torch.equal(mixed == -torch.inf, log_p == -torch.inf)
    assert (mixed.exp().amin(dim=1)[1:] >= share / 4 - 1e-6).all()
    assert torch.equal(mixed.argmax(dim=1), log_p.argmax(dim=1))
    mixed[mixed.isfinite()].sum().backward()
    assert scores.grad.isfinite().all()


@each_objective
def test_an_item_without_annotations_says_nothing(name):
    scores = torch.tensor([[1.0, 2.0], [0.5, -1.0]], requires_grad=True)
    present = torch.tensor([[True], [False]])
    labels, n_options = torch.tensor([[1], [-100]]), torch.tensor([2, 2])
    log_a = log_expertise_answers(torch.zeros(2, 1), labels, n_options, 2)

    def value(scores, log_a, present):
        held = without_unlabelled(scores, present)
        plain = OBJECTIVES[name](log_option_probabilities(held), log_a, present).sum()
        warming = without_model(OBJECTIVES[name], held, log_a, present)
        return plain + form_term(held) + warming

    both = value(scores, log_a, present)
    torch.testing.assert_close(both, value(scores[:1], log_a[:1], present[:1]))
    both.backward()
    assert torch.equal(scores.grad[1], torch.zeros(2))
    assert scores.grad[0].abs().min() > 0
