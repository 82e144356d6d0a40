"""The likelihood of annotations, as pure functions of tensors, in log space throughout.

Shapes: `[B]` items of a batch, `[B, K]` options, `[B, R]` annotations (padded), `[B, R, K]` what
an annotator would answer were the k-th option true. Equation numbers are those of docs/method.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def log_option_probabilities(scores: Tensor) -> Tensor:
    """Eq. (1): log p_i(k), the option scores normalised over an item's options.

    Args:
        scores: `[B, K]` full log-likelihoods or logits; -inf where an item has no k-th option.

    Returns:
        `[B, K]` log-probabilities in nats.
    """
    return F.log_softmax(scores.float(), dim=-1)


def log_expertise_answers(logits: Tensor, labels: Tensor, n_options: Tensor, width: int) -> Tensor:
    """Eq. (2): log A(y | k) = log(w [y = k] + (1 - w) / K), with w = sigmoid(logits).

    REALM (arXiv 2604.17289): with probability w the annotator knows, else guesses uniformly.

    Args:
        logits: `[B, R]` logit of each annotation's expertise.
        labels: `[B, R]` codes of the labels given; any code where padded.
        n_options: `[B]` K of each item.
        width: Number of options to lay out, at least the largest K.

    Returns:
        `[B, R, width]` log-probabilities of the given labels.
    """
    guess = F.logsigmoid(-logits) - n_options.to(logits.dtype).log()[:, None]
    hit = torch.logaddexp(F.logsigmoid(logits), guess)
    return own_option(hit, guess, labels, width)


def log_signed_answers(logits: Tensor, labels: Tensor, n_options: Tensor, width: int) -> Tensor:
    """Eq. (15): log c for the label's own option, log (1 - c) / (K - 1) for the others.

    Args and returns are those of `log_expertise_answers`, but the logits are u, and c is
    e^u / (e^u + K - 1).
    """
    others = (n_options.to(logits.dtype) - 1).clamp(min=1e-9).log()[:, None]
    hit, miss = F.logsigmoid(logits - others), F.logsigmoid(others - logits) - others
    return own_option(hit, miss, labels, width)


def own_option(hit: Tensor, miss: Tensor, labels: Tensor, width: int) -> Tensor:
    """`[B, R, width]`: `hit [B, R]` where the k-th option is the label given, else `miss`."""
    is_hit = F.one_hot(labels.clamp(min=0), width).bool()
    return torch.where(is_hit, hit[..., None], miss[..., None])


def joint(log_p: Tensor, log_a: Tensor, present: Tensor) -> Tensor:
    """Eq. (5): log sum_k p_i(k) prod_a A_a(y_ia | k) of each item: one hidden truth an item.

    Args:
        log_p: `[B, K]` log-probabilities of the options.
        log_a: `[B, R, K]` log-probabilities of the answers given.
        present: `[B, R]` true where there is an annotation.

    Returns:
        `[B]` log-likelihood of each item's annotations in nats.
    """
    answers = torch.where(present[..., None], log_a, 0.0).sum(dim=1)
    return torch.logsumexp(log_p + answers, dim=-1)


def independent(log_p: Tensor, log_a: Tensor, present: Tensor) -> Tensor:
    """Eq. (4): sum over an item's annotations of log sum_k p_i(k) A_a(y | k), as in the paper.

    Args and returns are those of `joint`.
    """
    each = torch.logsumexp(log_p[:, None, :] + log_a, dim=-1)
    return torch.where(present, each, 0.0).sum(dim=-1)


def smoothed(log_p: Tensor, share: float) -> Tensor:
    """Eq. (24): log((1 - e) p_i(k) + e / K_i), the model's word with a share e spread evenly.

    Args:
        log_p: `[B, K]` log-probabilities of the options; -inf where an item has no k-th option.
        share: e, between 0 and 1.

    Returns:
        `[B, K]` log-probabilities, -inf where they were.
    """
    offered = log_p != -torch.inf
    even = math.log(share) - offered.sum(dim=-1, keepdim=True).log()
    return torch.logaddexp(log_p + math.log1p(-share), even).masked_fill(~offered, -torch.inf)


def without_unlabelled(scores: Tensor, present: Tensor) -> Tensor:
    """Scores under which an item without annotations says nothing, in value and in gradient.

    Such an item fills the batch of a process that has no other work. Its first option takes all.

    Args:
        scores: `[B, K]` option scores.
        present: `[B, R]` true where there is an annotation.
    """
    nothing = torch.full_like(scores, -torch.inf)
    nothing[:, 0] = 0.0
    return torch.where(present.any(dim=1, keepdim=True), scores, nothing)


def form_term(scores: Tensor) -> Tensor:
    """Eq. (6): sum_i log Z_i, the log-mass that the model puts on the options together.

    It teaches a sequence model the form of an answer, which normalised scores cannot.
    """
    return torch.logsumexp(scores.float(), dim=-1).sum()


def without_model(objective: Objective, scores: Tensor, log_a: Tensor, present: Tensor) -> Tensor:
    """Eq. (7): the objective to first order around a model that knows nothing.

    Its gradient in p is the posterior of the truth from labels alone, so the model is taught that
    posterior token by token, and the annotators learn from one another only. A model that has not
    yet learned the form of an answer prefers short options by orders of magnitude; the mixture
    would call every label against that preference a guess, and never learn from it.

    Args:
        objective: `joint` or `independent`.
        scores: `[B, K]` full log-likelihoods, -inf where an item has no k-th option.
        log_a: `[B, R, K]` log-probabilities of the answers given.
        present: `[B, R]` true where there is an annotation.
    """
    offered = scores != -torch.inf
    flat = torch.where(offered, 0.0, -torch.inf).log_softmax(dim=-1).requires_grad_()
    likelihood = objective(flat, log_a, present).sum()
    (truth,) = torch.autograd.grad(likelihood, flat, retain_graph=True)
    return likelihood + (truth * torch.where(offered, scores.float(), 0.0)).sum()


Objective = Callable[[Tensor, Tensor, Tensor], Tensor]
OBJECTIVES: dict[str, Objective] = {"joint": joint, "independent": independent}
