"""What each command does, step by step, callable without the command line.

files -> loaders -> AnnotationTable -> checks -> training -> posterior -> report -> a run's folder.
Torch is imported only by the steps that train or predict.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from realm_cli import __version__, checkpoint, checks, estimation, processes, run_folder
from realm_cli.aggregate.choice import Choice
from realm_cli.annotations import AnnotationTable, Items
from realm_cli.choices import TINY_T5, LabelKind, Method, Tracker
from realm_cli.config import JudgeSettings, TrainSettings
from realm_cli.doubts import doubts
from realm_cli.errors import InputError, TrainingError, UsageError
from realm_cli.estimation import Crowd, Estimation, Told
from realm_cli.hub import Fetching
from realm_cli.intake import Loaded, Source, load
from realm_cli.labelling import Labelling, label_items
from realm_cli.open_answers import with_sampled_options
from realm_cli.prompts import prompts, templates_for
from realm_cli.report import json_file
from realm_cli.report.build import build_report
from realm_cli.report.model import CompetenceReport, Estimate, Kind, Selection
from realm_cli.report.model_card import TrainedModel, model_card
from realm_cli.schema import Issue, Severity
from realm_cli.unfinished import Plan, Saving, Stop, Unfinished, check_unchanged

if TYPE_CHECKING:
    from realm_cli.backbones.base import Backbone
    from realm_cli.batching import EncodedItems
    from realm_cli.fitting import Trained
    from realm_cli.training.callbacks import Progress

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
    return judge_loaded(load(source, checks.check_estimable), settings, told)


def judge_loaded(
    loaded: Loaded, settings: JudgeSettings = LABELS_ALONE, told: Told = lambda _: None
) -> tuple[Estimation, CompetenceReport]:
    """The same of annotations that have been read."""
    found = estimation.estimate(crowd_of(loaded.table, settings), settings, told=told)
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


def crowd_of(table: AnnotationTable, settings: JudgeSettings) -> estimation.Crowd:
    """A table's labels, with what an earlier report knows of its annotators."""
    earlier = () if settings.prior is None else json_file.from_json(settings.prior).annotators
    return estimation.crowd_of(table, settings, earlier)


