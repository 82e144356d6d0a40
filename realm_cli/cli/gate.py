"""realm gate: is this batch of annotations good enough, while nobody watches?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from realm_cli.choices import GateMetric, OnInconclusive
from realm_cli.cli.finding import find_report
from realm_cli.cli.gate_outputs import GateOutputs, write_outputs
from realm_cli.cli.options import DataOptions, JudgeOptions, unfold
from realm_cli.errors import InputError


def _threshold(what: str) -> Any:
    """A flag that is a gate."""
    return typer.Option(help=what, rich_help_panel="Thresholds")


def _evidence(what: str) -> Any:
    """A flag that says how much evidence a gate needs."""
    return typer.Option(help=what, rich_help_panel="Evidence")


@dataclass(frozen=True)
class ThresholdOptions:
    """The gates; one without a threshold is none."""

    min_competence: Annotated[float | None, _threshold("P(a label of the batch is correct).")] = (
        None
    )
    min_task_competence: Annotated[float | None, _threshold("The same in every task.")] = None
    min_annotator_competence: Annotated[
        float | None, _threshold("The same of every annotator.")
    ] = None
    max_flagged: Annotated[float | None, _threshold("Share of annotators that stand out.")] = None
    min_agreement: Annotated[
        float | None, _threshold("Share of equal pairs of labels on an item, in every task.")
    ] = None
    min_alpha: Annotated[float | None, _threshold("Krippendorff's alpha of every task.")] = None
    min_confidence: Annotated[
        float | None, _threshold("Mean probability of the posterior labels.")
    ] = None
    min_confident_share: Annotated[
        float | None, _threshold("Share of items whose label is as probable as --confident-at.")
    ] = None
    min_control_accuracy: Annotated[
        float | None, _threshold("Share of right labels on items with gold.")
    ] = None
    max_drop: Annotated[
        float | None, _threshold("Fall of the mean competence of annotators in the baseline.")
    ] = None
    max_annotator_drop: Annotated[float | None, _threshold("The same of each of them.")] = None
    max_warnings: Annotated[
        int | None, _threshold("Problems met in reading and checking the data.")
    ] = None


@dataclass(frozen=True)
class EvidenceOptions:
    """What a gate needs to know, and what becomes of it where it does not."""

    baseline: Annotated[Path | None, _evidence("report.json or baseline of an earlier batch.")] = (
        None
    )
    confident_at: Annotated[float, _evidence("Which probability is confident.")] = 0.9
    ignore: Annotated[
        list[str] | None, _evidence("Code of a warning that does not count; repeatable.")
    ] = None
    advisory: Annotated[
        list[GateMetric] | None, _evidence("A gate that warns and never fails; repeatable.")
    ] = None
    min_items: Annotated[int, _evidence("Items to judge a batch or a task by.")] = 30
    min_labels: Annotated[int, _evidence("Labels to judge an annotator by.")] = 10
    max_unjudged: Annotated[
        float, _evidence("Share of labels by annotators who cannot be judged that only warns.")
    ] = 0.1
    inconclusive: Annotated[
        OnInconclusive | None, _evidence("What too little evidence counts as; else exit code 5.")
    ] = None


@unfold
def gate(
    thresholds: ThresholdOptions,
    evidence: EvidenceOptions,
    outputs: GateOutputs,
    data: DataOptions,
    judging: JudgeOptions,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="A run's folder, a report.json, or export files; the newest run if none."
        ),
    ] = None,
) -> None:
    """Accept or refuse a batch: 0 accepted, 1 a gate failed, 5 too little evidence.

    Example: realm gate batch.csv --min-competence 0.7 --max-flagged 0.1 --junit gate.xml
    """
    from realm_cli.cli.settings import gate_settings
    from realm_cli.gates.labels import of_unusable
    from realm_cli.gates.run import exit_code, gates_of, run_gates
    from realm_cli.report.json_file import from_json
    from realm_cli.report.verdicts import decision_of

    settings = gate_settings(thresholds, evidence)
    gates_of(settings)  # a slip in the flags is said before anything is read
    earlier = None if settings.baseline is None else from_json(settings.baseline)
    try:
        found = find_report(paths or [], data, judging)
    except InputError as error:
        unusable = of_unusable(error)
        write_outputs(decision_of(unusable, error.exit_code, None), None, outputs)
        raise
    verdicts = run_gates(found, settings, earlier)
    code = exit_code(verdicts, settings.inconclusive)
    judged = found.model_copy(update={"gates": verdicts})
    write_outputs(decision_of(verdicts, code, judged), judged, outputs)
    raise typer.Exit(code)
