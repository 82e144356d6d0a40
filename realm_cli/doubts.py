"""When the data cannot tell: what an estimate cannot know, in plain words, as warnings.

What the table alone shows (nobody shares items, one annotator, groups without a link) is said by
`checks/`; here is what shows only once annotators are judged.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import norm

from realm_cli.aggregate.em import DISAGREEMENT
from realm_cli.aggregate.majority import vote_shares
from realm_cli.choices import AnnotatorModel
from realm_cli.coding import IntArray
from realm_cli.estimation import Estimation
from realm_cli.labels import FloatArray
from realm_cli.schema import Issue, Severity

FEW_LABELS = 10
"""Fewer labels than this are too few to judge a person by."""
BELOW_CHANCE_SIGMAS = 2.6
"""How far under chance agreement must lie: one annotator in two hundred by accident."""
_ONE_IN_TEN_THOUSAND = float(norm.isf(1e-4))


def doubts(found: Estimation, *, held_out: bool) -> list[Issue]:
    """What the reader must know before trusting the estimate.

    Args:
        found: The estimate.
        held_out: Whether a language model's held-out predictions took part.
    """
    return [
        *_two_annotators(found, held_out=held_out),
        *_few_labels(found),
        *_below_chance(found),
        *_restarts(found),
        *_against_the_vote(found, held_out=held_out),
    ]


def below_chance(found: Estimation) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """`[A]` whether others contradict an annotator more often than they would a guesser."""
    table = found.crowd.table
    chance = 1 / table.items.n_options[table.item]
    n = len(table.annotators)
    gain = np.bincount(table.annotator, found.judgement.agreement - chance, n)
    spread = np.sqrt(np.bincount(table.annotator, chance * (1 - chance), n))
    far: np.ndarray[tuple[int], np.dtype[np.bool_]] = gain < -BELOW_CHANCE_SIGMAS * spread
    return far


def _warning(code: str, message: str, hint: str, count: int = 1) -> Issue:
    return Issue(
        code=code,
        severity=Severity.WARNING,
        message=f"{message}; {hint}" if hint else message,
        hint=hint or None,
        count=count,
    )


def _two_annotators(found: Estimation, *, held_out: bool) -> Iterator[Issue]:
    table = found.crowd.table
    if held_out or not (table.labels_per_item > 1).any():
        return
    tasks = [
        table.items.tasks[t]
        for t in range(len(table.items.tasks))
        if len(np.unique(table.annotator[table.task == t])) == 2
    ]
    if tasks:
        yield _warning(
            "two-annotators",
            f"only two annotators answered {_named(tasks)}: where they differ, nothing in the "
            "labels says who is right, and their competence is told apart by chance alone",
            "have a third annotator label some of the items, or give gold with --use-gold",
            len(tasks),
        )


def _named(tasks: list[str]) -> str:
    shown = ", ".join(repr(task) for task in tasks[:3])
    return f"task {shown}" if len(tasks) == 1 else f"{len(tasks)} tasks ({shown} …)"


def _few_labels(found: Estimation) -> Iterator[Issue]:
    table = found.crowd.table
    n = np.bincount(table.annotator, minlength=len(table.annotators))
    few = int((n < FEW_LABELS).sum())
    if few * 2 > len(n):
        yield _warning(
            "few-labels",
            f"{few:,} of {len(n):,} annotators gave fewer than {FEW_LABELS} labels: their "
            "intervals are wide, and what is said of one of them is mostly the prior",
            "judge them over several batches (--prior), or give each more items",
            few,
        )


def _below_chance(found: Estimation) -> Iterator[Issue]:
    below = below_chance(found) & (_counts(found) >= FEW_LABELS)
    if not below.any():
        return
    n, name = int(below.sum()), found.choice.model
    people = "1 annotator is" if n == 1 else f"{n:,} annotators are"
    blind = name in (AnnotatorModel.EXPERTISE, AnnotatorModel.GUESS)
    yield _warning(
        "below-chance",
        f"{people} right less often than a guesser would be"
        + (f", which `{name.value}` cannot express" if blind else ""),
        "try --annotator-model signed or confusion, and check their instructions for swapped labels"
        if blind
        else "check their instructions for swapped labels",
        n,
    )


def _counts(found: Estimation) -> IntArray:
    table = found.crowd.table
    return np.bincount(table.annotator, minlength=len(table.annotators)).astype(np.int64)


def _restarts(found: Estimation) -> Iterator[Issue]:
    share = found.fit.disagreement
    if share > DISAGREEMENT:
        yield _warning(
            "restarts-disagree",
            f"fits that explain the labels about as well differ in the answer of {share:.0%} of "
            "the items",
            "more labels an item, or gold for some of them (--use-gold), would settle it",
        )


def _against_the_vote(found: Estimation, *, held_out: bool) -> Iterator[Issue]:
    """More items decided against a clear vote than the posterior itself expects.

    Each such item is wrong by the vote with a probability that the posterior knows; if the
    annotators' labels were what the model takes them for, the vote would err as often as that.
    """
    share, expected, spread = _overruled(found)
    if held_out or share - expected < _ONE_IN_TEN_THOUSAND * spread or share < 0.05:
        return
    yield _warning(
        "against-the-vote",
        f"{share:.0%} of the items with a majority were decided against it, where chance and the "
        f"annotators' competence explain {expected:.0%}",
        "compare --method majority, and look at some of these items before trusting either",
    )


def _overruled(found: Estimation) -> tuple[float, float, float]:
    """Share of clear votes overruled, the share to expect, and its standard error.

    To expect: the votes of annotators of the fitted competence err with a probability that
    follows from each item's own labels, P(vote is wrong | nobody but its size and the mean
    competence is known): the binomial tail of a majority.
    """
    table = found.crowd.table
    shares = vote_shares(table)
    top = np.sort(shares, axis=1)
    second = top[:, -2] if top.shape[1] > 1 else np.zeros(len(top))
    clear = (top[:, -1] > second) & (table.labels_per_item > 1)
    if not clear.any():
        return 0.0, 0.0, 1.0
    over = found.fit.log_q.argmax(axis=1) != shares.argmax(axis=1)
    expected = _vote_errors(found)[clear]
    spread = float(np.sqrt(max((expected * (1 - expected)).sum(), 1.0)) / clear.sum())
    return float(over[clear].mean()), float(expected.mean()), spread


def _vote_errors(found: Estimation) -> FloatArray:
    """`[I]` P(the plain vote errs), by a normal tail of votes of the mean competence."""
    table = found.crowd.table
    c = found.judgement.competence.mean[table.annotator]
    n = np.maximum(table.labels_per_item, 1)
    others = np.maximum(table.items.n_options - 1, 1)
    lead = np.bincount(table.item, c, len(n)) - np.bincount(table.item, 1 - c, len(n)) / others
    spread = np.sqrt(np.maximum(n * 0.5, 1e-9))
    return np.asarray(norm.sf(lead / spread), dtype=np.float64)
