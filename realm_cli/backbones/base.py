"""The contract of a backbone: texts in, a score for each option out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from realm_cli.backbones.adapters import Tuning, is_adapter, with_adapter
from realm_cli.choices import BackboneKind
from realm_cli.errors import ModelNotFoundError


@dataclass(frozen=True)
class Request:
    """Which model is wanted, and for what.

    Attributes:
        model: `tiny-t5`, a folder, or a hub id such as `google/flan-t5-base`.
        seed: Decides tiny-t5's weights, and those of a head that a checkpoint lacks.
        labels: Every label, where the items of each task have one and the same list of options:
            an encoder's head has a column for each. None where options differ by item.
        kind: How to use the model; `auto` as its config says.
        tuning: What of it is to be trained.
    """

    model: str
    seed: int = 0
    labels: tuple[str, ...] | None = None
    kind: BackboneKind = BackboneKind.AUTO
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
    """Token ids of texts `[I]` and options, and how many of them were cut at the limit."""

    inputs: tuple[list[int], ...]
    options: tuple[list[int], ...]
    n_truncated: int


class Backbone(ABC):
    """A language model that scores options.

    Args:
        model: The transformers model that is trained and saved.
        tokenizer: Its tokenizer.
        preset: Defaults that fit it.
    """

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
    changes = {**request.tuning.changes(config), **head}
    found, told = kind.from_pretrained(model, output_loading_info=True, **changes)
    body = f"{found.base_model_prefix}."
    missing = [name for name in told["missing_keys"] if not head or name.startswith(body)]
    if missing and not all("pooler" in name for name in missing):
        raise ModelNotFoundError(
            f"the checkpoint {model} lacks {len(missing)} of its model's weights, the first is "
            f"{missing[0]}",
            hint="fetch it again; realm trains no model that is partly made up",
        )
    return found
