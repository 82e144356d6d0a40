"""Where reports are found: a run's folder, the newest run, or report.json itself."""

from __future__ import annotations

from pathlib import Path

from realm_cli import checkpoint
from realm_cli.errors import UsageError
from realm_cli.report import json_file
from realm_cli.report.model import CompetenceReport

RUNS = Path("runs")
_HEAD = 2_000
"""Bytes of a file in which a report names its version."""


def is_run(path: Path) -> bool:
    """Whether a folder is a run, or was to be one; any other holds exports."""
    return (path / checkpoint.SIDE).is_dir()


def is_report(path: Path) -> bool:
    """Whether a file is a competence report, by how it begins."""
    try:
        if not path.is_file():  # a pipe can be read only once
            return False
        with path.open("rb") as file:
            head = file.read(_HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError:  # whoever reads all of it says what is wrong
        return False
    return head.startswith(b"{") and b'"format_version"' in head


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
