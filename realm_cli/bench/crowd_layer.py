"""A layer of annotators on top of a model: Rodrigues and Pereira, 2018 (arXiv 1709.01779).

Every annotator has a K x K matrix W_a, the identity at first, that turns the model's probabilities
into a score for each answer they may give; softmax(W_a p_i) is held against what they gave, and
all of it is trained end to end. Without the layer, p_i is the model's own answer. Options must be
the same for all items of a task.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from realm_cli.annotations import AnnotationTable
from realm_cli.backbones.base import Backbone
from realm_cli.backbones.layout import ABSENT
from realm_cli.batching import Collator, EncodedItems, ItemDataset, answers_by_item
from realm_cli.bench.supervised import SupervisedModule, run_trainer
from realm_cli.config import TrainSettings
from realm_cli.likelihood import log_option_probabilities


class CrowdLayerModule(SupervisedModule):
    """A backbone under a layer of annotators.

    Args:
        backbone: Scores options.
        n_annotators: A.
        n_tasks: T.
        width: The most options that an item has.
    """

    def __init__(self, backbone: Backbone, n_annotators: int, n_tasks: int, width: int) -> None:
        super().__init__(backbone)
        start = torch.eye(width).expand(n_annotators, n_tasks, width, width)
        self.layer = nn.Parameter(start.clone())

    def forward(self, **batch: Tensor) -> dict[str, Tensor]:
        """Mean over the annotations of -log softmax(W_a p_i)[y], in nats."""
        log_p = log_option_probabilities(self.backbone.option_scores(batch))
        labels = batch["labels"]
        own = self.layer[batch["annotators"], batch["tasks"][:, None]]
        return {"loss": crowd_layer_loss(log_p, own, labels)}


def crowd_layer_loss(log_p: Tensor, own: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of annotations under their annotators' matrices.

    Args:
        log_p: `[B, K]` log-probabilities of the model; -inf where an item has no k-th option.
        own: `[B, R, W, W]` matrix of the annotator of each annotation.
        labels: `[B, R]` what they answered; ABSENT where padded.
    """
    k = log_p.shape[1]
    scores = torch.einsum("brjk,bk->brj", own[..., :k, :k], log_p.exp())
    scores = scores.masked_fill(log_p.isneginf()[:, None, :], -torch.inf)
    return F.cross_entropy(scores.flatten(0, 1), labels.flatten(), ignore_index=ABSENT)


def train_crowd_layer(
    prepared: tuple[Backbone, EncodedItems],
    table: AnnotationTable,
    settings: TrainSettings,
    folder: Path,
) -> None:
    """Fine-tune a model through a layer of annotators.

    Args:
        prepared: The model, trained in place, and the items as it reads them.
        table: Their annotations.
        settings: How; the layer learns at the model's rate.
        folder: For the Trainer to work in.
    """
    backbone, encoded = prepared
    answers = answers_by_item(table)
    items = table.items
    module = CrowdLayerModule(
        backbone, len(table.annotators), len(items.tasks), items.has_option.shape[1]
    ).to(backbone.model.device)
    rows = ItemDataset(encoded, answers)
    run_trainer(module, rows, Collator(backbone), (settings, folder))
