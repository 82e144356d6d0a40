"""What each command does, step by step, callable without the command line.

files -> loaders -> AnnotationTable -> checks -> training -> posterior -> report -> a run's folder.
Torch is imported only by the steps that train or predict.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from realm_cli import __version__, checkpoint, checks, estimation, loaders
from realm_cli.aggregate.choice import Choice
from realm_cli.annotations import AnnotationTable, Items, build_items, join
from realm_cli.choices import Method
from realm_cli.config import CrowdSettings, JudgeSettings, TrainSettings
from realm_cli.doubts import doubts
from realm_cli.errors import InputError, MissingExtraError, TrainingError, UsageError
from realm_cli.estimation import Crowd, Estimation, Told
from realm_cli.intake import Loaded, Source, load
from realm_cli.labelling import Labelling, label_items
from realm_cli.report import json_file
from realm_cli.report.build import build_report, now
from realm_cli.report.model import CompetenceReport, Estimate, Kind, Selection
from realm_cli.report.model_card import model_card
from realm_cli.report.tables import annotators_table, label_columns, labels_table
from realm_cli.schema import DEFAULT_TASK, Issue, Severity, plain, with_column
from realm_cli.simulate.crowd import simulate
from realm_cli.simulate.files import annotation_rows, truth_files
from realm_cli.unfinished import Plan, Saving, Stop, Unfinished, check_unchanged

if TYPE_CHECKING:
    from realm_cli.backbones.base import Backbone
    from realm_cli.batching import EncodedItems
    from realm_cli.fitting import Trained
    from realm_cli.loaders.base import LoadedFile
    from realm_cli.training import Progress

RUNS = Path("runs")
LABELS_ALONE = JudgeSettings()


def estimate(
    source: Source, settings: JudgeSettings = LABELS_ALONE, told: Told = lambda _: None
) -> CompetenceReport:
    """Judge annotators by their labels alone; no language model, no torch."""
    return judge_exports(source, settings, told)[1]


def judge_exports(
    source: Source, settings: JudgeSettings = LABELS_ALONE, told: Told = lambda _: None
) -> tuple[Estimation, CompetenceReport]:
    """The same, with the estimate that the report is of."""
    told("reading")
    loaded = load(source, checks.check_estimable)
    found = estimation.estimate(_crowd(loaded.table, settings), settings, told=told)
    issues = (*loaded.warnings, *doubts(found, held_out=False))
    return found, build_report(found, _label_only(found), loaded.inputs, issues)


def aggregate(
    source: Source, method: Method, out: Path, *, seed: int = 0, use_gold: bool = False
) -> Labelling:
    """The best label of every item, written as labels.parquet; no language model, no torch."""
    loaded = load(source, checks.check_estimable)
    found = label_items(loaded.table, method, seed=seed, use_gold=use_gold)
    checkpoint.write_file(out, lambda path: checkpoint.write_parquet(found.labels, path))
    return found


def _crowd(table: AnnotationTable, settings: JudgeSettings) -> estimation.Crowd:
    earlier = () if settings.prior is None else json_file.from_json(settings.prior).annotators
    return estimation.crowd_of(table, settings, earlier)


def _label_only(found: Estimation) -> Estimate:
    return Estimate(
        kind=Kind.LABEL_ONLY,
        annotator_model=found.choice.model.value,
        objective=None,
        selection=_selection(found.choice),
    )


def _selection(choice: Choice) -> Selection | None:
    if not choice.scores and choice.reason is None:
        return None
    scores = {name.value: score for name, score in choice.scores.items()}
    return Selection(scores=scores, margin=choice.margin, reason=choice.reason)


@dataclass(frozen=True)
class Watch:
    """Who looks on while a model is trained, and may end it.

    Attributes:
        told: Told in words what is going on.
        watcher: Called after each training step.
        saving: How often to leave a checkpoint.
        stop: Somebody's wish to end it.
    """

    told: Told = lambda _: None
    watcher: Callable[[Progress], None] | None = None
    saving: Saving = field(default_factory=Saving)
    stop: Stop = field(default_factory=Stop)


def train(
    source: Source,
    settings: TrainSettings,
    out: Path,
    *,
    overwrite: bool = False,
    watch: Watch | None = None,
) -> CompetenceReport:
    """Fine-tune a model and judge the annotators, and write the run's folder.

    Args:
        source: The annotations.
        settings: How to train.
        out: The run's folder.
        overwrite: Whether an earlier run there may be replaced.
        watch: Who looks on.

    Raises:
        StoppedError: It was asked to stop; `resume` goes on.
        RealmError: Whatever is wrong; nothing is left unless there is something to go on from.
    """
    checkpoint.check_output(out, overwrite=overwrite)
    require_training_extra()
    loaded = load(source, checks.check_trainable)
    unfinished = Unfinished(out)
    unfinished.begin(_plan(source, settings, loaded))
    return _finish(loaded, settings, unfinished, watch or Watch())


def resume(
    out: Path, asked: Mapping[str, object] | None = None, watch: Watch | None = None
) -> CompetenceReport:
    """Go on with a run that was cut off; it ends as if it had not been.

    Args:
        out: The run's folder.
        asked: Settings that somebody has asked for anew, by name; they must be those of the run.
        watch: Who looks on.

    Raises:
        UsageError: There is no unfinished run, or data, settings or software have changed.
    """
    checkpoint.put_back(out)
    unfinished = Unfinished(out)
    plan = unfinished.plan()
    require_training_extra()
    source = Source(plan.files, plan.reading, plan.items)
    settings = plan.settings.model_copy(update=dict(asked or {}))
    loaded = load(source, checks.check_trainable)
    check_unchanged(plan, _plan(source, settings, loaded))
    return _finish(loaded, settings, unfinished, watch or Watch())


def _plan(source: Source, settings: TrainSettings, loaded: Loaded) -> Plan:
    return Plan(
        settings=settings,
        files=source.files,
        items=source.items,
        reading=source.reading,
        inputs={file.path: file.sha256 for file in loaded.inputs},
        versions={"realm": __version__, **_versions()},
    )


def _finish(
    loaded: Loaded, settings: TrainSettings, unfinished: Unfinished, watch: Watch
) -> CompetenceReport:
    """Train from wherever it stands, and write the run's folder."""
    try:
        crowd = _crowd(loaded.table, settings)
        backbone, encoded, template = _prepare(loaded.table.items, settings)
        trained = _train(crowd, backbone, encoded, (settings, unfinished, watch))
    except BaseException as error:
        if isinstance(error, TrainingError) or not unfinished.has_progress:
            unfinished.discard()
        raise
    report = _report(trained, loaded, settings, _truncation(encoded, settings))
    with checkpoint.staged(unfinished.out) as stage:
        backbone.save(stage)
        (stage / "README.md").write_text(model_card(report), encoding="utf-8")
        _write_side(stage / checkpoint.SIDE, trained.found, report)
        record = _record(settings, template, loaded, encoded.n_truncated)
        (stage / checkpoint.SIDE / checkpoint.RUN_FILE).write_text(
            record.model_dump_json(indent=2) + "\n", encoding="utf-8"
        )
    return report


