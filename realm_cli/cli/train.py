"""realm train: annotations in, a run's folder out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from realm_cli.cli import console
from realm_cli.cli.options import DataOptions, unfold
from realm_cli.cli.training_options import MethodOptions, PushOptions, TrainingOptions

if TYPE_CHECKING:
    from realm_cli.report.model import CompetenceReport


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
    if processes.is_first():
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
