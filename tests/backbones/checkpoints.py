"""Checkpoints of random weights, a few kilobytes each, of every kind of model that realm trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from transformers import PreTrainedModel

SIZE = 32
MARKS = {"pad": "<pad>", "end": "</s>", "start": "<s>", "unknown": "<unk>"}


def words_of(texts: Iterable[str]) -> list[str]:
    return sorted({word for text in texts for word in text.split()})


def tokenizer(texts: Iterable[str], single: str, pair: str | None = None, **more: str):
    """One token a word, with marks around a text and a pair of texts."""
    vocabulary = {word: n for n, word in enumerate([*MARKS.values(), *words_of([*texts, "a b"])])}
    core = Tokenizer(WordLevel(vocabulary, unk_token=MARKS["unknown"]))
    core.pre_tokenizer = Whitespace()
    core.post_processor = TemplateProcessing(
        single=single, pair=pair,
        special_tokens=[(mark, vocabulary[mark]) for mark in MARKS.values()],
    )  # fmt: skip
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token=MARKS["pad"], eos_token=MARKS["end"],
        bos_token=MARKS["start"], unk_token=MARKS["unknown"], **more,
    )  # fmt: skip


def t5(n: int) -> PreTrainedModel:
    """As T5 v1.1."""
    return T5ForConditionalGeneration(
        T5Config(
            vocab_size=n, d_model=SIZE, d_kv=8, d_ff=64, num_heads=4, num_layers=2,
            feed_forward_proj="gated-gelu", tie_word_embeddings=False, dropout_rate=0.0,
            pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
        )
    )  # fmt: skip


def bart(n: int) -> PreTrainedModel:
    return BartForConditionalGeneration(
        BartConfig(
            vocab_size=n, d_model=SIZE, encoder_layers=1, decoder_layers=1,
            encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=64,
            decoder_ffn_dim=64, max_position_embeddings=64, dropout=0.0, init_std=0.1,
            pad_token_id=0, eos_token_id=1, bos_token_id=2, decoder_start_token_id=1,
        )
    )  # fmt: skip


def llama(n: int) -> PreTrainedModel:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=n, hidden_size=SIZE, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
            bos_token_id=2, eos_token_id=1, pad_token_id=0,
        )
    )  # fmt: skip


def gpt2(n: int) -> PreTrainedModel:
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=n, n_embd=SIZE, n_layer=2, n_head=4, n_positions=128, bos_token_id=2,
            eos_token_id=1, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
        )
    )  # fmt: skip


def bert(n: int) -> PreTrainedModel:
    return BertForMaskedLM(
        BertConfig(
            vocab_size=n, hidden_size=SIZE, num_hidden_layers=2, num_attention_heads=4,
            intermediate_size=64, max_position_embeddings=64, pad_token_id=0,
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, initializer_range=0.1,
        )
    )  # fmt: skip


ENDED, BEGUN, FRAMED = "$A </s>", "<s> $A", "<s> $A </s>"
PAIRED = "<s> $A </s> $B:1 </s>:1"
KINDS: dict[str, tuple[Callable[[int], PreTrainedModel], str]] = {
    "t5": (t5, ENDED),
    "bart": (bart, FRAMED),
    "llama": (llama, BEGUN),
    "gpt2": (gpt2, "$A"),
    "bert": (bert, FRAMED),
}


def write_checkpoint(kind: str, folder: Path, texts: Iterable[str]) -> Path:
    """A checkpoint as it would come from the hub."""
    build, single = KINDS[kind]
    names = ["input_ids", "attention_mask"]
    if kind == "bert":
        names.insert(1, "token_type_ids")
    words = tokenizer(texts, single, PAIRED, model_input_names=names)
    if kind == "gpt2":
        words.pad_token = None
    torch.manual_seed(4)
    build(len(words)).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder
