"""Whom to keep, review, retrain or exclude: from a report alone, with the reasons.

Only competence can exclude, and only for sure: the whole interval lies under what is asked for, it
rests on enough labels, and nothing in the data or about the person says that it may be wrong.
A flag asks for a look or for training, and some flags keep a person from worse.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from realm_cli.choices import AnnotatorModel
from realm_cli.config import DecisionSettings
from realm_cli.loaders.csv_table import guarded
from realm_cli.report.flags import Flag
from realm_cli.report.model import (
    AnnotatorReport,
    CompetenceReport,
    Confusion,
    Decisions,
    Kind,
    TaskCompetence,
)
from realm_cli.report.reading import DOUBTS, flag_sentence, interval, percent


class Decision(StrEnum):
    """What to do about an annotator, from mildest to gravest."""

    KEEP = "keep"
    REVIEW = "review"
    RETRAIN = "retrain"
    EXCLUDE = "exclude"


class Reason(StrEnum):
    """Why, beside the annotator's flags, which are reasons too."""

    ABOVE = "above-threshold"
    NOT_BELOW = "not-below-threshold"
    MAYBE_BELOW = "maybe-below-threshold"
    BELOW = "below-threshold"
    CONFUSES = "confuses-labels"
    FEW_LABELS = Flag.FEW_LABELS.value
    WIDE = "wide-interval"
    CANNOT_TELL = "data-cannot-tell"


GRAVITY = {decision: n for n, decision in enumerate(Decision)}

FLAG_DECISIONS: Mapping[str, Decision] = {
    "few-labels": Decision.KEEP,
    "minority": Decision.REVIEW,
    "guesser": Decision.REVIEW,
    "one-label": Decision.REVIEW,
    "constant-answers": Decision.REVIEW,
    "position-bias": Decision.REVIEW,
    "too-fast": Decision.REVIEW,
    "copying": Decision.REVIEW,
    "drift": Decision.REVIEW,
    "inconsistent": Decision.REVIEW,
    "accepts-prelabels": Decision.REVIEW,
    "below-chance": Decision.RETRAIN,
}
"""The least that follows from a flag; `review` from one that is not listed."""

AT_MOST: Mapping[str, Decision] = {
    Reason.FEW_LABELS: Decision.REVIEW,
    Reason.WIDE: Decision.REVIEW,
    Reason.CANNOT_TELL: Decision.REVIEW,
    "minority": Decision.REVIEW,
    "below-chance": Decision.RETRAIN,
    Reason.CONFUSES: Decision.RETRAIN,
}
"""The gravest that a reason leaves possible: who is reliably wrong knows the answers."""

UNDECIDABLE = frozenset({*DOUBTS, "no-overlap", "disconnected-groups"})
"""Warnings of a report in which competence cannot be told apart well enough to exclude anybody."""

ABOVE_CHANCE = 0.2
"""How far from chance to always right the competence lies that is asked for by itself."""

SENTENCES: Mapping[str, str] = {
    Reason.ABOVE: "their labels are right {competence} of the time (95% interval {interval}%), and "
    "{level} is asked for",
    Reason.NOT_BELOW: "their labels are right about {competence} of the time (95% interval "
    "{interval}%); it is not certain that this is above the {level} asked for",
    Reason.MAYBE_BELOW: "their labels are right about {competence} of the time, which is under the "
    "{level} asked for, but the 95% interval ({interval}%) does not rule that out",
    Reason.BELOW: "their labels are right {competence} of the time, and at most {high} (95% "
    "interval {interval}%), where {level} is asked for",
    Reason.FEW_LABELS: "{n} labels are too few to judge this annotator by",
    Reason.WIDE: "the interval is too wide to judge this annotator by",
    Reason.CANNOT_TELL: "a warning of the report says that these data cannot tell who is right",
}


def decide(
    report: CompetenceReport,
    settings: DecisionSettings,
    confusions: Mapping[str, Confusion] | None = None,
) -> CompetenceReport:
    """The report with a decision, and its reasons, about every annotator.

    Args:
        report: Who was judged, and how.
        settings: What is asked for.
        confusions: Annotator id -> a label that they give in the place of another.
    """
    found = confusions or {}
    people = []
    for one in report.annotators:
        one = one.model_copy(update={"confuses": found.get(one.annotator_id)})  # noqa: PLW2901
        decision, reasons = _decision(one, report, settings)
        people.append(one.model_copy(update={"decision": decision.value, "reasons": reasons}))
    counts = Counter(one.decision for one in people)
    told = Decisions(
        settings=settings,
        counts={decision.value: counts[decision.value] for decision in Decision},
        exclusion=None,
    )
    return report.model_copy(update={"annotators": tuple(people), "decisions": told})


def excluded(report: CompetenceReport) -> frozenset[str]:
    """The ids of those who are to be excluded."""
    return frozenset(
        one.annotator_id for one in report.annotators if one.decision == Decision.EXCLUDE
    )


