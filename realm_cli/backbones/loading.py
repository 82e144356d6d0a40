"""From the name of a model to its backbone: chosen by the checkpoint's config, or by the user."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import torch
from huggingface_hub.utils import logging as hub_logging
from safetensors import SafetensorError
from transformers import AutoConfig, AutoTokenizer, PretrainedConfig, PreTrainedTokenizerBase
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
)
from transformers.utils import logging

from realm_cli import hub
from realm_cli.backbones import causal, encoder, files, seq2seq
from realm_cli.backbones.adapters import adapt, is_adapter
from realm_cli.backbones.base import Backbone, Request
from realm_cli.backbones.tiny import build_tiny_t5
from realm_cli.choices import TINY_T5, BackboneKind
from realm_cli.errors import UsageError

Load = Callable[[Request, PretrainedConfig, PreTrainedTokenizerBase], Backbone]

BACKBONES: dict[BackboneKind, Load] = {
    BackboneKind.SEQ2SEQ: seq2seq.load,
    BackboneKind.ENCODER: encoder.load,
    BackboneKind.CAUSAL: causal.load,
}
_BROKEN = (OSError, ValueError, LookupError, RuntimeError, SafetensorError)
"""What transformers raises on files that are missing, cut short or do not fit together."""


def load_backbone(
    request: Request, texts: Iterable[str] = (), watcher: hub.Fetching | None = None
) -> Backbone:
    """The backbone that a name stands for, on the device that there is.

    Args:
        request: Which model, and for what.
        texts: What tiny-t5 trains its tokenizer on.
        watcher: Told how far the download of a model is.

    Raises:
        ModelNotFoundError: Neither a folder nor to be had from the hub.
        UsageError: A model that cannot score options, or not in the way that was asked for.
    """
    # Their bars and notes about loading, saving and retrying would garble ours.
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    tuning = request.tuning
    if request.model == TINY_T5:
        if request.kind not in {BackboneKind.AUTO, BackboneKind.SEQ2SEQ}:
            raise _misfit(request, "an encoder-decoder model")
        kind = BackboneKind.SEQ2SEQ
        backbone: Backbone = build_tiny_t5(texts, request.seed, tuning.dropout or 0.0)
    else:
        folder = hub.fetch(request.model, request.revision, watcher)
        kind, backbone = _pretrained(request, folder)
    if tuning.lora:
        backbone.model.name_or_path = request.model  # peft keeps it: adapters belong to that model
        adapt(backbone, kind, tuning.lora, request.seed)
    if torch.cuda.is_available() and not tuning.bits:  # quantized weights are there already
        backbone.model.to("cuda")
    return backbone


def _pretrained(request: Request, folder: Path) -> tuple[BackboneKind, Backbone]:
    has_code = "auto_map" in files.read_config(folder, request.model)
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        kind = _kind(request, config)
        if not is_adapter(str(folder)):
            files.check_weights(folder, request.model)
        tokenizer = _tokenizer(folder, request.model)
        backbone = BACKBONES[kind](replace(request, model=str(folder)), config, tokenizer)
    except _BROKEN as error:
        raise (files.with_own_code if has_code else files.broken)(request.model) from error
    backbone.commit = hub.commit_of(folder)
    return kind, backbone


def _tokenizer(folder: Path, model: str) -> PreTrainedTokenizerBase:
    try:
        found = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except _BROKEN as error:
        raise files.without_tokenizer(model) from error
    if _lacks_tokenizer(folder, found):
        raise files.without_tokenizer(model)
    return found


def _kind(request: Request, config: PretrainedConfig) -> BackboneKind:
    """By what the checkpoint's config says that it is, unless the user has said."""
    own = _own_kind(config)
    if request.kind is BackboneKind.AUTO and own is not None:
        return own
    if request.kind is BackboneKind.AUTO:
        raise UsageError(
            f"{request.model} is a {config.model_type} model, which realm cannot train: it knows "
            "encoder-decoder models (T5, BART), encoders (BERT, DeBERTa, ModernBERT) and decoders "
            "(Llama, Qwen)",
            hint="for example --model google/flan-t5-base",
        )
    # A decoder can carry a classification head; nothing else can stand in for another kind.
    classifies = config.model_type in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES
    headed = own is BackboneKind.CAUSAL and request.kind is BackboneKind.ENCODER and classifies
    if request.kind is not own and not headed:
        raise _misfit(request, f"which is a {config.model_type} model")
    return request.kind


def _own_kind(config: PretrainedConfig) -> BackboneKind | None:
    name = config.model_type
    if config.is_encoder_decoder:
        known = name in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES
        return BackboneKind.SEQ2SEQ if known else None
    if name in MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        return BackboneKind.ENCODER
    return BackboneKind.CAUSAL if name in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES else None


def _misfit(request: Request, what: str) -> UsageError:
    return UsageError(
        f"--backbone {request.kind.value} does not fit {request.model}, {what}",
        hint="leave --backbone out: the checkpoint says what it is",
    )


def _lacks_tokenizer(folder: Path, tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether a folder has none of its tokenizer's files.

    AutoTokenizer does not mind and gives an empty vocabulary, to which every word is unknown.
    """
    names = tokenizer.vocab_files_names.values()
    return bool(names) and not any((folder / name).is_file() for name in names)
