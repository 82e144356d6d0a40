"""Encoders: BERT, DeBERTa, ModernBERT, MiniLM and their like.

Where all items of a task have the same options, a classification head has a column for each of
them (`LabelEncoderBackbone`); where options change from item to item, text and option are read
together and given one score (`PairEncoderBackbone`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from transformers import (
    AutoModelForSequenceClassification,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from realm_cli.backbones import layout
from realm_cli.backbones.base import Backbone, Preset, Request, Tokens, whole
from realm_cli.backbones.layout import ABSENT
from realm_cli.choices import Usage
from realm_cli.errors import UsageError

PRETRAINED = Preset(epochs=5, learning_rate=5e-5)


def load(
    request: Request, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase
) -> Backbone:
    """With the head that the checkpoint has, if it fits; else with a fresh one."""
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    labels = request.labels
    known = set(config.id2label.values())
    classifies = any(
        name.endswith("ForSequenceClassification") for name in config.architectures or ()
    )
    if classifies and len(known) > 1 and (labels is None or known >= set(labels)):
        found = whole(AutoModelForSequenceClassification, request, config)
        found.config.pad_token_id = tokenizer.pad_token_id
        return LabelEncoderBackbone(found, tokenizer)
    names = [""] if labels is None else list(labels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(request.seed)
        found = whole(
            AutoModelForSequenceClassification,
            request,
            config,
            num_labels=len(names),
            id2label=dict(enumerate(names)),
            label2id={name: k for k, name in enumerate(names)},
            ignore_mismatched_sizes=True,
        )
    found.config.pad_token_id = tokenizer.pad_token_id  # decoders look for the last token before it
    return (PairEncoderBackbone if labels is None else LabelEncoderBackbone)(found, tokenizer)


class LabelEncoderBackbone(Backbone):
    """Scores a label by its log-probability among all labels that the head knows."""

    usage = Usage.LABELS

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        preset: Preset = PRETRAINED,
    ) -> None:
        super().__init__(model, tokenizer, preset)
        self.columns = {str(label): k for k, label in model.config.id2label.items()}

    def encode(self, texts: Sequence[str], options: Sequence[str], limit: int) -> Tokens:
        """Texts by the tokenizer; an option is the number of its column.

        Raises:
            UsageError: The head has no column for an option.
        """
        strange = [option for option in options if option not in self.columns]
        if strange:
            raise UsageError(
                f"the label {strange[0]!r} is none of those that the model knows "
                f"({', '.join(list(self.columns)[:10])})",
                hint="train with a file in which the label occurs, or correct its spelling",
            )
        inputs, cut = layout.tokenise(self.tokenizer, texts, limit)
        return Tokens(inputs, tuple([self.columns[option]] for option in options), cut_inputs=cut)

    def lay_out(self, items: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """input_ids, attention_mask `[B, L]`, option_ids `[B, K]`: columns."""
        columns = [list(chain.from_iterable(item["options"])) for item in items]
        pad = self.tokenizer.pad_token_id
        return {**layout.texts_of(items, pad), "option_ids": layout.padded(columns, ABSENT)}

    def option_scores(self, batch: dict[str, Tensor]) -> Tensor:
        """`[B, K]` log-probabilities; see `backbones.base.Backbone`."""
        logits = self.model(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]
        ).logits
        columns = batch["option_ids"]
        scores: Tensor = logits.float().log_softmax(dim=-1).gather(1, columns.clamp(min=0))
        return scores.masked_fill(columns == ABSENT, -torch.inf)


class PairEncoderBackbone(Backbone):
    """Scores an option by one number for text and option together, normalised over an item's."""

    usage = Usage.PAIRS

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        preset: Preset = PRETRAINED,
    ) -> None:
        super().__init__(model, tokenizer, preset)
        self.frame = _Frame(tokenizer)

    def encode(self, texts: Sequence[str], options: Sequence[str], limit: int) -> Tokens:
        """Without the tokenizer's marks; texts are cut so that the longest option fits beside."""
        targets, cut_targets = layout.tokenise(self.tokenizer, options, limit // 2, special=False)
        room = limit - self.frame.size - max((len(ids) for ids in targets), default=0)
        inputs, cut_inputs = layout.tokenise(self.tokenizer, texts, room, special=False)
        return Tokens(inputs, targets, cut_inputs, cut_targets)

    def lay_out(self, items: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """input_ids, attention_mask `[M, L]` (and token_type_ids): a row an option."""
        pairs = [(item["input_ids"], option) for item in items for option in item["options"]]
        rows = layout.padded_texts(
            [self.frame.around(*pair) for pair in pairs], self.tokenizer.pad_token_id
        )
        if "token_type_ids" in self.tokenizer.model_input_names:
            kinds = [self.frame.kinds(*pair) for pair in pairs]
            rows["token_type_ids"] = layout.padded(kinds, 0)
        return rows

    def option_scores(self, batch: dict[str, Tensor]) -> Tensor:
        """`[B, K]` log-probabilities; see `backbones.base.Backbone`."""
        names = ("input_ids", "attention_mask", "token_type_ids")
        logits = self.model(**{name: batch[name] for name in names if name in batch}).logits
        scores = layout.by_item(logits.float()[:, 0], batch["n_options"])
        return scores.log_softmax(dim=-1)


class _Frame:
    """The marks that a tokenizer puts before, between and after two texts."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        found = tokenizer("a", "b", return_token_type_ids=True)
        (first,), (second,) = (
            tokenizer(word, add_special_tokens=False)["input_ids"] for word in "ab"
        )
        ids, kinds = found["input_ids"], found["token_type_ids"]
        a = ids.index(first)
        b = ids.index(second, a + 1)
        self.before, self.between, self.after = ids[:a], ids[a + 1 : b], ids[b + 1 :]
        self.second = kinds[b]
        self.between_kinds = kinds[a + 1 : b]

    @property
    def size(self) -> int:
        """How many marks there are."""
        return len(self.before) + len(self.between) + len(self.after)

    def around(self, text: Sequence[int], option: Sequence[int]) -> list[int]:
        """The marks around two texts."""
        return [*self.before, *text, *self.between, *option, *self.after]

    def kinds(self, text: Sequence[int], option: Sequence[int]) -> list[int]:
        """Which of the two a token belongs to."""
        zeros = [0] * (len(self.before) + len(text))
        return [*zeros, *self.between_kinds, *[self.second] * (len(option) + len(self.after))]
