"""A run's folder from inside: what `realm train` writes beside the model, and reading it back."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from realm_cli import __version__, checkpoint
from realm_cli.annotations import Items
from realm_cli.config import TrainSettings
from realm_cli.errors import UsageError
from realm_cli.estimation import Estimation
from realm_cli.intake import Loaded
from realm_cli.report import json_file
from realm_cli.report.build import now
from realm_cli.report.model import CompetenceReport
from realm_cli.report.tables import annotators_table, labels_table
from realm_cli.schema import plain

RUNS = Path("runs")


def is_run(path: Path) -> bool:
    """Whether a folder is a run, or was to be one; any other holds exports."""
    return (path / checkpoint.SIDE).is_dir()


def read_report(run: Path) -> CompetenceReport:
    """The report that a run's folder holds; needs no torch."""
    path = run / checkpoint.SIDE / checkpoint.REPORT_FILE
    if not path.is_file():
        raise checkpoint.no_run(run, path)
    return json_file.from_json(path)


def newest_run() -> Path:
    """The run under runs/ that was written last.

    Raises:
        UsageError: There is none.
    """
    found = RUNS.glob(f"*/{checkpoint.SIDE}/{checkpoint.REPORT_FILE}")
    runs = sorted(found, key=lambda path: path.stat().st_mtime)
    if not runs:
        raise UsageError(
            f"there is no run under {RUNS}/",
            hint="name a run's folder or export files, or train first: realm train FILES",
        )
    return runs[-1].parent.parent


def write_side(side: Path, found: Estimation, report: CompetenceReport) -> None:
    """All of `realm/` but the record."""
    from safetensors.numpy import save_file

    (side / checkpoint.REPORT_FILE).write_text(json_file.to_json(report), encoding="utf-8")
    checkpoint.write_parquet(annotators_table(report), side / "annotators.parquet")
    checkpoint.write_parquet(
        labels_table(found.crowd.table, found.fit.log_q), side / "labels.parquet"
    )
    checkpoint.write_parquet(plain(found.crowd.table.rows), side / "annotations.parquet")
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
