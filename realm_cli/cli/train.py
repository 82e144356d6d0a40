"""realm train: annotations in, a run's folder out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from realm_cli.choices import BackboneKind, LabelKind, Objective
from realm_cli.cli import console
from realm_cli.cli.options import DataOptions, JudgeOptions, unfold
from realm_cli.cli.training_options import RegularisationOptions, ScaleOptions
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


if TYPE_CHECKING:
    from realm_cli.report.model import CompetenceReport


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
            "many trainings more); 1 not to. By default 5 where no item has two labels.",
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
        from realm_cli.errors import UsageError

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


@dataclass(frozen=True)
class OutputOptions(PushOptions):
    """Where the run goes."""

    out: Annotated[
        Path | None, typer.Option(help="The run's folder; runs/DATE-TIME if not given.")
    ] = None
    resume: Annotated[
        Path | None,
        typer.Option(help="Go on with the run of this folder, which was cut off; no other flags."),
    ] = None
    save_minutes: Annotated[
        float, typer.Option(min=0, help="Leave a checkpoint after so many minutes.")
    ] = 5.0
    save_steps: Annotated[
        int | None, typer.Option(min=1, help="And after every so many steps.")
    ] = None
    report_to: Annotated[
        list[str] | None,
        typer.Option(
            help="Tell a tracker of the training too: tensorboard, wandb, mlflow, trackio; several "
            "with commas.",
            show_default=False,
        ),
    ] = None
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier run there.")
    ] = False
    json: Annotated[bool, typer.Option("--json", help="Print report.json on stdout.")] = False


@unfold
def train(
    output: OutputOptions,
    data: DataOptions,
    method: MethodOptions,
    training: TrainingOptions,
    files: Annotated[
        list[Path] | None, typer.Argument(help="Annotation exports.", show_default=False)
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="tiny-t5, a folder, or a hub id such as google/flan-t5-base.", show_default=False
        ),
    ] = None,
) -> None:
    """Fine-tune a model on annotations and judge the annotators.

    Example: realm train annotations.parquet --model google/flan-t5-base --out runs/first
    """
    from realm_cli import pipeline, processes
    from realm_cli.cli.progress import stopping, training_progress
    from realm_cli.cli.settings import changed, train_settings
    from realm_cli.errors import StoppedError, UsageError
    from realm_cli.runs import RUNS
    from realm_cli.trackers import trackers_named
    from realm_cli.unfinished import Saving

    output.check()
    groups = (method, training)
    if processes.count() > 1 and not (output.resume or output.out):
        raise UsageError("several processes have to agree on a folder", hint="name it with --out")
    folder = output.resume or output.out or console.dated_folder(RUNS)
    saving = Saving(output.save_minutes, output.save_steps)
    trackers = trackers_named(output.report_to or ())
    try:
        with training_progress() as shown, stopping() as stop:
            watch = pipeline.Watch(console.note, shown.step, shown.fetching, saving, stop, trackers)
            if output.resume:
                if files:
                    raise UsageError(
                        "--resume takes no files: it goes on with those that the run began with"
                    )
                asked = changed(model, groups)
                report = pipeline.resume(folder, asked, watch)
            else:
                if not files or model is None:
                    raise UsageError(
                        "training needs annotations and a model",
                        hint="realm train annotations.parquet --model google/flan-t5-base",
                    )
                report = pipeline.train(
                    data.source(files),
                    train_settings(model, groups),
                    folder,
                    overwrite=output.overwrite,
                    watch=watch,
                )
    except StoppedError as stopped:
        console.note(stopped.message)
        console.note(f"next: realm train --resume {folder}")
        raise typer.Exit(stop.exit_code) from stopped
    _tell(report, folder, output)
    output.push(folder)


def _tell(report: CompetenceReport, folder: Path, output: OutputOptions) -> None:
    """What the run came to, and where it is."""
    from realm_cli.report.json_file import to_json

    for warning in report.warnings:
        console.warn(warning.message)
    if output.json:
        console.data(to_json(report))
    console.note(f"run: {folder}")
    console.note(f"report: {folder / 'realm' / 'report.json'}")
    console.note(f"next: realm report {folder} --annotators")
