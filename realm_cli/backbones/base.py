"""The contract of a backbone: texts in, a score for each option out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import (
    GenerationConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from realm_cli.backbones.adapters import Tuning, is_adapter, with_adapter
from realm_cli.choices import BackboneKind, Usage
from realm_cli.errors import ModelNotFoundError

BEAMS = 4
"""Answers that a beam search goes on with after each token."""
LONGEST_ANSWER = 64
"""Tokens after which an answer that is being written is cut off."""
WHISPER = 0.1
"""Standard deviation of a new head's logits, for features of size 1."""


@dataclass(frozen=True)
class Request:
    """Which model is wanted, and for what.

    Attributes:
        model: `tiny-t5`, a folder, or a hub id such as `google/flan-t5-base`.
        seed: Decides tiny-t5's weights, and those of a head that a checkpoint lacks.
        labels: Every label, where the items of each task have one and the same list of options:
            an encoder's head has a column for each. None where options differ by item.
        kind: How to use the model; `auto` as its config says.
        revision: Branch, tag or commit of a model on the hub.
        tuning: What of it is to be trained.
    """

    model: str
    seed: int = 0
    labels: tuple[str, ...] | None = None
    kind: BackboneKind = BackboneKind.AUTO
    revision: str | None = None
    tuning: Tuning = field(default_factory=Tuning)


@dataclass(frozen=True)
class Preset:
    """What fits a kind of model where the settings leave it open.

    Attributes:
        epochs: Passes over the items.
        learning_rate: Of the model's weights.
    """

    epochs: int
    learning_rate: float


@dataclass(frozen=True)
class Tokens:
    """Token ids of texts `[I]` and options, and which of them were cut at the limit."""

    inputs: tuple[list[int], ...]
    options: tuple[list[int], ...]
    cut_inputs: tuple[int, ...] = ()
    cut_options: tuple[int, ...] = ()

    @property
    def n_truncated(self) -> int:
        """How many were cut."""
        return len(self.cut_inputs) + len(self.cut_options)


class Backbone(ABC):
    """A language model that scores options.

    Args:
        model: The transformers model that is trained and saved.
        tokenizer: Its tokenizer.
        preset: Defaults that fit it.

    Attributes:
        cue: Ends the default template: tells the model that the answer comes next.
        usage: How its scores come about.
        commit: The commit of the model on the hub, where it came from there.
    """

    cue = ""
    usage: ClassVar[Usage]
    commit: str | None = None

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, preset: Preset
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.preset = preset

    @abstractmethod
    def encode(self, texts: Sequence[str], options: Sequence[str], limit: int) -> Tokens:
        """Token ids as this kind of model reads them, cut at the limit.

        Args:
            texts: Prompts `[I]`.
            options: Distinct options.
            limit: Longest text in tokens.
        """

    @abstractmethod
    def lay_out(self, items: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """The tensors of a batch's texts and options.

        Args:
            items: `input_ids` and `options` (a list of token ids each) `[B]`.
        """

    @abstractmethod
    def option_scores(self, batch: dict[str, Tensor]) -> Tensor:
        """Full log-likelihood of each option.

        Args:
            batch: As made by `batching.Collator`.

        Returns:
            `[B, K]` scores in nats; -inf where an item has no k-th option.
        """

    def save(self, folder: Path, *, merge: bool = False) -> None:
        """Write a checkpoint that loads without realm.

        Args:
            folder: Where to.
            merge: Add adapters to the weights; else they are saved alone, with the config beside.

        Raises:
            OSError: The folder cannot be written.
        """
        model = self.model.merge_and_unload() if merge else self.model
        try:
            model.save_pretrained(folder)
        except SafetensorError as error:
            raise OSError(str(error)) from error
        model.config.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)

    def trained_state(self) -> dict[str, Tensor]:
        """A copy of all that training changes."""
        found = self.model.named_parameters()
        return {name: p.detach().clone() for name, p in found if p.requires_grad}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Back to what `trained_state` found."""
        self.model.load_state_dict(state, strict=False)

    @property
    def longest(self) -> int | None:
        """Tokens that the model can tell the places of; None where there is no limit."""
        found: int | None = getattr(self.model.config, "max_position_embeddings", None)
        return found


class SequenceBackbone(Backbone):
    """A model that scores an option token by token, and so can write answers of its own."""

    @torch.inference_mode()
    def write(self, batch: dict[str, Tensor]) -> list[str]:
        """The answer that a beam search finds most probable `[B]`, end token and all.

        Args:
            batch: As made by `batching.Collator`; only its texts are read.
        """
        start = getattr(self.model.config, "decoder_start_token_id", None)
        found = self.model.generate(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            generation_config=GenerationConfig(
                num_beams=BEAMS,
                do_sample=False,
                length_penalty=0.0,
                min_new_tokens=1,
                max_new_tokens=LONGEST_ANSWER,
                pad_token_id=self.tokenizer.pad_token_id,
                eos_token_id=self.tokenizer.eos_token_id,
                decoder_start_token_id=start,
            ),
        )
        new = found[:, self.n_before_answer(batch) :]
        texts = self.tokenizer.batch_decode(new, skip_special_tokens=True)
        return [" ".join(text.split()) for text in texts]

    @abstractmethod
    def n_before_answer(self, batch: dict[str, Tensor]) -> int:
        """Tokens of a generated row that come before the answer."""


def whole(kind: Any, request: Request, config: PretrainedConfig, **head: Any) -> PreTrainedModel:
    """A checkpoint none of whose weights is missing, but for a head put on anew.

    transformers fills missing weights with random ones and says so in a log that nobody reads.

    Args:
        kind: One of transformers' Auto classes.
        request: The model.
        config: That of the checkpoint.
        head: What makes the head another than the checkpoint's.
    """
    model = request.model
    if is_adapter(model):
        return with_adapter(kind, model)
    safe = {"use_safetensors": True, "trust_remote_code": False}
    changes = {**request.tuning.changes(config), **head}
    found, told = kind.from_pretrained(model, output_loading_info=True, **safe, **changes)
    body = f"{found.base_model_prefix}."
    missing = [name for name in told["missing_keys"] if not head or name.startswith(body)]
    if missing and not all("pooler" in name for name in missing):
        raise ModelNotFoundError(
            f"the checkpoint {model} lacks {len(missing)} of its model's weights, the first is "
            f"{missing[0]}",
            hint="fetch it again; realm trains no model that is partly made up",
        )
    if head:
        misfits = {name for name, *_ in told["mismatched_keys"]}
        _hush(found, {*told["missing_keys"], *misfits})
    return found


def _hush(model: PreTrainedModel, fresh: set[str]) -> None:
    """Make the last layer of a new head so small that no option is preferred yet.

    A confident random start takes every label against its whim for a guess, and learns from none.
    """
    for name, weight in model.named_parameters():
        if name in fresh and weight.ndim == 2 and len(weight) == model.config.num_labels:
            nn.init.normal_(weight, std=WHISPER / weight.shape[1] ** 0.5)
