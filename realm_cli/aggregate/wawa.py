"""Worker agreement with aggregate: votes weighed by how often each annotator votes with the rest.

The cheapest method that trusts some people more than others: one pass, no likelihood. The name is
Appen's; the same is in crowd-kit.
"""

from __future__ import annotations

import numpy as np

from realm_cli.aggregate.majority import winning_shares
from realm_cli.labels import FloatArray, Labels


def wawa(labels: Labels) -> FloatArray:
    """`[I, W]` weighted shares of the votes; 0 for items without labels.

    An annotator's weight is the share of their labels that won the plain vote; a tied vote counts
    in parts.
    """
    votes = _votes(labels, np.ones(len(labels)))
    won = winning_shares(votes)[labels.item, labels.label]
    annotator = labels.groups.annotator[labels.group]
    n = np.maximum(np.bincount(annotator, minlength=labels.n_annotators), 1)
    weight = np.bincount(annotator, won, labels.n_annotators) / n
    return _shares(_votes(labels, weight[annotator]))


def _votes(labels: Labels, weight: FloatArray) -> FloatArray:
    shape = (labels.n_items, labels.width)
    place = labels.item.astype(np.int64) * shape[1] + labels.label
    votes: FloatArray = np.bincount(place, weight, shape[0] * shape[1]).astype(np.float64)
    return votes.reshape(shape)


def _shares(votes: FloatArray) -> FloatArray:
    total = votes.sum(axis=1, keepdims=True)
    shares: FloatArray = votes / np.where(total > 0, total, 1)
    return shares
