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
    from realm_cli import runs

    if not paths:
        newest = runs.newest_run()
        console.note(f"newest run: {newest}")
        return newest
    named = [path for path in paths if runs.is_run(path)]
    if named and len(paths) > 1:
        raise UsageError(
            f"{named[0]} is a run's folder among other inputs",
            hint="name one run's folder, or exports only",
        )
    return named[0] if named else None
