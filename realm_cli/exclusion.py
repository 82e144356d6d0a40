"""What becomes of the labels if some annotators' labels are left out."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import numpy as np

from realm_cli.aggregate.choice import fit_model
from realm_cli.aggregate.em import Fit
from realm_cli.aggregate.majority import winning_shares
from realm_cli.annotations import NO_GOLD
from realm_cli.choices import AnnotatorModel
from realm_cli.estimation import Crowd
from realm_cli.labels import FloatArray, Labels
from realm_cli.report.model import Exclusion, GoldChange


def exclusion(
    crowd: Crowd, before: Fit, model: AnnotatorModel, who: AbstractSet[str], *, seed: int = 0
) -> Exclusion:
    """Fit again without some annotators' labels, and compare.

    Args:
        crowd: All labels.
        before: The fit to all of them.
        model: Its annotator model.
        who: Ids of those who are left out.
        seed: Decides the restarts.
    """
    table, labels = crowd.table, crowd.labels
    out = np.array([name in who for name in table.annotators])
    keep = ~out[labels.groups.annotator[labels.group]]
    rest = labels.only(keep)
    after = _posterior(crowd, rest, before, model, seed)
    labelled = np.bincount(rest.item, minlength=labels.n_items) > 0
    changed = before.log_q.argmax(axis=1) != after.argmax(axis=1)
    return Exclusion(
        n_annotators=int(out.sum()),
        n_annotations=int((~keep).sum()),
        n_items=labels.n_items,
        n_changed=int((changed & labelled).sum()),
        n_unlabelled=int((~labelled).sum()),
        expected_accuracy_before=mean_confidence(before.log_q),
        expected_accuracy_after=mean_confidence(after),
        gold=_on_gold(crowd, before.log_q, after),
    )


def _posterior(
    crowd: Crowd, rest: Labels, before: Fit, model: AnnotatorModel, seed: int
) -> FloatArray:
    """`[I, K]` log-posterior from the labels that are left; even where none is."""
    if len(rest):
        fitted = fit_model(model, rest, history=crowd.history, seed=seed)
        return fitted.to_the(before.power).log_q
    items = crowd.table.items
    return np.where(items.has_option, -np.log(items.n_options)[:, None], -np.inf)


def mean_confidence(log_q: FloatArray) -> float:
    """The mean posterior probability of the best label, from `[I, K]`."""
    return min(float(np.exp(log_q.max(axis=1)).mean()), 1.0)


def _on_gold(crowd: Crowd, before: FloatArray, after: FloatArray) -> GoldChange | None:
    """Null without gold, and where gold was used: it would be right by itself."""
    gold = crowd.table.items.gold
    known = np.flatnonzero(gold != NO_GOLD)
    if not len(known) or crowd.labels.known is not None:
        return None

    def accuracy(log_q: FloatArray) -> float:
        return float(winning_shares(np.exp(log_q))[known, gold[known]].mean())

    return GoldChange(n=len(known), before=accuracy(before), after=accuracy(after))
