"""Model and expertise learned together, through transformers' Trainer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import save_model
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments, set_seed
from transformers.utils import SAFE_WEIGHTS_NAME

from realm_cli.backbones.layout import ABSENT
from realm_cli.batching import Collator, EncodedItems, ItemDataset, LengthBatches
from realm_cli.errors import RealmError, StoppedError, TrainingError
from realm_cli.learners import Learner
from realm_cli.likelihood import (
    OBJECTIVES,
    form_term,
    log_option_probabilities,
    without_model,
)
from realm_cli.unfinished import Saving, Stage, Stop

if TYPE_CHECKING:
    from realm_cli.backbones.base import Backbone
    from realm_cli.config import TrainSettings
    from realm_cli.labels import FloatArray

EXPERTISE_SPEED = 10
"""Learning rate of the expertise over that of the model, where none is set."""


@dataclass(frozen=True)
class Progress:
    """One step of training, for whoever watches.

    Attributes:
        step: Steps done.
        n_steps: Steps in all.
        loss: Negative log-likelihood per annotation, in nats, over the last steps.
    """

    step: int
    n_steps: int
    loss: float | None


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
        predict: The items to predict once trained; those trained on where None.
    """

    settings: TrainSettings
    stage: Stage
    saving: Saving = field(default_factory=Saving)
    stop: Stop = field(default_factory=Stop)
    watcher: Callable[[Progress], None] | None = None
    predict: EncodedItems | None = None


