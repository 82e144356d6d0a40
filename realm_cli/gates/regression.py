"""Gates on change: the same annotators in an earlier batch and in this one."""

from __future__ import annotations

from realm_cli.config import GateSettings
from realm_cli.gates import evidence
from realm_cli.gates.competence import few_labels, tolerated
from realm_cli.gates.intervals import fall, mean_of
from realm_cli.gates.rule import Finding, Gate, decide
from realm_cli.report.model import AnnotatorReport, CompetenceReport, Verdict

HALF = 0.5
"""Of the labels must be by people known from the baseline, or their mean says little."""

Pair = tuple[AnnotatorReport, AnnotatorReport]
"""One annotator: in the baseline, and now."""


def of_batch(
    gate: Gate,
    report: CompetenceReport,
    settings: GateSettings,
    baseline: CompetenceReport | None,
) -> list[Verdict]:
    """How far the mean competence of annotators known from the baseline fell."""
    if baseline is None:
        return [decide(gate, _nothing("there is no baseline: --baseline FILE"))]
    pairs = [
        (old, new)
        for old, new in _pairs(report, baseline)
        if min(old.n_annotations, new.n_annotations) >= settings.min_labels
    ]
    n = sum(new.n_annotations for _, new in pairs)
    if n < HALF * report.summary.n_annotations or not pairs:
        return [
            decide(
                gate,
                _nothing(
                    f"annotators known from the baseline gave {n:,} of "
                    f"{report.summary.n_annotations:,} labels, less than half",
                    n,
                ),
            )
        ]
    weights = [new.n_annotations for _, new in pairs]
    value, interval = fall(
        mean_of([(old.competence, old.competence_interval) for old, _ in pairs], weights),
        mean_of([(new.competence, new.competence_interval) for _, new in pairs], weights),
    )
    found = Finding(
        value,
        interval,
        n,
        "label",
        missing=_incomparable(report, baseline),
        unproven=evidence.unproven(report),
    )
    return [decide(gate, found)]


def of_annotators(
    gate: Gate,
    report: CompetenceReport,
    settings: GateSettings,
    baseline: CompetenceReport | None,
) -> list[Verdict]:
    """How far the competence of each annotator known from the baseline fell."""
    if baseline is None:
        return [decide(gate, _nothing("there is no baseline: --baseline FILE"))]
    pairs = _pairs(report, baseline)
    if not pairs:
        return [decide(gate, _nothing("nobody of this batch is in the baseline"))]
    incomparable = _incomparable(report, baseline)
    verdicts = []
    for old, new in pairs:
        value, interval = fall(
            (old.competence, old.competence_interval), (new.competence, new.competence_interval)
        )
        few = few_labels(min(old.n_annotations, new.n_annotations), settings)
        found = Finding(
            value,
            interval,
            new.n_annotations,
            "label",
            missing=few or incomparable,
            unproven=evidence.unproven(report),
        )
        verdicts.append(decide(gate, found, annotator_id=new.annotator_id))
    return tolerated(verdicts, settings)


def _pairs(report: CompetenceReport, baseline: CompetenceReport) -> list[Pair]:
    before = {one.annotator_id: one for one in baseline.annotators}
    return [
        (before[one.annotator_id], one) for one in report.annotators if one.annotator_id in before
    ]


def _nothing(why: str, n: int = 0) -> Finding:
    return Finding(None, None, n, "label", missing=why)


def _incomparable(report: CompetenceReport, baseline: CompetenceReport) -> str | None:
    """Why the two cannot be held against one another, if so."""
    if {one.sha256 for one in report.inputs} & {one.sha256 for one in baseline.inputs}:
        return "the baseline holds a file of this batch"
    if report.estimate.kind is not baseline.estimate.kind:
        return (
            f"the baseline is {baseline.estimate.kind.value}, "
            f"this report {report.estimate.kind.value}"
        )
    of_baseline = evidence.doubt(baseline)
    return evidence.doubt(report) or (of_baseline and f"of the baseline: {of_baseline}")
