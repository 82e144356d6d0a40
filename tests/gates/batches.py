"""Reports of batches in a line, for the tests of gates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from realm_cli.config import GateSettings
from realm_cli.gates.run import run_gates
from realm_cli.report.model import (
    Agreement,
    AnnotatorGold,
    AnnotatorReport,
    Coefficient,
    CompetenceReport,
    Confidence,
    ConfidenceShare,
    Estimate,
    InputFile,
    Kind,
    MeanCompetence,
    Summary,
    TaskAgreement,
    TaskReport,
    Tool,
    Warning_,
)


def annotator(
    name: str,
    competence: float = 0.8,
    half: float = 0.05,
    n: int = 100,
    *,
    flags: tuple[str, ...] = (),
    gold: tuple[int, int] | None = None,
) -> AnnotatorReport:
    """Somebody whose interval reaches `half` to either side; `gold` is (right, all)."""
    interval = (competence - half, competence + half)
    return AnnotatorReport(
        annotator_id=name,
        n_annotations=n,
        expertise=competence,
        expertise_interval=interval,
        competence=competence,
        competence_interval=interval,
        gold=AnnotatorGold(n=gold[1], accuracy=gold[0] / gold[1]) if gold else None,
        agreement_with_posterior=competence,
        flags=flags,
        by_task=(),
    )


def mean(
    value: float = 0.8, half: float = 0.02, n: int = 1000, n_unsupported: int = 0
) -> MeanCompetence:
    """P(correct) of all labels of a batch or task."""
    return MeanCompetence(
        value=value,
        interval=(value - half, value + half),
        n_annotations=n,
        n_unsupported=n_unsupported,
    )


def coefficient(value: float, low: float, high: float) -> Coefficient:
    return Coefficient(value=value, low=low, high=high)


def task(name: str = "label", n_items: int = 400, **fields: Any) -> TaskReport:
    """A task; `fields` of its agreement, and `competence`."""
    competence = fields.pop("competence", mean())
    return TaskReport(
        task=name,
        n_items=n_items,
        n_annotators=5,
        n_annotations=1000,
        labels=("no", "yes"),
        mean_competence=0.8,
        agreement=TaskAgreement(
            **{
                "n_items": n_items,
                "n_pairs": 3 * n_items,
                "scale": "nominal",
                "percent": coefficient(0.7, 0.68, 0.72),
                "alpha": coefficient(0.5, 0.46, 0.54),
                "kappa": None,
                "ac1": None,
                **fields,
            }
        ),
        competence=competence,
    )


def report(
    annotators: tuple[AnnotatorReport, ...] | None = None,
    *,
    tasks: tuple[TaskReport, ...] | None = None,
    kind: Kind = Kind.LABEL_ONLY,
    warnings: tuple[str, ...] = (),
    sha256: str = "a",
    competence: MeanCompetence | None = mean(),  # noqa: B008 - it is frozen
) -> CompetenceReport:
    """A batch of five good annotators, unless told otherwise."""
    people = annotators or tuple(annotator(f"w{i}") for i in range(5))
    parts = tasks or (task(),)
    return CompetenceReport(
        tool=Tool(name="realm", version="0.0.0"),
        created_at=datetime(2026, 3, 14, tzinfo=UTC),
        inputs=(InputFile(path="batch.csv", format="csv", sha256=sha256, rows=1, dropped={}),),
        estimate=Estimate(kind=kind, annotator_model="expertise", objective=None),
        summary=Summary(
            n_items=sum(part.n_items for part in parts),
            n_annotators=len(people),
            n_annotations=sum(one.n_annotations for one in people),
            n_tasks=len(parts),
            agreement=Agreement(n_pairs=1000, percent=0.7),
            accuracy_on_gold=None,
            competence=competence,
            confidence=Confidence(
                n_items=400,
                mean=0.9,
                shares=(
                    ConfidenceShare(at_least=0.8, share=0.9),
                    ConfidenceShare(at_least=0.9, share=0.7),
                ),
            ),
        ),
        annotators=people,
        tasks=parts,
        warnings=tuple(Warning_(code=code, message=f"about {code}", count=3) for code in warnings),
    )


def statuses(batch: CompetenceReport, *, baseline: CompetenceReport | None = None, **settings: Any):
    """What each verdict says."""
    return [one.status.value for one in run_gates(batch, GateSettings(**settings), baseline)]
