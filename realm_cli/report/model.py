"""The CompetenceReport: report.json as pydantic models. Every renderer works from this alone."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from realm_cli.config import DecisionSettings

FORMAT_VERSION = "1.0"

Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Interval = tuple[Probability, Probability]
"""A 95% highest-density interval: [low, high]."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Kind(StrEnum):
    """Where the evidence on annotators comes from."""

    CROSS_FITTED = "cross-fitted"
    IN_SAMPLE = "in-sample"
    LABEL_ONLY = "label-only"


class Tool(_Part):
    """Who wrote the report."""

    name: str
    version: str


class InputFile(_Part):
    """One input file and what became of its rows."""

    path: str
    format: str
    sha256: str
    rows: int
    dropped: dict[str, int]


class Selection(_Part):
    """How the annotator model was chosen: held-out log-likelihood of a label, in nats."""

    scores: dict[str, float]
    margin: float | None
    reason: str | None = None


class Estimate(_Part):
    """How the annotators were judged.

    `selection` is there where the annotator model was chosen by realm; `fallback` says why a run's
    report rests on labels alone. `label_power` is what a label counts for: below 1 where the
    annotators of an item err together, as people do on hard items (eq. 25).
    """

    kind: Kind
    annotator_model: str
    objective: str | None
    model: str | None = None
    selection: Selection | None = None
    fallback: str | None = None
    label_power: float = 1.0


class Agreement(_Part):
    """How far annotators agree, over pairs of labels on the same item; null without such pairs."""

    n_pairs: int
    percent: Probability | None


class Coefficient(_Part):
    """An agreement coefficient and its 95% bootstrap interval over items."""

    value: Annotated[float, Field(le=1, allow_inf_nan=False)]
    low: Annotated[float, Field(allow_inf_nan=False)]
    high: Annotated[float, Field(allow_inf_nan=False)]


class TaskAgreement(_Part):
    """How far the annotators of one task agree; null where a coefficient is not defined."""

    n_items: int
    n_pairs: int
    scale: str
    percent: Coefficient | None
    alpha: Coefficient | None
    kappa: Coefficient | None
    ac1: Coefficient | None


class GoldAccuracy(_Part):
    """Share of the items with gold on which each label is right."""

    n: int
    model: Probability | None
    posterior: Probability
    majority: Probability


class MeanCompetence(_Part):
    """The probability that a label is correct, whoever of all the annotators gave it.

    `n_unsupported` of the labels tell nothing of it, where no language model was asked: nobody else
    labelled their items and their annotators have hardly any other labels, or one and the same
    person labelled all that their annotator did.
    """

    value: Probability
    interval: Interval
    n_annotations: int
    n_unsupported: int


class ConfidenceShare(_Part):
    """The share of items whose posterior label is at least so probable."""

    at_least: Probability
    share: Probability


class Confidence(_Part):
    """How probable the posterior labels are, over items."""

    n_items: int
    mean: Probability
    shares: tuple[ConfidenceShare, ...]


class Summary(_Part):
    """The counts, and what gold says where there is any."""

    n_items: int
    n_annotators: int
    n_annotations: int
    n_tasks: int
    agreement: Agreement
    accuracy_on_gold: GoldAccuracy | None
    competence: MeanCompetence | None = None
    confidence: Confidence | None = None


class AnnotatorGold(_Part):
    """An annotator's own accuracy on items with gold."""

    n: int
    accuracy: Probability


class TaskCompetence(_Part):
    """A cell of the annotator x task matrix."""

    task: str
    n_annotations: int
    expertise: Probability
    expertise_interval: Interval
    competence: Probability
    competence_interval: Interval


class Confusion(_Part):
    """One label given in the place of another.

    Of an annotator's `of` labels on items whose posterior label is `truth`, `n` were `label`.
    """

    truth: str
    label: str
    n: int
    of: int


class Evidence(_Part):
    """What one test says of an annotator; `docs/evidence.md` explains each.

    `effect` is in the test's own unit. `p_value` says how often chance does as much, `q_value` what
    share of findings as clear as this one may be false. `others` are the annotators it is about.
    """

    test: str
    task: str | None = None
    n: int
    effect: Annotated[float, Field(allow_inf_nan=False)] | None
    p_value: Probability
    q_value: Probability
    found: bool
    words: str
    others: tuple[str, ...] = ()


