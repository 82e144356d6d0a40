"""Settings: frozen, checked, saved with the run. Flags > REALM_* > realm.toml > these defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from realm_cli.choices import (
    AnnotatorFrom,
    AnnotatorModel,
    BackboneKind,
    CrowdKind,
    Duplicates,
    GateMetric,
    LabelKind,
    MultiSelect,
    Objective,
    OnInconclusive,
    Pooling,
    Precision,
    Schedule,
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


def _share_or_file(value: object) -> object:
    """Text that reads as a number is a share, never the path of a file."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value


DevItems = Annotated[
    Annotated[float, Field(gt=0, lt=1)] | Path | None, BeforeValidator(_share_or_file)
]
"""Items kept out of training: a share of them, or a file of further ones."""


class TrainSettings(JudgeSettings):
    """All that decides what a training run computes, besides its data.

    None stands for "as fits the model": the backbone's preset fills it in.

    Attributes:
        revision: Branch, tag or commit of a model on the hub.
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
        cross_fit: Folds of cross-fitting; 1 for none, None to cross-fit in three folds where
            no item has two labels.
        dev: Items kept out of training, by which the best checkpoint is chosen: a share, or a file
            of further ones; None to train on all, to the end.
        evaluate_every: Steps between evaluations on them; None for once an epoch.
        patience: Evaluations without improvement after which training ends; None never to.
        template: What the model reads of an item, in every task.
        templates: The same for single tasks, by name.
        labels: Whether annotators chose among options or wrote answers of their own.
        distractors: Answers to other items that are options of an item, where they wrote.
    """

    model: str
    revision: str | None = None
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
    dev: DevItems = None
    evaluate_every: Annotated[int, Field(ge=1)] | None = None
    patience: Annotated[int, Field(ge=1)] | None = None
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


class DecisionSettings(BaseModel):
    """What decides about an annotator (`decisions.py`).

    Attributes:
        min_competence: Competence that is asked for; None for a fifth of the way from chance to
            always right, which is .6 with two options and .4 with four.
        min_labels: Nobody with fewer labels is excluded.
        max_width: Nor anybody whose interval of competence is wider.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_competence: Annotated[float, Field(ge=0, le=1)] | None = None
    min_labels: Annotated[int, Field(ge=1)] = 20
    max_width: Annotated[float, Field(gt=0, le=1)] = 0.4


class RelabelSettings(BaseModel):
    """What further labels may cost (`relabel.py`).

    Attributes:
        budget: What there is to spend: labels, or money where a label has a price.
        price: Of one label.
        per_item: New labels that one item gets at most.
        competence: P(a new label is correct); None for that of the crowd.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    budget: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    price: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    per_item: Annotated[int, Field(ge=1, le=10)] = 3
    competence: Annotated[float, Field(gt=0, le=1)] | None = None


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


Share = Annotated[float, Field(ge=0, le=1)]


class GateSettings(BaseModel):
    """When a batch of annotations is accepted; a threshold that is None is no gate.

    Attributes:
        min_competence: Of a label of the batch, whoever gave it.
        min_task_competence: The same in each task.
        min_annotator_competence: Of each annotator.
        max_flagged: Share of annotators that stand out.
        min_agreement: Share of pairs of labels on one item that are the same, in each task.
        min_alpha: Krippendorff's alpha of each task.
        min_confidence: Mean probability of the posterior labels.
        min_confident_share: Share of items whose posterior label has `confident_at` or more.
        confident_at: One of the levels that the report counts.
        min_control_accuracy: Share of labels that are right on items with gold.
        max_drop: How far the mean competence of annotators known from the baseline may fall.
        max_annotator_drop: How far that of each of them may.
        max_warnings: How many problems reading and checking may have met.
        baseline: A report.json of an earlier batch, for `max_drop` and `max_annotator_drop`.
        ignore: Codes of warnings that do not count.
        advisory: Gates that warn and never fail.
        min_items: Items that must be there to speak of a batch or a task.
        min_labels: Labels that somebody must have given to be spoken of.
        max_unjudged: Share of the labels that may be by annotators on whom a gate is inconclusive.
        inconclusive: What such a gate counts as; None for an exit code of its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_competence: Share | None = None
    min_task_competence: Share | None = None
    min_annotator_competence: Share | None = None
    max_flagged: Share | None = None
    min_agreement: Share | None = None
    min_alpha: Annotated[float, Field(ge=-1, le=1)] | None = None
    min_confidence: Share | None = None
    min_confident_share: Share | None = None
    confident_at: Share = 0.9
    min_control_accuracy: Share | None = None
    max_drop: Share | None = None
    max_annotator_drop: Share | None = None
    max_warnings: Annotated[int, Field(ge=0)] | None = None
    baseline: Path | None = None
    ignore: tuple[str, ...] = ()
    advisory: tuple[GateMetric, ...] = ()
    min_items: Annotated[int, Field(ge=1)] = 30
    min_labels: Annotated[int, Field(ge=1)] = 10
    max_unjudged: Share = 0.1
    inconclusive: OnInconclusive | None = None
