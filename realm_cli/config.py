"""Settings: frozen, checked, saved with the run. Flags > REALM_* > realm.toml > these defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from realm_cli.choices import (
    AnnotatorFrom,
    AnnotatorModel,
    BackboneKind,
    CrowdKind,
    Duplicates,
    LabelKind,
    MultiSelect,
    Objective,
    Pooling,
)
from realm_cli.templates import checked_template, lists_options

Template = Annotated[str, AfterValidator(checked_template)]


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


BY_PLACE = frozenset({AnnotatorModel.GUESS, AnnotatorModel.CONFUSION})
"""Annotator models that learn who likes which option, by its place in the list."""


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

    @property
    def candidates(self) -> tuple[AnnotatorModel, ...]:
        """The annotator models among which `auto` chooses, simplest first."""
        return tuple(name for name in AnnotatorModel if name is not AnnotatorModel.AUTO)


class TrainSettings(JudgeSettings):
    """All that decides what a training run computes, besides its data.

    None stands for "as fits the model": the backbone's preset fills it in.

    Attributes:
        tokens_per_batch: Tokens a step, texts and options with their padding, in the place of a
            number of items.
        cross_fit: Folds of cross-fitting; 1 for none, None to cross-fit in five folds where no
            item has two labels.
        template: What the model reads of an item, in every task.
        templates: The same for single tasks, by name.
        labels: Whether annotators chose among options or wrote answers of their own.
        distractors: Answers to other items that are options of an item, where they wrote.
    """

    model: str
    backbone: BackboneKind = BackboneKind.AUTO
    objective: Objective = Objective.JOINT
    cross_fit: Annotated[int, Field(ge=1, le=20)] | None = None
    form_weight: Annotated[float, Field(ge=0)] = 0.3
    warm_up: Annotated[float, Field(ge=0, le=1)] = 0.2
    epochs: Annotated[int, Field(ge=1)] | None = None
    batch_size: Annotated[int, Field(ge=1)] = 32
    tokens_per_batch: Annotated[int, Field(ge=8)] | None = None
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    expertise_learning_rate: Annotated[float, Field(gt=0)] | None = None
    max_length: Annotated[int, Field(ge=8)] = 512
    template: Template | None = None
    templates: dict[str, Template] | None = None
    labels: LabelKind = LabelKind.CHOICE
    distractors: Annotated[int, Field(ge=1)] = 6

    @property
    def candidates(self) -> tuple[AnnotatorModel, ...]:
        """The annotator models that these labels allow, simplest first."""
        found = super().candidates
        return (
            found
            if self.labels is LabelKind.CHOICE
            else tuple(name for name in found if name not in BY_PLACE)
        )

    @model_validator(mode="after")
    def _open_labels_have_no_places(self) -> Self:
        if self.labels is LabelKind.CHOICE:
            return self
        if self.annotator_model in BY_PLACE:
            raise ValueError(
                f"the annotator model {self.annotator_model.value} needs the same options for all "
                "items, and --labels open has none; take expertise or signed"
            )
        if any(map(lists_options, [self.template or "", *(self.templates or {}).values()])):
            raise ValueError(
                "a template cannot list {options} with --labels open: the answers given would "
                "stand in the prompt"
            )
        return self


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
