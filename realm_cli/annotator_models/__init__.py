"""Annotator models: the probability that an annotator answers y when the truth is k."""

from __future__ import annotations

from typing import Any, Protocol

from realm_cli.annotator_models.base import BoundModel, History
from realm_cli.annotator_models.confusion import Confusion
from realm_cli.annotator_models.expertise import Expertise
from realm_cli.annotator_models.guess import Guess
from realm_cli.annotator_models.signed import Signed
from realm_cli.choices import AnnotatorModel
from realm_cli.labels import Labels


class Binds(Protocol):
    """Makes an annotator model for labels."""

    def __call__(self, labels: Labels, history: History) -> BoundModel[Any]:
        """The model, bound."""


ANNOTATOR_MODELS: dict[AnnotatorModel, Binds] = {
    AnnotatorModel.EXPERTISE: Expertise,
    AnnotatorModel.SIGNED: Signed,
    AnnotatorModel.GUESS: Guess,
    AnnotatorModel.CONFUSION: Confusion,
}
