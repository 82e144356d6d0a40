"""Gates on the labels themselves: agreement, confidence, control items, problems of reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from realm_cli.config import GateSettings
from realm_cli.errors import InputError, UsageError
from realm_cli.gates import evidence
from realm_cli.gates.competence import OLDER
from realm_cli.gates.intervals import Interval, share_interval
from realm_cli.gates.rule import Finding, Gate, decide
from realm_cli.report.model import (
    Coefficient,
    CompetenceReport,
    Confidence,
    Example,
    GateStatus,
    TaskAgreement,
    TaskReport,
    Verdict,
    Warning_,
)
from realm_cli.report.reading import counted

INPUT = "input"
"""The metric of files that cannot be used: no threshold, they fail."""


def agreement(gate: Gate, report: CompetenceReport, settings: GateSettings) -> list[Verdict]:
    """The share of pairs of labels on one item that are the same, in each task."""

    def measured(found: TaskAgreement) -> tuple[Coefficient | None, Interval | None]:
        if found.percent is None:
            return None, None
        # Resamples of items that all agree all agree; the items are independent, pairs are not.
        low, high = share_interval(max(found.percent.value, 0), found.n_items)
        return found.percent, (min(low, found.percent.low), max(high, found.percent.high))

    return [_of_task(gate, task, measured, settings) for task in report.tasks]


def alpha(gate: Gate, report: CompetenceReport, settings: GateSettings) -> list[Verdict]:
    """Krippendorff's alpha of each task."""

    def measured(found: TaskAgreement) -> tuple[Coefficient | None, Interval | None]:
        return found.alpha, None if found.alpha is None else (found.alpha.low, found.alpha.high)

    return [_of_task(gate, task, measured, settings) for task in report.tasks]


def _of_task(
    gate: Gate,
    task: TaskReport,
    measured: Callable[[TaskAgreement], tuple[Coefficient | None, Interval | None]],
    settings: GateSettings,
) -> Verdict:
    known = task.agreement
    n = 0 if known is None else known.n_items
    value, interval = (None, None) if known is None else measured(known)
    missing = None
    if n < settings.min_items:
        missing = f"{counted(n, 'item')} with two labels, and {settings.min_items:,} are needed"
    elif value is None:
        missing = (
            "not defined for these labels: options differ by item, or one label is all there is"
        )
    found = Finding(None if value is None else value.value, interval, n, "item", missing=missing)
    return decide(gate, found, task=task.task)


def confidence(gate: Gate, report: CompetenceReport, settings: GateSettings) -> list[Verdict]:
    """The mean probability of the posterior labels."""
    return [_confident(gate, report, settings, lambda found: found.mean)]


def confident_share(gate: Gate, report: CompetenceReport, settings: GateSettings) -> list[Verdict]:
    """The share of items whose posterior label is probable enough."""

    def share(found: Confidence) -> float:
        known = {one.at_least: one.share for one in found.shares}
        if settings.confident_at not in known:
            raise UsageError(
                f"--confident-at is {settings.confident_at}, which the report does not count",
                hint=f"it counts {', '.join(f'{level:g}' for level in known)}",
            )
        return known[settings.confident_at]

    return [_confident(gate, report, settings, share)]


def _confident(
    gate: Gate,
    report: CompetenceReport,
    settings: GateSettings,
    measured: Callable[[Confidence], float],
) -> Verdict:
    found = report.summary.confidence
    few = evidence.too_few_items(report, settings)
    if found is None:
        return decide(gate, Finding(None, None, 0, "item", missing=few or OLDER))
    value = measured(found)
    return decide(
        gate,
        Finding(
            value,
            share_interval(value, found.n_items),
            found.n_items,
            "item",
            missing=few or evidence.doubt(report),
            unproven=evidence.unproven(report),
        ),
    )


def control_accuracy(gate: Gate, report: CompetenceReport, settings: GateSettings) -> list[Verdict]:
    """The share of labels that are right on items with gold, nobody scored on their own word."""
    right, n = evidence.control_labels(report)
    if n < settings.min_items:
        missing = f"{counted(n, 'label')} on items with gold, and {settings.min_items:,} are needed"
        return [decide(gate, Finding(None, None, n, "label", missing=missing))]
    share = right / n
    return [decide(gate, Finding(share, share_interval(share, n), n, "control label"))]


def warnings(gate: Gate, report: CompetenceReport, settings: GateSettings) -> list[Verdict]:
    """How many problems reading and checking met."""
    counted = [one for one in report.warnings if one.code not in settings.ignore]
    n = sum(one.count for one in counted)
    found = Finding(n, None, len(counted), "kind", examples=tuple(_examples(counted)))
    return [decide(gate, found)]


def _examples(warnings: Iterable[Warning_]) -> Iterable[Example]:
    """The places of each warning; a warning without one has its words."""
    for warning in warnings:
        if not warning.examples:
            yield Example(file=None, line=None, message=warning.message)
        for place in warning.examples:
            yield Example(file=place.file, line=place.line, message=warning.message)


def of_unusable(error: InputError) -> list[Verdict]:
    """What to say of files that cannot be used: a verdict for each kind of problem."""
    by_code: dict[str, list[Example]] = {}
    counts: dict[str, int] = {}
    for issue in error.problems:
        example = Example(file=issue.file, line=issue.line, message=issue.message)
        by_code.setdefault(issue.code, []).append(example)
        counts[issue.code] = counts.get(issue.code, 0) + issue.count
    return [
        Verdict(
            id=f"{INPUT}:{code}",
            metric=INPUT,
            op="<=",
            threshold=0,
            value=counts[code],
            interval=None,
            n=counts[code],
            status=GateStatus.FAIL,
            words=error.message,
            examples=tuple(examples),
        )
        for code, examples in by_code.items()
    ]
