"""The rule: when a threshold is met, when it is missed, and when nobody can say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from realm_cli.choices import GateMetric
from realm_cli.gates.intervals import Interval
from realm_cli.report.model import Example, GateStatus, Verdict
from realm_cli.report.reading import counted


@dataclass(frozen=True)
class Gate:
    """A threshold for a metric.

    Attributes:
        metric: What is measured.
        op: On which side of the threshold it must lie.
        threshold: The threshold.
    """

    metric: GateMetric
    op: Literal[">=", "<="]
    threshold: float


@dataclass(frozen=True)
class Finding:
    """What was measured, and how far it can be believed.

    Attributes:
        value: The figure; None where there is none.
        interval: Where the truth lies, 95%; the value alone where it is a count.
        n: What it rests on.
        noun: What `n` counts, such as `label`.
        missing: Why nothing can be decided, if so.
        unproven: Why it may fail but cannot pass, if so.
        examples: Where to look.
    """

    value: float | None
    interval: Interval | None
    n: int
    noun: str
    missing: str | None = None
    unproven: str | None = None
    examples: tuple[Example, ...] = ()

    @property
    def basis(self) -> str:
        """`1 label`, `2,000 labels`."""
        return counted(self.n, self.noun)


def decide(
    gate: Gate, found: Finding, *, annotator_id: str | None = None, task: str | None = None
) -> Verdict:
    """Hold a finding against a threshold: the whole interval must lie on one side of it.

    Args:
        gate: The threshold.
        found: What was measured.
        annotator_id: Whom it is about, if about somebody.
        task: The task it is about, if about one.
    """
    status, words = _judged(gate, found)
    about = annotator_id if annotator_id is not None else task
    return Verdict(
        id=gate.metric.value if about is None else f"{gate.metric.value}:{about}",
        metric=gate.metric.value,
        op=gate.op,
        threshold=gate.threshold,
        value=found.value,
        interval=found.interval,
        n=found.n,
        status=status,
        annotator_id=annotator_id,
        task=task,
        words=words,
        examples=found.examples,
    )


def _judged(gate: Gate, found: Finding) -> tuple[GateStatus, str]:
    if found.missing is not None or found.value is None:
        return GateStatus.INCONCLUSIVE, found.missing or "not known"
    low, high = found.interval or (found.value, found.value)
    at_least = gate.op == ">="
    met = low >= gate.threshold if at_least else high <= gate.threshold
    missed = high < gate.threshold if at_least else low > gate.threshold
    if missed:
        return GateStatus.FAIL, f"{_side(gate)} the threshold ({found.basis})"
    if not met:
        return GateStatus.INCONCLUSIVE, f"on either side of the threshold ({found.basis})"
    if found.unproven is not None:
        return GateStatus.INCONCLUSIVE, found.unproven
    return GateStatus.PASS, found.basis


def _side(gate: Gate) -> str:
    return "below" if gate.op == ">=" else "above"
