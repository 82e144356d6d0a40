"""transformers' Trainer with a second learning rate, batches by length, and our own settings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_model
from torch.utils.data import DataLoader
from transformers import EvalPrediction, Trainer, TrainingArguments
from transformers.utils import SAFE_WEIGHTS_NAME

from realm_cli.batching import LengthBatches
from realm_cli.metrics import DEV, DEV_LOG
from realm_cli.training.module import RealmModule

if TYPE_CHECKING:
    from realm_cli.backbones.base import Backbone
    from realm_cli.config import TrainSettings

EXPERTISE_SPEED = 10
"""Learning rate of the expertise over that of the model, where none is set."""


@dataclass(frozen=True)
class Unlogged:
    """Losses since the last log.

    Attributes:
        total: Their sum.
        since: The step of that log.
    """

    total: float
    since: int


class RealmTrainer(Trainer):
    """Trainer with a second parameter group: expertise learns faster and without decay.

    Args:
        expertise_learning_rate: Learning rate of that group.
        options: Everything else, for Trainer.
    """

    def __init__(
        self, *, batches: LengthBatches, expertise_learning_rate: float, **options: Any
    ) -> None:
        super().__init__(**options, compute_metrics=per_annotation)
        self.batches = batches
        self.expertise_learning_rate = expertise_learning_rate

    @property
    def unlogged(self) -> Unlogged:
        """What a checkpoint must hold for the next log to be as if nothing had been."""
        return Unlogged(self._tr_loss.item(), self._globalstep_last_logged)

    @unlogged.setter
    def unlogged(self, losses: Unlogged) -> None:
        self._tr_loss += losses.total
        self._globalstep_last_logged = losses.since

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log, and with what is measured at a step the mean expertise there."""
        if "loss" in logs or DEV_LOG in logs:
            logs["mean_expertise"] = self.model.annotators.mean_expertise()
        super().log(logs, start_time)

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

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        """Whether to save an evaluated step: as the best so far, or because it was to be anyway.

        Not where patience has ended training: a resume could not tell, and would go on.
        """
        wanted = self.control.should_save and not self.control.should_training_stop
        best: bool = super()._determine_best_metric(metrics, trial)
        return best or wanted

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


def per_annotation(found: EvalPrediction) -> dict[str, float]:
    """The objective alone per annotation, from what `RealmModule.forward` says of items."""
    log_likelihood, n_annotations = found.predictions
    return {DEV: float(log_likelihood.astype("float64").sum() / n_annotations.sum())}


def learning_rate(settings: TrainSettings, backbone: Backbone) -> float:
    """The model's learning rate: as set, else as fits the backbone."""
    return settings.learning_rate or backbone.preset.learning_rate


def expertise_learning_rate(settings: TrainSettings, backbone: Backbone) -> float:
    """That of the expertise: as set, else a multiple of the model's."""
    return settings.expertise_learning_rate or EXPERTISE_SPEED * learning_rate(settings, backbone)


def epochs(settings: TrainSettings, backbone: Backbone) -> int:
    """Passes over the items: as set, else as fits the backbone."""
    return settings.epochs or backbone.preset.epochs


def choosing(settings: TrainSettings, n_epochs: int, steps_per_epoch: int) -> dict[str, Any]:
    """What the Trainer is told besides where the best of several checkpoints is to be kept.

    It evaluates at the end of steps, not of epochs: a checkpoint saved between an epoch's last step
    and its evaluation would lose that. While warming up the model is not trained on what is
    evaluated.
    """
    return {
        "eval_strategy": "steps",
        "eval_steps": settings.evaluate_every or steps_per_epoch,
        "eval_delay": math.ceil(settings.warm_up * n_epochs * steps_per_epoch),
        "per_device_eval_batch_size": settings.batch_size,
        "save_strategy": "best",
        "load_best_model_at_end": True,
        "metric_for_best_model": DEV,
        "greater_is_better": True,
        "restore_callback_states_from_checkpoint": True,
    }


def arguments(
    settings: TrainSettings, backbone: Backbone, folder: Path, **more: Any
) -> TrainingArguments:
    """What the Trainer is told.

    Args:
        settings: How to train.
        backbone: What is trained.
        folder: Where checkpoints go.
        more: Whatever else, by the Trainer's names.
    """
    on_gpu = torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(folder),
        seed=settings.seed,
        num_train_epochs=epochs(settings, backbone),
        per_device_train_batch_size=settings.batch_size,
        learning_rate=learning_rate(settings, backbone),
        lr_scheduler_type="linear",
        warmup_steps=0,
        weight_decay=0.0,
        max_grad_norm=1.0,
        bf16=on_gpu and torch.cuda.is_bf16_supported(),
        logging_steps=10,
        logging_nan_inf_filter=False,
        # One that is being written, and the one before it.
        save_total_limit=2,
        disable_tqdm=True,
        log_level="error",
        remove_unused_columns=False,
        ddp_find_unused_parameters=False,
        dataloader_pin_memory=on_gpu,
        label_names=["labels"],
        **{"save_strategy": "no", "report_to": "none"} | more,
    )
