"""What a model says of items."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from realm_cli.batching import Collator, EncodedItems, ItemDataset
from realm_cli.likelihood import log_option_probabilities

if TYPE_CHECKING:
    from collections.abc import Callable

    from realm_cli.backbones.base import Backbone, SequenceBackbone
    from realm_cli.labels import FloatArray


@torch.inference_mode()
def predict_log_p(
    backbone: Backbone,
    encoded: EncodedItems,
    batch_size: int,
    told: Callable[[int], None] = lambda _: None,
) -> FloatArray:
    """`[I, K]` log-probabilities of the options; -inf beyond an item's own.

    Args:
        backbone: The model.
        encoded: The items.
        batch_size: Items a batch.
        told: Called after each batch with its number of items.
    """
    width = max(len(rows) for rows in encoded.option_rows)
    log_p = np.full((len(encoded.inputs), width), -np.inf)
    for rows, batch in _batches(backbone, encoded, batch_size):
        values = log_option_probabilities(backbone.option_scores(batch)).cpu().double().numpy()
        log_p[rows, : values.shape[1]] = values
        told(len(rows))
    return log_p


def write_answers(backbone: SequenceBackbone, encoded: EncodedItems, batch_size: int) -> list[str]:
    """An answer in the model's own words for each item `[I]`."""
    answers = [""] * len(encoded.inputs)
    for rows, batch in _batches(backbone, encoded, batch_size):
        for row, answer in zip(rows, backbone.write(batch), strict=True):
            answers[row] = answer
    return answers


@torch.inference_mode()
def log_likelihood(backbone: Backbone, encoded: EncodedItems, batch_size: int) -> FloatArray:
    """`[I, 1]` log-probability of the one option of each item among all texts there could be."""
    found = np.empty((len(encoded.inputs), 1))
    for rows, batch in _batches(backbone, encoded, batch_size):
        found[rows] = backbone.option_scores(batch).cpu().double().numpy()
    return found


def _batches(
    backbone: Backbone, encoded: EncodedItems, size: int
) -> Iterator[tuple[list[int], dict[str, Tensor]]]:
    """Items batched by length, so that little of a batch is padding; and which they are."""
    backbone.model.eval()
    dataset = ItemDataset(encoded)
    collate = Collator(backbone)
    order = sorted(range(len(dataset)), key=lambda i: len(encoded.inputs[i]))
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        batch = collate([dataset[i] for i in rows])
        yield rows, {name: tensor.to(backbone.model.device) for name, tensor in batch.items()}
