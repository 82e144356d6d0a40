"""What follows from a report: decisions about annotators, what they would do, and payment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from realm_cli import checkpoint, checks, pipeline, run_folder, runs
from realm_cli.aggregate.choice import fit_model
from realm_cli.annotations import AnnotationTable
from realm_cli.choices import AnnotatorModel
from realm_cli.config import DecisionSettings, JudgeSettings
from realm_cli.confusions import confusions
from realm_cli.decisions import decide, excluded
from realm_cli.errors import InputError, UsageError
from realm_cli.estimation import Told
from realm_cli.exclusion import exclusion
from realm_cli.intake import Source, load
from realm_cli.loaders.containers import STDIN
from realm_cli.mturk_review import Review, open_batch, review
from realm_cli.report.model import AnnotatorReport, CompetenceReport, InputFile
from realm_cli.report.reading import percent


@dataclass(frozen=True)
class Judged:
    """A report, the annotations it is about, and how annotators were judged."""

    report: CompetenceReport
    table: AnnotationTable
    settings: JudgeSettings


def judged_run(run: Path) -> Judged:
    """What a run's folder holds."""
    report = runs.read_report(run)
    settings = checkpoint.read_record(run).settings
    return Judged(report, run_folder.table_of(run), settings)


def judged_files(source: Source, settings: JudgeSettings, told: Told = lambda _: None) -> Judged:
    """What labels alone say of export files."""
    told("reading")
    loaded = load(source, checks.check_estimable)
    _, report = pipeline.judge_loaded(loaded, settings, told)
    return Judged(report, loaded.table, settings)


def decided(judged: Judged, settings: DecisionSettings) -> CompetenceReport:
    """The report with decisions, and with what excluding people would do to the labels.

    The labels are weighed anew without a language model, under the report's annotator model, so
    that both sides of the comparison are of one kind.
    """
    model = AnnotatorModel(judged.report.estimate.annotator_model)
    # a run's earlier report may be gone; both sides do without
    how = judged.settings.model_copy(update={"annotator_model": model, "prior": None})
    crowd = pipeline.crowd_of(judged.table, how)
    fitted = fit_model(model, crowd.labels, history=crowd.history, seed=how.seed)
    fitted = fitted.to_the(judged.report.estimate.label_power)
    report = decide(judged.report, settings, confusions(judged.table, fitted.log_q))
    who = excluded(report)
    if not who:
        return report
    assert report.decisions is not None
    found = exclusion(crowd, fitted, model, who, seed=how.seed)
    return report.model_copy(
        update={"decisions": report.decisions.model_copy(update={"exclusion": found})}
    )


def pay(report: CompetenceReport, out: Path) -> Review:
    """Write the batch file that a report is about, marked: all approved but the excluded.

    Raises:
        UsageError: The report is not about one batch file of Mechanical Turk alone.
        InputError: The file is no longer what was judged.
    """
    file = _batch_of(report.inputs)
    export = open_batch(Path(file.path))
    if export.sha256 != file.sha256:
        raise InputError(
            f"{file.path} is not the file that the report is about: it has changed since",
            hint="make the report from the file itself: realm report FILE --approve OUT",
        )
    marked = review(export, {
        one.annotator_id: _reason(one)
        for one in report.annotators
        if one.annotator_id in excluded(report)
    })  # fmt: skip
    checkpoint.write_file(out, lambda path: _write_bytes(path, marked.content))
    return marked


def _write_bytes(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _batch_of(inputs: Sequence[InputFile]) -> InputFile:
    if len(inputs) == 1 and inputs[0].format == "mturk":
        if Path(inputs[0].path) == STDIN:
            raise UsageError(
                "--approve cannot read standard input a second time",
                hint="name the file: realm report BATCH.csv --approve OUT.csv",
            )
        return inputs[0]
    what = inputs[0].format if len(inputs) == 1 else f"of {len(inputs)} files"
    raise UsageError(
        f"--approve marks one batch file of Mechanical Turk, and this report is {what}",
        hint="name the one file: realm report BATCH.csv --approve OUT.csv; earlier batches can "
        "come in with --prior",
    )


def _reason(one: AnnotatorReport) -> str:
    """What a worker is told; in their words, and true."""
    low, high = one.competence_interval
    return (
        f"Compared with the answers of the other workers, about {percent(one.competence)} of your "
        f"{one.n_annotations:,} answers are likely to be right (between {percent(low)} and "
        f"{percent(high)}), which is less than this task asks for."
    )
