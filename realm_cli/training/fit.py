"""One training, from wherever it stands to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import PrinterCallback, set_seed

from realm_cli import processes
from realm_cli.batching import Collator, EncodedItems, ItemDataset, LengthBatches, Split
from realm_cli.errors import RealmError, StoppedError, TrainingError, UsageError
from realm_cli.learners import Learner
from realm_cli.training.callbacks import Keep, Progress, Tell, WarmUp
from realm_cli.training.memory import PassTooLargeError, tokens_of_a_pass
from realm_cli.training.module import RealmModule
from realm_cli.training.predicting import predict_log_p
from realm_cli.training.preparation import prepare
from realm_cli.training.sharding import sharded
from realm_cli.training.trainer import RealmTrainer, arguments, expertise_learning_rate
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
        history: One entry a logged step.
    """

    log_p: FloatArray
    parameters: Any
    history: tuple[Progress, ...]


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
    """

    settings: TrainSettings
    stage: Stage
    saving: Saving = field(default_factory=Saving)
    stop: Stop = field(default_factory=Stop)
    watcher: Callable[[Progress], None] | None = None
    told: Callable[[str], None] = lambda _: None
    predict: EncodedItems | None = None


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
    watch = Tell(job.watcher)
    with sharded(module) if settings.fsdp else nullcontext(module) as working:
        _run(working, items, job, watch)
    size = max(settings.batch_size // settings.accumulate, 1)
    log_p = predict_log_p(backbone, job.predict or items.encoded, size)
    # The loss is looked at every few steps only, and never after the last.
    if np.isnan(log_p).any() or any(p.isnan().any() for p in annotators.parameters()):
        raise TrainingError(
            "training ended in weights that are not numbers", hint="lower --learning-rate"
        )
    return FitResult(log_p, annotators.found(), tuple(watch.history))


def _run(module: RealmModule, items: ItemDataset, job: Job, watch: Tell) -> None:
    """Train; where a pass does not fit into memory, go on from there in passes half as large."""
    passes = job.settings.accumulate
    trainer = _trainer(module, items, job, (watch, passes))
    try:
        _train(trainer, job)
        return
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
    again = _trainer(module, items, job, (watch, 2 * passes))
    try:
        _train(again, job)
    except PassTooLargeError as error:
        raise _too_large(again.state.global_step) from error


def _too_large(step: int) -> RealmError:
    return RealmError(
        f"the device has too little memory for step {step + 1}",
        hint="a larger --accumulate or --activation-checkpointing needs less, and may be given "
        "with --resume; so do a smaller --max-length, --lora, or a smaller model",
    )


def _trainer(
    module: RealmModule, items: ItemDataset, job: Job, how: tuple[Tell, int]
) -> RealmTrainer:
    settings, backbone = job.settings, module.backbone
    watch, passes = how
    set_seed(settings.seed)
    split = Split(passes, processes.count(), processes.index())
    tokens = settings.tokens_per_batch
    if tokens == "auto":
        tokens = tokens_of_a_pass(backbone) * settings.accumulate * processes.count()
    trainer = RealmTrainer(
        model=module,
        args=arguments(settings, backbone, job.stage.folder, passes),
        train_dataset=items,
        data_collator=Collator(backbone),
        callbacks=[
            WarmUp(module, settings.warm_up), watch, Keep(job.stage, job.saving, job.stop)
        ],
        batches=LengthBatches(items, settings.batch_size, tokens, settings.seed, split),
        expertise_learning_rate=expertise_learning_rate(settings, backbone),
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    if settings.fsdp and not trainer.is_sharding:
        raise UsageError(
            "--fsdp needs GPUs: on CPUs accelerate gives every process the whole model",
            hint="leave --fsdp out; several processes share the work without it too",
        )
    return trainer


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


def _train(trainer: RealmTrainer, job: Job) -> None:
    """From the last checkpoint, if there is one."""
    latest = job.stage.latest()
    with _saving(job):
        trainer.train(resume_from_checkpoint=None if latest is None else str(latest))
    if job.stop.asked and trainer.state.global_step < trainer.state.max_steps:
        raise StoppedError(
            f"stopped after step {trainer.state.global_step} of {trainer.state.max_steps}"
        )
