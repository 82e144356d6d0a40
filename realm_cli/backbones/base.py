"""The contract of a backbone: texts in, a score for each option out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Preset:
    """What fits a kind of model where the settings leave it open.

    Attributes:
        epochs: Passes over the items.
        learning_rate: Of the model's weights.
    """

    epochs: int
    learning_rate: float


class Backbone(Protocol):
    """A language model that scores options.

    Attributes:
        model: The transformers model that is trained and saved.
        tokenizer: Its tokenizer.
        preset: Defaults that fit it.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    preset: Preset

    def option_scores(self, batch: dict[str, Tensor]) -> Tensor:
        """Full log-likelihood of each option's tokens, end token included.

        Args:
            batch: As made by `batching.Collator`.

        Returns:
            `[B, K]` scores in nats; -inf where an item has no k-th option.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write a checkpoint that loads without realm."""
        ...


def lay_out(scores: Tensor, n_options: Tensor) -> Tensor:
    """Scores of the options that exist `[M]`, laid out by item `[B, max K]`, -inf elsewhere."""
    width = int(n_options.max())
    exists = torch.arange(width, device=scores.device) < n_options[:, None]
    return scores.new_full(exists.shape, -torch.inf).masked_scatter(exists, scores)
