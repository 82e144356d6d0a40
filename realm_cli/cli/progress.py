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
    from realm_cli.hub import Download
    from realm_cli.prediction import Labelled
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


@dataclass(frozen=True)
class TrainingShown:
    """What to call while a model is fetched and trained."""

    step: Callable[[Step], None]
    fetching: Callable[[Download], None]


@contextmanager
def training_progress() -> Iterator[TrainingShown]:
    """Functions to call after each training step, and while a model is downloaded."""
    screen = console.stderr()
    if not screen.is_terminal:
        lines = Lines()
        yield TrainingShown(
            lambda step: lines.tell(
                f"step {step.step}/{step.n_steps} · {_told(step)}", last=step.step == step.n_steps
            ),
            lambda download: lines.tell(_fetched(download), last=download.done == download.total),
        )
        return
    bar = _bar("training", "{task.fields[told]}")
    with bar:
        task = bar.add_task("training", total=None, told="loading the model")
        yield TrainingShown(
            lambda step: bar.update(
                task,
                completed=step.step,
                total=step.n_steps,
                told=f"{step.step}/{step.n_steps} steps · {_told(step)}",
            ),
            lambda download: bar.update(
                task, completed=download.done, total=download.total, told=_fetched(download)
            ),
        )


@contextmanager
def labelling_progress() -> Iterator[Callable[[Labelled], None]]:
    """A function to call whenever more items are labelled."""
    if not console.stderr().is_terminal:
        lines = Lines(quiet=True)
        yield lambda now: lines.tell(f"{now.done:,}/{now.total:,} items")
        return
    bar = _bar("labelling", "{task.completed:,.0f}/{task.total:,.0f} items")
    with bar:
        task = bar.add_task("labelling", total=0)
        yield lambda now: bar.update(task, completed=now.done, total=now.total)


def _bar(what: str, told: str) -> Progress:
    return Progress(
        TextColumn(what),
        BarColumn(bar_width=30),
        TextColumn(told),
        TimeRemainingColumn(),
        console=console.stderr(),
        transient=what == "labelling",
    )


class Lines:
    """A line now and then, where there is no terminal.

    Args:
        quiet: Whether the first line comes only after some time, not at once.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._last = None if quiet else -SECONDS_BETWEEN_LINES

    def tell(self, line: str, *, last: bool = False) -> None:
        """Show the line if it is time for one, or if it is the last."""
        now = time.monotonic()
        if self._last is None:
            self._last = now
        if last or now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            console.note(line)


def _told(step: Step) -> str:
    parts = [
        "loss –" if step.loss is None else f"loss {step.loss:.3f}",
        *([] if step.mean_expertise is None else [f"mean expertise {step.mean_expertise:.2f}"]),
        *([] if step.dev is None else [f"dev {step.dev:.3f}"]),
    ]
    return " · ".join(parts)


def _fetched(download: Download) -> str:
    return f"downloading the model · {download.done / 1e6:,.0f}/{download.total / 1e6:,.0f} MB"