class RealmModule(nn.Module):
    """Backbone and annotator model under one likelihood.

    Args:
        backbone: Scores options.
        annotators: The annotator model.
        settings: Objective and weight of the form term.
        n_annotations: Annotations in the whole data; spreads the prior over batches.
    """

    def __init__(
        self,
        backbone: Backbone,
        annotators: Learner,
        settings: TrainSettings,
        n_annotations: int,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.language_model = backbone.model
        self.annotators = annotators
        self.objective = OBJECTIVES[settings.objective]
        self.form_weight = settings.form_weight
        self.n_annotations = n_annotations
        self.warming_up = False

    def forward(
        self, num_items_in_batch: Tensor | int | None = None, **batch: Tensor
    ) -> dict[str, Tensor]:
        """Eq. (6), while warming up eq. (7): the loss of a batch, in nats per annotation.

        Args:
            num_items_in_batch: Annotations over all accumulated batches; the Trainer counts them.
            batch: As made by `batching.Collator`.
        """
        scores = self.backbone.option_scores(batch)
        present = batch["labels"] != ABSENT
        log_a = self.annotators.log_answers(
            batch["annotators"], batch["tasks"], batch["labels"], batch["n_options"],
            scores.shape[1],
        )  # fmt: skip
        if self.warming_up:
            total = without_model(self.objective, scores, log_a, present)
        else:
            total = self.objective(log_option_probabilities(scores), log_a, present)
            total = total + self.form_weight * form_term(scores)
        n = present.sum() if num_items_in_batch is None else num_items_in_batch
        prior = self.annotators.log_prior() * present.sum() / self.n_annotations
        return {"loss": -(total + prior) / n}


class RealmTrainer(Trainer):
    """Trainer with a second parameter group: expertise learns faster and without decay.

    Args:
        expertise_learning_rate: Learning rate of that group.
        options: Everything else, for Trainer.
    """

    def __init__(
        self, *, batches: LengthBatches, expertise_learning_rate: float, **options: Any
    ) -> None:
        super().__init__(**options)
        self.batches = batches
        self.expertise_learning_rate = expertise_learning_rate

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Batches by length, in an order that a seed and an epoch decide."""
        loader = DataLoader(
            self.train_dataset,
            batch_sampler=self.batches,
            collate_fn=self.data_collator,
            pin_memory=self.args.dataloader_pin_memory,
        )
        prepared: DataLoader[Any] = self.accelerator.prepare(loader)
        return prepared

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """As the Trainer does for models of its own kind: weights that are shared, once."""
        del state_dict
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        save_model(self.model, str(folder / SAFE_WEIGHTS_NAME), metadata={"format": "pt"})

    def create_optimizer(self, model: RealmModule | None = None) -> torch.optim.Optimizer:
        """AdamW over both groups."""
        module: RealmModule = model or self.model
        groups: list[dict[str, Any]] = [
            {"params": list(module.language_model.parameters())},
            {
                "params": list(module.annotators.parameters()),
                "lr": self.expertise_learning_rate,
                "weight_decay": 0.0,
            },
        ]
        self.optimizer: torch.optim.Optimizer = torch.optim.AdamW(
            groups,
            lr=self.args.learning_rate,
            weight_decay=self.args.weight_decay,
        )
        return self.optimizer


class _WarmUp(TrainerCallback):
    """Keeps the model's own opinion out of the mixture for the first share of the steps."""

    def __init__(self, module: RealmModule, share: float) -> None:
        self.module = module
        self.share = share

    def on_step_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        self.module.warming_up = state.global_step < self.share * state.max_steps


class _Keep(TrainerCallback):
    """Has the Trainer save now and then, and stop when that is asked for.

    Args:
        stage: Where the checkpoints go.
        saving: How often.
        stop: Whether to finish.
    """

    def __init__(self, stage: Stage, saving: Saving, stop: Stop) -> None:
        self.stage = stage
        self.saving = saving
        self.stop = stop
        self.saved_at = time.monotonic()

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.stop.heard = True

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self.stop.heard = False

    def on_step_end(self, _args: Any, state: Any, control: Any, **_: Any) -> None:
        due = time.monotonic() - self.saved_at >= 60 * self.saving.minutes
        every = self.saving.steps
        if due or self.stop.asked or (every and state.global_step % every == 0):
            control.should_save = True
        if self.stop.asked:
            control.should_training_stop = True

    def on_save(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        self.stage.mark_whole(state.global_step)
        self.saved_at = time.monotonic()


class _Watch(TrainerCallback):
    """Tells the watcher of each step and keeps what was logged."""

    def __init__(self, watcher: Callable[[Progress], None] | None) -> None:
        self.watcher = watcher
        self.loss: float | None = None
        self.history: list[Progress] = []

    def _progress(self, state: Any) -> Progress:
        return Progress(state.global_step, state.max_steps, self.loss)

    def on_step_end(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        if self.watcher is not None:
            self.watcher(self._progress(state))

    def on_log(
        self, _args: Any, state: Any, _control: Any, logs: dict[str, float] | None = None, **_: Any
    ) -> None:
        if logs and "loss" in logs:
            self.loss = logs["loss"]
            if not np.isfinite(self.loss):
                raise TrainingError(
                    f"the loss became {self.loss} at step {state.global_step}",
                    hint="lower --learning-rate",
                )
            self.history.append(self._progress(state))


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
    module = RealmModule(backbone, annotators, settings, items.n_annotations)
    watch = _Watch(job.watcher)
    set_seed(settings.seed)
    trainer = RealmTrainer(
        model=module,
        args=_arguments(settings, backbone, job.stage.folder),
        train_dataset=items,
        data_collator=Collator(backbone),
        callbacks=[
            _WarmUp(module, settings.warm_up), watch, _Keep(job.stage, job.saving, job.stop)
        ],
        batches=LengthBatches(
            items, settings.batch_size, settings.tokens_per_batch, settings.seed
        ),
        expertise_learning_rate=expertise_learning_rate(settings, backbone),
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
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
    log_p = predict_log_p(backbone, job.predict or items.encoded, settings.batch_size)
    # The loss is looked at every few steps only, and never after the last.
    if np.isnan(log_p).any() or any(p.isnan().any() for p in annotators.parameters()):
        raise TrainingError(
            "training ended in weights that are not numbers", hint="lower --learning-rate"
        )
    return FitResult(log_p, annotators.found(), tuple(watch.history))


def learning_rate(settings: TrainSettings, backbone: Backbone) -> float:
    """The model's learning rate: as set, else as fits the backbone."""
    return settings.learning_rate or backbone.preset.learning_rate


def expertise_learning_rate(settings: TrainSettings, backbone: Backbone) -> float:
    """That of the expertise: as set, else a multiple of the model's."""
    return settings.expertise_learning_rate or EXPERTISE_SPEED * learning_rate(settings, backbone)


def _arguments(settings: TrainSettings, backbone: Backbone, folder: Path) -> TrainingArguments:
    on_gpu = torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(folder),
        seed=settings.seed,
        num_train_epochs=settings.epochs or backbone.preset.epochs,
        per_device_train_batch_size=settings.batch_size,
        learning_rate=learning_rate(settings, backbone),
        lr_scheduler_type="linear",
        warmup_steps=0,
        weight_decay=0.0,
        max_grad_norm=1.0,
        bf16=on_gpu and torch.cuda.is_bf16_supported(),
        logging_steps=10,
        logging_nan_inf_filter=False,
        save_strategy="no",
        # One that is being written, and the one before it.
        save_total_limit=2,
        report_to="none",
        disable_tqdm=True,
        log_level="error",
        remove_unused_columns=False,
        ddp_find_unused_parameters=False,
        dataloader_pin_memory=on_gpu,
        label_names=["labels"],
    )


@torch.inference_mode()
def predict_log_p(backbone: Backbone, encoded: EncodedItems, batch_size: int) -> FloatArray:
    """`[I, K]` log-probabilities of the options; -inf beyond an item's own.

    Items are batched by length, so that little of a batch is padding.
    """
    backbone.model.eval()
    dataset = ItemDataset(encoded)
    collate = Collator(backbone)
    width = max(len(rows) for rows in encoded.option_rows)
    log_p = np.full((len(dataset), width), -np.inf)
    order = sorted(range(len(dataset)), key=lambda i: len(encoded.inputs[i]))
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        batch = collate([dataset[i] for i in rows])
        on_device = {name: tensor.to(backbone.model.device) for name, tensor in batch.items()}
        scores = backbone.option_scores(on_device)
        values = log_option_probabilities(scores).cpu().double().numpy()
        log_p[rows, : values.shape[1]] = values
    return log_p
