"""Encoder-decoder models: T5, Flan-T5, BART and their like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoModelForSeq2SeqLM, PretrainedConfig, PreTrainedTokenizerBase
from transformers.modeling_outputs import BaseModelOutput

from realm_cli.backbones import layout
from realm_cli.backbones.base import Backbone, Preset, Request, SequenceBackbone, Tokens, whole
from realm_cli.backbones.layout import ABSENT
from realm_cli.choices import Usage

PRETRAINED = Preset(epochs=5, learning_rate=3e-4)
RELATIVE = frozenset({"t5", "mt5", "umt5", "longt5"})
"""Models whose decoders know places only by their distance."""


def load(
    request: Request, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase
) -> Backbone:
    """As the checkpoint is."""
    return Seq2SeqBackbone(whole(AutoModelForSeq2SeqLM, request, config), tokenizer, PRETRAINED)


class Seq2SeqBackbone(SequenceBackbone):
    """Scores an option by the log-likelihood of its tokens, end token included, given the text.

    The encoder runs once an item. Where the decoder tells places by their distance, all options of
    an item stand in one row, and none of them sees another; else each has a row of its own.
    """

    usage = Usage.SEQ2SEQ

    def encode(self, texts: Sequence[str], options: Sequence[str], limit: int) -> Tokens:
        """With the tokenizer's own end token."""
        inputs, cut_inputs = layout.tokenise(self.tokenizer, texts, limit)
        targets, cut_targets = layout.tokenise(self.tokenizer, options, limit)
        return Tokens(inputs, targets, cut_inputs, cut_targets)

    def lay_out(self, items: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """input_ids, attention_mask `[B, L]`, option_ids, option_of `[B, P]`."""
        pad = self.tokenizer.pad_token_id
        return {**layout.texts_of(items, pad), **layout.options_of(items)}

    def option_scores(self, batch: dict[str, Tensor]) -> Tensor:
        """`[B, K]` full log-likelihoods; see `backbones.base.Backbone`."""
        hidden = self.model.get_encoder()(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]
        ).last_hidden_state
        if self.model.config.model_type in RELATIVE:
            return self._side_by_side(hidden, batch)
        return self._one_by_one(hidden, batch)

    def n_before_answer(self, _batch: dict[str, Tensor]) -> int:
        """The token that starts the decoder."""
        return 1

    def _side_by_side(self, hidden: Tensor, batch: dict[str, Tensor]) -> Tensor:
        ids, whose = batch["option_ids"], batch["option_of"]
        before = F.pad(ids[:, :-1], (1, 0)).masked_fill(
            layout.is_first(whose), self.model.config.decoder_start_token_id
        )
        logits = self.model(
            encoder_outputs=BaseModelOutput(last_hidden_state=hidden),
            attention_mask=batch["attention_mask"],
            decoder_input_ids=before.masked_fill(before == ABSENT, self.model.config.pad_token_id),
            decoder_attention_mask=layout.as_bias(layout.own_block(whose), hidden.dtype),
            use_cache=False,
        ).logits
        return layout.scores_of_tokens(logits, batch)

    def _one_by_one(self, hidden: Tensor, batch: dict[str, Tensor]) -> Tensor:
        targets = layout.one_by_one(batch)
        of_item = torch.repeat_interleave(batch["n_options"])
        # The model shifts labels into decoder inputs by itself; its own loss goes unused.
        logits = self.model(
            encoder_outputs=BaseModelOutput(last_hidden_state=hidden[of_item]),
            attention_mask=batch["attention_mask"][of_item],
            decoder_input_ids=self.model.prepare_decoder_input_ids_from_labels(labels=targets),
            use_cache=False,
        ).logits
        return layout.by_item(sequence_log_likelihood(logits, targets), batch["n_options"])


def sequence_log_likelihood(logits: Tensor, targets: Tensor) -> Tensor:
    """Sum over tokens of log p(token), for each sequence.

    Args:
        logits: `[M, S, V]`.
        targets: `[M, S]` token ids; -100 where padded.

    Returns:
        `[M]` log-likelihoods in nats.
    """
    losses = F.cross_entropy(
        logits.float().transpose(1, 2), targets, ignore_index=ABSENT, reduction="none"
    )
    return -losses.sum(dim=1)
