"""transformers' Trainer with a second learning rate, batches by length, and our own settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_model
from torch.utils.data import DataLoader
from transformers import Trainer, TrainingArguments
from transformers.utils import SAFE_WEIGHTS_NAME

from realm_cli.batching import LengthBatches
from realm_cli.training.module import RealmModule

if TYPE_CHECKING:
    from realm_cli.backbones.base import Backbone
    from realm_cli.config import TrainSettings

EXPERTISE_SPEED = 10
"""Learning rate of the expertise over that of the model, where none is set."""


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


def learning_rate(settings: TrainSettings, backbone: Backbone) -> float:
    """The model's learning rate: as set, else as fits the backbone."""
    return settings.learning_rate or backbone.preset.learning_rate


def expertise_learning_rate(settings: TrainSettings, backbone: Backbone) -> float:
    """That of the expertise: as set, else a multiple of the model's."""
    return settings.expertise_learning_rate or EXPERTISE_SPEED * learning_rate(settings, backbone)


def arguments(settings: TrainSettings, backbone: Backbone, folder: Path) -> TrainingArguments:
    """What the Trainer is told."""
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
