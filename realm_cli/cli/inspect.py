"""realm inspect: what is this file, what is in it, and how would realm read it?"""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from realm_cli.cli import console
from realm_cli.cli.options import DataOptions, unfold
from realm_cli.errors import InputError, OutputExistsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from realm_cli.inspection import Inspection


@unfold
def inspect(
    files: Annotated[list[Path], typer.Argument(help="Annotation exports.", show_default=False)],
    data: DataOptions,
    save_profile: Annotated[
        Path | None, typer.Option(help="Write the mapping used as a profile (TOML).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Everything on stdout as JSON.")] = False,
) -> None:
    """Say what files are: format and evidence, counts, labels, traps, the mapping.

    Example: realm inspect export.json --save-profile vendor.toml
    """
    from realm_cli import inspection

    if save_profile is not None and save_profile.exists():
        raise OutputExistsError(f"{save_profile} exists already", hint="choose another name")
    with console.working("reading"):
        found = list(inspection.inspect(files, data.reading()))
    if json:
        content = [one.model_dump(mode="json") for one in found]
        console.data(json_module.dumps(content, ensure_ascii=False, indent=2))
    else:
        _show(found)
    if save_profile is not None:
        _save(found, data, save_profile)
    if any(one.n_annotations == 0 for one in found):
        raise typer.Exit(InputError.exit_code)


def _show(found: Sequence[Inspection]) -> None:
    from realm_cli.cli.inspection_view import view

    out = console.stdout()
    for one in found:
        out.print(view(one))


def _save(found: Sequence[Inspection], data: DataOptions, path: Path) -> None:
    """One profile for all the files, which must be read in the same way."""
    from realm_cli.checkpoint import write_file, write_text
    from realm_cli.profiles import profile_text

    profiles = {one.profile for one in found if one.format is not None}
    if len(profiles) != 1:
        raise UsageError(
            f"these files are read in {len(profiles)} ways, and a profile is one",
            hint="save a profile of one file at a time",
        )
    seen, said = profiles.pop(), data.reading()
    columns = seen.columns.model_copy(update=said.columns.model_dump(exclude_none=True))
    reading = said.model_copy(update={"format": seen.format, "columns": columns})
    write_file(path, lambda stage: write_text(profile_text(reading), stage))
    console.note(f"profile saved: {path}")
