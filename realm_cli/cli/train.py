"""realm train: annotations in, a run's folder out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from realm_cli.choices import BackboneKind, Objective
from realm_cli.cli import console
from realm_cli.cli.options import DataOptions, JudgeOptions, unfold
from realm_cli.cli.training_options import RegularisationOptions, ScaleOptions


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


@dataclass(frozen=True)
class OptimiserOptions:
    """How it is learned; what is left open fits the model."""

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


@dataclass(frozen=True)
class TrainingOptions(ScaleOptions, RegularisationOptions, OptimiserOptions):
    """All that decides how it is learned."""


@dataclass(frozen=True)
class OutputOptions:
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
    from realm_cli.report.json_file import to_json
    from realm_cli.runs import RUNS
    from realm_cli.unfinished import Saving

    groups = (method, training)
    if processes.count() > 1 and not (output.resume or output.out):
        raise UsageError("several processes have to agree on a folder", hint="name it with --out")
    folder = output.resume or output.out or console.dated_folder(RUNS)
    saving = Saving(output.save_minutes, output.save_steps)
    try:
        with training_progress() as watcher, stopping() as stop:
            watch = pipeline.Watch(console.note, watcher, saving, stop)
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
    for warning in report.warnings:
        console.warn(warning.message)
    if output.json:
        console.data(to_json(report))
    console.note(f"run: {folder}")
    console.note(f"report: {folder / 'realm' / 'report.json'}")
    console.note(f"next: realm report {folder} --annotators")
