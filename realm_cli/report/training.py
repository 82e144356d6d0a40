"""The course of a training as the report keeps it: thinned, and which checkpoint was the best."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np

from realm_cli.metrics import FINAL, LoggedStep
from realm_cli.report.model import CompetenceReport, TrainingStep

Step = TypeVar("Step", LoggedStep, TrainingStep)

MOST_OF_A_KIND = 99
"""Steps of a stage that were evaluated, and steps that were not, beyond which some are left out."""


def training_steps(history: Sequence[LoggedStep]) -> tuple[TrainingStep, ...]:
    """At most 200 entries a stage, evenly spaced, the best among them."""
    stages = dict.fromkeys(step.stage for step in history)
    kept = (
        step
        for stage in stages
        for step in _thinned([one for one in history if one.stage == stage])
    )
    return tuple(
        TrainingStep(
            stage=step.stage,
            step=step.step,
            loss=step.loss,
            mean_expertise=step.mean_expertise,
            dev=step.dev,
        )
        for step in kept
    )


def best_step(report: CompetenceReport) -> TrainingStep | None:
    """Where the model that was kept comes from; None where it is the last and was not chosen."""
    return _best(step for step in report.training if step.stage == FINAL)


def _thinned(steps: Sequence[LoggedStep]) -> list[LoggedStep]:
    """Evaluations are fewer than other entries, so each kind is thinned alone."""
    evaluated = [step for step in steps if step.dev is not None]
    others = [step for step in steps if step.dev is None]
    best = _best(evaluated)
    kept = {step.step for step in (*_spaced(evaluated), *_spaced(others))}
    return [step for step in steps if step.step in kept or step is best]


def _spaced(steps: Sequence[LoggedStep]) -> list[LoggedStep]:
    """So many of them, the first and the last among them."""
    n = min(len(steps), MOST_OF_A_KIND)
    return [steps[i] for i in np.linspace(0, len(steps) - 1, n).round().astype(int)] if n else []


def _best(steps: Iterable[Step]) -> Step | None:
    """The first of the highest log-likelihood on what was kept out, as the Trainer takes it."""
    evaluated = [step for step in steps if step.dev is not None]
    return max(evaluated, key=lambda step: step.dev or 0.0, default=None)
