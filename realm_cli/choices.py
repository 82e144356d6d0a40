"""The words that flags choose from; imports nothing heavy, so that `--help` is quick."""

from __future__ import annotations

from enum import StrEnum

TINY_T5 = "tiny-t5"
"""The name of the built-in model: a small T5 from random weights."""


class Objective(StrEnum):
    """How the labels of one item enter the likelihood (docs/method.md, equations 4 and 5)."""

    JOINT = "joint"
    INDEPENDENT = "independent"


class AnnotatorModel(StrEnum):
    """How annotators err (`annotator_models/`)."""

    EXPERTISE = "expertise"


class Pooling(StrEnum):
    """How an annotator's expertise is shared over tasks."""

    PARTIAL = "partial"
    FULL = "full"


class CrowdKind(StrEnum):
    """How expertise is spread over simulated annotators."""

    HAMMER_SPAMMER = "hammer-spammer"
    UNIFORM = "uniform"
    BETA = "beta"
    ADVERSARIAL = "adversarial"
    TASK_SPECIALIST = "task-specialist"