def level_for(one: AnnotatorReport, report: CompetenceReport, settings: DecisionSettings) -> float:
    """The competence asked of an annotator: as was set, or `ABOVE_CHANCE` for their options."""
    if settings.min_competence is not None:
        return settings.min_competence
    n_labels = {task.task: len(task.labels or ()) for task in report.tasks}
    total = sum(cell.n_annotations for cell in one.by_task)
    chance = sum(
        cell.n_annotations * _chance(cell, n_labels.get(cell.task, 0), report)
        for cell in one.by_task
    )
    chance = chance / total if total else 0.0
    return chance + ABOVE_CHANCE * (1 - chance)


def _chance(cell: TaskCompetence, n_labels: int, report: CompetenceReport) -> float:
    """1/K; where items differ in K, what expertise and competence say (eq. 13), or 0."""
    if n_labels:
        return 1 / n_labels
    linear = report.estimate.annotator_model != AnnotatorModel.GUESS
    if not linear or cell.expertise > 0.9:  # the quotient would be one of rounding errors
        return 0.0
    return max((cell.competence - cell.expertise) / (1 - cell.expertise), 0.0)


def _decision(
    one: AnnotatorReport, report: CompetenceReport, settings: DecisionSettings
) -> tuple[Decision, tuple[str, ...]]:
    by_level, reason = _by_competence(one, level_for(one, report, settings))
    asks: dict[str, Decision] = {reason: by_level}
    asks |= {flag: FLAG_DECISIONS.get(flag, Decision.REVIEW) for flag in one.flags}
    if one.confuses is not None:
        asks[Reason.CONFUSES] = Decision.RETRAIN
    grave = max(asks.values(), key=GRAVITY.__getitem__)
    limits = [*asks, *_weaknesses(one, report, settings)]
    mild = [
        limit for limit in limits if GRAVITY[AT_MOST.get(limit, Decision.EXCLUDE)] < GRAVITY[grave]
    ]
    most = min((AT_MOST[limit] for limit in mild), key=GRAVITY.__getitem__, default=grave)
    return most, tuple(dict.fromkeys(str(code) for code in [*asks, *mild]))


def _by_competence(one: AnnotatorReport, level: float) -> tuple[Decision, Reason]:
    low, high = one.competence_interval
    if high < level:
        return Decision.EXCLUDE, Reason.BELOW
    if one.competence < level:
        return Decision.REVIEW, Reason.MAYBE_BELOW
    return Decision.KEEP, Reason.ABOVE if low >= level else Reason.NOT_BELOW


def _weaknesses(
    one: AnnotatorReport, report: CompetenceReport, settings: DecisionSettings
) -> list[Reason]:
    """What the estimate lacks to exclude anybody by it."""
    low, high = one.competence_interval
    found = {
        Reason.FEW_LABELS: one.n_annotations < settings.min_labels,
        Reason.WIDE: high - low > settings.max_width,
        Reason.CANNOT_TELL: _cannot_tell(report),
    }
    return [reason for reason, holds in found.items() if holds]


def _cannot_tell(report: CompetenceReport) -> bool:
    codes = {warning.code for warning in report.warnings} & UNDECIDABLE
    if report.estimate.kind is Kind.CROSS_FITTED:
        codes.discard("no-overlap")  # judged by a model that has not seen the labels
    return bool(codes)


def gravest_first(report: CompetenceReport) -> list[AnnotatorReport]:
    """Annotators by gravity of the decision, then by rising competence."""
    return sorted(
        report.annotators,
        key=lambda one: (
            -GRAVITY[Decision(one.decision or Decision.KEEP)],
            one.competence,
            one.annotator_id,
        ),
    )


def why(one: AnnotatorReport, report: CompetenceReport) -> str:
    """The reasons of a decision in plain sentences."""
    assert report.decisions is not None
    level = level_for(one, report, report.decisions.settings)
    told = "; ".join(_sentence(reason, one, level) for reason in one.reasons)
    return told[:1].upper() + told[1:] + "."


def _sentence(reason: str, one: AnnotatorReport, level: float) -> str:
    if reason == Reason.CONFUSES and one.confuses is not None:
        found = one.confuses
        return (
            f"where the answer seems to be {found.truth!r} they said {found.label!r} "
            f"{found.n} of {found.of} times"
        )
    template = SENTENCES.get(reason) or flag_sentence(reason) or f"flagged as {reason}"
    return template.format(
        competence=percent(one.competence),
        high=percent(one.competence_interval[1]),
        interval=interval(one.competence_interval),
        level=percent(level),
        n=one.n_annotations,
    )


COLUMNS = (
    "annotator_id", "decision", "reasons", "n_annotations", "competence", "low", "high",
    "threshold", "flags", "why",
)  # fmt: skip


def to_csv(report: CompetenceReport) -> str:
    """The decisions as CSV, gravest first; no cell is a formula to a spreadsheet."""
    assert report.decisions is not None
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for one in gravest_first(report):
        numbers = (
            one.competence, *one.competence_interval,
            level_for(one, report, report.decisions.settings),
        )  # fmt: skip
        writer.writerow(
            [
                guarded(one.annotator_id),
                one.decision,
                " ".join(one.reasons),
                one.n_annotations,
                *(f"{number:.4f}" for number in numbers),
                guarded(" ".join(one.flags)),
                guarded(why(one, report)),
            ]
        )
    return text.getvalue()
