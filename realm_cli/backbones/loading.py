"""From the name of a model to its backbone: chosen by the checkpoint's config, or by the user."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from huggingface_hub.utils import logging as hub_logging
from safetensors import SafetensorError
from transformers import AutoConfig, AutoTokenizer, PretrainedConfig, PreTrainedTokenizerBase
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)
from transformers.utils import logging

from realm_cli.backbones import causal, encoder, seq2seq
from realm_cli.backbones.adapters import adapt
from realm_cli.backbones.base import Backbone, Request
from realm_cli.backbones.tiny import build_tiny_t5
from realm_cli.choices import TINY_T5, BackboneKind
from realm_cli.errors import ModelNotFoundError, UsageError

Load = Callable[[Request, PretrainedConfig, PreTrainedTokenizerBase], Backbone]

BACKBONES: dict[BackboneKind, Load] = {
    BackboneKind.SEQ2SEQ: seq2seq.load,
    BackboneKind.ENCODER: encoder.load,
    BackboneKind.CAUSAL: causal.load,
}
_BROKEN = (OSError, ValueError, LookupError, RuntimeError, SafetensorError)
"""What transformers raises on files that are missing, cut short or do not fit together."""


def load_backbone(request: Request, texts: Iterable[str] = ()) -> Backbone:
    """The backbone that a name stands for, on the device that there is.

    Args:
        request: Which model, and for what.
        texts: What tiny-t5 trains its tokenizer on.

    Raises:
        ModelNotFoundError: Neither a folder nor to be had from the hub.
        UsageError: A model that cannot score options.
    """
    # Their bars and notes about loading, saving and retrying would garble ours.
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    tuning = request.tuning
    if request.model == TINY_T5:
        kind = BackboneKind.SEQ2SEQ
        backbone: Backbone = build_tiny_t5(texts, request.seed, tuning.dropout or 0.0)
    else:
        kind, backbone = _pretrained(request)
    if tuning.lora:
        adapt(backbone, kind, tuning.lora, request.seed)
    if torch.cuda.is_available() and not tuning.bits:  # quantized weights are there already
        backbone.model.to("cuda")
    return backbone


def _pretrained(request: Request) -> tuple[BackboneKind, Backbone]:
    try:
        config = AutoConfig.from_pretrained(request.model)
        kind = _kind(request, config)
        tokenizer = AutoTokenizer.from_pretrained(request.model)
        backbone = BACKBONES[kind](request, config, tokenizer)
    except _BROKEN as error:
        raise _not_found(request.model) from error
    if _lacks_tokenizer(Path(request.model), tokenizer):
        raise _not_found(request.model)
    return kind, backbone


def _kind(request: Request, config: PretrainedConfig) -> BackboneKind:
    """By what the checkpoint's config says that it is, unless the user has said."""
    if request.kind is not BackboneKind.AUTO:
        return request.kind
    name = config.model_type
    if config.is_encoder_decoder:
        return BackboneKind.SEQ2SEQ
    if name in MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        return BackboneKind.ENCODER
    if name in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        return BackboneKind.CAUSAL
    raise UsageError(
        f"{request.model} is a {name} model, which realm cannot train: it knows encoder-decoder "
        "models (T5, BART), encoders (BERT, DeBERTa, ModernBERT) and decoders (Llama, Qwen)",
        hint="for example --model google/flan-t5-base",
    )


def _lacks_tokenizer(folder: Path, tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether a folder has none of its tokenizer's files.

    AutoTokenizer does not mind and gives an empty vocabulary, to which every word is unknown.
    """
    names = tokenizer.vocab_files_names.values()
    return folder.is_dir() and bool(names) and not any((folder / name).is_file() for name in names)


def _not_found(model: str) -> ModelNotFoundError:
    if Path(model).is_dir():
        return ModelNotFoundError(
            f"the folder {model} holds no checkpoint that transformers can load",
            hint="it needs config.json, model.safetensors and the tokenizer's files",
        )
    return ModelNotFoundError(
        f"the model {model!r} is neither a folder here nor to be had from the Hugging Face hub",
        hint="check the spelling and the network, give a folder, or try --model tiny-t5, "
        "which needs neither",
    )
