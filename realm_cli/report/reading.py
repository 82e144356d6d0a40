"""How to read a report: order, chance, plain words. Shared by the renderers made for people."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from realm_cli.report.flags import Flag
from realm_cli.report.model import (
    AnnotatorReport,
    CalibrationBin,
    Coefficient,
    CompetenceReport,
    Decisions,
    Evidence,
    Exclusion,
    GoldAccuracy,
    Interval,
    Kind,
    Selection,
    Stretch,
    Warning_,
)

DOUBTS = {
    "two-annotators": "only two annotators: nothing says who is right where they differ",
    "restarts-disagree": "fits that explain the labels equally well give other answers",
    "against-the-vote": "the estimate overrules more votes than it can explain",
    "same-answers": "some pairs of annotators never differ, more than competence explains",
    "one-annotator": "all labels are by one annotator",
}
"""Warnings of a report that leave open whether its estimates are right at all."""

KIND_WORDS = {
    Kind.CROSS_FITTED: "every annotator is judged on items that the judging model did not train on",
    Kind.IN_SAMPLE: "the model has seen the labels it judges, so a guesser can look better "
    "than they are",
    Kind.LABEL_ONLY: "no language model; annotators are judged by one another's labels",
}

COMPETENCE = "the probability that a label by this annotator is correct"
EXPERTISE = "the probability that the annotator did not guess"
GOLD = "the share of their labels that are right, on items with gold"
AGREEMENT = "how far their labels agree with the posterior labels"


_CI_COMMAND = re.compile(r":(?=:)|#(?=#\[)")


def is_hidden(char: str) -> bool:
    """Whether a character acts on the display instead of showing: controls, escapes, bidi marks."""
    return not char.isprintable() and unicodedata.category(char) != "Zs"


def visible(text: str) -> str:
    r"""Text that people typed, with what would act on the display written out, as in `\x1b`."""
    if text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode() if is_hidden(char) else char for char in text
    )


def harmless(text: str) -> str:
    r"""Visible text that no CI system takes for a command.

    A CI log obeys `::error::` at the start of a line and `##[error]` anywhere, so the first
    character of each is written out as `\x3a` or `\x23`.
    """
    return _CI_COMMAND.sub(lambda found: f"\\x{ord(found.group()):02x}", visible(text))


def percent(value: float, digits: int = 0) -> str:
    """A probability as people say it."""
    return f"{100 * value:.{digits}f}%"


def interval(bounds: Interval) -> str:
    """An interval in percent, without the sign."""
    low, high = bounds
    return f"{100 * low:.0f}–{100 * high:.0f}"


def counted(n: int, noun: str) -> str:
    """`1 item`, `2,000 items`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def worst_first(report: CompetenceReport) -> list[AnnotatorReport]:
    """Annotators by rising competence; where it ties, the better known ones first."""
    return sorted(
        report.annotators, key=lambda one: (one.competence, -one.n_annotations, one.annotator_id)
    )


def chance_level(report: CompetenceReport) -> float | None:
    """1/K, where a single K holds for the whole report; None where options differ in number.

    competence = w + (1 - w)/K is solved for 1/K. Near w = 1 that divides rounding errors by
    nearly nothing, so those annotators are not asked.
    """
    if report.estimate.annotator_model != "expertise":
        return None
    levels = [
        (one.competence - one.expertise) / (1 - one.expertise)
        for one in report.annotators
        if one.expertise < 0.9
    ]
    if not levels or max(levels) - min(levels) > 0.01:
        return None
    return sum(levels) / len(levels)


def flag_counts(report: CompetenceReport) -> list[tuple[str, int]]:
    """How many annotators carry each flag; known flags in their own order, then the others."""
    counts = Counter(flag for one in report.annotators for flag in one.flags)
    known = list(Flag)
    ranked = sorted(counts, key=lambda flag: known.index(Flag(flag)) if flag in known else 99)
    return [(flag, counts[flag]) for flag in ranked]


def flag_sentence(flag: str) -> str:
    """A flag in plain words; nothing for a flag of a newer realm."""
    return Flag(flag).sentence if flag in list(Flag) else ""


def flagged_words(report: CompetenceReport) -> str:
    """How many annotators stand out, and for what."""
    flagged = sum(bool(one.flags) for one in report.annotators)
    if not flagged:
        return "no annotator stands out"
    kinds = ", ".join(f"{visible(flag)} {n:,}" for flag, n in flag_counts(report))
    return f"{flagged:,} of {counted(len(report.annotators), 'annotator')} ({kinds})"


def counts_words(report: CompetenceReport) -> str:
    """The size of the data in one line."""
    of = report.summary
    parts = [
        counted(of.n_items, "item"),
        counted(of.n_annotators, "annotator"),
        counted(of.n_annotations, "annotation"),
        counted(of.n_tasks, "task"),
    ]
    return " · ".join(parts)


def agreement_words(report: CompetenceReport) -> str:
    """How often two labels of the same item agree."""
    found = report.summary.agreement
    if found.percent is None:
        return "unknown: no item has two labels"
    pairs = counted(found.n_pairs, "pair")
    words = f"{percent(found.percent, 1)} of {pairs} of labels on the same item"
    only = report.tasks[0].agreement if len(report.tasks) == 1 else None
    if only is not None and only.alpha is not None:
        words += f"; Krippendorff's alpha {coefficient(only.alpha)}"
    return words


