"""Flags of `realm train` that few runs need: regularisation, and what large models take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from realm_cli.choices import Precision, Schedule


def _training(what: str, *names: str) -> Any:
    """A flag that says how fast is learned, and how freely."""
    return typer.Option(*names, help=what, rich_help_panel="Training")


def _scale(what: str, *names: str) -> Any:
    """A flag that says how memory and time are spent."""
    return typer.Option(*names, help=what, rich_help_panel="Scale")


@dataclass(frozen=True)
class RegularisationOptions:
    """What keeps it from learning by heart, and how fast it learns when."""

    weight_decay: Annotated[float, _training("Of the model's matrices.")] = 0.0
    dropout: Annotated[float | None, _training("Of the model; as its checkpoint says.")] = None
    label_smoothing: Annotated[
        float, _training("Share of the model's word that is spread over the options.")
    ] = 0.0
    schedule: Annotated[Schedule, _training("How learning rates go down.")] = Schedule.LINEAR
    learning_rate_warm_up: Annotated[
        float, _training("Share of the steps in which they go up first.")
    ] = 0.0


@dataclass(frozen=True)
class ScaleOptions:
    """What fits large models into memory, and training into time."""

    accumulate: Annotated[
        int, _scale("Passes that a step is split into; the step stays the same.")
    ] = 1
    precision: Annotated[
        Precision, _scale("What to compute in; auto: bf16 on a GPU that has it.")
    ] = Precision.AUTO
    activation_checkpointing: Annotated[
        bool,
        _scale(
            "Less memory for more time: compute activations twice.", "--activation-checkpointing"
        ),
    ] = False
    compile: Annotated[bool, _scale("Use torch.compile.", "--compile")] = False
    lora: Annotated[int | None, _scale("Train adapters of this rank only.")] = None
    merge_adapter: Annotated[
        bool, _scale("Save the whole model, adapters added to it.", "--merge-adapter")
    ] = False
    quantize: Annotated[
        int | None, _scale("4 or 8 bits for the weights under adapters (needs bitsandbytes).")
    ] = None
    fsdp: Annotated[bool, _scale("Spread the model over the processes of torchrun.", "--fsdp")] = (
        False
    )
