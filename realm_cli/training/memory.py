"""How much a device holds, and what to do where it was too much."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from realm_cli.backbones.base import Backbone

ON_CPU = 4096
"""Tokens of a pass on a CPU: more is no faster there."""
LEAST, MOST = 512, 65_536
SHARE = 0.6
"""Of the memory that weights, gradients and optimizer leave; the rest is for what is not told."""


class PassTooLargeError(Exception):
    """A pass, forward and backward, did not fit into the device's memory."""


def tokens_of_a_pass(backbone: Backbone) -> int:
    """How many tokens a pass may hold: an estimate from the device's free memory.

    Activations take some 34 bytes a token, layer and hidden unit in 16 bits (Korthikanti et al.
    2022, arXiv 2205.05198, without attention matrices); logits and their gradients in single
    precision come on top.
    """
    model = backbone.model
    if model.device.type != "cuda":
        return ON_CPU
    free, _ = torch.cuda.mem_get_info(model.device)
    # Gradient, and Adam's two moments.
    trained = sum(12 * p.numel() for p in model.parameters() if p.requires_grad)
    config = model.config.get_text_config()
    layers = config.num_hidden_layers + (getattr(config, "num_decoder_layers", None) or 0)
    each = 34 * layers * config.hidden_size + 12 * config.vocab_size
    return min(max(int(SHARE * (free - trained) / each), LEAST), MOST)