def require_training_extra() -> None:
    """Say how to get torch and transformers where they are missing."""
    missing = [
        name
        for name in ("torch", "transformers", "accelerate", "safetensors")
        if importlib.util.find_spec(name) is None
    ]
    if missing:
        raise MissingExtraError(
            f"this command needs {', '.join(missing)}", hint="pip install 'realm-cli[train]'"
        )


def _prepare(items: Items, settings: TrainSettings) -> tuple[Backbone, EncodedItems, str]:
    """The model, the items as it reads them, and the template they were put in."""
    from realm_cli.backbones import load_backbone
    from realm_cli.batching import distinct_options, encode, prompts, template_for

    template = template_for(items.tasks)
    names = distinct_options(items)
    fixed = all(found is not None for found in _labels_of_tasks(items))
    backbone = load_backbone(
        settings.model,
        [*prompts(items, template), *names],
        settings.seed,
        labels=names if fixed else None,
    )
    return backbone, encode(items, backbone, template, settings.max_length), template


def _train(
    crowd: Crowd,
    backbone: Backbone,
    encoded: EncodedItems,
    how: tuple[TrainSettings, Unfinished, Watch],
) -> Trained:
    from realm_cli.fitting import Work, train_and_judge

    settings, unfinished, watch = how
    return train_and_judge(crowd, Work(backbone, encoded, settings, unfinished, **vars(watch)))


