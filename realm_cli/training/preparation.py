"""A model made ready to be trained as the settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from realm_cli.errors import UsageError

if TYPE_CHECKING:
    from realm_cli.backbones.base import Backbone
    from realm_cli.config import TrainSettings


def prepare(backbone: Backbone, settings: TrainSettings) -> None:
    """Activations computed anew rather than kept, and the model compiled, where that is wanted.

    Raises:
        UsageError: The model cannot compute its activations anew.
    """
    model = backbone.model
    if settings.activation_checkpointing:
        if not model.supports_gradient_checkpointing:
            raise UsageError(
                f"{model.config.model_type} models do not support --activation-checkpointing",
                hint="leave it out; a larger --accumulate needs less memory too",
            )
        model.activation_checkpointing_enable()
    if settings.compile:
        parts = [model.get_encoder(), model] if model.config.is_encoder_decoder else [model]
        for part in parts:
            part.compile(dynamic=True)
