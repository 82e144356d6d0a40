"""The methods of `realm aggregate`, by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from realm_cli.aggregate.glad import glad
from realm_cli.aggregate.majority import vote_shares
from realm_cli.aggregate.wawa import wawa
from realm_cli.annotations import AnnotationTable
from realm_cli.choices import AnnotatorModel, Method
from realm_cli.labels import FloatArray, Labels

Weigh = Callable[[AnnotationTable, Labels], FloatArray]
"""From a table and its labels to `[I, K]` probabilities (or shares of a vote)."""


def _vote(table: AnnotationTable, labels: Labels) -> FloatArray:
    del labels
    return vote_shares(table)


def _wawa(table: AnnotationTable, labels: Labels) -> FloatArray:
    del table
    return wawa(labels)


def _glad(table: AnnotationTable, labels: Labels) -> FloatArray:
    del table
    return np.exp(glad(labels).log_q)


METHODS: dict[Method, Weigh] = {
    Method.MAJORITY: _vote,
    Method.WAWA: _wawa,
    Method.GLAD: _glad,
}
"""Those without an annotator model."""

MODEL_METHODS: dict[Method, AnnotatorModel] = {
    Method.DAWID_SKENE: AnnotatorModel.CONFUSION,
    Method.EXPERTISE: AnnotatorModel.EXPERTISE,
    Method.SIGNED: AnnotatorModel.SIGNED,
    Method.GUESS: AnnotatorModel.GUESS,
}
"""Those that are an annotator model fitted to labels; `auto` is one of these, too."""
