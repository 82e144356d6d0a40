"""What people see: data on stdout, plainly; everything else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from realm_cli import processes
from realm_cli.errors import InputError, RealmError, UsageError

if TYPE_CHECKING:
    from realm_cli.schema import Issue


def stderr() -> Console:
    """A console on stderr that respects NO_COLOR and stays plain without a terminal.

    Of several processes only the first speaks.
    """
    return Console(
        stderr=True, highlight=False, soft_wrap=True, emoji=False, quiet=not processes.is_first()
    )


def stdout() -> Console:
    """A console for tables made for people; JSON never goes through it."""
    return Console(highlight=False, emoji=False)


def dated_folder(parent: Path) -> Path:
    """A folder named after the moment, for a run that was given no name."""
    return parent / datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")


def printable(text: str) -> str:
    """Text from a file as it may be shown: nothing in it steers a terminal or a CI log."""
    from realm_cli.report.reading import harmless

    return harmless(text)


@contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """Show that something goes on, where somebody watches; the function changes what is said."""
    out = stderr()
    if not out.is_terminal:
        yield lambda _: None
        return
    with out.status(escape(what)) as status:
        yield lambda now: status.update(escape(now))


def data(text: str) -> None:
    """Write to stdout as it is, never through rich."""
    if not processes.is_first():
        return
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def raw(text: str) -> None:
    """Write to stderr as it is, for a CI system that takes lines of the log for commands."""
    sys.stderr.write(text)


def note(text: str) -> None:
    """A line for the person watching."""
    stderr().print(escape(printable(text)))


def warn(text: str) -> None:
    """A line that the person must not miss."""
    stderr().print(f"[yellow]warning:[/yellow] {escape(printable(text))}")


def error(problem: RealmError) -> None:
    """One red line, the issues behind it, and what to do next.

    What is wrong with flags or data every process finds; anything else may have happened to one.
    """
    out = stderr()
    out.quiet = out.quiet and isinstance(problem, UsageError | InputError)
    out.print(f"[bold red]error:[/bold red] {escape(printable(problem.message))}")
    if isinstance(problem, InputError):
        issues(problem.issues)
    if problem.hint:
        out.print(f"[cyan]hint:[/cyan] {escape(printable(problem.hint))}")


def internal_error(problem: Exception) -> None:
    """A fault of realm's own."""
    out = stderr()
    out.quiet = False
    told = printable(f"{type(problem).__name__}: {problem}")
    out.print(f"[bold red]internal error:[/bold red] {escape(told)}")
    out.print("[cyan]hint:[/cyan] set REALM_DEBUG=1 to see where, and please report it")


def issues(found: Sequence[Issue]) -> None:
    """Every problem with its place and what to do about it."""
    out = stderr()
    for issue in found:
        place = f"{issue.place}: " if issue.place else ""
        hint = f" ({issue.hint})" if issue.hint else ""
        kind = "" if issue.severity == "error" else f"{issue.severity}: "
        out.print(f"  {escape(printable(kind + place + issue.message + hint))}")
