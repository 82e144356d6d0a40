"""transformers' Trainer with a second learning rate, batches by length, and our own settings."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate.data_loader import prepare_data_loader
from accelerate.utils import DistributedType
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import Trainer, TrainingArguments
from transformers.utils import SAFE_WEIGHTS_NAME

from realm_cli import processes
from realm_cli.batching import LengthBatches
from realm_cli.choices import Precision, Schedule
from realm_cli.errors import UsageError
from realm_cli.training.memory import PassTooLargeError
from realm_cli.training.module import RealmModule

if TYPE_CHECKING:
    from realm_cli.backbones.base import Backbone
    from realm_cli.config import TrainSettings

EXPERTISE_SPEED = 10
"""Learning rate of the expertise over that of the model, where none is set."""
TORCH_WRITER = "inline_container"
"""Where in torch a RuntimeError comes from that stands for a disk that is full."""
SCHEDULES = {
    Schedule.LINEAR: "linear",
    Schedule.COSINE: "cosine",
    Schedule.CONSTANT: "constant_with_warmup",
}


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

    @property
    def is_sharding(self) -> bool:
        """Whether weights are spread over processes; accelerate does so on no CPU."""
        return self.accelerator.distributed_type is DistributedType.FSDP

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


def learning_rate(settings: TrainSettings, backbone: Backbone) -> float:
    """The model's learning rate: as set, else as fits the backbone."""
    return settings.learning_rate or backbone.preset.learning_rate


def expertise_learning_rate(settings: TrainSettings, backbone: Backbone) -> float:
    """That of the expertise: as set, else a multiple of the model's."""
    return settings.expertise_learning_rate or EXPERTISE_SPEED * learning_rate(settings, backbone)


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
    settings: TrainSettings, backbone: Backbone, folder: Path, passes: int | None = None
) -> TrainingArguments:
    """What the Trainer is told; `passes` a step in the place of what the settings say."""
    on_gpu = torch.cuda.is_available()
    precision = precision_of(settings)
    found = TrainingArguments(
        output_dir=str(folder),
        seed=settings.seed,
        num_train_epochs=settings.epochs or backbone.preset.epochs,
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
    # Several GPUs in one process would be nn.DataParallel, which takes modules apart.
    found._n_gpu = min(found.n_gpu, 1)
    return found
