"""Settings: frozen, checked, saved with the run. Flags > REALM_* > realm.toml > these defaults."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from realm_cli.choices import AnnotatorModel, CrowdKind, Objective, Pooling


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
    annotator_model: AnnotatorModel = AnnotatorModel.EXPERTISE
    pooling: Pooling = Pooling.PARTIAL
    form_weight: Annotated[float, Field(ge=0)] = 0.3
    warm_up: Annotated[float, Field(ge=0, le=1)] = 0.2
    epochs: Annotated[int, Field(ge=1)] | None = None
    batch_size: Annotated[int, Field(ge=1)] = 32
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    expertise_learning_rate: Annotated[float, Field(gt=0)] | None = None
    max_length: Annotated[int, Field(ge=8)] = 512


TASK_SCALE = 0.75
"""Standard deviation of an annotator's expertise over tasks, on the logit scale."""


class CrowdSettings(BaseModel):
    """A simulated crowd.

    Attributes:
        kind: How expertise is spread.
        annotators: How many there are.
        labels_per_item: How many of them label each item.
        share: Of experts (hammer-spammer), of the systematically wrong (adversarial), of its
            tasks that a specialist knows (task-specialist); the other kinds do not use it.
        seed: Decides every draw.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: CrowdKind = CrowdKind.HAMMER_SPAMMER
    annotators: Annotated[int, Field(ge=1)] = 40
    labels_per_item: Annotated[int, Field(ge=1)] = 3
    share: Annotated[float, Field(ge=0, le=1)] = 0.5
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
