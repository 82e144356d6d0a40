"""transformers' Trainer with a second learning rate, batches by length, and our own settings."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate.data_loader import prepare_data_loader
from accelerate.utils import DistributedType
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import EvalPrediction, Trainer
from transformers.utils import SAFE_WEIGHTS_NAME

from realm_cli.batching import LengthBatches
from realm_cli.metrics import DEV, DEV_LOG
from realm_cli.training.memory import PassTooLargeError
from realm_cli.training.module import RealmModule

TORCH_WRITER = "inline_container"
"""Where in torch a RuntimeError comes from that stands for a disk that is full."""


@dataclass(frozen=True)
class Unlogged:
    """Losses since the last log.

    Attributes:
        total: Their sum.
        since: The step of that log.
    """

    total: float
    since: int


class BatchedTrainer(Trainer):
    """transformers' Trainer over batches that are made beforehand.

    Args:
        batches: The batches.
        options: Everything else, for Trainer.
    """

    def __init__(self, *, batches: LengthBatches, **options: Any) -> None:
        super().__init__(**options)
        self.batches = batches

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Batches by length, in an order that a seed and an epoch decide.

        The batches of other processes are left out already; accelerate would share them out again.
        """
        loader = DataLoader(
            self.train_dataset,
            batch_sampler=self.batches,
            collate_fn=self.data_collator,
            pin_memory=self.args.dataloader_pin_memory,
        )
        prepared: DataLoader[Any] = prepare_data_loader(
            loader, self.accelerator.device, num_processes=1, process_index=0, put_on_device=True
        )
        return prepared


class RealmTrainer(BatchedTrainer):
    """Trainer with a second parameter group: expertise learns faster and without decay.

    Args:
        expertise_learning_rate: Learning rate of that group.
        options: Everything else, for Trainer.
    """

    def __init__(self, *, expertise_learning_rate: float, **options: Any) -> None:
        super().__init__(**options, compute_metrics=per_annotation)
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
        """Log, and with what is measured at a step the mean expertise there.

        Where parameters are spread over processes nobody has all of it.
        """
        if not self.is_fsdp_enabled and ("loss" in logs or DEV_LOG in logs):
            logs["mean_expertise"] = self.model.annotators.mean_expertise()
        super().log(logs, start_time)

    @property
    def is_sharding(self) -> bool:
        """Whether weights are spread over processes; accelerate does so on no CPU."""
        return self.accelerator.distributed_type is DistributedType.FSDP

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        """Whether to save an evaluated step: as the best so far, or because it was to be anyway.

        Not where patience has ended training: a resume could not tell, and would go on.
        """
        wanted = self.control.should_save and not self.control.should_training_stop
        best: bool = super()._determine_best_metric(metrics, trial)
        return best or wanted

    def training_step(self, *arguments: Any, **more: Any) -> Tensor:
        """One pass, forward and backward.

        Raises:
            PassTooLargeError: The device has too little memory; the weights are as they were.
        """
        try:
            loss: Tensor = super().training_step(*arguments, **more)
        except torch.OutOfMemoryError as error:
            raise PassTooLargeError from error
        return loss

    def save_now(self) -> None:
        """Leave a checkpoint of the last step that was done to its end."""
        self.model.zero_grad()
        self._save_checkpoint(self.model, trial=None)
        self.callback_handler.on_save(self.args, self.state, self.control)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """As the Trainer does; what cannot be written to its end is taken away again.

        Raises:
            OSError: The disk is full, or cannot be written.
        """
        try:
            super()._save_checkpoint(model, trial)
        except (OSError, SafetensorError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and TORCH_WRITER not in str(error):
                raise
            folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
            shutil.rmtree(folder, ignore_errors=True)
            raise OSError(getattr(error, "strerror", None) or str(error)) from error

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """What is trained, weights that are shared once; the rest is as the model came."""
        del state_dict
        if self.is_fsdp_enabled or not self.args.should_save:
            return  # weights that are spread out go into a file of their own beside
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        trained = {
            name: parameter.detach().contiguous()
            for name, parameter in self.model.named_parameters()
            if parameter.requires_grad
        }
        save_file(trained, str(folder / SAFE_WEIGHTS_NAME), metadata={"format": "pt"})

    def create_optimizer(self, model: RealmModule | None = None) -> torch.optim.Optimizer:
        """AdamW over matrices, over biases and norms, which do not decay, and over expertise."""
        module: RealmModule = model or self.model
        decaying = set(self.get_decay_parameter_names(module.language_model))
        named = [(n, p) for n, p in module.language_model.named_parameters() if p.requires_grad]
        groups: list[dict[str, Any]] = [
            {"params": [p for n, p in named if n in decaying]},
            {"params": [p for n, p in named if n not in decaying], "weight_decay": 0.0},
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
