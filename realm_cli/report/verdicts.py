"""How to read verdicts: order, decision, plain words. Shared by the renderers of a gate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from realm_cli.report.model import CompetenceReport, Example, GateStatus, Verdict
from realm_cli.report.reading import counts_words

WORST_FIRST = (GateStatus.FAIL, GateStatus.INCONCLUSIVE, GateStatus.WARN, GateStatus.PASS)
COUNTS = {"warnings", "input"}
"""Metrics that count; the others are shares of 1, or coefficients."""
INPUT = "input"


@dataclass(frozen=True)
class Decision:
    """What the gates came to: all that a renderer needs.

    Attributes:
        verdicts: All of them.
        exit_code: What the command ends with.
        about: The size of the data in a line; nothing where it could not be read.
        file: An input file, for what has no place of its own.
    """

    verdicts: tuple[Verdict, ...]
    exit_code: int
    about: str | None
    file: str | None

    @property
    def word(self) -> str:
        """Accepted, refused, or why neither."""
        if any(verdict.metric == INPUT for verdict in self.verdicts):
            return "unreadable"
        if self.exit_code == 0:
            return "accepted"
        failed = any(verdict.status is GateStatus.FAIL for verdict in self.verdicts)
        return "refused" if failed else "inconclusive"

    @property
    def counts(self) -> str:
        """`2 fail, 1 warn, 40 pass`."""
        found = Counter(verdict.status for verdict in self.verdicts)
        return ", ".join(f"{found[status]:,} {status}" for status in WORST_FIRST if found[status])

    @property
    def ranked(self) -> list[Verdict]:
        """The verdicts, worst first; those about the batch before those about annotators."""
        return sorted(
            self.verdicts,
            key=lambda one: (
                WORST_FIRST.index(one.status), one.annotator_id is not None, -gap(one)
            ),
        )  # fmt: skip

    @property
    def troubles(self) -> list[Verdict]:
        """Those that are no plain pass, worst first."""
        return [one for one in self.ranked if one.status is not GateStatus.PASS]


def decision_of(
    verdicts: Sequence[Verdict], exit_code: int, report: CompetenceReport | None
) -> Decision:
    """A decision for renderers.

    Args:
        verdicts: All of them.
        exit_code: What they come to.
        report: What they are about; None where the input could not be used.
    """
    about = None if report is None else counts_words(report)
    inputs = () if report is None else report.inputs
    return Decision(tuple(verdicts), exit_code, about, inputs[0].path if inputs else None)


def gap(verdict: Verdict) -> float:
    """How far on the wrong side of its threshold the value lies; 0 where it is not known."""
    if verdict.value is None:
        return 0.0
    over = verdict.value - verdict.threshold
    return -over if verdict.op == ">=" else over


def subject(verdict: Verdict) -> str | None:
    """Whom or what the verdict is about, as it was typed; None for the batch."""
    if verdict.metric == INPUT:
        return verdict.id.partition(":")[2]
    return verdict.annotator_id if verdict.annotator_id is not None else verdict.task


def title(verdict: Verdict) -> str:
    """`competence >= 0.7`."""
    return f"{verdict.metric} {verdict.op} {figure(verdict, verdict.threshold)}"


def figure(verdict: Verdict, value: float | None) -> str:
    """A value as the metric is written: a count, or three digits."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if verdict.metric in COUNTS else f"{value:.3f}"


def measured(verdict: Verdict) -> str:
    """`0.712 (0.690 to 0.733)`."""
    text = figure(verdict, verdict.value)
    if verdict.interval is None or verdict.interval[0] == verdict.interval[1]:
        return text
    low, high = (figure(verdict, bound) for bound in verdict.interval)
    return f"{text} ({low} to {high})"


def sentence(verdict: Verdict) -> str:
    """What was measured, and why that decides or does not."""
    if verdict.metric == INPUT or verdict.value is None:
        return verdict.words
    return f"{measured(verdict)}: {verdict.words}"


def place(example: Example) -> str:
    """`file:line`, as far as it is known."""
    return ":".join(str(part) for part in (example.file, example.line) if part is not None)
