"""Trackers of experiments that a training can report to: which there are, and what they need."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

from realm_cli.choices import Tracker
from realm_cli.errors import MissingExtraError, UsageError


def trackers_named(words: Iterable[str]) -> tuple[Tracker, ...]:
    """The trackers that words name, each perhaps several with commas between them; each once.

    Raises:
        UsageError: There is no such tracker.
        MissingExtraError: Its package is not installed.
    """
    names = [name.strip() for word in words for name in word.split(",")]
    known = {tracker.value for tracker in Tracker}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(
            f"--report-to is {unknown[0]!r}, which is no tracker",
            hint=f"there are {', '.join(sorted(known))}",
        )
    found = tuple(dict.fromkeys(Tracker(name) for name in names))
    _require(found)
    return found


def _require(trackers: Iterable[Tracker]) -> None:
    """A tracker's package has the tracker's name."""
    missing = [one.value for one in trackers if importlib.util.find_spec(one.value) is None]
    if missing:
        raise MissingExtraError(
            f"--report-to {','.join(missing)} needs a package that is not installed",
            hint=f"pip install {' '.join(missing)}",
        )
