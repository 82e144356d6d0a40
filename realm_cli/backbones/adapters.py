"""Low-rank adapters (LoRA, Hu et al. 2021, arXiv 2106.09685) through peft.

The checkpoint's weights stand still; what is trained is small, and is saved by itself.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from peft import LoraConfig, PeftConfig, PeftModel, TaskType, get_peft_model
from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING
from transformers import AutoConfig, BitsAndBytesConfig, PretrainedConfig, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from realm_cli import hub
from realm_cli.choices import BackboneKind
from realm_cli.errors import MissingExtraError

if TYPE_CHECKING:
    from realm_cli.backbones.base import Backbone

ADAPTER = "adapter_config.json"
TASK_TYPES = {
    BackboneKind.SEQ2SEQ: TaskType.SEQ_2_SEQ_LM,
    BackboneKind.ENCODER: TaskType.SEQ_CLS,
    BackboneKind.CAUSAL: TaskType.CAUSAL_LM,
}
SCALE = 2
"""lora_alpha over the rank."""


@dataclass(frozen=True)
class Tuning:
    """What of a checkpoint is trained, and how it is loaded for that.

    Attributes:
        lora: Rank of the adapters; None to train all weights.
        bits: 4 or 8 to quantize the frozen weights.
        dropout: In the place of what the checkpoint's config says.
    """

    lora: int | None = None
    bits: int | None = None
    dropout: float | None = None

    def changes(self, config: PretrainedConfig) -> dict[str, Any]:
        """What `from_pretrained` is told besides the model's name."""
        told: dict[str, Any] = {}
        if self.dropout is not None:
            told.update(dict.fromkeys(dropout_fields(config), self.dropout))
        if self.bits is not None:
            told["quantization_config"] = _quantization(self.bits)
        return told


def dropout_fields(config: PretrainedConfig) -> list[str]:
    """The fields of a config that hold the probability of some dropout."""
    return [
        name
        for name, value in config.to_dict().items()
        if ("dropout" in name or name.endswith("pdrop")) and isinstance(value, float)
    ]


def _quantization(bits: int) -> BitsAndBytesConfig:
    if importlib.util.find_spec("bitsandbytes") is None:
        raise MissingExtraError(
            "--quantize needs bitsandbytes, which is not installed", hint="pip install bitsandbytes"
        )
    return BitsAndBytesConfig(
        load_in_4bit=bits == 4,
        load_in_8bit=bits == 8,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def adapt(backbone: Backbone, kind: BackboneKind, rank: int, seed: int) -> None:
    """Put adapters on the attention of a model, and let nothing else learn but a fresh head.

    Which of its matrices get one is peft's own choice for each type of model; every linear layer
    where it makes none.
    """
    model = backbone.model
    # peft saves no config; this one says afterwards what the adapters were put on.
    model.config.architectures = [type(model).__name__]
    known = TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING
    targets = None if model.config.model_type in known else "all-linear"
    config = LoraConfig(
        task_type=TASK_TYPES[kind],
        r=rank,
        lora_alpha=SCALE * rank,
        target_modules=targets,
        fan_in_fan_out=any(isinstance(part, Conv1D) for part in model.modules()),
        modules_to_save=_heads(model) if kind is BackboneKind.ENCODER else None,
    )
    if getattr(model, "is_quantized", False):
        from peft import prepare_model_for_kbit_training

        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    with torch.random.fork_rng(devices=[]), _quietly():
        torch.manual_seed(seed)
        backbone.model = get_peft_model(model, config)


def _heads(model: PreTrainedModel) -> list[str]:
    """The parts of a classifier that its checkpoint may lack: they are trained, and saved whole."""
    beside = [
        name
        for name, part in model.named_children()
        if name != model.base_model_prefix and any(True for _ in part.parameters())
    ]
    pooled = hasattr(model.base_model, "pooler") and model.base_model.pooler is not None
    return [*beside, "pooler"] if pooled and "pooler" not in beside else beside


def is_adapter(model: str) -> bool:
    """Whether a folder holds adapters, and not the whole of a model."""
    return (Path(model) / ADAPTER).is_file()


def base_of(model: str) -> str:
    """The name of the checkpoint that the adapters of a folder belong to."""
    name: str = PeftConfig.from_pretrained(model).base_model_name_or_path
    return name


def with_adapter(kind: Any, folder: str) -> PreTrainedModel:
    """A model with the adapters of a folder on it; `kind` is one of transformers' Auto classes."""
    config = AutoConfig.from_pretrained(folder)
    base = kind.from_pretrained(
        hub.fetch(base_of(folder)),
        config=config,
        ignore_mismatched_sizes=True,
        use_safetensors=True,
        trust_remote_code=False,
    )
    with _quietly():
        found: PreTrainedModel = PeftModel.from_pretrained(base, folder)
    return found


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the warning that peft calls transformers by a name of before."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        yield
