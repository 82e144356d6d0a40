"""The annotator models as torch modules, so that they learn in the same steps as a language model.

Each starts from a fit to labels (or from its prior) and hands back the same parameters: the
formulas of `annotator_models/`, and a test holds the two against each other. Shapes: `[B]` items of
a batch, `[B, R]` annotations (padded), `[A, T]` cells, `[W]` options.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from realm_cli.annotator_models.base import BoundModel
from realm_cli.annotator_models.confusion import Confusion, Confusions
from realm_cli.annotator_models.expertise import Expertise
from realm_cli.annotator_models.guess import Guess, Guesses
from realm_cli.annotator_models.levels import Levels
from realm_cli.annotator_models.signed import PRIOR_MEAN, PRIOR_SCALE, Signed
from realm_cli.config import TASK_SCALE
from realm_cli.labels import FloatArray
from realm_cli.likelihood import log_expertise_answers, log_signed_answers, own_option

_SURE = 1e9


class Learner(nn.Module):
    """An annotator model that learns by gradient.

    Args:
        model: The same model, bound to labels.
    """

    def __init__(self, model: BoundModel[Any]) -> None:
        super().__init__()
        groups = model.labels.groups
        self.model = model
        self.groups = groups
        self.n_annotators = model.labels.n_annotators
        self.n_tasks = int(groups.cell_task.max(initial=0)) + 1

    @abstractmethod
    def log_answers(
        self, annotators: Tensor, tasks: Tensor, labels: Tensor, n_options: Tensor, width: int
    ) -> Tensor:
        """`[B, R, width]` log A(y | k) of a batch; `tasks` and `n_options` are `[B]`."""

    @abstractmethod
    def log_prior(self) -> Tensor:
        """Log-density of the parameters, up to a constant."""

    @abstractmethod
    def found(self) -> Any:
        """The parameters, as the bound model takes them."""

    def mean_expertise(self) -> float:
        """Mean over the cells of P(did not guess), as the annotator model defines it."""
        return float(self.model.expertise(self.found()).mean())

    def _spread(self, by_cell: FloatArray, default: FloatArray) -> Tensor:
        """`[A, T, ...]` from values of cells `[C, ...]`; empty cells get the default."""
        shape = (self.n_annotators, self.n_tasks, *by_cell.shape[1:])
        full = np.array(np.broadcast_to(default, shape))
        full[self.groups.cell_annotator, self.groups.cell_task] = by_cell
        return torch.from_numpy(full).float()

    def _of_cells(self, full: Tensor) -> FloatArray:
        """`[C, ...]` from `[A, T, ...]`."""
        values = full.detach().cpu().double().numpy()
        found: FloatArray = values[self.groups.cell_annotator, self.groups.cell_task]
        return found


class _LevelLearner(Learner):
    """U and v of `annotator_models/levels.py`; with one task there is no v."""

    def __init__(self, model: BoundModel[Any], start: Levels) -> None:
        super().__init__(model)
        self.level = nn.Parameter(torch.from_numpy(start.level).float())
        by_task = self.n_tasks > 1
        none = np.zeros(())
        self.deviation = nn.Parameter(self._spread(start.deviation, none)) if by_task else None

    def theta(self) -> Tensor:
        """`[A, T]`."""
        level = self.level[:, None].expand(-1, self.n_tasks)
        return level if self.deviation is None else level + self.deviation

    def found(self) -> Levels:
        """The levels."""
        level = self.level.detach().cpu().double().numpy()
        return Levels(level, self._of_cells(self.theta()) - level[self.groups.cell_annotator])

    def _deviation_prior(self) -> Tensor | float:
        return 0.0 if self.deviation is None else -(self.deviation / TASK_SCALE).square().sum() / 2


class ExpertiseLearner(_LevelLearner):
    """Eq. (2) and (3)."""

    def log_answers(
        self, annotators: Tensor, tasks: Tensor, labels: Tensor, n_options: Tensor, width: int
    ) -> Tensor:
        """Eq. (2)."""
        theta = self.theta()[annotators, tasks[:, None]]
        return log_expertise_answers(theta, labels, n_options, width)

    def log_prior(self) -> Tensor:
        """Eq. (3)."""
        level = (F.logsigmoid(self.level) + F.logsigmoid(-self.level)).sum()
        return level + self._deviation_prior()


class SignedLearner(_LevelLearner):
    """Eq. (15)."""

    def log_answers(
        self, annotators: Tensor, tasks: Tensor, labels: Tensor, n_options: Tensor, width: int
    ) -> Tensor:
        """Eq. (15)."""
        theta = self.theta()[annotators, tasks[:, None]]
        return log_signed_answers(theta, labels, n_options, width)

    def log_prior(self) -> Tensor:
        """Normal in u and v."""
        level = -((self.level - PRIOR_MEAN) / PRIOR_SCALE).square().sum() / 2
        return level + self._deviation_prior()


class GuessLearner(Learner):
    """Eq. (16): a logit of w and the logits of s for each cell."""

    def __init__(self, model: Guess, start: Guesses) -> None:
        super().__init__(model)
        self.know = nn.Parameter(self._spread(np.log(start.knew / start.guessed), np.zeros(())))
        liked = np.zeros((len(self.groups.cell_annotator), model.labels.width))
        prior = np.zeros_like(liked)
        np.add.at(liked, self.groups.cell, start.liked)
        np.maximum.at(prior, self.groups.cell, start.prior)
        self.start = start
        self.like = nn.Parameter(self._spread(np.log(np.maximum(liked, 0.1)), np.zeros(())))
        self.register_buffer("prior", self._spread(prior, np.zeros(())))

    def _log_s(self, like: Tensor, n_options: Tensor) -> Tensor:
        inside = torch.arange(like.shape[-1], device=like.device) < n_options[..., None]
        return torch.where(inside, like, -torch.inf).log_softmax(dim=-1)

    def log_answers(
        self, annotators: Tensor, tasks: Tensor, labels: Tensor, n_options: Tensor, width: int
    ) -> Tensor:
        """Eq. (16)."""
        know = self.know[annotators, tasks[:, None]]
        like = self.like[annotators, tasks[:, None]]
        log_s = self._log_s(like, n_options[:, None].expand(annotators.shape))
        chosen = log_s.gather(-1, labels.clamp(min=0)[..., None])[..., 0]
        miss = F.logsigmoid(-know) + torch.where(labels >= 0, chosen, 0.0)
        return own_option(torch.logaddexp(F.logsigmoid(know), miss), miss, labels, width)

    def log_prior(self) -> Tensor:
        """W uniform on its logit's scale as in eq. (3), s with the pseudo-counts of the fit."""
        assert isinstance(self.prior, Tensor)
        know = (F.logsigmoid(self.know) + F.logsigmoid(-self.know)).sum()
        return know + (self.prior * self.like.log_softmax(dim=-1)).sum()

    def found(self) -> Guesses:
        """The Beta and Dirichlets, without spread."""
        w = self._of_cells(torch.sigmoid(self.know.clamp(-13, 13)))
        like = torch.from_numpy(self._of_cells(self.like)[self.groups.cell])
        s = self._log_s(like, torch.from_numpy(self.groups.n_options)).exp().numpy()
        return Guesses(_SURE * w, _SURE * (1 - w), _SURE * s, self.start.prior)