class Stretch(_Part):
    """Competence over a part of an annotator's work, in the order it was submitted."""

    start: datetime | None
    end: datetime | None
    n: int
    competence: Probability
    competence_interval: Interval


class AnnotatorReport(_Part):
    """One annotator: P(did not guess), P(label is correct), and what stands out.

    `decision` and `reasons` are there where decisions were asked for; so is `confuses`, where one
    label stands for another.
    """

    annotator_id: str
    n_annotations: int
    expertise: Probability
    expertise_interval: Interval
    competence: Probability
    competence_interval: Interval
    gold: AnnotatorGold | None
    agreement_with_posterior: Probability
    flags: tuple[str, ...]
    decision: str | None = None
    reasons: tuple[str, ...] = ()
    confuses: Confusion | None = None
    by_task: tuple[TaskCompetence, ...]
    evidence: tuple[Evidence, ...] = ()
    over_time: tuple[Stretch, ...] = ()


class TaskReport(_Part):
    """One task over all its annotators."""

    task: str
    n_items: int
    n_annotators: int
    n_annotations: int
    labels: tuple[str, ...] | None
    mean_competence: Probability
    agreement: TaskAgreement | None = None
    competence: MeanCompetence | None = None


class CalibrationBin(_Part):
    """Items with gold whose posterior label is about as probable, and how many of them are right.

    Attributes:
        low: The least probability of a posterior label in here.
        high: The next bin begins there.
        n: Items.
        confidence: Mean probability of their posterior labels.
        accuracy: Share of those labels that are right.
    """

    low: Probability
    high: Probability
    n: int
    confidence: Probability
    accuracy: Probability


class Place(_Part):
    """Where to look."""

    file: str | None
    line: int | None


class Warning_(_Part):  # noqa: N801 - `Warning` is taken
    """Something the reader must know before trusting the numbers."""

    code: str
    message: str
    count: int
    examples: tuple[Place, ...] = ()


class GoldChange(_Part):
    """Share of the items with gold whose posterior label is right, before and after."""

    n: int
    before: Probability
    after: Probability


class Exclusion(_Part):
    """What becomes of the labels without the excluded annotators.

    Both sides are fitted to labels alone, under the same annotator model. Expected accuracy is the
    mean over all items of the posterior probability of their labels.
    """

    n_annotators: int
    n_annotations: int
    n_items: int
    n_changed: int
    n_unlabelled: int
    expected_accuracy_before: Probability
    expected_accuracy_after: Probability
    gold: GoldChange | None


class Decisions(_Part):
    """What the decisions about annotators rest on, how many there are, and what they would do."""

    settings: DecisionSettings
    counts: dict[str, int]
    exclusion: Exclusion | None


class GateStatus(StrEnum):
    """What a gate decided; `inconclusive` (too little evidence) is never a pass."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class Example(Place):
    """Where to look, and what is there."""

    message: str | None = None


Number = Annotated[float, Field(allow_inf_nan=False)]


class Verdict(_Part):
    """What one gate decided, about the batch or about one annotator or task.

    `op` says on which side of `threshold` the value must lie; `interval` decides where there is
    one; `n` is what the value rests on.
    """

    id: str
    metric: str
    op: Literal[">=", "<="]
    threshold: Number
    value: Number | None
    interval: tuple[Number, Number] | None
    n: int
    status: GateStatus
    annotator_id: str | None = None
    task: str | None = None
    words: str
    examples: tuple[Example, ...] = ()


class TrainingStep(_Part):
    """What was measured at a step of a training; null where it was not.

    `stage` is `final`, or `fold 1` and so on; `loss` is per annotation, in nats; `dev` is the
    log-likelihood per annotation of the items kept out of training.
    """

    stage: str
    step: int
    loss: Number | None
    mean_expertise: Number | None
    dev: Number | None


class CompetenceReport(_Part):
    """The whole report; additive changes only within a major `format_version`."""

    format_version: str = FORMAT_VERSION
    tool: Tool
    created_at: datetime
    inputs: tuple[InputFile, ...]
    estimate: Estimate
    summary: Summary
    annotators: tuple[AnnotatorReport, ...]
    tasks: tuple[TaskReport, ...]
    calibration: tuple[CalibrationBin, ...] = ()
    training: tuple[TrainingStep, ...] = ()
    decisions: Decisions | None = None
    gates: tuple[Verdict, ...] = ()
    warnings: tuple[Warning_, ...] = ()
