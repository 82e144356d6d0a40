"""The best label of every item by a method of `aggregate/`, and what is to be known of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from realm_cli import estimation
from realm_cli.aggregate.em import Fit
from realm_cli.aggregate.majority import vote_shares, winning_shares
from realm_cli.aggregate.methods import METHODS, MODEL_METHODS
from realm_cli.annotations import NO_GOLD, AnnotationTable
from realm_cli.choices import AnnotatorModel, Method
from realm_cli.config import JudgeSettings
from realm_cli.doubts import doubts_of_labels
from realm_cli.errors import UsageError
from realm_cli.labels import FloatArray, labels_of
from realm_cli.report.tables import labels_table
from realm_cli.schema import Issue


@dataclass(frozen=True)
class Labelling:
    """What a method made of the labels.

    Attributes:
        method: Its name; for `auto` the annotator model chosen, too.
        n_items: How many items got a label.
        n_against: How many of those labels are not among the winners of the vote.
        n_gold: Items with gold.
        accuracy: Share of them that is right; None without gold.
        majority_accuracy: The same of the vote.
        issues: What the reader must know.
        labels: labels.parquet.
    """

    method: str
    n_items: int
    n_against: int
    n_gold: int
    accuracy: float | None
    majority_accuracy: float | None
    issues: tuple[Issue, ...] = ()
    labels: pa.Table = field(default=None, repr=False)

    def summary(self) -> str:
        """As JSON, without the labels."""
        plain = {name: value for name, value in vars(self).items() if name not in _NOT_PLAIN}
        warnings = [issue.model_dump(include={"code", "message", "count"}) for issue in self.issues]
        return json.dumps({**plain, "warnings": warnings}, indent=2)


_NOT_PLAIN = {"issues", "labels"}


def label_items(
    table: AnnotationTable, method: Method, *, seed: int = 0, use_gold: bool = False
) -> Labelling:
    """Weigh a table's labels.

    Args:
        table: The annotations.
        method: How.
        seed: Decides the restarts.
        use_gold: Whether gold counts as known truth.

    Raises:
        UsageError: The method cannot take gold, or the labels.
    """
    if method in METHODS:
        if use_gold:
            raise UsageError(
                f"--use-gold has no meaning with --method {method.value}, which knows no truth "
                "beside the labels",
                hint="take auto, expertise, signed, guess or dawid-skene",
            )
        return _labelling(table, method.value, weights(table, method, seed=seed), ())
    model, fitted = _by_model(table, method, seed, use_gold=use_gold)
    name = f"{method.value} ({model.value})" if method is Method.AUTO else method.value
    return _labelling(table, name, np.exp(fitted.log_q), tuple(doubts_of_labels(table, fitted)))


def weights(table: AnnotationTable, method: Method, *, seed: int = 0) -> FloatArray:
    """`[I, K]` probabilities of the options by a method, or shares of its vote.

    Args:
        table: The annotations.
        method: How.
        seed: Decides the restarts.
    """
    if method in METHODS:
        return METHODS[method](table, labels_of(table))
    return np.exp(_by_model(table, method, seed, use_gold=False)[1].log_q)


def _by_model(
    table: AnnotationTable, method: Method, seed: int, *, use_gold: bool
) -> tuple[AnnotatorModel, Fit]:
    """The annotator model behind a method, and its fit, as a report would have them."""
    model = MODEL_METHODS.get(method, AnnotatorModel.AUTO)
    settings = JudgeSettings(annotator_model=model, seed=seed, use_gold=use_gold)
    crowd = estimation.crowd_of(table, settings)
    choice = estimation.choice_for(crowd, settings)
    return choice.model, estimation.fit_crowd(crowd, settings, choice)


def _labelling(
    table: AnnotationTable, name: str, q: FloatArray, issues: tuple[Issue, ...]
) -> Labelling:
    gold = table.items.gold
    known = np.flatnonzero(gold != NO_GOLD)
    shares = vote_shares(table)
    against = winning_shares(shares)[np.arange(len(q)), q.argmax(axis=1)] == 0

    def accuracy(scores: FloatArray) -> float | None:
        if not len(known):
            return None
        return float(winning_shares(scores)[known, gold[known]].mean())

    return Labelling(
        method=name,
        n_items=len(table.items),
        n_against=int((against & (shares.sum(axis=1) > 0)).sum()),
        n_gold=len(known),
        accuracy=accuracy(q),
        majority_accuracy=accuracy(shares),
        issues=issues,
        labels=labels_table(table, np.log(np.maximum(q, 1e-300))),
    )
