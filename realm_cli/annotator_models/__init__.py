"""Annotator models: the probability that an annotator answers y when the truth is k."""

from __future__ import annotations

from realm_cli.annotator_models.expertise import Expertise

ANNOTATOR_MODELS = {"expertise": Expertise}
