"""What a model says of items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from realm_cli import processes
from realm_cli.batching import Collator, EncodedItems, ItemDataset
from realm_cli.likelihood import log_option_probabilities

if TYPE_CHECKING:
    from realm_cli.backbones.base import Backbone
    from realm_cli.labels import FloatArray


@torch.no_grad()
def predict_log_p(backbone: Backbone, encoded: EncodedItems, batch_size: int) -> FloatArray:
    """`[I, K]` log-probabilities of the options; -inf beyond an item's own.

    Items are batched by length, so that little of a batch is padding. Several processes share the
    batches, and each of them gets all that comes of it.
    """
    backbone.model.eval()
    dataset = ItemDataset(encoded)
    width = max(len(rows) for rows in encoded.option_rows)
    log_p = np.zeros((len(dataset), width))
    order = sorted(range(len(dataset)), key=lambda i: len(encoded.inputs[i]))
    batches = [order[at : at + batch_size] for at in range(0, len(order), batch_size)]
    for start in range(0, len(batches), processes.count()):
        mine = start + processes.index()
        # Weights may be spread over the processes: all of them have to be asked equally often.
        rows = batches[min(mine, len(batches) - 1)]
        values = _log_p(backbone, dataset, rows)
        if mine < len(batches):
            log_p[rows] = -np.inf
            log_p[rows, : values.shape[1]] = values
    return processes.total(log_p)


def _log_p(backbone: Backbone, dataset: ItemDataset, rows: Sequence[int]) -> FloatArray:
    """Of one batch, in two halves where the device cannot hold it."""
    batch = Collator(backbone)([dataset[i] for i in rows])
    try:
        on_device = {name: tensor.to(backbone.model.device) for name, tensor in batch.items()}
        scores = backbone.option_scores(on_device)
    except torch.OutOfMemoryError:
        if len(rows) == 1 or processes.count() > 1:
            raise
    else:
        values: FloatArray = log_option_probabilities(scores).cpu().double().numpy()
        return values
    half = len(rows) // 2
    halves = [_log_p(backbone, dataset, part) for part in (rows[:half], rows[half:])]
    width = max(values.shape[1] for values in halves)
    fill = [((0, 0), (0, width - values.shape[1])) for values in halves]
    return np.concatenate(
        [np.pad(v, f, constant_values=-np.inf) for v, f in zip(halves, fill, strict=True)]
    )
