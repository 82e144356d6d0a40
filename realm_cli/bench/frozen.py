"""An encoder whose head alone is trained: what the rest of it makes of an input is kept.

Every method, fold and seed then asks for the same features, and most of the work is done once.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPooling

from realm_cli.backbones.base import Backbone, SequenceBackbone
from realm_cli.errors import UsageError


def freeze(backbone: Backbone, name: str) -> None:
    """Keep all but the head of an encoder as it is.

    The head reads the mean of the last layer over an input's tokens: what a first token says has
    to be learned with the rest.

    Args:
        backbone: The model, changed in place.
        name: What it is; models of one name share what they have computed.

    Raises:
        UsageError: It is no encoder.
    """
    model = backbone.model
    if isinstance(backbone, SequenceBackbone):
        raise UsageError(
            f"`frozen` is for encoders with a head, and {name} is a {model.config.model_type}"
        )
    setattr(model, model.base_model_prefix, _Remembered(model.base_model, _memory(name)))


@cache
def _memory(name: str) -> dict[tuple[int, ...], Tensor]:
    """Features by token ids, of the model of this name, for as long as the process runs."""
    del name
    return {}


class _Remembered(nn.Module):
    """The body of an encoder, asked once for each input.

    Args:
        body: The encoder below its head.
        memory: `[H]` features of the inputs that it was asked for.
    """

    def __init__(self, body: nn.Module, memory: dict[tuple[int, ...], Tensor]) -> None:
        super().__init__()
        self.body = body.requires_grad_(False)
        self.memory = memory

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, **rest: Any
    ) -> BaseModelOutputWithPooling:
        """`[B, H]` features, as all that the head may ask for."""
        kept = attention_mask.bool()
        keys = [tuple(row[own].tolist()) for row, own in zip(input_ids, kept, strict=True)]
        new = [n for n, key in enumerate(keys) if key not in self.memory]
        if new:
            types = rest.get("token_type_ids")
            kinds = {} if types is None else {"token_type_ids": types[new]}
            found = self._features(input_ids[new], attention_mask[new], kinds)
            self.memory.update(zip([keys[n] for n in new], found, strict=True))
        features = torch.stack([self.memory[key] for key in keys])
        return BaseModelOutputWithPooling(features[:, None], features)

    @torch.no_grad()
    def _features(self, ids: Tensor, mask: Tensor, kinds: dict[str, Tensor]) -> Tensor:
        self.body.eval()
        last = self.body(input_ids=ids, attention_mask=mask, **kinds).last_hidden_state
        weight = mask[..., None].to(last.dtype)
        mean: Tensor = (last * weight).sum(dim=1) / weight.sum(dim=1)
        return mean
