"""A model and the items as it reads them, the same for every method."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from realm_cli.annotations import Items
from realm_cli.backbones.base import Backbone
from realm_cli.backbones.tiny import build_tiny_t5
from realm_cli.batching import EncodedItems, distinct_options, encode
from realm_cli.bench.data import Labelled
from realm_cli.bench.frozen import freeze
from realm_cli.bench.plan import PACKAGE, Model
from realm_cli.config import TrainSettings
from realm_cli.errors import ModelNotFoundError
from realm_cli.pipeline import backbone_for
from realm_cli.prompts import prompts, templates_for


@dataclass(frozen=True)
class Prepared:
    """What a training starts from.

    Attributes:
        backbone: The model, fresh.
        train: The items to train on.
        test: The items to test on.
    """

    backbone: Backbone
    train: EncodedItems
    test: EncodedItems


def prepare(data: Labelled, model: Model, settings: TrainSettings) -> Prepared:
    """Load a model and tokenise the items for it.

    Args:
        data: The items.
        model: As the plan has it.
        settings: As this method trains.
    """
    items = data.table.items
    backbone = _backbone(items, model, settings)
    templates = templates_for(items.tasks, settings, backbone.cue)
    return Prepared(
        backbone,
        encode(items, backbone, templates, settings.max_length),
        encode(data.test, backbone, templates, settings.max_length),
    )


def _backbone(items: Items, model: Model, settings: TrainSettings) -> Backbone:
    if model.d_model is None:
        found = backbone_for(items, settings.model_copy(update={"model": _place(model.name)}))
        if model.frozen:
            freeze(found, model.name)
        return found
    texts = prompts(items, templates_for(items.tasks, settings))
    return build_tiny_t5([*texts, *distinct_options(items)], settings.seed, d_model=model.d_model)


def _place(name: str) -> str:
    """A folder inside an installed package, or the name as it is."""
    if not name.startswith(PACKAGE):
        return name
    package, _, folder = name.removeprefix(PACKAGE).partition("/")
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ModelNotFoundError(
            f"the model {name} lies in the package {package}, which is not installed",
            hint="pip install 'realm-cli[bench]'",
        )
    return str(Path(found.origin).parent / folder)
