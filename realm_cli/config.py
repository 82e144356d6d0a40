"""Settings: frozen, checked, saved with the run. Flags > REALM_* > realm.toml > these defaults."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

TINY_T5 = "tiny-t5"
"""The name of the built-in model: a small T5 from random weights."""


class Objective(StrEnum):
    """How the labels of one item enter the likelihood (docs/method.md, equations 4 and 5)."""

    JOINT = "joint"
    INDEPENDENT = "independent"


class Pooling(StrEnum):
    """How an annotator's expertise is shared over tasks."""

    PARTIAL = "partial"
    FULL = "full"


class Columns(BaseModel):
    """Which column plays which part; None means find it by its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item: str | None = None
    annotator: str | None = None
    label: str | None = None
    text: str | None = None
    task: str | None = None
    gold: str | None = None
    options: str | None = None


class TrainSettings(BaseModel):
    """All that decides what a training run computes, besides its data.

    None stands for "as fits the model": the backbone's preset fills it in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model: str
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    objective: Objective = Objective.JOINT
    annotator_model: str = "expertise"
    pooling: Pooling = Pooling.PARTIAL
    form_weight: Annotated[float, Field(ge=0)] = 0.1
    epochs: Annotated[int, Field(ge=1)] | None = None
    batch_size: Annotated[int, Field(ge=1)] = 32
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    expertise_learning_rate: Annotated[float, Field(gt=0)] | None = None
    max_length: Annotated[int, Field(ge=8)] = 512
