"""The `realm` command: its subcommands, its configuration file, and what an error looks like."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperOption

from realm_cli import __version__
from realm_cli.cli import console
from realm_cli.cli.aggregate import aggregate
from realm_cli.cli.bench import bench
from realm_cli.cli.configuration import read_configuration
from realm_cli.cli.convert import convert
from realm_cli.cli.doctor import doctor
from realm_cli.cli.gate import gate
from realm_cli.cli.inspect import inspect
from realm_cli.cli.predict import predict
from realm_cli.cli.relabel import relabel
from realm_cli.cli.report import report
from realm_cli.cli.simulate import simulate
from realm_cli.cli.train import train
from realm_cli.cli.validate import validate
from realm_cli.errors import RealmError

EXIT_CODES = """
Exit codes: 0 ok · 1 a gate failed · 2 usage or configuration · 3 input invalid or ambiguous ·
4 training or internal error · 5 inconclusive · 130 interrupted · 143 terminated.
"""

app = typer.Typer(
    name="realm",
    help="Annotation exports in; a fine-tuned language model, the best label for every item, and "
    "an honest account of every annotator out.",
    epilog=EXIT_CODES,
    pretty_exceptions_enable=False,
    # The list of commands must come at once; panels cost twice the time and are for the commands.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "REALM"},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        console.data(f"realm {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def realm(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(help="Settings file; realm.toml of this folder is read by itself."),
    ] = None,
    version: Annotated[  # noqa: ARG001 - the callback prints it
        bool,
        typer.Option(
            "--version",
            callback=_show_version,
            is_eager=True,
            # Else a REALM_VERSION in somebody's pipeline would end every command here.
            allow_from_autoenv=False,
            help="Show version.",
        ),
    ] = False,
) -> None:
    """Read the configuration file before any command sees its flags."""
    if context.invoked_subcommand is None:
        console.data(context.get_help())
        raise typer.Exit
    context.default_map = read_configuration(config, context.command)


class PanelledCommand(TyperCommand):
    """A command whose help groups its flags in panels."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "rich_markup_mode": "rich"})
        # One rule says it for all of them; a line under each flag would double the help.
        for parameter in self.params:
            if isinstance(parameter, TyperOption):
                parameter.show_envvar = False
        self.epilog = (
            "Flags can also be set in realm.toml or as REALM_COMMAND_FLAG in the environment."
        )


for command in (
    train, report, gate, aggregate, relabel, predict, inspect, validate, convert, simulate, bench,
    doctor,
):  # fmt: skip
    app.command(cls=PanelledCommand)(command)


def main() -> NoReturn:
    """Run a command; every error leaves one red line and its own exit code."""
    try:
        app()
    except RealmError as error:
        console.error(error)
        _debug_traceback()
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - the last line of defence, told apart by code 4
        console.internal_error(error)
        _debug_traceback()
        sys.exit(RealmError.exit_code)
    sys.exit(0)


def _debug_traceback() -> None:
    if os.environ.get("REALM_DEBUG"):
        traceback.print_exc()
