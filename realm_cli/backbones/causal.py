"""Decoder-only models: Llama, Qwen, SmolLM, GPT-2 and their like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from realm_cli.backbones import layout
from realm_cli.backbones.base import Backbone, Preset, Request, SequenceBackbone, Tokens, whole
from realm_cli.backbones.layout import ABSENT
from realm_cli.choices import Usage

PRETRAINED = Preset(epochs=3, learning_rate=2e-5)


def load(
    request: Request, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase
) -> Backbone:
    """As the checkpoint is."""
    return CausalBackbone(whole(AutoModelForCausalLM, request, config), tokenizer)


class CausalBackbone(SequenceBackbone):
    """Scores an option by the log-likelihood of its tokens, end token included, after the prompt.

    The prompt and all options of an item stand in one row: every option sees the prompt and itself,
    and its places go on from the prompt's end, so the prompt is read once.
    """

    cue = "\nAnswer:"
    usage = Usage.CAUSAL

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        preset: Preset = PRETRAINED,
    ) -> None:
        super().__init__(model, tokenizer, preset)
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token

    def encode(self, texts: Sequence[str], options: Sequence[str], limit: int) -> Tokens:
        """Prompts as the tokenizer begins them; options after a space, with an end token."""
        end = self.tokenizer.eos_token_id
        spaced = [f" {option}" for option in options]
        targets, cut_targets = layout.tokenise(self.tokenizer, spaced, limit // 2, special=False)
        room = limit - 1 - max((len(ids) for ids in targets), default=0)
        prompts, cut_prompts = layout.tokenise(self.tokenizer, texts, room)
        # A tokenizer that ends every text would have the prompt say that nothing follows.
        inputs = tuple(ids[:-1] if len(ids) > 1 and ids[-1] == end else ids for ids in prompts)
        return Tokens(inputs, tuple([*ids, end] for ids in targets), cut_prompts, cut_targets)

    def lay_out(self, items: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """input_ids, attention_mask `[B, L]` padded on the left; option_ids, option_of `[B, P]`."""
        texts = [item["input_ids"] for item in items]
        pad = self.tokenizer.pad_token_id
        return {**layout.padded_texts(texts, pad, left=True), **layout.options_of(items)}

    def option_scores(self, batch: dict[str, Tensor]) -> Tensor:
        """`[B, K]` full log-likelihoods; see `backbones.base.Backbone`."""
        ids, whose = batch["option_ids"], batch["option_of"]
        tokens = ids.masked_fill(ids == ABSENT, self.tokenizer.pad_token_id)
        logits = self.model(
            input_ids=torch.cat([batch["input_ids"], tokens], dim=1),
            attention_mask=layout.as_bias(_sight(batch), self.model.dtype),
            position_ids=_places(batch),
            logits_to_keep=ids.shape[1] + 1,
            use_cache=False,
        ).logits
        # A token is foretold at the one before it; an option's first at the prompt's last.
        place = torch.arange(ids.shape[1], device=ids.device).masked_fill(layout.is_first(whose), 0)
        index = place[..., None].expand(-1, -1, logits.shape[-1])
        return layout.scores_of_tokens(logits.gather(1, index), batch)

    def n_before_answer(self, batch: dict[str, Tensor]) -> int:
        """The prompt, padded on the left."""
        return batch["input_ids"].shape[1]


def _sight(batch: dict[str, Tensor]) -> Tensor:
    """`[B, L + P, L + P]` who may look at whom: the prompt, and one's own option so far."""
    prompt, whose = batch["attention_mask"].bool(), batch["option_of"]
    rows, width = prompt.shape
    everything = width + whose.shape[1]
    sight = torch.zeros(rows, everything, everything, dtype=torch.bool, device=prompt.device)
    place = torch.arange(everything, device=prompt.device)
    sight[:, :, :width] = prompt[:, None, :] & (place[:, None] >= place[None, :width])
    sight[:, width:, width:] = layout.own_block(whose)
    # Padding looks at itself: a row without anything to look at is not a number.
    return sight | torch.eye(everything, dtype=torch.bool, device=prompt.device)


def _places(batch: dict[str, Tensor]) -> Tensor:
    """`[B, L + P]` places: options go on where the prompt ends."""
    prompt, whose = batch["attention_mask"], batch["option_of"]
    in_prompt = (prompt.cumsum(dim=1) - 1).clamp(min=0)
    place = torch.arange(whose.shape[1], device=whose.device).expand_as(whose)
    start = place.masked_fill(~layout.is_first(whose), 0).cummax(dim=1).values
    return torch.cat([in_prompt, prompt.sum(dim=1, keepdim=True) + place - start], dim=1)