def _report(
    trained: Trained, loaded: Loaded, settings: TrainSettings, issues: Sequence[Issue]
) -> CompetenceReport:
    found = trained.found
    estimate = Estimate(
        kind=trained.kind,
        annotator_model=found.choice.model.value,
        objective=settings.objective.value,
        model=settings.model,
        selection=_selection(found.choice),
        fallback=trained.fallback,
    )
    issues = [
        *loaded.warnings,
        *issues,
        *_fallback(trained),
        *doubts(found, held_out=trained.kind is not Kind.LABEL_ONLY),
    ]
    return build_report(found, estimate, loaded.inputs, issues, log_p=trained.log_p)


def _fallback(trained: Trained) -> list[Issue]:
    if trained.fallback is None:
        return []
    return [
        Issue(
            code="model-at-chance",
            severity=Severity.WARNING,
            message=f"labels and annotators are judged without the model: {trained.fallback}; more "
            "epochs, more data or a larger model may help; the model is saved all the same",
        )
    ]


def _truncation(encoded: EncodedItems, settings: TrainSettings) -> list[Issue]:
    if not encoded.n_truncated:
        return []
    return [
        Issue(
            code="truncated",
            severity=Severity.WARNING,
            message=f"{encoded.n_truncated:,} texts or options are longer than "
            f"{settings.max_length} tokens and were cut off",
            hint="raise --max-length if the model allows it",
        )
    ]


def _write_side(side: Path, found: Estimation, report: CompetenceReport) -> None:
    from safetensors.numpy import save_file

    (side / checkpoint.REPORT_FILE).write_text(json_file.to_json(report), encoding="utf-8")
    checkpoint.write_parquet(annotators_table(report), side / "annotators.parquet")
    checkpoint.write_parquet(
        labels_table(found.crowd.table, found.fit.log_q), side / "labels.parquet"
    )
    checkpoint.write_parquet(plain(found.crowd.table.rows), side / "annotations.parquet")
    save_file({"expertise": found.expertise}, side / "expertise.safetensors")


def _record(
    settings: TrainSettings, template: str, loaded: Loaded, n_truncated: int
) -> checkpoint.RunRecord:
    items = loaded.table.items
    return checkpoint.RunRecord(
        realm_version=__version__,
        created_at=now().isoformat(),
        settings=settings,
        template=template,
        tasks=tuple(
            checkpoint.TaskLabels(task=task, labels=labels)
            for task, labels in zip(items.tasks, _labels_of_tasks(items), strict=True)
        ),
        inputs={file.path: file.sha256 for file in loaded.inputs},
        versions=_versions(),
        n_truncated=n_truncated,
    )


def _versions() -> dict[str, str]:
    packages = ("torch", "transformers", "numpy")
    return {name: importlib.metadata.version(name) for name in packages}


def _labels_of_tasks(items: Items) -> list[tuple[str, ...] | None]:
    """The labels of each task `[T]`; None where each item brings its own options."""
    sets = [np.unique(items.option_set[items.task == t]) for t in range(len(items.tasks))]
    return [items.option_sets[found[0]] if len(found) == 1 else None for found in sets]


def is_run(path: Path) -> bool:
    """Whether a folder is a run, or was to be one; any other holds exports."""
    return (path / checkpoint.SIDE).is_dir()


def read_report(run: Path) -> CompetenceReport:
    """The report that a run's folder holds; needs no torch."""
    path = run / checkpoint.SIDE / checkpoint.REPORT_FILE
    if not path.is_file():
        raise checkpoint.no_run(run, path)
    return json_file.from_json(path)


