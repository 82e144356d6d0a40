"""What people see: data on stdout, plainly; everything else on stderr."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from realm_cli.errors import InputError, RealmError

if TYPE_CHECKING:
    from realm_cli.schema import Issue


STEERING = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What terminals obey instead of showing it, and what turns the direction of text."""

COMMANDS = ("::", "##[", "##vso[")
"""What CI systems obey at the beginning of a line."""


def stderr() -> Console:
    """A console on stderr that respects NO_COLOR and stays plain without a terminal."""
    return Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def stdout() -> Console:
    """A console for tables made for people; JSON never goes through it."""
    return Console(highlight=False, emoji=False)


def dated_folder(parent: Path) -> Path:
    """A folder named after the moment, for a run that was given no name."""
    return parent / datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")


def printable(text: str) -> str:
    """Text from a file as it may be shown: nothing in it can steer a terminal or a CI log.

    Control characters, line breaks among them, are spelled out, so that no line of a log begins
    with a command (`::error` and the like) that a label or an id brought along.
    """
    spelled = STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return f"\\{spelled}" if spelled.lstrip().startswith(COMMANDS) else spelled


def data(text: str) -> None:
    """Write to stdout as it is, never through rich."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def note(text: str) -> None:
    """A line for the person watching."""
    stderr().print(escape(printable(text)))


def warn(text: str) -> None:
    """A line that the person must not miss."""
    stderr().print(f"[yellow]warning:[/yellow] {escape(printable(text))}")


def error(problem: RealmError) -> None:
    """One red line, the issues behind it, and what to do next."""
    out = stderr()
    out.print(f"[bold red]error:[/bold red] {escape(printable(problem.message))}")
    if isinstance(problem, InputError):
        issues(problem.issues)
    if problem.hint:
        out.print(f"[cyan]hint:[/cyan] {escape(printable(problem.hint))}")


def internal_error(problem: Exception) -> None:
    """A fault of realm's own."""
    out = stderr()
    out.print(
        f"[bold red]internal error:[/bold red] {type(problem).__name__}: {escape(printable(str(problem)))}"
    )
    out.print("[cyan]hint:[/cyan] set REALM_DEBUG=1 to see where, and please report it")


def issues(found: Sequence[Issue]) -> None:
    """Every problem with its place and what to do about it."""
    out = stderr()
    for issue in found:
        place = f"{issue.place}: " if issue.place else ""
        hint = f" ({issue.hint})" if issue.hint else ""
        out.print(f"  {escape(printable(place + issue.message + hint))}")