class ConfusionLearner(Learner):
    """Eq. (17): the logits of each truth's row for each cell."""

    def __init__(self, model: Confusion, start: Confusions) -> None:
        super().__init__(model)
        width = model.labels.width
        self.width = width
        table = np.where(model.offered, start.log_a, -30.0)
        self.start = start
        by_cell = np.zeros((len(self.groups.cell_annotator), width, width))
        by_cell[self.groups.cell] = table
        self.table = nn.Parameter(self._spread(by_cell, -np.log(width) * np.ones(())))
        prior = np.zeros_like(by_cell)
        prior[self.groups.cell] = start.prior
        self.register_buffer("prior", self._spread(prior, np.zeros(())))

    def _log_a(self) -> Tensor:
        """`[A, T, y, k]`, normalised over y."""
        return self.table.log_softmax(dim=2)

    def log_answers(
        self, annotators: Tensor, tasks: Tensor, labels: Tensor, n_options: Tensor, width: int
    ) -> Tensor:
        """Eq. (17)."""
        del n_options
        return self._log_a()[annotators, tasks[:, None], labels.clamp(min=0)][..., :width]

    def log_prior(self) -> Tensor:
        """Dirichlet, with the pseudo-counts of the fit to labels."""
        assert isinstance(self.prior, Tensor)
        return (self.prior * self._log_a()).sum()

    def found(self) -> Confusions:
        """The tables."""
        log_a = self._of_cells(self._log_a())[self.groups.cell]
        return Confusions(np.where(self.start.prior > 0, log_a, 0.0), self.start.prior)


LEARNERS: dict[type, type[Learner]] = {
    Expertise: ExpertiseLearner,
    Signed: SignedLearner,
    Guess: GuessLearner,
    Confusion: ConfusionLearner,
}


def learner(model: BoundModel[Any], start: Any) -> Learner:
    """The module of a bound model, started at its parameters."""
    make: Any = LEARNERS[type(model)]
    made: Learner = make(model, start)
    return made
