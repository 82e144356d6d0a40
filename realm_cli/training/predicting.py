"""What a model says of items."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from realm_cli.batching import Collator, EncodedItems, ItemDataset
from realm_cli.likelihood import log_option_probabilities

if TYPE_CHECKING:
    from collections.abc import Callable

    from realm_cli.backbones.base import Backbone
    from realm_cli.labels import FloatArray


@torch.inference_mode()
def predict_log_p(
    backbone: Backbone,
    encoded: EncodedItems,
    batch_size: int,
    told: Callable[[int], None] = lambda _: None,
) -> FloatArray:
    """`[I, K]` log-probabilities of the options; -inf beyond an item's own.

    Items are batched by length, so that little of a batch is padding.

    Args:
        backbone: The model.
        encoded: The items.
        batch_size: Items a batch.
        told: Called after each batch with its number of items.
    """
    backbone.model.eval()
    dataset = ItemDataset(encoded)
    collate = Collator(backbone)
    width = max(len(rows) for rows in encoded.option_rows)
    log_p = np.full((len(dataset), width), -np.inf)
    order = sorted(range(len(dataset)), key=lambda i: len(encoded.inputs[i]))
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        batch = collate([dataset[i] for i in rows])
        on_device = {name: tensor.to(backbone.model.device) for name, tensor in batch.items()}
        scores = backbone.option_scores(on_device)
        values = log_option_probabilities(scores).cpu().double().numpy()
        log_p[rows, : values.shape[1]] = values
        told(len(rows))
    return log_p