def _label_only(found: Estimation) -> Estimate:
    return Estimate(
        kind=Kind.LABEL_ONLY,
        annotator_model=found.choice.model.value,
        objective=None,
        selection=_selection(found.choice),
        label_power=found.fit.power,
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
        fetching: Called now and then while a model is downloaded.
        saving: How often to leave a checkpoint.
        stop: Somebody's wish to end it.
        trackers: Whom else to tell of the final training.
    """

    told: Told = lambda _: None
    watcher: Callable[[Progress], None] | None = None
    fetching: Fetching | None = None
    saving: Saving = field(default_factory=Saving)
    stop: Stop = field(default_factory=Stop)
    trackers: tuple[Tracker, ...] = ()


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
    checkpoint.require_training_extra()
    check_settings(settings)
    with processes.together():
        loaded = _load(source, settings)
        unfinished = Unfinished(out)
        # Nobody may look into the folder before the first process has begun it.
        processes.first(lambda: unfinished.begin(_plan(source, settings, loaded)))
        return _finish(loaded, settings, unfinished, watch or Watch())


def check_settings(settings: TrainSettings) -> None:
    """Refuse settings that exclude one another.

    Raises:
        UsageError: Saying which, and what to do.
    """
    refused = (
        (settings.quantize and not settings.lora,
         "--quantize freezes the weights, so something else has to learn", "add --lora 16"),
        (settings.merge_adapter and not settings.lora,
         "--merge-adapter has no adapter to merge", "add --lora 16, or leave it out"),
        (settings.fsdp and processes.count() == 1,
         "--fsdp spreads a model over several processes, and this is one",
         "torchrun --nproc-per-node 2 -m realm_cli train … --fsdp"),
        (settings.model == TINY_T5 and settings.quantize,
         "tiny-t5 cannot be quantized", "leave --quantize out"),
        (settings.model == TINY_T5 and settings.lora and not settings.merge_adapter,
         "an adapter of tiny-t5 is of no use: its weights are made anew for every run",
         "add --merge-adapter, or name another model"),
    )  # fmt: skip
    for wrong, message, hint in refused:
        if wrong:
            raise UsageError(message, hint=hint)


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
    checkpoint.require_training_extra()
    with processes.together():
        processes.first(lambda: checkpoint.put_back(out))
        unfinished = Unfinished(out)
        plan = unfinished.plan()
        source = Source(plan.files, plan.reading, plan.items)
        settings = plan.settings.model_copy(update=dict(asked or {}))
        loaded = _load(source, settings)
        check_unchanged(plan, _plan(source, settings, loaded))
        return _finish(loaded, settings, unfinished, watch or Watch())


def _load(source: Source, settings: TrainSettings) -> Loaded:
    dev = settings.dev if isinstance(settings.dev, Path) else None
    return load(replace(source, dev=dev), checks.check_trainable)


def _plan(source: Source, settings: TrainSettings, loaded: Loaded) -> Plan:
    return Plan(
        settings=settings,
        files=source.files,
        items=source.items,
        reading=source.reading,
        inputs={file.path: file.sha256 for file in loaded.inputs},
        versions={"realm": __version__, **run_folder.versions()},
    )


def _finish(
    loaded: Loaded, settings: TrainSettings, unfinished: Unfinished, watch: Watch
) -> CompetenceReport:
    """Train from wherever it stands, and write the run's folder."""
    loaded = _opened(loaded, settings)
    try:
        crowd = crowd_of(loaded.table, settings)
        backbone, encoded, templates = _prepare(loaded.table.items, settings, watch.fetching)
        work = (settings, _dev_items(crowd, loaded, settings), unfinished, watch)
        trained = _train(crowd, backbone, encoded, work)
    except BaseException as error:
        worthless = isinstance(error, TrainingError) or not unfinished.has_progress
        if worthless and processes.is_first():
            unfinished.discard()
        raise
    report = _report(trained, loaded, settings, _truncation(encoded, settings))
    if not processes.is_first():
        return report
    with checkpoint.staged(unfinished.out) as stage:
        backbone.save(stage, merge=settings.merge_adapter)
        card = model_card(report, _trained_model(backbone, settings, templates))
        (stage / "README.md").write_text(card, encoding="utf-8")
        run_folder.write_side(stage / checkpoint.SIDE, trained.found, report, trained.history)
        record = run_folder.record(settings, templates, loaded, encoded.n_truncated).model_copy(
            update={"commit": backbone.commit}
        )
        (stage / checkpoint.SIDE / checkpoint.RUN_FILE).write_text(
            record.model_dump_json(indent=2) + "\n", encoding="utf-8"
        )
        if (written := unfinished.stage(0).tensorboard).exists():
            shutil.copytree(written, stage / checkpoint.SIDE / "tensorboard")
    return report


def _dev_items(crowd: Crowd, loaded: Loaded, settings: TrainSettings) -> npt.NDArray[np.bool_]:
    """Items kept out of training `[I]`: those of the --dev file, or a share that the seed draws."""
    if not isinstance(settings.dev, float):
        return loaded.dev
    dice = crowd.labels.item_dice(np.random.default_rng([settings.seed, 3]))
    n = max(round(settings.dev * len(dice)), 1)
    chosen = np.zeros(len(dice), dtype=bool)
    chosen[np.argsort(dice)[:n]] = True
    if chosen.all():
        raise InputError("--dev keeps every item out of training", hint="name a smaller share")
    return chosen


def _opened(loaded: Loaded, settings: TrainSettings) -> Loaded:
    """With options sampled from the answers, where labels are free text."""
    if settings.labels is LabelKind.CHOICE:
        return loaded
    table, issues = with_sampled_options(loaded.table, settings.distractors, settings.seed)
    known = [issue for issue in loaded.issues if issue.code != "too-many-labels"]
    return replace(loaded, table=table, issues=(*known, *issues))


def _prepare(
    items: Items, settings: TrainSettings, fetching: Fetching | None
) -> tuple[Backbone, EncodedItems, tuple[str, ...]]:
    """The model, the items as it reads them, and the template of each task."""
    from realm_cli.backbones.base import SequenceBackbone
    from realm_cli.batching import encode

    backbone = backbone_for(items, settings, fetching)
    if settings.labels is LabelKind.OPEN and not isinstance(backbone, SequenceBackbone):
        raise UsageError(
            f"--labels open needs a model that writes, and {settings.model} is an encoder, which "
            "only scores what it is offered",
            hint="take an encoder-decoder model or a decoder, for example "
            "--model google/flan-t5-base",
        )
    templates = templates_for(items.tasks, settings, backbone.cue)
    return backbone, encode(items, backbone, templates, settings.max_length), templates


def backbone_for(
    items: Items, settings: TrainSettings, fetching: Fetching | None = None
) -> Backbone:
    """The model that settings name, ready for items of this kind."""
    from realm_cli.backbones.adapters import Tuning
    from realm_cli.backbones.base import Request
    from realm_cli.backbones.loading import load_backbone
    from realm_cli.batching import distinct_options

    names = distinct_options(items)
    fixed = all(found is not None for found in run_folder.labels_of_tasks(items))
    request = Request(
        settings.model,
        settings.seed,
        tuple(names) if fixed else None,
        settings.backbone,
        settings.revision,
        Tuning(settings.lora, settings.quantize, settings.dropout),
    )
    texts = prompts(items, templates_for(items.tasks, settings))
    return load_backbone(request, [*texts, *names], fetching)


def _trained_model(
    backbone: Backbone, settings: TrainSettings, templates: Sequence[str]
) -> TrainedModel:
    """What the card says of the model beside what the report knows."""
    return TrainedModel(
        usage=backbone.usage,
        # A folder's path says more about somebody's machine than about the model.
        base=Path(settings.model).name if Path(settings.model).is_dir() else settings.model,
        commit=backbone.commit,
        templates=tuple(templates),
        settings=settings,
    )


def _train(
    crowd: Crowd,
    backbone: Backbone,
    encoded: EncodedItems,
    how: tuple[TrainSettings, npt.NDArray[np.bool_], Unfinished, Watch],
) -> Trained:
    from realm_cli.fitting import Work, train_and_judge

    settings, dev, unfinished, watch = how
    listeners = (watch.told, watch.watcher, watch.saving, watch.stop, watch.trackers)
    return train_and_judge(crowd, Work(backbone, encoded, settings, dev, unfinished, *listeners))


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
        label_power=found.fit.power,
    )
    issues = [
        *loaded.warnings,
        *issues,
        *_fallback(trained),
        *doubts(found, held_out=trained.kind is not Kind.LABEL_ONLY),
    ]
    return build_report(
        found, estimate, loaded.inputs, issues, log_p=trained.log_p, history=trained.history
    )


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
