"""Backbones: text -> option scores, one kind of model a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.utils import logging as hub_logging
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)
from transformers.utils import logging

from realm_cli.backbones.base import Backbone
from realm_cli.backbones.causal import CausalBackbone
from realm_cli.backbones.encoder import LabelEncoderBackbone, PairEncoderBackbone
from realm_cli.backbones.seq2seq import PRETRAINED as SEQ2SEQ
from realm_cli.backbones.seq2seq import Seq2SeqBackbone
from realm_cli.backbones.tiny import build_tiny_t5
from realm_cli.choices import TINY_T5
from realm_cli.errors import ModelNotFoundError, UsageError

_BROKEN = (OSError, ValueError, LookupError, RuntimeError, SafetensorError)
"""What transformers raises on files that are missing, cut short or do not fit together."""


def load_backbone(
    model: str, texts: Iterable[str], seed: int, labels: Sequence[str] | None = None
) -> Backbone:
    """The backbone that a name stands for, on the device that there is.

    Args:
        model: `tiny-t5`, a folder, or a hub id such as `google/flan-t5-base`.
        texts: What tiny-t5 trains its tokenizer on.
        seed: Decides tiny-t5's weights, and those of a head that a checkpoint lacks.
        labels: Every label, where the items of each task have one and the same list of options:
            an encoder's head has a column for each. None where options differ by item.

    Raises:
        ModelNotFoundError: Neither a folder nor to be had from the hub.
        UsageError: A model that cannot score options.
    """
    # Their bars and notes about loading, saving and retrying would garble ours.
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    backbone = build_tiny_t5(texts, seed) if model == TINY_T5 else _pretrained(model, seed, labels)
    if torch.cuda.is_available():
        backbone.model.to("cuda")
    return backbone


def _pretrained(model: str, seed: int, labels: Sequence[str] | None) -> Backbone:
    try:
        config = AutoConfig.from_pretrained(model)
        tokenizer = AutoTokenizer.from_pretrained(model)
        backbone = _of_kind(model, config, tokenizer, (seed, labels))
    except _BROKEN as error:
        raise _not_found(model) from error
    if _lacks_tokenizer(Path(model), tokenizer):
        raise _not_found(model)
    return backbone


def _of_kind(
    model: str,
    config: PretrainedConfig,
    tokenizer: PreTrainedTokenizerBase,
    head: tuple[int, Sequence[str] | None],
) -> Backbone:
    """By what the checkpoint's config says that it is."""
    kind = config.model_type
    if config.is_encoder_decoder:
        return Seq2SeqBackbone(_whole(AutoModelForSeq2SeqLM, model), tokenizer, SEQ2SEQ)
    if kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        return _encoder(model, config, tokenizer, head)
    if kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        return CausalBackbone(_whole(AutoModelForCausalLM, model), tokenizer)
    raise UsageError(
        f"{model} is a {kind} model, which realm cannot train: it knows encoder-decoder models "
        "(T5, BART), encoders (BERT, DeBERTa, ModernBERT) and decoders (Llama, Qwen)",
        hint="for example --model google/flan-t5-base",
    )


def _encoder(
    model: str,
    config: PretrainedConfig,
    tokenizer: PreTrainedTokenizerBase,
    head: tuple[int, Sequence[str] | None],
) -> Backbone:
    """With the head that the checkpoint has, if it fits; else with a fresh one."""
    seed, labels = head
    known = set(config.id2label.values())
    classifies = any(
        name.endswith("ForSequenceClassification") for name in config.architectures or ()
    )
    if classifies and len(known) > 1 and (labels is None or known >= set(labels)):
        found = _whole(AutoModelForSequenceClassification, model)
        return LabelEncoderBackbone(found, tokenizer)
    names = [""] if labels is None else list(labels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        found = _whole(
            AutoModelForSequenceClassification,
            model,
            num_labels=len(names),
            id2label=dict(enumerate(names)),
            label2id={name: k for k, name in enumerate(names)},
            ignore_mismatched_sizes=True,
        )
    return (PairEncoderBackbone if labels is None else LabelEncoderBackbone)(found, tokenizer)


def _whole(kind: Any, model: str, **changes: Any) -> PreTrainedModel:
    """A checkpoint none of whose weights is missing, but for a head put on anew.

    transformers fills missing weights with random ones and says so in a log that nobody reads.
    """
    found, told = kind.from_pretrained(model, output_loading_info=True, **changes)
    body = f"{found.base_model_prefix}."
    missing = [name for name in told["missing_keys"] if not changes or name.startswith(body)]
    if missing and not all("pooler" in name for name in missing):
        raise ModelNotFoundError(
            f"the checkpoint {model} lacks {len(missing)} of its model's weights, the first is "
            f"{missing[0]}",
            hint="fetch it again; realm trains no model that is partly made up",
        )
    return found


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
