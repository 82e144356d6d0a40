"""One training, from wherever it stands to its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import EarlyStoppingCallback, PrinterCallback, set_seed

from realm_cli.batching import Collator, EncodedItems, ItemDataset, LengthBatches
from realm_cli.choices import Tracker
from realm_cli.errors import RealmError, StoppedError, TrainingError
from realm_cli.learners import Learner
from realm_cli.metrics import FINAL, LoggedStep, logged_steps
from realm_cli.training.callbacks import CarryOn, Keep, Progress, Tell, WarmUp
from realm_cli.training.module import RealmModule
from realm_cli.training.predicting import predict_log_p
from realm_cli.training.trainer import (
    RealmTrainer,
    arguments,
    choosing,
    epochs,
    expertise_learning_rate,
)
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
    trainer = _trainer(backbone, items, annotators, job)
    latest = job.stage.latest()
    try:
        trainer.train(resume_from_checkpoint=None if latest is None else str(latest))
    except OSError as error:
        raise RealmError(
            f"a checkpoint could not be written to {job.stage.folder}: {error.strerror or error}",
            hint="make room; the checkpoint before it is whole, and --resume goes on from there",
        ) from error
    if job.stop.asked and trainer.state.global_step < trainer.state.max_steps:
        raise StoppedError(
            f"stopped after step {trainer.state.global_step} of {trainer.state.max_steps}"
        )
    log_p = predict_log_p(backbone, job.predict or items.encoded, job.settings.batch_size)
    # The loss is looked at every few steps only, and never after the last.
    if np.isnan(log_p).any() or any(p.isnan().any() for p in annotators.parameters()):
        raise TrainingError(
            "training ended in weights that are not numbers", hint="lower --learning-rate"
        )
    history = logged_steps(job.name, trainer.state.log_history)
    return FitResult(log_p, annotators.found(), history)


def _trainer(backbone: Backbone, items: ItemDataset, annotators: Learner, job: Job) -> RealmTrainer:
    """The Trainer, with all that goes on between its steps."""
    settings = job.settings
    module = RealmModule(backbone, annotators, settings, items.n_annotations)
    set_seed(settings.seed)
    batches = LengthBatches(items, settings.batch_size, settings.tokens_per_batch, settings.seed)
    more: dict[str, Any] = {"report_to": [one.value for one in job.trackers] or "none"}
    if job.dev is not None:
        more |= choosing(settings, epochs(settings, backbone), len(batches))
    trainer = RealmTrainer(
        model=module,
        args=arguments(settings, backbone, job.stage.folder, **more),
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
    return trainer
