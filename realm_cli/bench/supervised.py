"""Plain fine-tuning: on labels as they are, or on probabilities of labels; no annotators in it.

What anybody would do with labels. A model that writes is trained on the full likelihood of the
label's tokens, -s_i(y), the end token included; an encoder on the cross-entropy of its options.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PrinterCallback, set_seed

from realm_cli.backbones.base import Backbone, SequenceBackbone
from realm_cli.batching import Collator, EncodedItems, ItemDataset, LengthBatches
from realm_cli.coding import IntArray
from realm_cli.config import TrainSettings
from realm_cli.errors import TrainingError
from realm_cli.labels import FloatArray
from realm_cli.likelihood import log_option_probabilities
from realm_cli.training.arguments import arguments
from realm_cli.training.trainer import BatchedTrainer


@dataclass(frozen=True)
class Targets:
    """What a model is to answer, a row a training example.

    Attributes:
        item: `[M]` item of each row.
        weight: `[M, K]` probability of each of the item's options.
    """

    item: IntArray
    weight: FloatArray


class TargetRows(ItemDataset):
    """Rows of targets; options that are not wanted at all are left out where that changes nothing.

    Args:
        encoded: The items.
        targets: The rows.
        wanted_only: Whether the score of an option stands for itself, as that of its tokens does.
    """

    def __init__(self, encoded: EncodedItems, targets: Targets, *, wanted_only: bool) -> None:
        super().__init__(encoded.only(targets.item))
        width = [len(row) for row in self.encoded.option_rows]
        self.places = [
            np.flatnonzero(weight[:n]) if wanted_only else np.arange(n)
            for weight, n in zip(targets.weight, width, strict=True)
        ]
        self.weight = targets.weight

    def __getitem__(self, item: int) -> dict[str, Any]:
        """A row, with its `weights`."""
        found, places = super().__getitem__(item), self.places[item]
        options = [found["options"][k] for k in places]
        return {**found, "options": options, "weights": self.weight[item, places].tolist()}


@dataclass(frozen=True)
class TargetCollator:
    """A batch with `weights [B, K]`."""

    backbone: Backbone

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """The batch of the given rows."""
        weights = [torch.tensor(row["weights"]) for row in rows]
        return {
            **Collator(self.backbone)(rows),
            "weights": nn.utils.rnn.pad_sequence(weights, batch_first=True),
        }


class SupervisedModule(nn.Module):
    """A backbone under the likelihood of given answers."""

    _keys_to_ignore_on_save = None

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        self.language_model = backbone.model
        self.writes = isinstance(backbone, SequenceBackbone)

    def forward(self, **batch: Tensor) -> dict[str, Tensor]:
        """Mean over the rows of -sum_k weight_k s_k, in nats."""
        scores = self.backbone.option_scores(batch)
        scores = scores if self.writes else log_option_probabilities(scores)
        weights = batch["weights"]
        return {"loss": -(weights * scores.masked_fill(weights == 0, 0)).sum(dim=1).mean()}


def train_on_targets(
    prepared: tuple[Backbone, EncodedItems], targets: Targets, settings: TrainSettings, folder: Path
) -> None:
    """Fine-tune a model on given answers.

    Args:
        prepared: The model, trained in place, and the items as it reads them.
        targets: What it is to answer.
        settings: How.
        folder: For the Trainer to work in.
    """
    backbone, encoded = prepared
    rows = TargetRows(encoded, targets, wanted_only=isinstance(backbone, SequenceBackbone))
    run_trainer(SupervisedModule(backbone), rows, TargetCollator(backbone), (settings, folder))


def run_trainer(
    module: SupervisedModule,
    rows: ItemDataset,
    collate: Any,
    how: tuple[TrainSettings, Path],
) -> None:
    """Train a module whose loss the Trainer takes as it is.

    Raises:
        TrainingError: Training ended in weights that are not numbers.
    """
    settings, folder = how
    set_seed(settings.seed)
    told = arguments(settings, module.backbone, folder, logging_strategy="no")
    # The loss is a mean over rows already, and has no labels for the Trainer to count.
    trainer = BatchedTrainer(
        model=module,
        args=told,
        train_dataset=rows,
        data_collator=collate,
        batches=LengthBatches(rows, settings.batch_size, None, settings.seed),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    if any(parameter.isnan().any() for parameter in module.parameters()):
        raise TrainingError("training ended in weights that are not numbers")
