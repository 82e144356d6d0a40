"""What a model says of items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from realm_cli import processes
from realm_cli.batching import Collator, EncodedItems, ItemDataset
from realm_cli.likelihood import log_option_probabilities

if TYPE_CHECKING:
    from collections.abc import Callable

    from realm_cli.backbones.base import Backbone, SequenceBackbone
    from realm_cli.labels import FloatArray


@torch.no_grad()
def predict_log_p(
    backbone: Backbone,
    encoded: EncodedItems,
    batch_size: int,
    told: Callable[[int], None] = lambda _: None,
) -> FloatArray:
    """`[I, K]` log-probabilities of the options; -inf beyond an item's own.

    Items are batched by length, so that little of a batch is padding. Several processes share the
    batches, and each of them gets all that comes of it.

    Args:
        backbone: The model.
        encoded: The items.
        batch_size: Items a batch.
        told: Called after each batch with its number of items.
    """
    backbone.model.eval()
    dataset = ItemDataset(encoded)
    width = max(len(rows) for rows in encoded.option_rows)
    log_p = np.zeros((len(dataset), width))
    batches = _by_length(encoded, batch_size)
    for start in range(0, len(batches), processes.count()):
        mine = start + processes.index()
        # Weights may be spread over the processes: all of them have to be asked equally often.
        rows = batches[min(mine, len(batches) - 1)]
        values = _log_p(backbone, dataset, rows)
        if mine < len(batches):
            log_p[rows] = -np.inf
            log_p[rows, : values.shape[1]] = values
        told(len(rows))
    return processes.total(log_p)


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


def _by_length(encoded: EncodedItems, size: int) -> list[list[int]]:
    """Items of about the same length together, so that little of a batch is padding."""
    order = sorted(range(len(encoded.inputs)), key=lambda i: len(encoded.inputs[i]))
    return [order[at : at + size] for at in range(0, len(order), size)]


def _batches(
    backbone: Backbone, encoded: EncodedItems, size: int
) -> Iterator[tuple[list[int], dict[str, Tensor]]]:
    """Batches on the model's device, and which items they are."""
    backbone.model.eval()
    dataset = ItemDataset(encoded)
    for rows in _by_length(encoded, size):
        yield rows, _batch(backbone, dataset, rows)


def _batch(backbone: Backbone, dataset: ItemDataset, rows: Sequence[int]) -> dict[str, Tensor]:
    batch = Collator(backbone)([dataset[i] for i in rows])
    return {name: tensor.to(backbone.model.device) for name, tensor in batch.items()}


def _log_p(backbone: Backbone, dataset: ItemDataset, rows: Sequence[int]) -> FloatArray:
    """Of one batch, in two halves where the device cannot hold it."""
    try:
        scores = backbone.option_scores(_batch(backbone, dataset, rows))
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
