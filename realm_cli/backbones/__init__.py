"""Backbones: text -> option scores, one kind of model a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from huggingface_hub.utils import logging as hub_logging
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from realm_cli.backbones.base import Backbone
from realm_cli.backbones.seq2seq import Seq2SeqBackbone
from realm_cli.backbones.tiny import build_tiny_t5
from realm_cli.choices import TINY_T5
from realm_cli.errors import ModelNotFoundError, UsageError

_BROKEN = (OSError, ValueError, LookupError, RuntimeError, SafetensorError)
"""What transformers raises on files that are missing, cut short or do not fit together."""


def load_backbone(model: str, texts: Iterable[str], seed: int) -> Backbone:
    """The backbone that a name stands for, on the device that there is.

    Args:
        model: `tiny-t5`, a folder, or a hub id such as `google/flan-t5-base`.
        texts: What tiny-t5 trains its tokenizer on.
        seed: Decides tiny-t5's weights.

    Raises:
        ModelNotFoundError: Neither a folder nor to be had from the hub.
        UsageError: A model, but no encoder-decoder.
    """
    # Their bars and notes about loading, saving and retrying would garble ours.
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    backbone = build_tiny_t5(texts, seed) if model == TINY_T5 else _pretrained(model)
    if torch.cuda.is_available():
        backbone.model.to("cuda")
    return backbone


def _pretrained(model: str) -> Seq2SeqBackbone:
    try:
        config = AutoConfig.from_pretrained(model)
        if not config.is_encoder_decoder:
            raise UsageError(
                f"{model} is a {config.model_type} model, and only encoder-decoder models "
                "(T5, Flan-T5, BART) can be trained so far",
                hint="for example --model google/flan-t5-base",
            )
        backbone = Seq2SeqBackbone(
            AutoModelForSeq2SeqLM.from_pretrained(model),
            AutoTokenizer.from_pretrained(model),
        )
    except _BROKEN as error:
        raise _not_found(model) from error
    if _lacks_tokenizer(Path(model), backbone.tokenizer):
        raise _not_found(model)
    return backbone


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
