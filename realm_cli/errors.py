"""What can go wrong, and the exit code that says so.

::

    RealmError                  4   something failed inside realm or while training
    ├── UsageError              2   flags or configuration that cannot be followed
    │   ├── OutputExistsError   2   the output folder is not empty
    │   ├── ModelNotFoundError  2   the model could not be loaded from disk or hub
    │   └── MissingExtraError   2   the command needs `pip install 'realm-cli[train]'`
    ├── InputError              3   the input is unreadable, invalid or ambiguous
    ├── TrainingError           4   training ran and came to nothing usable
    ├── PushError               4   the run is whole, but its model is not on the hub
    └── StoppedError            130 training was asked to stop, and saved where it stood

Exit code 0 is success, 1 a failed gate, 5 an inconclusive gate, 130 an interrupt, 143 a SIGTERM.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from realm_cli.schema import Issue


class RealmError(Exception):
    """Base of every error realm raises on purpose.

    Args:
        message: One sentence that says what is wrong and where.
        hint: What to do next, ideally a command to type.
    """

    exit_code = 4

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(RealmError):
    """The flags or the configuration cannot be followed."""

    exit_code = 2


class OutputExistsError(UsageError):
    """The output folder already holds something."""


class ModelNotFoundError(UsageError):
    """The model is neither on disk nor to be had from the hub."""


class MissingExtraError(UsageError):
    """An optional dependency is needed and not installed."""


class InputError(RealmError):
    """The input cannot be used; carries every problem found, not just the first.

    Args:
        message: The summary line.
        issues: All the problems, in file order.
        hint: What to do next.
    """

    exit_code = 3

    def __init__(self, message: str, issues: Sequence[Issue] = (), hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.issues = tuple(issues)

    @property
    def problems(self) -> tuple[Issue, ...]:
        """The issues; the error itself as one where it carries none."""
        from realm_cli.schema import Issue

        return self.issues or (Issue(code="unusable", message=self.message, hint=self.hint),)


class TrainingError(RealmError):
    """Training ran and came to nothing usable (a loss that is not a number, say)."""


class PushError(RealmError):
    """The run is whole, but its model could not be pushed to the hub."""


class StoppedError(RealmError):
    """Training was asked to stop, and saved where it stood."""

    exit_code = 130
