"""tiny-t5: a T5 of random weights and a tokenizer trained on the spot, for demos and tests.

It needs no network and learns templated facts in a minute on a laptop; it knows no language.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

from realm_cli.backbones.base import Preset
from realm_cli.backbones.seq2seq import Seq2SeqBackbone

VOCABULARY = 600
D_MODEL = 64
HEADS = 4
PRESET = Preset(epochs=30, learning_rate=3e-3)
_PAD, _END, _UNKNOWN = "<pad>", "</s>", "<unk>"


def build_tiny_t5(
    texts: Iterable[str], seed: int, dropout: float = 0.0, d_model: int = D_MODEL
) -> Seq2SeqBackbone:
    """A fresh tiny T5 whose tokenizer knows the given texts.

    Args:
        texts: What to train the tokenizer on.
        seed: Decides the weights; torch's own random state is left as it was.
        dropout: Of its layers; 0.1 hurts at this size.
        d_model: Width of its layers; all else grows with it.
    """
    tokenizer = _tokenizer(texts)
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=d_model,
        d_kv=d_model // HEADS,
        d_ff=2 * d_model,
        num_heads=HEADS,
        num_layers=1,
        num_decoder_layers=1,
        dropout_rate=dropout,
        feed_forward_proj="gated-gelu",
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = T5ForConditionalGeneration(config)
    return Seq2SeqBackbone(model, tokenizer, PRESET)


def _tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    core = Tokenizer(BPE(unk_token=_UNKNOWN))
    core.pre_tokenizer = ByteLevel(add_prefix_space=True)
    core.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[_PAD, _END, _UNKNOWN], show_progress=False
    )
    core.train_from_iterator(texts, trainer)
    core.post_processor = TemplateProcessing(
        single=f"$A {_END}", special_tokens=[(_END, core.token_to_id(_END))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token=_PAD, eos_token=_END, unk_token=_UNKNOWN
    )
