"""A run's folder, or export files: what the arguments of a command name."""

from __future__ import annotations

from pathlib import Path

from realm_cli.cli import console
from realm_cli.errors import UsageError


def run_of(paths: list[Path]) -> Path | None:
    """The run that is meant, the newest one if nothing is named; None for export files.

    Raises:
        UsageError: A run is named beside other inputs, or there is none.
    """
    from realm_cli import pipeline

    if not paths:
        newest = pipeline.newest_run()
        console.note(f"newest run: {newest}")
        return newest
    runs = [path for path in paths if pipeline.is_run(path)]
    if runs and len(paths) > 1:
        raise UsageError(
            f"{runs[0]} is a run's folder among other inputs",
            hint="name one run's folder, or exports only",
        )
    return runs[0] if runs else None
