"""What transformers' Trainer is told: from our settings, and from what fits the model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainingArguments

from realm_cli import processes
from realm_cli.choices import Precision, Schedule
from realm_cli.errors import UsageError
from realm_cli.metrics import DEV

if TYPE_CHECKING:
    from realm_cli.backbones.base import Backbone
    from realm_cli.config import TrainSettings

EXPERTISE_SPEED = 10
"""Learning rate of the expertise over that of the model, where none is set."""
SCHEDULES = {
    Schedule.LINEAR: "linear",
    Schedule.COSINE: "cosine",
    Schedule.CONSTANT: "constant_with_warmup",
}


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


def precision_of(settings: TrainSettings) -> Precision:
    """As asked for; by itself bf16 on a GPU that has it, else single precision.

    Raises:
        UsageError: fp16 without a GPU.
    """
    on_gpu = torch.cuda.is_available()
    if settings.precision is Precision.FP16 and not on_gpu:
        raise UsageError(
            "--precision fp16 needs a GPU, and there is none here",
            hint="leave --precision out, or try --precision bf16",
        )
    if settings.precision is not Precision.AUTO:
        return settings.precision
    return Precision.BF16 if on_gpu and torch.cuda.is_bf16_supported() else Precision.FP32


def arguments(
    settings: TrainSettings,
    backbone: Backbone,
    folder: Path,
    passes: int | None = None,
    **more: Any,
) -> TrainingArguments:
    """What the Trainer is told.

    Args:
        settings: How to train.
        backbone: What is trained.
        folder: Where checkpoints go.
        passes: Passes a step in the place of what the settings say.
        more: Whatever else, by the Trainer's names.
    """
    on_gpu = torch.cuda.is_available()
    precision = precision_of(settings)
    found = TrainingArguments(
        output_dir=str(folder),
        seed=settings.seed,
        num_train_epochs=epochs(settings, backbone),
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=passes or settings.accumulate,
        learning_rate=learning_rate(settings, backbone),
        lr_scheduler_type=SCHEDULES[settings.schedule],
        warmup_steps=settings.learning_rate_warm_up,
        weight_decay=settings.weight_decay,
        max_grad_norm=1.0,
        bf16=precision is Precision.BF16,
        fp16=precision is Precision.FP16,
        fsdp=settings.fsdp or None,
        # Only then does accelerate join processes, and the Trainer allow bf16, without a GPU.
        use_cpu=not on_gpu and (processes.count() > 1 or precision is Precision.BF16),
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
    # Several GPUs in one process would be nn.DataParallel, which takes modules apart.
    found._n_gpu = min(found.n_gpu, 1)
    return found