def newest_run() -> Path:
    """The run under runs/ that was written last.

    Raises:
        UsageError: There is none.
    """
    found = RUNS.glob(f"*/{checkpoint.SIDE}/{checkpoint.REPORT_FILE}")
    runs = sorted(found, key=lambda path: path.stat().st_mtime)
    if not runs:
        raise UsageError(
            f"there is no run under {RUNS}/",
            hint="name a run's folder or export files, or train first: realm train FILES",
        )
    return runs[-1].parent.parent


def predict(run: Path, source: Source) -> pa.Table:
    """Label items with a run's model: item_id, task, label, probability, posterior, options.

    Raises:
        InputError: The folder is no run, or an item has no text, no options, or another task.
    """
    record = checkpoint.read_record(run)
    require_training_extra()
    items = _items_for(record, loaders.load_items(source.files, source.reading))
    from realm_cli.backbones import load_backbone
    from realm_cli.batching import encode
    from realm_cli.training import predict_log_p

    backbone = load_backbone(str(run), (), record.settings.seed)
    encoded = encode(items, backbone, record.template, record.settings.max_length)
    return pa.table(
        label_columns(items, predict_log_p(backbone, encoded, record.settings.batch_size))
    )


def _items_for(record: checkpoint.RunRecord, files: Sequence[LoadedFile]) -> Items:
    """The items of the files, their tasks and options filled in from the run."""
    rows = join([file.table for file in files])
    labels = {task.task: task.labels for task in record.tasks}
    tasks = rows["task"].to_pylist()
    if len(labels) == 1:
        # A file that does not name its task means the only one that the run knows.
        tasks = [next(iter(labels)) if task == DEFAULT_TASK else task for task in tasks]
    options = [
        given if given is not None else labels.get(task)
        for given, task in zip(rows["options"].to_pylist(), tasks, strict=True)
    ]
    issues = [
        *_missing(rows, [task in labels for task in tasks], "unknown-task",
                  f"has a task that the run does not know ({', '.join(labels)})"),
        *_missing(rows, [o is not None for o in options], "item-without-options",
                  "has no options to choose from; name their column with --options-col"),
        *_missing(rows, rows["text"].is_valid().to_pylist(), "item-without-text",
                  "has no text; name its column with --text-col"),
    ]  # fmt: skip
    if issues:
        raise InputError("these items cannot be labelled", issues=issues)
    rows = with_column(rows, "task", pa.array(tasks, pa.string()))
    rows = with_column(rows, "options", pa.array(options, pa.list_(pa.string())))
    items, _, found = build_items(rows)
    errors = [issue for issue in found if issue.severity is Severity.ERROR]
    if errors:
        raise InputError("the items contradict one another", issues=errors)
    return items


def _missing(rows: pa.Table, good: Sequence[bool], code: str, what: str) -> list[Issue]:
    return [
        Issue(
            code=code,
            message=f"item {rows['item_id'][row].as_py()!r} {what}",
            file=rows["source_file"][row].as_py(),
            line=rows["source_line"][row].as_py(),
        )
        for row in np.flatnonzero(~np.array(good, dtype=bool)).tolist()
    ]


def simulate_crowd(source: Source, settings: CrowdSettings, out: Path) -> list[Path]:
    """Let simulated annotators label items; write their labels, and the truth beside.

    Args:
        source: Items with text, options and gold.
        settings: The crowd.
        out: Parquet file of canonical annotations.

    Returns:
        The files with the truth: `NAME.truth.csv` about the annotators, and `NAME.items.csv` where
        items differ in difficulty.
    """
    files = loaders.load_items(source.files, source.reading)
    rows = join([file.table for file in files])
    items, item_of_row, issues = build_items(rows)
    errors = [issue for issue in issues if issue.severity is Severity.ERROR]
    if errors:
        raise InputError("the items contradict one another", issues=errors)
    crowd = simulate(items, settings)
    first = np.unique(item_of_row, return_index=True)[1]
    annotations = annotation_rows(plain(rows).take(first), items, crowd)
    checkpoint.write_file(out, lambda path: checkpoint.write_parquet(annotations, path))
    known = {
        out.with_name(f"{out.stem}.{name}.csv"): text
        for name, text in truth_files(items, crowd).items()
    }
    for path, text in known.items():
        checkpoint.write_file(path, partial(checkpoint.write_text, text))
    return list(known)
