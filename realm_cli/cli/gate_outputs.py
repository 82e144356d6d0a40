"""Where the verdicts of `realm gate` go."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from realm_cli.cli import console

if TYPE_CHECKING:
    from realm_cli.report.model import CompetenceReport
    from realm_cli.report.verdicts import Decision


def _output(what: str, *names: str) -> Any:
    return typer.Option(*names, help=what, rich_help_panel="Output")


@dataclass(frozen=True)
class GateOutputs:
    """The forms in which verdicts are wanted."""

    json: Annotated[bool, _output("report.json with its verdicts, on stdout.", "--json")] = False
    junit: Annotated[Path | None, _output("JUnit XML.")] = None
    gitlab: Annotated[Path | None, _output("GitLab's code quality report.")] = None
    markdown: Annotated[Path | None, _output("A comment for a pull request.")] = None
    github: Annotated[
        bool,
        _output("GitHub annotations on stderr; the step's summary and outputs.", "--github"),
    ] = False
    write_baseline: Annotated[
        Path | None, _output("Where the batch is accepted, what to hold the next one against.")
    ] = None


def write_outputs(
    decision: Decision, report: CompetenceReport | None, outputs: GateOutputs
) -> None:
    """Write what was asked for.

    Args:
        decision: What the gates came to.
        report: The report with its verdicts; None where the input could not be used.
        outputs: What is wanted.
    """
    if report is not None:
        _show(decision, report, as_json=outputs.json)
    _write_files(decision, outputs)
    if outputs.github:
        _tell_github(decision)
    if outputs.write_baseline is not None and report is not None:
        _write_baseline(decision, report, outputs.write_baseline)


def _show(decision: Decision, report: CompetenceReport, *, as_json: bool) -> None:
    if as_json:
        from realm_cli.report.json_file import to_json

        console.data(to_json(report))
        return
    from realm_cli.report.gate_terminal import gate_view

    screen = console.stdout()
    screen.print(gate_view(decision, screen.width))


def _write_files(decision: Decision, outputs: GateOutputs) -> None:
    if outputs.junit is not None:
        from realm_cli.clock import now
        from realm_cli.report.junit import to_junit

        _write(to_junit(decision, now()), outputs.junit)
    if outputs.gitlab is not None:
        from realm_cli.report.gate_gitlab import to_gitlab

        _write(to_gitlab(decision, Path.cwd()), outputs.gitlab)
    if outputs.markdown is not None:
        from realm_cli.report.gate_markdown import to_markdown

        _write(to_markdown(decision), outputs.markdown)


def _write(text: str, path: Path) -> None:
    from realm_cli.checkpoint import write_file, write_text

    write_file(path, partial(write_text, text))


def _tell_github(decision: Decision) -> None:
    """Annotations in the log, and text appended to the files that the runner names."""
    from realm_cli.report.gate_github import to_annotations, to_outputs
    from realm_cli.report.gate_markdown import SUMMARY_BYTES, to_markdown

    console.raw(to_annotations(decision, Path(os.environ.get("GITHUB_WORKSPACE", Path.cwd()))))
    summary, results = (os.environ.get(f"GITHUB_{name}") for name in ("STEP_SUMMARY", "OUTPUT"))
    if summary:
        file = Path(summary)
        used = file.stat().st_size if file.exists() else 0
        _append(file, to_markdown(decision, max(SUMMARY_BYTES - used, 0)))
    if results:
        _append(Path(results), to_outputs(decision))


def _append(file: Path, text: str) -> None:
    with file.open("a", encoding="utf-8") as out:
        out.write(text)


def _write_baseline(decision: Decision, report: CompetenceReport, path: Path) -> None:
    from realm_cli.gates.baseline import baseline_of, to_text

    if decision.exit_code:
        console.note(f"{path} is not written: the batch was not accepted")
        return
    _write(to_text(baseline_of(report)), path)
    console.note(f"baseline: {path}")
