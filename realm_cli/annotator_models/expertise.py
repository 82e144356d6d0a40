"""REALM's annotator model: know with probability w, else guess uniformly.

Source: REALM, arXiv 2604.17289. The matrix over tasks is partially pooled here:
`logit w[a, t] = u[a] + v[a, t]`, with u ~ Logistic(0, 1), which is w uniform over 0..1, and
v ~ Normal(0, TASK_SCALE^2), so that a cell with few labels leans on its annotator's own level.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from realm_cli.choices import Pooling
from realm_cli.config import TASK_SCALE
from realm_cli.likelihood import log_expertise_answers


class Expertise(nn.Module):
    """Expertise `w[A, T]` as parameters on the logit scale, started at one half.

    Args:
        n_annotators: A.
        n_tasks: T.
        pooling: `partial` gives each task its own deviation, `full` none.
    """

    def __init__(self, n_annotators: int, n_tasks: int, pooling: Pooling) -> None:
        super().__init__()
        self.n_tasks = n_tasks
        self.level = nn.Parameter(torch.zeros(n_annotators))
        by_task = pooling is Pooling.PARTIAL and n_tasks > 1
        self.deviation = nn.Parameter(torch.zeros(n_annotators, n_tasks)) if by_task else None

    @torch.no_grad()
    def start_from(self, expertise: Tensor) -> None:
        """Begin at the given w `[A, T]`; an annotator's level is the mean of its logits."""
        logits = torch.logit(expertise).to(self.level.dtype)
        self.level.copy_(logits.mean(dim=1))
        if self.deviation is not None:
            self.deviation.copy_(logits - self.level[:, None])

    def logits(self) -> Tensor:
        """`[A, T]` logit of the expertise."""
        level = self.level[:, None].expand(-1, self.n_tasks)
        return level if self.deviation is None else level + self.deviation

    def log_answers(
        self, annotators: Tensor, tasks: Tensor, labels: Tensor, n_options: Tensor, width: int
    ) -> Tensor:
        """Eq. (2) for a batch: `[B, R, width]`; arguments as in `log_expertise_answers`."""
        logits = self.logits()[annotators, tasks[:, None]]
        return log_expertise_answers(logits, labels, n_options, width)

    def log_prior(self) -> Tensor:
        """Eq. (3): the log-density of u and v, up to a constant."""
        prior = (F.logsigmoid(self.level) + F.logsigmoid(-self.level)).sum()
        if self.deviation is not None:
            prior = prior - (self.deviation / TASK_SCALE).square().sum() / 2
        return prior

    @torch.no_grad()
    def expertise(self) -> Tensor:
        """`[A, T]` expertise w, below 1: in single precision sigmoid(17) would be 1 itself."""
        return torch.sigmoid(self.logits().clamp(max=15))
