"""Checkpoints of random weights, a few kilobytes each, of every kind of model that realm trains."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch
from tokenizers import Tokenizer
from tokenizers.models import BPE, WordLevel
from tokenizers.pre_tokenizers import ByteLevel, Whitespace
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForMaskedLM,
    ByT5Tokenizer,
    DebertaV2Config,
    DebertaV2ForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen2Tokenizer,
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


def byte_pairs(texts: Iterable[str]) -> Qwen2Tokenizer:
    """Bytes merged as they stand beside one another; no mark begins a text or ends it."""
    core = Tokenizer(BPE())
    core.pre_tokenizer = ByteLevel(add_prefix_space=False)
    trainer = BpeTrainer(special_tokens=["<|endoftext|>"], show_progress=False)
    core.train_from_iterator([*texts, *(f" {text}" for text in texts), "a b"], trainer)
    model = json.loads(core.to_str())["model"]
    merges = [tuple(pair) for pair in model["merges"]]
    return Qwen2Tokenizer(vocab=model["vocab"], merges=merges)


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


def qwen2(n: int) -> PreTrainedModel:
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=n, hidden_size=SIZE, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
            eos_token_id=0, pad_token_id=0,
        )
    )  # fmt: skip


def modernbert(n: int) -> PreTrainedModel:
    """With local attention in one of its layers."""
    return ModernBertForMaskedLM(
        ModernBertConfig(
            vocab_size=n, hidden_size=SIZE, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=4, max_position_embeddings=64, global_attn_every_n_layers=2,
            local_attention=16, pad_token_id=0, eos_token_id=1, bos_token_id=2, cls_token_id=2,
            sep_token_id=1, initializer_range=0.1,
        )
    )  # fmt: skip


def deberta(n: int) -> PreTrainedModel:
    """With places by distance alone, as DeBERTa v3."""
    return DebertaV2ForMaskedLM(
        DebertaV2Config(
            vocab_size=n, hidden_size=SIZE, num_hidden_layers=2, num_attention_heads=4,
            intermediate_size=64, max_position_embeddings=64, pad_token_id=0, type_vocab_size=0,
            relative_attention=True, position_biased_input=False, pos_att_type=["p2c", "c2p"],
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
    "byt5": (t5, ENDED),
    "qwen2": (qwen2, "$A"),
    "modernbert": (modernbert, FRAMED),
    "deberta": (deberta, FRAMED),
}
SEQUENCE = ("t5", "bart", "llama", "gpt2", "byt5", "qwen2")
WITH_KINDS = ("bert", "deberta")
"""Whose tokenizers say which of two texts a token belongs to."""


def tokenizer_of(kind: str, texts: Iterable[str]):
    """As this kind of model has it."""
    if kind == "byt5":
        return ByT5Tokenizer()
    if kind == "qwen2":
        return byte_pairs(texts)
    names = ["input_ids", "attention_mask"]
    if kind in WITH_KINDS:
        names.insert(1, "token_type_ids")
    return tokenizer(texts, KINDS[kind][1], PAIRED, model_input_names=names)


def write_checkpoint(kind: str, folder: Path, texts: Iterable[str]) -> Path:
    """A checkpoint as it would come from the hub."""
    words = tokenizer_of(kind, texts)
    if kind == "gpt2":
        words.pad_token = None
    torch.manual_seed(4)
    KINDS[kind][0](len(words)).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder
