"""Flags of `realm train`: what is learned, how, at what scale, and where it goes besides."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from realm_cli.choices import BackboneKind, LabelKind, Objective, Precision, Schedule
from realm_cli.cli import console
from realm_cli.cli.options import JudgeOptions
from realm_cli.errors import UsageError


def _by_task(value: Any) -> Any:
    """A table of realm.toml, or the same written as JSON."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError as error:
        raise UsageError(
            f"--templates is no JSON: {error}",
            hint="""write --templates '{"TASK": "{text}"}', or a table [train.templates] in """
            "realm.toml",
        ) from error


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


@dataclass(frozen=True)
class MethodOptions(JudgeOptions):
    """What is learned."""

    objective: Annotated[
        Objective,
        typer.Option(
            help="Share one truth an item, or treat labels alone.", rich_help_panel="Method"
        ),
    ] = Objective.JOINT
    cross_fit: Annotated[
        int | None,
        typer.Option(
            help="Judge annotators by models that have not seen the items, in so many folds (that "
            "many trainings more, twice as many where no item has two labels; there 3 folds are "
            "the default); 1 not to.",
            rich_help_panel="Method",
        ),
    ] = None
    form_weight: Annotated[
        float, typer.Option(help="Weight of the form term.", rich_help_panel="Method")
    ] = 0.3
    labels: Annotated[
        LabelKind,
        typer.Option(
            help="open: labels are free text, which the model learns to write.",
            rich_help_panel="Method",
        ),
    ] = LabelKind.CHOICE
    distractors: Annotated[
        int,
        typer.Option(
            help="Answers to other items beside an item's own, where labels are open.",
            rich_help_panel="Method",
        ),
    ] = 6


@dataclass(frozen=True)
class OptimiserOptions:
    """How it is learned; what is left open fits the model."""

    revision: Annotated[
        str | None,
        typer.Option(
            help="Branch, tag or commit of a model on the hub.", rich_help_panel="Training"
        ),
    ] = None
    backbone: Annotated[
        BackboneKind,
        typer.Option(
            help="How the model scores options; as its checkpoint says.", rich_help_panel="Training"
        ),
    ] = BackboneKind.AUTO
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the items.", rich_help_panel="Training")
    ] = None
    batch_size: Annotated[int, typer.Option(help="Items a step.", rich_help_panel="Training")] = 32
    tokens_per_batch: Annotated[
        str | None,
        typer.Option(
            help="Tokens a step instead, padding with them; auto: as many as the device holds.",
            rich_help_panel="Training",
        ),
    ] = None
    learning_rate: Annotated[
        float | None, typer.Option(help="Of the model.", rich_help_panel="Training")
    ] = None
    expertise_learning_rate: Annotated[
        float | None,
        typer.Option(help="Of the expertise; 10 times the model's.", rich_help_panel="Training"),
    ] = None
    warm_up: Annotated[
        float,
        typer.Option(
            help="Share of the steps in which the model's own opinion does not count yet.",
            rich_help_panel="Training",
        ),
    ] = 0.2
    max_length: Annotated[
        int, typer.Option(help="Longest text in tokens.", rich_help_panel="Training")
    ] = 512
    dev: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE|FILE",
            help="Keep the best checkpoint by how well it foretells the annotations of items that "
            "are not trained on: a share of them, or a file of further ones.",
            rich_help_panel="Training",
        ),
    ] = None
    evaluate_every: Annotated[
        int | None,
        typer.Option(
            help="Steps between evaluations on them; by default once an epoch.",
            rich_help_panel="Training",
        ),
    ] = None
    patience: Annotated[
        int | None,
        typer.Option(
            help="End after so many evaluations without improvement.", rich_help_panel="Training"
        ),
    ] = None
    template: Annotated[
        str | None,
        typer.Option(
            help="What the model reads of an item: words with {text}, {options}, {task}.",
            rich_help_panel="Training",
        ),
    ] = None
    templates: Annotated[
        dict[str, str] | None,
        typer.Option(
            parser=_by_task,
            metavar="JSON",
            help='The same by task, as {"TASK": "TEMPLATE"}; a table in realm.toml.',
            rich_help_panel="Training",
        ),
    ] = None


@dataclass(frozen=True)
class TrainingOptions(ScaleOptions, RegularisationOptions, OptimiserOptions):
    """All that decides how it is learned."""


@dataclass(frozen=True)
class PushOptions:
    """Where the model goes besides."""

    push_to_hub: Annotated[
        str | None,
        typer.Option(
            metavar="REPO_ID",
            help="Upload the model when it is trained, to a private repository (token: HF_TOKEN).",
        ),
    ] = None
    public: Annotated[bool, typer.Option("--public", help="Let everybody see it.")] = False

    def check(self) -> None:
        """Refuse what would fail at the end of the run, before it begins."""
        from realm_cli import hub
        from realm_cli.checkpoint import require_training_extra

        if self.push_to_hub is not None:
            require_training_extra()
            hub.check_push(self.push_to_hub)
        elif self.public:
            raise UsageError("--public is for what --push-to-hub uploads, and that was not given")

    def push(self, folder: Path) -> None:
        """Upload the model of a run that is whole."""
        from realm_cli import hub
        from realm_cli.checkpoint import SIDE

        if self.push_to_hub is not None:
            url = hub.push(folder, self.push_to_hub, public=self.public, without=[SIDE])
            console.note(f"pushed: {url}")
