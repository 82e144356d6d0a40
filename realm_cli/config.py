"""Settings: frozen, checked, saved with the run. Flags > REALM_* > realm.toml > these defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from realm_cli.choices import (
    AnnotatorFrom,
    AnnotatorModel,
    BackboneKind,
    CrowdKind,
    Duplicates,
    MultiSelect,
    Objective,
    Pooling,
    Precision,
    Schedule,
)


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
    status: str | None = None
    time: str | None = None
    group: str | None = None


class Reading(BaseModel):
    """How to read annotation exports: all that detection and column names do not settle.

    A profile (`realm inspect --save-profile`) is one of these as TOML.

    Attributes:
        format: A key of `loaders.LOADERS`; None to find the format of each file by its content.
        columns: Which column plays which part, where the names do not say.
        annotator_from: Where the annotator is named.
        multi_select: What answers that can hold several options become.
        taxonomy_level: How many steps of a taxonomy's paths make the label; -1 takes the last
            step alone, None the whole path.
        answer_pattern: Regular expression for columns that hold the id of an item in their names,
            with a group `item` and perhaps a group `question`.
        duplicates: Which of several answers of one annotator to one question counts.
        include_models: Count the answers of models as if people had given them.
        normalize_labels: Labels that differ only in case, spaces or Unicode form are one.
        keep_personal: Keep columns that hold personal data (addresses, places, names).
        anonymize: Replace annotator ids by hashes keyed with REALM_ANONYMIZE_KEY.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str | None = None
    columns: Columns = Columns()
    annotator_from: AnnotatorFrom = AnnotatorFrom.FIELD
    multi_select: MultiSelect = MultiSelect.PER_OPTION
    taxonomy_level: Annotated[int, Field(ge=-1)] | None = None
    answer_pattern: str | None = None
    duplicates: Duplicates = Duplicates.LAST
    include_models: bool = False
    normalize_labels: bool = False
    keep_personal: bool = False
    anonymize: bool = False


class JudgeSettings(BaseModel):
    """How annotators are judged, with a language model or without.

    Attributes:
        annotator_model: How annotators are taken to err; `auto` is chosen by held-out annotations.
        pooling: Whether somebody's competence may differ between tasks.
        use_gold: Let the gold of control items count as known truth.
        prior: A report.json of an earlier batch: the prior of the annotators that it knows.
        prior_strength: How much a label of that batch counts against one of this.
        seed: Decides every draw.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    annotator_model: AnnotatorModel = AnnotatorModel.AUTO
    pooling: Pooling = Pooling.PARTIAL
    use_gold: bool = False
    prior: Path | None = None
    prior_strength: Annotated[float, Field(ge=0, le=10)] = 0.5
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0


class TrainSettings(JudgeSettings):
    """All that decides what a training run computes, besides its data.

    None stands for "as fits the model": the backbone's preset fills it in.

    Attributes:
        batch_size: Items a step, however many passes and processes it is split into.
        tokens_per_batch: Tokens a step, texts and options with their padding, in the place of a
            number of items; `auto` as many as the device should hold.
        accumulate: Passes that each process makes for a step.
        precision: What the model computes in.
        activation_checkpointing: Compute activations anew in the backward pass, not keep them.
        compile: Compile the model with torch.compile.
        fsdp: Spread weights, gradients and optimizer over the processes.
        weight_decay: Of the model's matrices.
        dropout: In the place of what the checkpoint's config says.
        label_smoothing: Share of the model's word that is spread evenly over the options.
        schedule: How the learning rates go down.
        learning_rate_warm_up: Share of the steps in which they go up first.
        lora: Rank of low-rank adapters, trained in the place of all weights.
        merge_adapter: Add the adapters to the weights at the end.
        quantize: Bits of the frozen weights under adapters.
        cross_fit: Folds of cross-fitting; 1 for none, None to cross-fit in five folds where no
            item has two labels.
    """

    model: str
    backbone: BackboneKind = BackboneKind.AUTO
    objective: Objective = Objective.JOINT
    cross_fit: Annotated[int, Field(ge=1, le=20)] | None = None
    form_weight: Annotated[float, Field(ge=0)] = 0.3
    warm_up: Annotated[float, Field(ge=0, le=1)] = 0.2
    epochs: Annotated[int, Field(ge=1)] | None = None
    batch_size: Annotated[int, Field(ge=1)] = 32
    tokens_per_batch: Annotated[int, Field(ge=8)] | Literal["auto"] | None = None
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    expertise_learning_rate: Annotated[float, Field(gt=0)] | None = None
    max_length: Annotated[int, Field(ge=8)] = 512

    accumulate: Annotated[int, Field(ge=1)] = 1
    precision: Precision = Precision.AUTO
    activation_checkpointing: bool = False
    compile: bool = False
    fsdp: bool = False
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    schedule: Schedule = Schedule.LINEAR
    learning_rate_warm_up: Annotated[float, Field(ge=0, lt=1)] = 0.0
    lora: Annotated[int, Field(ge=1)] | None = None
    merge_adapter: bool = False
    quantize: Literal[4, 8] | None = None


TASK_SCALE = 0.75
"""Standard deviation of an annotator's expertise over tasks, on the logit scale."""


class CrowdSettings(BaseModel):
    """A simulated crowd.

    Attributes:
        kind: What the annotators are like.
        annotators: How many there are.
        labels_per_item: How many of them label each item.
        share: Of experts (hammer-spammer), of the systematically wrong (adversarial), of its
            tasks that a specialist knows (task-specialist), of those who always give the same
            label (constant), of those who copy another (colluding); the other kinds do not use it.
        seed: Decides every draw.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: CrowdKind = CrowdKind.HAMMER_SPAMMER
    annotators: Annotated[int, Field(ge=1)] = 40
    labels_per_item: Annotated[int, Field(ge=1)] = 3
    share: Annotated[float, Field(ge=0, le=1)] = 0.5
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
