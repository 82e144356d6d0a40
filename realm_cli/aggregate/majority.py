"""The majority vote: the yardstick that every other method must be held against."""

from __future__ import annotations

import numpy as np

from realm_cli.annotations import AnnotationTable
from realm_cli.labels import FloatArray


def vote_shares(table: AnnotationTable) -> FloatArray:
    """`[I, K]` share of an item's labels that each option got; 0 for items without labels."""
    shape = table.items.has_option.shape
    votes = np.bincount(table.item * shape[1] + table.label, minlength=shape[0] * shape[1]).reshape(
        shape
    )
    shares: FloatArray = votes / np.maximum(votes.sum(axis=1, keepdims=True), 1)
    return shares


def winning_shares(shares: FloatArray) -> FloatArray:
    """`[I, K]` the vote's decision: 1 for the winner, equal parts for those who tie."""
    winners = (shares == shares.max(axis=1, keepdims=True)) & (shares > 0)
    parts: FloatArray = winners / np.maximum(winners.sum(axis=1, keepdims=True), 1)
    return parts
