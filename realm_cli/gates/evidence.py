"""What stands against a verdict: too little data, a biased estimate, or doubts about all of it."""

from __future__ import annotations

from realm_cli.config import GateSettings
from realm_cli.report.model import CompetenceReport, Kind, TaskReport
from realm_cli.report.reading import DOUBTS, counted

IN_SAMPLE = (
    "the model has seen these labels, so a guesser can look better than they are; "
    "train with --cross-fit 5, or gate the exports themselves"
)


def doubt(report: CompetenceReport) -> str | None:
    """Why nothing that was estimated can be decided upon, if so."""
    codes = {warning.code for warning in report.warnings}
    return next((words for code, words in DOUBTS.items() if code in codes), None)


def unproven(report: CompetenceReport) -> str | None:
    """Why estimates may be too good, if so."""
    return IN_SAMPLE if report.estimate.kind is Kind.IN_SAMPLE else None


def too_few_items(report: CompetenceReport, settings: GateSettings) -> str | None:
    """Why the batch as a whole cannot be spoken of, if so."""
    n = sum(judged_items(report, task) for task in report.tasks)
    return few_items(report, n, settings)


def judged_items(report: CompetenceReport, task: TaskReport) -> int:
    """Items by which annotators of a task are judged: those with two labels, or all by a model."""
    if report.estimate.kind is not Kind.LABEL_ONLY:
        return task.n_items
    return task.agreement.n_items if task.agreement is not None else 0


def few_items(report: CompetenceReport, n: int, settings: GateSettings) -> str | None:
    """What to say of n items to judge by, if they are too few."""
    if n >= settings.min_items:
        return None
    two = " with two labels" if report.estimate.kind is Kind.LABEL_ONLY else ""
    if n == 0 and two:
        return "no item has two labels, and no model was asked"
    return f"{counted(n, 'item')}{two}, and {settings.min_items:,} are needed"


def control_labels(report: CompetenceReport) -> tuple[float, int]:
    """Right labels, and all labels, on items with gold."""
    known = [one.gold for one in report.annotators if one.gold is not None]
    return sum(gold.n * gold.accuracy for gold in known), sum(gold.n for gold in known)
