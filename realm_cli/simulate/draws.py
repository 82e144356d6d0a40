"""How expertise is spread over a crowd, and over tasks."""

from __future__ import annotations

import numpy as np

from realm_cli.coding import IntArray
from realm_cli.config import CrowdSettings
from realm_cli.labels import FloatArray

EXPERT = 0.95
NOVICE = 0.05


def annotator_names(settings: CrowdSettings) -> tuple[str, ...]:
    """Ids `[A]` that sort as they count."""
    width = len(str(settings.annotators - 1))
    return tuple(f"annotator-{a:0{width}d}" for a in range(settings.annotators))


def chosen(rng: np.random.Generator, settings: CrowdSettings) -> IntArray:
    """The annotators, `share` of all, who are what the kind of crowd says."""
    return rng.permutation(settings.annotators)[: round(settings.annotators * settings.share)]


def hammer_spammer(rng: np.random.Generator, settings: CrowdSettings, tasks: int) -> FloatArray:
    """A share of experts; the rest guess."""
    w = np.zeros(settings.annotators)
    w[chosen(rng, settings)] = EXPERT
    return np.repeat(w[:, None], tasks, axis=1)


def uniform(rng: np.random.Generator, settings: CrowdSettings, tasks: int) -> FloatArray:
    """Anything between guessing and knowing."""
    return np.repeat(rng.random(settings.annotators)[:, None], tasks, axis=1)


def beta(rng: np.random.Generator, settings: CrowdSettings, tasks: int) -> FloatArray:
    """Most know more than half."""
    return np.repeat(rng.beta(2, 1, settings.annotators)[:, None], tasks, axis=1)


def adversarial(rng: np.random.Generator, settings: CrowdSettings, tasks: int) -> FloatArray:
    """A share is always wrong, the rest are anything between guessing and knowing."""
    w = rng.random(settings.annotators)
    w[chosen(rng, settings)] = -1
    return np.repeat(w[:, None], tasks, axis=1)


def task_specialist(rng: np.random.Generator, settings: CrowdSettings, tasks: int) -> FloatArray:
    """Everyone knows a share of the tasks."""
    w = np.full((settings.annotators, tasks), NOVICE)
    for row in w:
        known = rng.permutation(tasks)[: max(1, round(tasks * settings.share))]
        row[known] = EXPERT
    return w
