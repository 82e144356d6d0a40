"""When the data cannot tell: what an estimate cannot know, in plain words, as warnings.

What the table alone shows (nobody shares items, one annotator, groups without a link) is said by
`checks/`; here is what shows only once annotators are judged.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from realm_cli.aggregate.em import DISAGREEMENT, Fit
from realm_cli.aggregate.majority import vote_shares
from realm_cli.annotations import NO_GOLD, AnnotationTable
from realm_cli.choices import AnnotatorModel
from realm_cli.coding import IntArray
from realm_cli.dependence import never_differing
from realm_cli.estimation import Estimation
from realm_cli.labels import FloatArray
from realm_cli.schema import Issue, Severity

FEW_LABELS = 10
"""Fewer labels than this are too few to judge a person by."""
BELOW_CHANCE_SIGMAS = 2.6
"""How far under chance agreement must lie: one annotator in two hundred by accident."""
LITTLE = 0.05
"""Share of items overruled of which nothing is said."""
_ONE_IN_TEN_THOUSAND = float(norm.isf(1e-4))


def doubts(found: Estimation, *, held_out: bool) -> list[Issue]:
    """What the reader must know before trusting the estimate.

    Args:
        found: The estimate.
        held_out: Whether a language model's held-out predictions took part.
    """
    return [
        *_gold_used(found.fit),
        *([] if held_out else _two_annotators(found.crowd.table)),
        *_same_answers(found),
        *_few_labels(found),
        *_below_chance(found),
        *_restarts(found.fit),
        *([] if held_out else _against_the_vote(found.crowd.table, found.fit)),
    ]


def doubts_of_labels(table: AnnotationTable, fitted: Fit) -> list[Issue]:
    """What the reader must know before trusting labels found without a language model."""
    return [
        *_gold_used(fitted),
        *_two_annotators(table),
        *_restarts(fitted),
        *_against_the_vote(table, fitted),
    ]


def below_chance(found: Estimation) -> npt.NDArray[np.bool_]:
    """`[A]` whether others contradict an annotator more often than they would a guesser."""
    table = found.crowd.table
    chance = 1 / table.items.n_options[table.item]
    n = len(table.annotators)
    gain = np.bincount(table.annotator, found.judgement.agreement - chance, n)
    spread = np.sqrt(np.bincount(table.annotator, chance * (1 - chance), n))
    far: npt.NDArray[np.bool_] = gain < -BELOW_CHANCE_SIGMAS * spread
    return far


def _warning(code: str, message: str, hint: str, count: int = 1) -> Issue:
    return Issue(
        code=code,
        severity=Severity.WARNING,
        message=f"{message}; {hint}" if hint else message,
        hint=hint or None,
        count=count,
    )


def _gold_used(fitted: Fit) -> Iterator[Issue]:
    known = fitted.model.labels.known
    n = 0 if known is None else int((known != NO_GOLD).sum())
    if n:
        yield _warning(
            "gold-used",
            f"the gold of {n:,} items counted as known truth",
            "how many posterior labels are right on gold says nothing here",
            n,
        )


def _two_annotators(table: AnnotationTable) -> Iterator[Issue]:
    if not (table.labels_per_item > 1).any():
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


def _same_answers(found: Estimation) -> Iterator[Issue]:
    table = found.crowd.table
    people = set[int]()
    n_pairs = 0
    for task in range(len(table.items.tasks)):
        pairs = never_differing(table, task, _competence_in(found, task))
        people |= {*pairs.one.tolist(), *pairs.other.tolist()}
        n_pairs += len(pairs.one)
    if n_pairs:
        told = "1 pair of annotators gives" if n_pairs == 1 else f"{n_pairs:,} pairs give"
        yield _warning(
            "same-answers",
            f"{told} the same answer every time, which their competence hardly explains "
            f"({len(people):,} annotators): whoever copies looks competent to labels alone",
            "ask how they worked, and look at gold that they were not told of",
            n_pairs,
        )


def _competence_in(found: Estimation, task: int) -> FloatArray:
    """`[A]` P(label is correct) in a task; overall where tasks are not told apart."""
    groups, judged = found.crowd.labels.groups, found.judgement
    competence = judged.competence.mean.copy()
    if groups.cell_task.any():
        here = groups.cell_task == task
        competence[groups.cell_annotator[here]] = judged.cell_competence.mean[here]
    return competence


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


def _restarts(fitted: Fit) -> Iterator[Issue]:
    share = fitted.disagreement
    if share > DISAGREEMENT:
        yield _warning(
            "restarts-disagree",
            f"fits that explain the labels about as well differ in the answer of {share:.0%} of "
            "the items",
            "more labels an item, or gold for some of them (--use-gold), would settle it",
        )


def _against_the_vote(table: AnnotationTable, fitted: Fit) -> Iterator[Issue]:
    """More items decided against a clear vote than chance explains.

    If every label were right with its annotator's fitted probability, the vote would err as often
    as the votes drawn from the fit itself do: so often a fit may overrule it.
    """
    over, expected, spread = _overruled(table, fitted)
    if over < LITTLE or over - expected < _ONE_IN_TEN_THOUSAND * spread:
        return
    yield _warning(
        "against-the-vote",
        f"{over:.0%} of the items with a majority were decided against it, where the annotators' "
        f"competence explains {expected:.0%}",
        "compare --method majority, and look at some of these items before trusting either",
    )


def _overruled(table: AnnotationTable, fitted: Fit) -> tuple[float, float, float]:
    """Share of clear votes overruled, the share to expect, and its standard error."""
    shares = vote_shares(table)
    clear = _is_clear(shares) & (table.labels_per_item > 1)
    if not clear.any():
        return 0.0, 0.0, 1.0
    over = fitted.log_q.argmax(axis=1) != shares.argmax(axis=1)
    expected = _drawn_vote_errors(table, fitted)
    spread = float(np.sqrt(max(expected * (1 - expected), 1e-4) / clear.sum()))
    return float(over[clear].mean()), expected, spread


def _is_clear(shares: FloatArray) -> npt.NDArray[np.bool_]:
    """`[I]` whether one option has more votes than any other."""
    top = np.sort(shares, axis=1)
    if top.shape[1] < 2:
        return np.zeros(len(top), dtype=bool)
    clear: npt.NDArray[np.bool_] = top[:, -1] > top[:, -2]
    return clear


def _drawn_vote_errors(table: AnnotationTable, fitted: Fit) -> float:
    """How often a clear vote errs among labels drawn from the fit, with its own posterior truth."""
    labels = fitted.model.labels
    rng = np.random.default_rng(0)
    rising = np.cumsum(np.exp(fitted.log_q), axis=1)
    truth = (rising < rng.random((len(rising), 1)) * rising[:, -1:]).sum(axis=1)
    answers = fitted.model.mean_answers(fitted.parameters)
    votes = np.zeros(fitted.log_q.shape)
    for block in labels.blocks:
        item = labels.item[block.rows]
        chances = np.stack(
            [
                answers.log_answers(block.group, np.full(len(item), y))[
                    np.arange(len(item)), truth[item]
                ]
                for y in range(labels.width)
            ],
            axis=1,
        )
        chances = np.where(table.items.has_option[item], np.exp(chances), 0)
        rises = np.cumsum(chances, axis=1)
        label = (rises < rng.random((len(item), 1)) * rises[:, -1:]).sum(axis=1)
        np.add.at(votes, (item, label), 1)
    clear = _is_clear(votes) & (votes.sum(axis=1) > 1)
    return float((votes.argmax(axis=1) != truth)[clear].mean()) if clear.any() else 0.0
