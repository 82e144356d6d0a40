"""Answers that are not quite the annotator's own, and gold that is not quite independent."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow.compute as pc

from realm_cli.annotations import NO_GOLD
from realm_cli.checks.facts import BoolArray, Facts, counted
from realm_cli.schema import Issue, Origin

FEW_WITH_GOLD = 0.5
ENOUGH = 5
"""Annotators of fewer annotations are named as examples only where there is nobody else."""


def check_origins(facts: Facts) -> Iterator[Issue]:
    """Edits by others, pre-labels, and where gold comes from."""
    yield from _edited(facts)
    yield from _pre_labels(facts)
    yield from _own_gold(facts)
    yield from _gold_on_few(facts)


def _edited(facts: Facts) -> Iterator[Issue]:
    said = facts.table.rows["edited"].fill_null(False)
    edited = np.asarray(said.to_numpy(), dtype=bool)
    if edited.any():
        yield facts.warning(
            "edited-by-others",
            f"{_of_all(edited)} changed by somebody else after the annotator, "
            f"{_most(facts, edited)}",
            int(np.argmax(edited)),
            "export the labels as they were before the review to judge the annotators",
            int(edited.sum()),
        )


def _pre_labels(facts: Facts) -> Iterator[Issue]:
    said = pc.equal(facts.table.rows["origin"], Origin.PRE_LABEL.value).fill_null(False)
    accepted = np.asarray(said.to_numpy(), dtype=bool)
    if accepted.any():
        yield facts.warning(
            "accepted-pre-labels",
            f"{_of_all(accepted)} accepted from a pre-label, {_most(facts, accepted)}",
            int(np.argmax(accepted)),
            "have some items labelled without pre-labels to judge the annotators",
            int(accepted.sum()),
        )


def _of_all(some: BoolArray) -> str:
    n = int(some.sum())
    return f"{n:,} of {len(some):,} annotations {'was' if n == 1 else 'were'}"


def _most(facts: Facts, some: BoolArray) -> str:
    """The annotator of whose annotations the largest part is such."""
    n = facts.n_of_annotator
    own = np.bincount(facts.table.annotator[some], minlength=len(n))
    share = own / np.maximum(n, 1)
    who = int(np.lexsort((n, share, (n >= ENOUGH) & (own > 0)))[-1])
    return f"most of all with {facts.annotator_name(who)} ({own[who]:,} of {n[who]:,})"


def _own_gold(facts: Facts) -> Iterator[Issue]:
    own = facts.table.is_gold
    if own.any():
        n = int(own.sum())
        yield facts.warning(
            "gold-is-own-label",
            f"{counted(n, 'annotation')} {'is itself its' if n == 1 else 'are themselves their'} "
            f"item's gold and {'does' if n == 1 else 'do'} not count as right or wrong",
            int(np.argmax(own)),
            "have gold made by somebody who is not judged by it",
            n,
        )


def _gold_on_few(facts: Facts) -> Iterator[Issue]:
    gold = facts.table.items.gold
    known = int((gold != NO_GOLD).sum())
    if 0 < known < FEW_WITH_GOLD * len(gold):
        yield facts.note(
            "gold-on-few",
            f"{known:,} of {len(gold):,} items ({known / len(gold):.0%}) have gold: if they are "
            "control items, accuracy on them may not be the accuracy on all",
            hint="have gold made for items drawn at random",
            count=known,
        )
