"""Simulated crowds with somebody to find in them, or nobody: for `evidence.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from realm_cli.aggregate.choice import fit_model
from realm_cli.annotations import AnnotationTable, Items
from realm_cli.choices import AnnotatorModel, CrowdKind
from realm_cli.config import CrowdSettings
from realm_cli.evidence.case import Case
from realm_cli.labels import labels_of
from realm_cli.simulate.crowd import simulate

ANNOTATORS = 30
PER_ITEM = 5
SHARE = 0.2
MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class World:
    """A kind of crowd.

    Attributes:
        kind: As `realm simulate` has it.
        k: Options.
        skew: How often the first option is true; None for all alike.
        own: Whether each item brings options of its own.
        pattern: Which test has somebody to find; None where nobody is.
        change: What is done to the crowd once it has answered.
        truth: The column of the truth that tells whom there is to find.
    """

    kind: CrowdKind
    k: int = 4
    skew: float | None = None
    own: bool = False
    pattern: str | None = None
    change: str | None = None
    truth: str | None = None


NULLS = {
    "uniform": World(CrowdKind.UNIFORM),
    "uniform, K = 2": World(CrowdKind.UNIFORM, 2),
    "beta": World(CrowdKind.BETA),
    "hammer-spammer": World(CrowdKind.HAMMER_SPAMMER),
    "beta, K = 2, one option true of 85%": World(CrowdKind.BETA, 2, 0.85),
    "uniform, one option true of 70%": World(CrowdKind.UNIFORM, 4, 0.7),
    "difficulty": World(CrowdKind.DIFFICULTY),
    "difficulty, K = 2": World(CrowdKind.DIFFICULTY, 2),
}
PARTLY = {
    "items with options of their own": World(CrowdKind.BETA, 4, None, own=True),
    "repeated items": World(CrowdKind.BETA, change="waver"),
    "pre-labels": World(CrowdKind.BETA, change="accept"),
}
"""What only one test needs, nobody to be found in it."""
PATTERNS = {
    "constant": World(CrowdKind.CONSTANT, pattern="constant-answers", truth="always"),
    "constant, K = 2, one option true of 85%": World(
        CrowdKind.CONSTANT, 2, 0.85, pattern="constant-answers", truth="always"
    ),
    "constant, items' own options": World(
        CrowdKind.CONSTANT, 4, None, own=True, pattern="position-bias", truth="always"
    ),
    "colluding": World(CrowdKind.COLLUDING, pattern="copying", truth="copies"),
    "colluding, K = 2": World(CrowdKind.COLLUDING, 2, pattern="copying", truth="copies"),
    "fatigue": World(CrowdKind.BETA, pattern="drift", change="tire"),
    "fast": World(CrowdKind.BETA, pattern="too-fast", change="rush"),
    "minority": World(CrowdKind.BETA, pattern="minority", change="dissent"),
    "minority, K = 2": World(CrowdKind.BETA, 2, pattern="minority", change="dissent"),
    "inconsistent": World(CrowdKind.BETA, pattern="inconsistent", change="waver"),
    "pre-labels": World(CrowdKind.BETA, pattern="accepts-prelabels", change="accept"),
}


@dataclass(frozen=True)
class Records:
    """A crowd's annotations before they are a table, `[N]`; `odd [A]` are those to be found."""

    items: Items
    item: np.ndarray
    annotator: np.ndarray
    label: np.ndarray
    taken: np.ndarray
    place: np.ndarray
    origin: np.ndarray
    odd: np.ndarray


def make_items(world: World, n: int, rng: np.random.Generator) -> Items:
    """Items with gold; texts of different length."""
    p = np.full(world.k, (1 - (world.skew or 1 / world.k)) / (world.k - 1))
    p[0] = world.skew or 1 / world.k
    sets = [tuple(f"o{s}-{k}" for k in range(world.k)) for s in range(7 if world.own else 1)]
    return Items(
        ids=tuple(f"i{i}" for i in range(n)),
        task=np.zeros(n, np.int64),
        tasks=("label",),
        texts=("text",) * n,
        option_sets=tuple(sets),
        option_set=np.arange(n) % len(sets),
        gold=rng.choice(world.k, n, p=p),
    )


