"""Gates on competence: of the batch, of each task, of each annotator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from realm_cli.config import GateSettings
from realm_cli.gates import evidence
from realm_cli.gates.intervals import Interval, share_interval
from realm_cli.gates.rule import Finding, Gate, decide
from realm_cli.report.flags import Flag
from realm_cli.report.model import (
    AnnotatorReport,
    CompetenceReport,
    GateStatus,
    MeanCompetence,
    Verdict,
)
from realm_cli.report.reading import counted

OLDER = "the report does not hold it; make it again with this realm"


def batch(gate: Gate, report: CompetenceReport, settings: GateSettings) -> list[Verdict]:
    """P(a label of the batch is correct); control items that say otherwise are believed, too."""
    few = evidence.too_few_items(report, settings)
    found = _mean(report, report.summary.competence, few)
    right, n = evidence.control_labels(report)
    if found.interval is not None and n >= settings.min_items:
        found = replace(found, interval=_reaching(found.interval, share_interval(right / n, n)))
    return [decide(gate, found)]


def _reaching(one: Interval, other: Interval) -> Interval:
    """An interval, drawn out to cover another one that it does not touch."""
    if one[0] <= other[1] and other[0] <= one[1]:
        return one
    return min(one[0], other[0]), max(one[1], other[1])


def tasks(gate: Gate, report: CompetenceReport, settings: GateSettings) -> list[Verdict]:
    """P(a label is correct), in each task."""
    verdicts = []
    for task in report.tasks:
        n = evidence.judged_items(report, task)
        found = _mean(report, task.competence, evidence.few_items(report, n, settings))
        verdicts.append(decide(gate, found, task=task.task))
    return verdicts


def _mean(report: CompetenceReport, mean: MeanCompetence | None, few: str | None) -> Finding:
    """Labels of which nothing is known may all be right or all be wrong."""
    if mean is None:
        return Finding(None, None, report.summary.n_annotations, "label", missing=few or OLDER)
    unknown = mean.n_unsupported / mean.n_annotations
    low, high = mean.interval
    return Finding(
        mean.value,
        (low * (1 - unknown), high * (1 - unknown) + unknown),
        mean.n_annotations,
        "label",
        missing=few or evidence.doubt(report),
        unproven=evidence.unproven(report),
    )


def annotators(gate: Gate, report: CompetenceReport, settings: GateSettings) -> list[Verdict]:
    """P(a label is correct), of each annotator."""
    doubt = evidence.doubt(report)
    verdicts = [
        decide(
            gate,
            Finding(
                one.competence,
                one.competence_interval,
                one.n_annotations,
                "label",
                missing=few_labels(one.n_annotations, settings) or doubt,
                unproven=evidence.unproven(report),
            ),
            annotator_id=one.annotator_id,
        )
        for one in report.annotators
    ]
    return tolerated(verdicts, settings)


def few_labels(n: int, settings: GateSettings) -> str | None:
    """What to say of somebody with n labels, if they are too few."""
    few = n < settings.min_labels
    return f"{counted(n, 'label')}, and {settings.min_labels:,} are needed" if few else None


def tolerated(verdicts: Sequence[Verdict], settings: GateSettings) -> list[Verdict]:
    """The same, where people on whom a gate is inconclusive only warn if they gave few labels."""
    total = sum(verdict.n for verdict in verdicts)
    open_ = sum(v.n for v in verdicts if v.status is GateStatus.INCONCLUSIVE)
    if open_ > settings.max_unjudged * total:
        return list(verdicts)
    warned = {"status": GateStatus.WARN}
    return [
        verdict.model_copy(update=warned) if verdict.status is GateStatus.INCONCLUSIVE else verdict
        for verdict in verdicts
    ]


def flagged(gate: Gate, report: CompetenceReport, settings: GateSettings) -> list[Verdict]:
    """The share of annotators that stand out; whom nobody can judge may or may not."""
    total = len(report.annotators)
    if not total:
        return [decide(gate, Finding(None, None, 0, "annotator"))]
    out = sum(stands_out(one) for one in report.annotators)
    unknown = sum(not stands_out(one) and _is_unjudged(one, settings) for one in report.annotators)
    found = Finding(
        out / total,
        (out / total, (out + unknown) / total),
        total,
        "annotator",
        missing=evidence.too_few_items(report, settings) or evidence.doubt(report),
        unproven=evidence.unproven(report),
    )
    return [decide(gate, found)]


def stands_out(one: AnnotatorReport) -> bool:
    """Whether an annotator is flagged for more than having given few labels."""
    return any(flag != Flag.FEW_LABELS for flag in one.flags)


def _is_unjudged(one: AnnotatorReport, settings: GateSettings) -> bool:
    return Flag.FEW_LABELS in one.flags or one.n_annotations < settings.min_labels
