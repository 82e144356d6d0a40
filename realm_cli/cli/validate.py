"""realm validate: would these files be accepted, and what is wrong with them?"""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from realm_cli.cli import console
from realm_cli.cli.options import DataOptions, unfold
from realm_cli.errors import InputError

if TYPE_CHECKING:
    from realm_cli.intake import Validation


@unfold
def validate(
    files: Annotated[list[Path], typer.Argument(help="Annotation exports.", show_default=False)],
    data: DataOptions,
    heldout: Annotated[
        Path | None, typer.Option(help="Items to test on: are any of them trained on?")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings are errors too.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The findings on stdout.")] = False,
) -> None:
    """Check files as realm train would, without training.

    Example: realm validate annotations.parquet --strict
    """
    from realm_cli import intake

    with console.working("reading"):
        test = None if heldout is None else data.source([heldout])
        found = intake.validate(data.source(files), test)
    if json:
        console.data(_as_json(found))
    else:
        _show(found)
    if found.n_errors or (strict and found.n_warnings):
        raise typer.Exit(InputError.exit_code)


def _as_json(found: Validation) -> str:
    content = {
        "errors": found.n_errors,
        "warnings": found.n_warnings,
        "inputs": [file.model_dump(mode="json") for file in found.inputs],
        "issues": [issue.model_dump(mode="json") for issue in found.issues],
    }
    return json_module.dumps(content, ensure_ascii=False, indent=2)


def _show(found: Validation) -> None:
    from realm_cli.report.reading import counted

    for file in found.inputs:
        dropped = "".join(f", {count:,} {reason}" for reason, count in sorted(file.dropped.items()))
        console.data(f"{file.path}: {file.format}, {file.rows:,} rows{dropped}")
    console.issues(found.issues)
    errors, warnings = counted(found.n_errors, "error"), counted(found.n_warnings, "warning")
    console.note(f"{errors}, {warnings}")
