"""Annotator models: the probability that an annotator answers y when the truth is k."""

from __future__ import annotations

from realm_cli.annotator_models.expertise import Expertise
from realm_cli.choices import AnnotatorModel

ANNOTATOR_MODELS = {AnnotatorModel.EXPERTISE: Expertise}
