"""The words that flags choose from; imports nothing heavy, so that `--help` is quick."""

from __future__ import annotations

from enum import StrEnum

TINY_T5 = "tiny-t5"
"""The name of the built-in model: a small T5 from random weights."""


class Objective(StrEnum):
    """How the labels of one item enter the likelihood (docs/method.md, equations 4 and 5)."""

    JOINT = "joint"
    INDEPENDENT = "independent"


class LabelKind(StrEnum):
    """What labels are: chosen among options, or free text (docs/method.md, equation 23)."""

    CHOICE = "choice"
    OPEN = "open"


class BackboneKind(StrEnum):
    """How a model scores options (`backbones/`); `auto` as its checkpoint's config says."""

    AUTO = "auto"
    SEQ2SEQ = "seq2seq"
    ENCODER = "encoder"
    CAUSAL = "causal"


class Usage(StrEnum):
    """How a trained model scores options; its card shows how that is done without realm."""

    SEQ2SEQ = "seq2seq"
    LABELS = "labels"
    PAIRS = "pairs"
    CAUSAL = "causal"


class Precision(StrEnum):
    """What a model computes in; `auto` is bf16 on a GPU that has it and fp32 elsewhere."""

    AUTO = "auto"
    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"


class Schedule(StrEnum):
    """How the learning rates go down over the steps."""

    LINEAR = "linear"
    COSINE = "cosine"
    CONSTANT = "constant"


class AnnotatorModel(StrEnum):
    """How annotators err (`annotator_models/`); `auto` is chosen by held-out annotations."""

    AUTO = "auto"
    EXPERTISE = "expertise"
    SIGNED = "signed"
    GUESS = "guess"
    CONFUSION = "confusion"


class Method(StrEnum):
    """How `realm aggregate` finds the best label of every item."""

    AUTO = "auto"
    MAJORITY = "majority"
    WAWA = "wawa"
    DAWID_SKENE = "dawid-skene"
    EXPERTISE = "expertise"
    SIGNED = "signed"
    GUESS = "guess"
    GLAD = "glad"


class View(StrEnum):
    """What `realm report` shows."""

    ANNOTATORS = "annotators"
    TASKS = "tasks"
    ITEMS = "items"
    ANNOTATOR = "annotator"


class Pooling(StrEnum):
    """How an annotator's expertise is shared over tasks."""

    PARTIAL = "partial"
    FULL = "full"


class Tracker(StrEnum):
    """Where a training can be watched from elsewhere; each is a package of that name."""

    TENSORBOARD = "tensorboard"
    WANDB = "wandb"
    MLFLOW = "mlflow"
    TRACKIO = "trackio"


class CrowdKind(StrEnum):
    """What simulated annotators are like."""

    HAMMER_SPAMMER = "hammer-spammer"
    UNIFORM = "uniform"
    BETA = "beta"
    ADVERSARIAL = "adversarial"
    TASK_SPECIALIST = "task-specialist"
    SIGNED = "signed"
    GUESS = "guess"
    CONFUSION = "confusion"
    CONSTANT = "constant"
    COLLUDING = "colluding"
    FATIGUE = "fatigue"
    DIFFICULTY = "difficulty"


class AnnotatorFrom(StrEnum):
    """Where an export says who gave an annotation."""

    FIELD = "field"
    FILENAME = "filename"
    PROJECT = "project"


class MultiSelect(StrEnum):
    """What an answer becomes that can hold several options."""

    PER_OPTION = "per-option"
    COMBINATION = "combination"


class Duplicates(StrEnum):
    """Which of one annotator's several answers to one question about one item counts."""

    LAST = "last"
    FIRST = "first"
    ALL = "all"
    ERROR = "error"


class GateMetric(StrEnum):
    """What `realm gate` can hold against a threshold."""

    COMPETENCE = "competence"
    TASK_COMPETENCE = "task-competence"
    ANNOTATOR_COMPETENCE = "annotator-competence"
    FLAGGED = "flagged"
    AGREEMENT = "agreement"
    ALPHA = "alpha"
    CONFIDENCE = "confidence"
    CONFIDENT_SHARE = "confident-share"
    CONTROL_ACCURACY = "control-accuracy"
    DROP = "drop"
    ANNOTATOR_DROP = "annotator-drop"
    WARNINGS = "warnings"


class OnInconclusive(StrEnum):
    """What an inconclusive gate counts as where the exit code is decided."""

    FAIL = "fail"
    PASS = "pass"  # noqa: S105 - no password


class TableFormat(StrEnum):
    """What `realm convert` writes."""

    PARQUET = "parquet"
    CSV = "csv"
    WIDE_CSV = "wide-csv"
    JSONL = "jsonl"


class QueueFormat(StrEnum):
    """What `realm relabel` writes its queue as."""

    LABEL_STUDIO = "label-studio"
    MTURK = "mturk"
    CSV = "csv"
    JSON = "json"
