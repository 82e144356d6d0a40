"""Encoder-decoder models: T5, Flan-T5, BART and their like."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.modeling_outputs import BaseModelOutput

from realm_cli.backbones.base import Preset, lay_out

PRETRAINED = Preset(epochs=5, learning_rate=3e-4)
_ABSENT = -100


class Seq2SeqBackbone:
    """Scores an option by the log-likelihood of its tokens given the encoded text.

    The encoder runs once an item; its output is shared over the item's options.

    Args:
        model: An encoder-decoder language model.
        tokenizer: Its tokenizer.
        preset: Defaults that fit it.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        preset: Preset = PRETRAINED,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.preset = preset

    def option_scores(self, batch: dict[str, Tensor]) -> Tensor:
        """`[B, K]` full log-likelihoods; see `backbones.base.Backbone`."""
        n_options = batch["n_options"]
        of_item = torch.repeat_interleave(n_options)
        encoded = self.model.get_encoder()(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]
        )
        hidden = BaseModelOutput(last_hidden_state=encoded.last_hidden_state[of_item])
        targets = batch["option_ids"]
        # The model shifts labels into decoder inputs by itself; its own loss goes unused.
        logits = self.model(
            encoder_outputs=hidden,
            attention_mask=batch["attention_mask"][of_item],
            decoder_input_ids=self.model.prepare_decoder_input_ids_from_labels(labels=targets),
            use_cache=False,
        ).logits
        return lay_out(sequence_log_likelihood(logits, targets), n_options)

    def save(self, folder: Path) -> None:
        """Write model and tokenizer."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def sequence_log_likelihood(logits: Tensor, targets: Tensor) -> Tensor:
    """Sum over tokens of log p(token), for each sequence.

    Args:
        logits: `[M, S, V]`.
        targets: `[M, S]` token ids; -100 where padded.

    Returns:
        `[M]` log-likelihoods in nats.
    """
    losses = F.cross_entropy(
        logits.float().transpose(1, 2), targets, ignore_index=_ABSENT, reduction="none"
    )
    return -losses.sum(dim=1)
