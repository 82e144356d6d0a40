"""A bar while training runs, or a line now and then where there is no terminal."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from realm_cli import processes
from realm_cli.cli import console
from realm_cli.unfinished import Stop

if TYPE_CHECKING:
    from realm_cli.training.callbacks import Progress as Step

SECONDS_BETWEEN_LINES = 15.0


@dataclass
class SignalStop(Stop):
    """A wish to end that comes as a signal.

    Attributes:
        exit_code: 130 after SIGINT, 143 after SIGTERM.
    """

    exit_code: int = 130

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """The first signal ends training after the step at hand, any other ends realm.

        What starts several processes passes a terminal's signal on to those that have it already,
        and ends them itself if they take too long.
        """
        self.exit_code = 128 + number
        if self.asked and processes.count() > 1:
            return
        if self.asked or not self.heard:
            raise SystemExit(self.exit_code)
        self.asked = True
        console.note("finishing the step and saving; once more to stop at once")


@contextmanager
def stopping() -> Iterator[SignalStop]:
    """While it lasts, Ctrl-C and SIGTERM ask training to stop."""
    stop = SignalStop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, stop.receive) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def training_progress() -> Iterator[Callable[[Step], None]]:
    """A function to call after each training step."""
    screen = console.stderr()
    if not screen.is_terminal:
        yield _lines()
        return
    bar = Progress(
        TextColumn("training"),
        BarColumn(bar_width=30),
        TextColumn("{task.completed}/{task.total} steps · {task.fields[told]}"),
        TimeRemainingColumn(),
        console=screen,
    )
    with bar:
        task = bar.add_task("training", total=None, told="loading the model")
        yield lambda step: bar.update(
            task, completed=step.step, total=step.n_steps, told=_told(step)
        )


def _lines() -> Callable[[Step], None]:
    last = time.monotonic() - SECONDS_BETWEEN_LINES

    def tell(step: Step) -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES or step.step == step.n_steps:
            last = time.monotonic()
            console.note(f"step {step.step}/{step.n_steps} · {_told(step)}")

    return tell


def _told(step: Step) -> str:
    return "loss –" if step.loss is None else f"loss {step.loss:.3f}"
