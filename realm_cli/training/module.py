"""Backbone and annotator model as one module: the loss of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from realm_cli.backbones.layout import ABSENT
from realm_cli.learners import Learner
from realm_cli.likelihood import (
    OBJECTIVES,
    form_term,
    log_option_probabilities,
    smoothed,
    without_model,
    without_unlabelled,
)

if TYPE_CHECKING:
    from realm_cli.backbones.base import Backbone
    from realm_cli.config import TrainSettings


class RealmModule(nn.Module):
    """Backbone and annotator model under one likelihood.

    Args:
        backbone: Scores options.
        annotators: The annotator model.
        settings: Objective and weight of the form term.
        n_annotations: Annotations in the whole data; spreads the prior over batches.
    """

    _keys_to_ignore_on_save = None
    """The Trainer asks for it when it goes on from a checkpoint, as of its own models."""

    def __init__(
        self,
        backbone: Backbone,
        annotators: Learner,
        settings: TrainSettings,
        n_annotations: int,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.language_model = backbone.model
        self.annotators = annotators
        self.objective = OBJECTIVES[settings.objective]
        self.form_weight = settings.form_weight
        self.label_smoothing = settings.label_smoothing
        self.n_annotations = n_annotations
        self._no_split_modules = getattr(backbone.model, "_no_split_modules", None)
        self.warming_up = False

    def forward(
        self, num_items_in_batch: Tensor | int | None = None, **batch: Tensor
    ) -> dict[str, Tensor]:
        """Eq. (6), while warming up eq. (7): the loss of a batch, in nats per annotation.

        Args:
            num_items_in_batch: Annotations over all accumulated batches; the Trainer counts them.
            batch: As made by `batching.Collator`.

        Returns:
            The `loss`; and of each item the objective alone, `log_likelihood [B]`, and the number
            of its annotations, `n_annotations [B]`.
        """
        present = batch["labels"] != ABSENT
        scores = without_unlabelled(self.backbone.option_scores(batch), present)
        # Annotators whose tasks are pooled have one cell for all of them.
        tasks = batch["tasks"].clamp(max=self.annotators.n_tasks - 1)
        log_a = self.annotators.log_answers(
            batch["annotators"], tasks, batch["labels"], batch["n_options"], scores.shape[1]
        )
        log_p = log_option_probabilities(scores)
        likelihood = self.objective(log_p, log_a, present)
        if self.training and self.warming_up:
            total = without_model(self.objective, scores, log_a, present)
        else:
            learned = likelihood
            if self.label_smoothing:
                learned = self.objective(smoothed(log_p, self.label_smoothing), log_a, present)
            total = learned.sum() + self.form_weight * form_term(scores)
        n = present.sum().clamp(min=1) if num_items_in_batch is None else num_items_in_batch
        prior = self.annotators.log_prior() * present.sum() / self.n_annotations
        return {
            "loss": -(total + prior) / n,
            "log_likelihood": likelihood,
            "n_annotations": present.sum(dim=-1),
        }
