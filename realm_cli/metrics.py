"""metrics.jsonl: what was measured while a model was trained, a line a step at which anything was.

No times, and nothing that another process of the same run would measure otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

FINAL = "final"
"""The training whose model is kept."""
DEV = "dev"
DEV_LOG = f"eval_{DEV}"
"""What the Trainer calls it in its log."""

Number = Annotated[float, Field(allow_inf_nan=False)]


class LoggedStep(BaseModel):
    """A step of training at which something was measured.

    Attributes:
        stage: Which training: `final`, or `fold 1` and so on; a second round counts on.
        step: Steps done.
        epoch: Passes over the items done.
        loss: Mean negative log-likelihood per annotation since the entry before that has one, in
            nats; None where the model was only evaluated.
        learning_rate: Of the model; None likewise.
        mean_expertise: Mean of the expertise of all annotators and tasks.
        dev: Log-likelihood per annotation of the items kept out of training, in nats; None where
            it was not evaluated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    step: int
    epoch: Number
    loss: Number | None = None
    learning_rate: Number | None = None
    mean_expertise: Number | None = None
    dev: Number | None = None


def stage_name(number: int) -> str:
    """What the n-th training of a run is called; 0 is the final one."""
    return FINAL if number == 0 else f"fold {number}"


def logged_steps(stage: str, log: Iterable[Mapping[str, float]]) -> tuple[LoggedStep, ...]:
    """The entries of the Trainer's log that say something of a step, those of one step as one.

    Args:
        stage: Which training.
        log: `TrainerState.log_history`.
    """
    steps: dict[int, dict[str, float]] = {}
    for entry in log:
        if "loss" in entry or DEV_LOG in entry:
            found = steps.setdefault(int(entry["step"]), {"epoch": entry["epoch"]})
            names = ("loss", "learning_rate", "mean_expertise")
            found |= {name: entry[name] for name in names if name in entry}
            if DEV_LOG in entry:
                found[DEV] = entry[DEV_LOG]
    return tuple(
        LoggedStep.model_validate({"stage": stage, "step": step, **found})
        for step, found in steps.items()
    )


def to_lines(steps: Sequence[LoggedStep]) -> str:
    """JSON Lines."""
    return "".join(step.model_dump_json() + "\n" for step in steps)


def from_lines(text: str) -> tuple[LoggedStep, ...]:
    """The same back."""
    return tuple(LoggedStep.model_validate_json(line) for line in text.splitlines())