def records(world: World, n_labels: int, seed: int) -> Records:
    """One crowd: n_labels each, five an item."""
    rng = np.random.default_rng(seed)
    items = make_items(world, ANNOTATORS * n_labels // PER_ITEM, rng)
    settings = CrowdSettings(
        kind=world.kind, annotators=ANNOTATORS, labels_per_item=PER_ITEM,
        share=0.5 if world.kind is CrowdKind.HAMMER_SPAMMER else SHARE, seed=seed,
    )  # fmt: skip
    crowd = simulate(items, settings)
    answers = crowd.answers
    speed = 0.3 * rng.standard_t(5, ANNOTATORS)
    long = rng.normal(0, 0.4, len(items))
    log = np.log(25) + speed[answers.annotator] + long[crowd.item]
    moment = answers.seconds if answers.seconds is not None else rng.random(len(crowd.item))
    odd = np.zeros(ANNOTATORS, dtype=bool)
    if world.truth:
        odd = np.array([row[0] != "" for row in answers.known[world.truth]])
    if world.change and world.pattern:
        odd[rng.permutation(ANNOTATORS)[: round(SHARE * ANNOTATORS)]] = True
    found = Records(
        items, crowd.item, answers.annotator, answers.label,
        np.exp(log + rng.normal(0, 0.5, len(log))), moment, np.full(len(log), ""), odd,
    )  # fmt: skip
    change = CHANGES.get(world.change or "")
    return change(found, answers.expertise[:, 0], rng) if change else found


def answers_of(rng: np.random.Generator, truth: np.ndarray, w: np.ndarray, k: int) -> np.ndarray:
    """The truth with probability w, else anything."""
    return np.where(rng.random(len(truth)) < w, truth, rng.integers(k, size=len(truth)))


def tire(crowd: Records, _w: np.ndarray, rng: np.random.Generator) -> Records:
    """The odd ones begin with w = 0.9 and fall in a line to a fifth of it."""
    mine = crowd.odd[crowd.annotator]
    done = np.empty(len(mine))
    for a in range(ANNOTATORS):
        rows = np.flatnonzero(crowd.annotator == a)
        done[rows[np.argsort(crowd.place[rows])]] = np.linspace(0, 1, len(rows))
    truth = crowd.items.gold[crowd.item]
    tired = answers_of(rng, truth, 0.9 * (1 - 0.8 * done), int(crowd.items.n_options[0]))
    return replace(crowd, label=np.where(mine, tired, crowd.label))


def rush(crowd: Records, _w: np.ndarray, rng: np.random.Generator) -> Records:
    """The odd ones take three seconds whatever the item, and guess half of the time."""
    mine = crowd.odd[crowd.annotator]
    quick = np.exp(np.log(3) + rng.normal(0, 0.4, len(mine)))
    guess = answers_of(rng, crowd.label, np.full(len(mine), 0.5), int(crowd.items.n_options[0]))
    return replace(
        crowd, taken=np.where(mine, quick, crowd.taken), label=np.where(mine, guess, crowd.label)
    )


def dissent(crowd: Records, w: np.ndarray, rng: np.random.Generator) -> Records:
    """The odd ones see another truth in three items of ten, the same one all of them."""
    k = int(crowd.items.n_options[0])
    contested = rng.random(len(crowd.items)) < 0.3
    rows = crowd.odd[crowd.annotator] & contested[crowd.item]
    theirs = (crowd.items.gold[crowd.item] + 1) % k
    other = answers_of(rng, theirs, np.maximum(w, 0.6)[crowd.annotator], k)
    return replace(crowd, label=np.where(rows, other, crowd.label))


def waver(crowd: Records, w: np.ndarray, rng: np.random.Generator) -> Records:
    """Everyone sees a fifth of their items again; the odd ones mostly answer anew."""
    again = np.flatnonzero(rng.random(len(crowd.item)) < 0.2)
    steady = np.where(crowd.odd, 0.1, rng.beta(12, 2, ANNOTATORS))
    who = crowd.annotator[again]
    k = int(crowd.items.n_options[0])
    anew = answers_of(rng, crowd.items.gold[crowd.item[again]], w[who], k)
    label = np.where(rng.random(len(again)) < steady[who], crowd.label[again], anew)

    def more(values: np.ndarray, further: np.ndarray) -> np.ndarray:
        return np.concatenate([values, further])

    return replace(
        crowd, item=more(crowd.item, crowd.item[again]), annotator=more(crowd.annotator, who),
        label=more(crowd.label, label), taken=more(crowd.taken, crowd.taken[again]),
        place=more(crowd.place, crowd.place[again] + 1),
        origin=more(crowd.origin, crowd.origin[again]),
    )  # fmt: skip


def accept(crowd: Records, _w: np.ndarray, rng: np.random.Generator) -> Records:
    """A model of w = 0.6 suggests; who agrees mostly leaves it; the odd ones leave 19 in 20."""
    k = int(crowd.items.n_options[0])
    suggested = answers_of(rng, crowd.items.gold, np.full(len(crowd.items), 0.6), k)[crowd.item]
    mine = crowd.odd[crowd.annotator] & (rng.random(len(crowd.item)) < 0.95)
    label = np.where(mine, suggested, crowd.label)
    habit = rng.beta(9, 1, ANNOTATORS)[crowd.annotator]
    left = (label == suggested) & (mine | (rng.random(len(label)) < habit))
    return replace(crowd, label=label, origin=np.where(left, "pre-label", "manual"))


CHANGES: dict[str, Callable[..., Records]] = {
    "tire": tire, "rush": rush, "dissent": dissent, "waver": waver, "accept": accept,
}  # fmt: skip


def case_of(crowd: Records, model: AnnotatorModel = AnnotatorModel.EXPERTISE) -> Case:
    """The table and a fit to its labels."""
    moment = np.argsort(np.argsort(crowd.place, kind="stable")) * MICROSECONDS
    rows = pa.table(
        {
            "submitted_at": pa.array(moment, pa.timestamp("us", tz="UTC")),
            "duration_s": pa.array(crowd.taken),
            "origin": pa.array(np.where(crowd.origin == "", None, crowd.origin), pa.string()),
        }
    )
    names = tuple(f"a{a:02d}" for a in range(ANNOTATORS))
    table = AnnotationTable(rows, crowd.items, names, crowd.item, crowd.annotator, crowd.label)
    return Case(table, fit_model(model, labels_of(table), restarts=0))