def coefficient(found: Coefficient) -> str:
    """A coefficient with its interval, as in `.62 (.58 to .66)`."""
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"


def gold_words(gold: GoldAccuracy) -> str:
    """What gold says of each kind of label."""
    parts = [] if gold.model is None else [f"model {percent(gold.model, 1)}"]
    parts += [
        f"posterior {percent(gold.posterior, 1)}",
        f"majority {percent(gold.majority, 1)}",
    ]
    return " · ".join(parts) + f" right on {counted(gold.n, 'item')} with gold"


def decision_words(decisions: Decisions) -> str:
    """How many annotators each decision is about, the gravest last."""
    return " · ".join(f"{name} {n:,}" for name, n in decisions.counts.items() if n)


def exclusion_words(found: Exclusion) -> str:
    """What becomes of the labels without the excluded annotators."""
    before, after = found.expected_accuracy_before, found.expected_accuracy_after
    words = (
        f"{counted(found.n_changed, 'posterior label')} of {found.n_items:,} would change; "
        f"expected accuracy {percent(before, 1)} before, {percent(after, 1)} after"
    )
    if found.n_unlabelled:
        words += f"; {counted(found.n_unlabelled, 'item')} would be left without a label"
    if found.gold is not None:
        words += (
            f"; right on {counted(found.gold.n, 'item')} with gold: "
            f"{percent(found.gold.before, 1)} before, {percent(found.gold.after, 1)} after"
        )
    return words


def summary_lines(report: CompetenceReport) -> list[tuple[str, str]]:
    """What every view begins with: a word, and what there is to say of it."""
    gold = report.summary.accuracy_on_gold
    return [
        ("data", counts_words(report)),
        ("agreement", agreement_words(report)),
        *([("gold", gold_words(gold))] if gold else []),
        *([("calibration", calibration_words(report))] if report.calibration else []),
        ("estimate", estimate_words(report)),
        ("method", method_words(report)),
        ("flagged", flagged_words(report)),
        *_decision_lines(report.decisions),
    ]


def _decision_lines(decisions: Decisions | None) -> list[tuple[str, str]]:
    """What was decided, and what excluding people would do."""
    if decisions is None:
        return []
    lines = [("decisions", decision_words(decisions))]
    if decisions.exclusion is not None:
        lines.append(("without excluded", exclusion_words(decisions.exclusion)))
    return lines


def calibration_error(bins: Sequence[CalibrationBin]) -> float:
    """Expected calibration error (Guo et al. 2017, arXiv 1706.04599).

    The mean distance between confidence and accuracy, each bin weighed by its items.
    """
    n = sum(one.n for one in bins)
    return sum(one.n * abs(one.confidence - one.accuracy) for one in bins) / n


def calibration_words(report: CompetenceReport) -> str:
    """Whether the probabilities of posterior labels can be taken at their word."""
    bins = report.calibration
    n = sum(one.n for one in bins)
    claimed = sum(one.n * one.confidence for one in bins) / n
    right = sum(one.n * one.accuracy for one in bins) / n
    return (
        f"posterior labels claim {percent(claimed, 1)} and are right {percent(right, 1)} of the "
        f"time; mean gap {100 * calibration_error(bins):.1f} points"
    )


def stretch_words(stretch: Stretch) -> str:
    """When it was: a day, or two."""
    days = [when.date().isoformat() for when in (stretch.start, stretch.end) if when is not None]
    return " to ".join(dict.fromkeys(days)) or "unknown"


def q_words(found: Evidence) -> str:
    """How sure a test is, in brackets."""
    return f" (q = {found.q_value:.2g})"


def estimate_words(report: CompetenceReport) -> str:
    """Where the evidence comes from: the kind and what it means."""
    kind = report.estimate.kind
    return f"{kind.value}: {KIND_WORDS[kind]}"


def method_words(report: CompetenceReport) -> str:
    """Annotator model, objective and language model, as far as there are any."""
    estimate = report.estimate
    parts = [f"annotator model {visible(estimate.annotator_model)}"]
    if estimate.selection is not None:
        parts.append(f"chosen {selection_words(estimate.selection)}")
    if estimate.label_power < 1:
        parts.append(f"each label counted as {estimate.label_power:g} of an independent one")
    if estimate.objective is not None:
        parts.append(f"{visible(estimate.objective)} objective")
    if estimate.model is not None:
        parts.append(f"language model {visible(estimate.model)}")
    return ", ".join(parts)


def selection_words(selection: Selection) -> str:
    """Why this annotator model, and by how much."""
    if selection.margin is None:
        return f"as {selection.reason}"
    if selection.margin < 0:
        return "as the simplest of those that foretell held-out labels best"
    return f"by held-out labels (log-likelihood {selection.margin:.4f} a label above the next best)"


def warning_words(warning: Warning_) -> str:
    """A warning's message and the first place to look."""
    places = [
        ":".join(str(part) for part in (place.file, place.line) if part is not None)
        for place in warning.examples
    ]
    first = next((place for place in places if place), None)
    return visible(warning.message + (f" (first: {first})" if first else ""))
