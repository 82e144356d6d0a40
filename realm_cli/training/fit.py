"""One training, from wherever it stands to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import EarlyStoppingCallback, PrinterCallback, set_seed

from realm_cli import processes
from realm_cli.batching import Collator, EncodedItems, ItemDataset, LengthBatches, Split
from realm_cli.choices import Tracker
from realm_cli.errors import RealmError, StoppedError, TrainingError, UsageError
from realm_cli.learners import Learner
from realm_cli.metrics import FINAL, LoggedStep, logged_steps
from realm_cli.training.arguments import arguments, choosing, epochs, expertise_learning_rate
from realm_cli.training.callbacks import CarryOn, Keep, Progress, Tell, WarmUp
from realm_cli.training.memory import PassTooLargeError, tokens_of_a_pass
from realm_cli.training.module import RealmModule
from realm_cli.training.predicting import predict_log_p
from realm_cli.training.preparation import prepare
from realm_cli.training.sharding import sharded
from realm_cli.training.trainer import RealmTrainer
from realm_cli.unfinished import Saving, Stage, Stop

if TYPE_CHECKING:
    from realm_cli.backbones.base import Backbone
    from realm_cli.config import TrainSettings
    from realm_cli.labels import FloatArray


@dataclass(frozen=True)
class FitResult:
    """What training learned.

    Attributes:
        log_p: `[I, K]` log-probabilities of the options of the items predicted.
        parameters: Of the annotator model, as its bound form takes them.
        history: What was measured on the way, before a resume too.
    """

    log_p: FloatArray
    parameters: Any
    history: tuple[LoggedStep, ...]


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        settings: How.
        stage: Where it leaves its checkpoints, and goes on from the last one there.
        saving: How often.
        stop: Somebody's wish to end it.
        watcher: Called after each step.
        told: Told in words what is going on.
        predict: The items to predict once trained; those trained on where None.
        dev: Annotated items to choose the best checkpoint by; the last is taken where None.
        name: What this training is called where what was measured is told.
        trackers: Whom else to tell of it.
    """

    settings: TrainSettings
    stage: Stage
    saving: Saving = field(default_factory=Saving)
    stop: Stop = field(default_factory=Stop)
    watcher: Callable[[Progress], None] | None = None
    told: Callable[[str], None] = lambda _: None
    predict: EncodedItems | None = None
    dev: ItemDataset | None = None
    name: str = FINAL
    trackers: tuple[Tracker, ...] = ()


def fit(
    backbone: Backbone,
    items: ItemDataset,
    annotators: Learner,
    job: Job,
) -> FitResult:
    """Learn the backbone's weights and the annotators' expertise from annotations.

    Args:
        backbone: Trained in place.
        items: With their annotations.
        annotators: The annotator model, trained in place from where it stands.
        job: How, where, and for whom.

    Raises:
        TrainingError: The loss is not a number.
        StoppedError: Training was asked to stop; where it stood is saved.
        RealmError: A checkpoint could not be written.
    """
    settings = job.settings
    prepare(backbone, settings)
    module = RealmModule(backbone, annotators, settings, items.n_annotations)
    with sharded(module) if settings.fsdp else nullcontext(module) as working:
        log = _run(working, items, job)
    size = max(settings.batch_size // settings.accumulate, 1)
    log_p = predict_log_p(backbone, job.predict or items.encoded, size)
    # The loss is looked at every few steps only, and never after the last.
    if np.isnan(log_p).any() or any(p.isnan().any() for p in annotators.parameters()):
        raise TrainingError(
            "training ended in weights that are not numbers", hint="lower --learning-rate"
        )
    return FitResult(log_p, annotators.found(), logged_steps(job.name, log))


def _run(module: RealmModule, items: ItemDataset, job: Job) -> list[dict[str, float]]:
    """Train; where a pass does not fit into memory, go on from there in passes half as large.

    Returns:
        What was logged.
    """
    passes = job.settings.accumulate
    trainer = _trainer(module, items, job, passes)
    try:
        return _train(trainer, job)
    except PassTooLargeError as error:
        step = trainer.state.global_step
        if processes.count() > 1 or 2 * passes > job.settings.batch_size:
            raise _too_large(step) from error
    job.told(
        f"out of memory at step {step + 1}: from here on each step is done in {2 * passes} "
        "passes; the steps are the same"
    )
    if step:
        with _saving(job):
            trainer.save_now()
    del trainer
    torch.cuda.empty_cache()
    again = _trainer(module, items, job, 2 * passes)
    try:
        return _train(again, job)
    except PassTooLargeError as error:
        raise _too_large(again.state.global_step) from error


def _too_large(step: int) -> RealmError:
    return RealmError(
        f"the device has too little memory for step {step + 1}",
        hint="a larger --accumulate or --activation-checkpointing needs less, and may be given "
        "with --resume; so do a smaller --max-length, --lora, or a smaller model",
    )


def _trainer(module: RealmModule, items: ItemDataset, job: Job, passes: int) -> RealmTrainer:
    """The Trainer, with all that goes on between its steps."""
    settings, backbone = job.settings, module.backbone
    set_seed(settings.seed)
    batches = _batches(module, items, settings, passes)
    more: dict[str, Any] = {"report_to": [one.value for one in job.trackers] or "none"}
    if job.dev is not None:
        more |= choosing(settings, epochs(settings, backbone), len(batches) // passes)
    trainer = RealmTrainer(
        model=module,
        args=arguments(settings, backbone, job.stage.folder, passes, **more),
        train_dataset=items,
        eval_dataset=job.dev,
        data_collator=Collator(backbone),
        callbacks=[WarmUp(module, settings.warm_up), Tell(job.watcher)],
        batches=batches,
        expertise_learning_rate=expertise_learning_rate(settings, backbone),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(CarryOn(trainer, job.stage))
    # A checkpoint is whole once everybody else has put their part into it.
    trainer.add_callback(Keep(job.stage, job.saving, job.stop))
    if job.dev is not None and settings.patience is not None:
        trainer.add_callback(EarlyStoppingCallback(settings.patience))
    if settings.fsdp and not trainer.is_sharding:
        raise UsageError(
            "--fsdp needs GPUs: on CPUs accelerate gives every process the whole model",
            hint="leave --fsdp out; several processes share the work without it too",
        )
    return trainer


def _batches(
    module: RealmModule, items: ItemDataset, settings: TrainSettings, passes: int
) -> LengthBatches:
    """This process's passes."""
    split = Split(passes, processes.count(), processes.index())
    tokens = settings.tokens_per_batch
    if tokens == "auto":
        tokens = tokens_of_a_pass(module.backbone) * settings.accumulate * processes.count()
    return LengthBatches(items, settings.batch_size, tokens, settings.seed, split)


@contextmanager
def _saving(job: Job) -> Iterator[None]:
    """Say in plain words that a checkpoint could not be written."""
    try:
        yield
    except OSError as error:
        raise RealmError(
            f"a checkpoint could not be written to {job.stage.folder}: {error.strerror or error}",
            hint="make room; the checkpoint before it is whole, and --resume goes on from there",
        ) from error


def _train(trainer: RealmTrainer, job: Job) -> list[dict[str, float]]:
    """From the last checkpoint, if there is one."""
    latest = job.stage.latest()
    with _saving(job):
        trainer.train(resume_from_checkpoint=None if latest is None else str(latest))
    if job.stop.agreed and trainer.state.global_step < trainer.state.max_steps:
        raise StoppedError(
            f"stopped after step {trainer.state.global_step} of {trainer.state.max_steps}"
        )
    log: list[dict[str, float]] = trainer.state.log_history
    return log
