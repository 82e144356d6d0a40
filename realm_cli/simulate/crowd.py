"""A crowd put to work on items: who is given which, and what comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from realm_cli.annotations import NO_GOLD, Items
from realm_cli.choices import CrowdKind
from realm_cli.coding import IntArray
from realm_cli.config import CrowdSettings
from realm_cli.errors import InputError, UsageError
from realm_cli.labels import FloatArray
from realm_cli.simulate import behaviours, draws
from realm_cli.simulate.behaviours import Answers, Work


@dataclass(frozen=True)
class Kind:
    """A kind of crowd.

    Attributes:
        draw: `[A, T]` expertise, of (chance, settings, number of tasks).
        behave: What annotators do with it.
    """

    draw: Callable[[np.random.Generator, CrowdSettings, int], FloatArray]
    behave: Callable[[Work], Answers]


KINDS = {
    CrowdKind.HAMMER_SPAMMER: Kind(draws.hammer_spammer, behaviours.know_or_guess),
    CrowdKind.UNIFORM: Kind(draws.uniform, behaviours.know_or_guess),
    CrowdKind.BETA: Kind(draws.beta, behaviours.know_or_guess),
    CrowdKind.ADVERSARIAL: Kind(draws.adversarial, behaviours.know_or_guess),
    CrowdKind.TASK_SPECIALIST: Kind(draws.task_specialist, behaviours.know_or_guess),
    CrowdKind.SIGNED: Kind(draws.uniform, behaviours.below_chance),
    CrowdKind.GUESS: Kind(draws.uniform, behaviours.like),
    CrowdKind.CONFUSION: Kind(draws.uniform, behaviours.confuse),
    CrowdKind.CONSTANT: Kind(draws.uniform, behaviours.repeat_oneself),
    CrowdKind.COLLUDING: Kind(draws.uniform, behaviours.copy),
    CrowdKind.FATIGUE: Kind(draws.beta, behaviours.tire),
    CrowdKind.DIFFICULTY: Kind(draws.beta, behaviours.find_hard),
}


@dataclass(frozen=True)
class SimulatedCrowd:
    """Annotations from annotators whose expertise is known.

    Attributes:
        annotators: Ids `[A]`.
        item: Item code of each annotation `[N]`, items in order.
        answers: Who gave which label to each, and what is true of them.
    """

    annotators: tuple[str, ...]
    item: IntArray
    answers: Answers


def simulate(items: Items, settings: CrowdSettings) -> SimulatedCrowd:
    """Let a crowd label the items.

    Args:
        items: With gold labels, all of them.
        settings: Who labels, and how much.

    Raises:
        InputError: An item has no gold label.
        UsageError: More labels an item are asked for than there are annotators, or the kind of
            crowd cannot be had of these items.
    """
    _check(items, settings)
    kind = KINDS[settings.kind]
    rng = np.random.default_rng(settings.seed)
    expertise = kind.draw(rng, settings, len(items.tasks))
    annotator = _deal(rng, len(items), settings).ravel()
    item = np.repeat(np.arange(len(items)), settings.labels_per_item)
    work = Work(
        rng, settings, expertise, item, annotator,
        items.task[item], items.gold[item], items.n_options[item],
    )  # fmt: skip
    return SimulatedCrowd(draws.annotator_names(settings), item, kind.behave(work))


def _check(items: Items, settings: CrowdSettings) -> None:
    missing = np.flatnonzero(items.gold == NO_GOLD)
    if len(missing):
        raise InputError(
            f"{len(missing):,} items have no gold label among their options, the first is "
            f"{items.ids[missing[0]]!r}",
            hint="simulated annotators need the truth to know or miss; name it with --gold-col",
        )
    if settings.labels_per_item > settings.annotators:
        raise UsageError(
            f"{settings.labels_per_item} labels an item need as many annotators, "
            f"and there are {settings.annotators}"
        )


def _deal(rng: np.random.Generator, n_items: int, settings: CrowdSettings) -> IntArray:
    """`[I, R]` distinct annotators for each item, all annotators equally busy.

    Annotators are dealt like cards: whole shuffled decks one after the other; an item that meets
    the same annotator twice at the seam of two decks has its annotators drawn afresh.
    """
    per_item = settings.labels_per_item
    decks = -(-n_items * per_item // settings.annotators)
    cards = np.concatenate([rng.permutation(settings.annotators) for _ in range(decks)])
    hands = cards[: n_items * per_item].reshape(n_items, per_item)
    for hand in hands:
        if len(set(hand.tolist())) < per_item:
            hand[:] = rng.choice(settings.annotators, per_item, replace=False)
    return hands.astype(np.int64)
