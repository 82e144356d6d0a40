"""Annotators judged beside predictions of models that have not seen the items (cross-fitting)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from realm_cli import estimation
from realm_cli.calibration import calibrated

if TYPE_CHECKING:
    from realm_cli.aggregate.choice import Choice
    from realm_cli.aggregate.em import Fit
    from realm_cli.config import JudgeSettings
    from realm_cli.estimation import Crowd, Estimation
    from realm_cli.labels import FloatArray

MARGIN = 3.0
"""Log-likelihood by which predictions must help, in nats: the temperature alone may give 1 or 2."""


@dataclass(frozen=True)
class ByPredictions:
    """Annotators beside predictions that know nothing of their labels.

    Attributes:
        log_p: `[I, K]` the predictions, calibrated.
        fit: Truth and annotators fitted beside them.
        found: The judgement to report: from that fit, or from labels alone.
        fallback: Why from labels alone, if so.
    """

    log_p: FloatArray
    fit: Fit
    found: Estimation
    fallback: str | None


def judge_by_predictions(crowd: Crowd, settings: JudgeSettings, log_p: FloatArray) -> ByPredictions:
    """Calibrate held-out predictions, fit annotators to them, and see whether they help.

    Args:
        crowd: The labels.
        settings: How to judge.
        log_p: `[I, K]` predictions for items that the predicting model has not seen.
    """
    found = beside_predictions(crowd, settings, log_p)
    if found.help:
        judged = estimation.judged(crowd, settings, found.choice, found.fit)
        return ByPredictions(found.log_p, found.fit, judged, fallback=None)
    judged = estimation.judged(crowd, settings, found.choice, found.alone)
    reason = (
        "on items that it was not trained on, the model explains the annotations no better than "
        f"no model does (log-likelihood {found.gain:+.1f} in all)"
    )
    return ByPredictions(found.log_p, found.fit, judged, reason)


@dataclass(frozen=True)
class Beside:
    """Annotators fitted beside held-out predictions, and without them.

    Attributes:
        log_p: `[I, K]` the predictions, calibrated.
        choice: The annotator model.
        fit: The fit beside them.
        alone: The fit to labels alone.
    """

    log_p: FloatArray
    choice: Choice
    fit: Fit
    alone: Fit

    @property
    def gain(self) -> float:
        """By how much the predictions explain the labels better than no model does, in nats."""
        return self.fit.log_posterior - self.alone.log_posterior

    @property
    def help(self) -> bool:
        """Whether they do so clearly."""
        return self.gain > MARGIN


def beside_predictions(crowd: Crowd, settings: JudgeSettings, log_p: FloatArray) -> Beside:
    """Calibrate held-out predictions, and fit annotators beside them and alone.

    Args:
        crowd: The labels.
        settings: How to judge.
        log_p: `[I, K]` predictions for items that the predicting model has not seen.
    """
    log_p = calibrated(log_p, crowd.labels)
    choice = estimation.choice_for(crowd, settings, log_p)
    return Beside(
        log_p,
        choice,
        fit=estimation.fit_crowd(crowd, settings, choice, log_p),
        alone=estimation.fit_crowd(crowd, settings, choice),
    )
