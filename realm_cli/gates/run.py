"""All the gates that have a threshold, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from realm_cli.choices import GateMetric, OnInconclusive
from realm_cli.config import GateSettings
from realm_cli.errors import InputError, UsageError
from realm_cli.gates import competence, labels, regression
from realm_cli.gates.rule import Gate
from realm_cli.report.model import CompetenceReport, GateStatus, Verdict

Measure = Callable[[Gate, CompetenceReport, GateSettings], list[Verdict]]

MEASURES: dict[GateMetric, Measure] = {
    GateMetric.COMPETENCE: competence.batch,
    GateMetric.TASK_COMPETENCE: competence.tasks,
    GateMetric.ANNOTATOR_COMPETENCE: competence.annotators,
    GateMetric.FLAGGED: competence.flagged,
    GateMetric.AGREEMENT: labels.agreement,
    GateMetric.ALPHA: labels.alpha,
    GateMetric.CONFIDENCE: labels.confidence,
    GateMetric.CONFIDENT_SHARE: labels.confident_share,
    GateMetric.CONTROL_ACCURACY: labels.control_accuracy,
    GateMetric.WARNINGS: labels.warnings,
}
"""How each metric is measured on a report alone."""

CHANGES = {
    GateMetric.DROP: regression.of_batch,
    GateMetric.ANNOTATOR_DROP: regression.of_annotators,
}
"""How each metric is measured against a baseline."""

FAILED = 1
INCONCLUSIVE = 5


def gates_of(settings: GateSettings) -> list[Gate]:
    """The gates that have a threshold, in the order of `GateMetric`.

    Raises:
        UsageError: There is none.
    """
    sides: tuple[tuple[str, Literal[">=", "<="]], ...] = (("min", ">="), ("max", "<="))
    found = []
    for metric in GateMetric:
        for prefix, op in sides:
            threshold = getattr(settings, f"{prefix}_{metric.value.replace('-', '_')}", None)
            if threshold is not None:
                found.append(Gate(metric, op, threshold))
    if not found:
        raise UsageError(
            "no gate has a threshold, so nothing would be decided",
            hint="give one, such as --min-competence 0.7, or write it into [gate] of realm.toml",
        )
    return found


def run_gates(
    report: CompetenceReport, settings: GateSettings, baseline: CompetenceReport | None = None
) -> tuple[Verdict, ...]:
    """The verdicts of all gates; none is left out because another has failed.

    Args:
        report: The batch.
        settings: The thresholds.
        baseline: An earlier batch.

    Raises:
        UsageError: There is no threshold, or a baseline without a threshold for it.
    """
    gates = gates_of(settings)
    if baseline is not None and not any(gate.metric in CHANGES for gate in gates):
        raise UsageError(
            "there is a baseline, and no threshold to hold it against",
            hint="--max-drop 0.05 or --max-annotator-drop 0.15",
        )
    measures = MEASURES | {
        metric: partial(measure, baseline=baseline) for metric, measure in CHANGES.items()
    }
    return tuple(
        _advised(verdict, settings)
        for gate in gates
        for verdict in measures[gate.metric](gate, report, settings)
    )


def _advised(verdict: Verdict, settings: GateSettings) -> Verdict:
    """A verdict that somebody only wants to be told of."""
    if verdict.metric not in settings.advisory or verdict.status is GateStatus.PASS:
        return verdict
    return verdict.model_copy(update={"status": GateStatus.WARN})


def exit_code(verdicts: Sequence[Verdict], on_inconclusive: OnInconclusive | None = None) -> int:
    """0 for pass or warn, 1 where a gate failed, 5 where one is inconclusive, 3 for bad input.

    Args:
        verdicts: All of them.
        on_inconclusive: What an inconclusive verdict counts as.
    """
    if any(verdict.metric == labels.INPUT for verdict in verdicts):
        return InputError.exit_code
    found = {verdict.status for verdict in verdicts}
    if GateStatus.FAIL in found:
        return FAILED
    if GateStatus.INCONCLUSIVE not in found or on_inconclusive is OnInconclusive.PASS:
        return 0
    return FAILED if on_inconclusive is OnInconclusive.FAIL else INCONCLUSIVE
