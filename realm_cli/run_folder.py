"""A run's folder from inside: what `realm train` writes beside the model, and reading it back."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from realm_cli import __version__, checkpoint, checks
from realm_cli.annotations import AnnotationTable, Items
from realm_cli.clock import now
from realm_cli.config import TrainSettings
from realm_cli.estimation import Estimation
from realm_cli.intake import Loaded, Source, load
from realm_cli.metrics import LoggedStep, to_lines
from realm_cli.report import json_file
from realm_cli.report.model import CompetenceReport
from realm_cli.report.tables import annotators_table, labels_table
from realm_cli.schema import plain
from realm_cli.unfinished import METRICS


def table_of(run: Path) -> AnnotationTable:
    """The annotations that a run's folder holds."""
    path = run / checkpoint.SIDE / checkpoint.ANNOTATIONS_FILE
    if not path.is_file():
        raise checkpoint.no_run(run, path)
    return load(Source((path,)), checks.check_estimable).table


def write_side(
    side: Path, found: Estimation, report: CompetenceReport, history: Sequence[LoggedStep]
) -> None:
    """All of `realm/` but the record."""
    from safetensors.numpy import save_file

    (side / checkpoint.REPORT_FILE).write_text(json_file.to_json(report), encoding="utf-8")
    (side / METRICS).write_text(to_lines(history), encoding="utf-8")
    checkpoint.write_parquet(annotators_table(report), side / "annotators.parquet")
    checkpoint.write_parquet(
        labels_table(found.crowd.table, found.fit.log_q), side / checkpoint.LABELS_FILE
    )
    checkpoint.write_parquet(plain(found.crowd.table.rows), side / checkpoint.ANNOTATIONS_FILE)
    save_file({"expertise": found.expertise}, side / "expertise.safetensors")


def record(
    settings: TrainSettings, templates: Sequence[str], loaded: Loaded, n_truncated: int
) -> checkpoint.RunRecord:
    """run.json."""
    items = loaded.table.items
    return checkpoint.RunRecord(
        realm_version=__version__,
        created_at=now().isoformat(),
        settings=settings,
        tasks=tuple(
            checkpoint.TaskLabels(
                task=task, labels=labels, template=template, open=t in items.open_tasks
            )
            for t, (task, labels, template) in enumerate(
                zip(items.tasks, labels_of_tasks(items), templates, strict=True)
            )
        ),
        inputs={file.path: file.sha256 for file in loaded.inputs},
        versions=versions(),
        n_truncated=n_truncated,
    )


def versions() -> dict[str, str]:
    """Of the packages that compute."""
    packages = ("torch", "transformers", "numpy")
    return {name: importlib.metadata.version(name) for name in packages}


def labels_of_tasks(items: Items) -> list[tuple[str, ...] | None]:
    """The labels of each task `[T]`; None where each item has options of its own."""
    sets = [np.unique(items.option_set[items.task == t]) for t in range(len(items.tasks))]
    return [
        items.option_sets[found[0]] if len(found) == 1 and t not in items.open_tasks else None
        for t, found in enumerate(sets)
    ]
