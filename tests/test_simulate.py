"""Simulated crowds: expertise of the stated shape, labels that follow it, draws from one seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest, kstest
from tables import items_of

from realm_cli.annotations import NO_GOLD, Items
from realm_cli.choices import CrowdKind
from realm_cli.config import CrowdSettings
from realm_cli.errors import InputError, UsageError
from realm_cli.simulate.behaviours import TIRED, Answers, chance_of_correct
from realm_cli.simulate.crowd import KINDS, SimulatedCrowd, simulate
from realm_cli.simulate.draws import EXPERT, NOVICE

each_kind = pytest.mark.parametrize("kind", list(CrowdKind))


def golden_items(n: int, n_options: list[int] | None = None, n_tasks: int = 1) -> Items:
    dice = np.random.default_rng(5)
    sizes = ((n_options or [4]) * n)[:n]
    return items_of(
        sizes,
        task=np.sort(np.arange(n) % n_tasks).tolist(),
        gold=dice.integers(0, sizes).tolist(),
    )


def made_by(n_items: int = 60, n_tasks: int = 1, **settings) -> SimulatedCrowd:
    return simulate(golden_items(n_items, n_tasks=n_tasks), CrowdSettings(**settings))


def crowd(n_items: int = 60, n_tasks: int = 1, **settings) -> Answers:
    return made_by(n_items, n_tasks, **settings).answers


def test_chance_of_correct_by_hand():
    # .8 + .2/4 = .85; 1/5 for a guesser; always wrong: -1 + 2/2 = 0 and -1 + 2/4 < 0, that is 0.
    w, n_options = np.array([0.8, 0.0, -1.0, -1.0, 1.0]), np.array([4, 5, 2, 4, 3])
    np.testing.assert_allclose(chance_of_correct(w, n_options), [0.85, 0.2, 0, 0, 1])


def test_every_kind_can_be_drawn():
    assert set(KINDS) == set(CrowdKind)


@each_kind
def test_shapes(kind):
    made = made_by(30, n_tasks=3, kind=kind, annotators=12, labels_per_item=4)
    assert made.answers.expertise.shape == (12, 3)
    assert made.annotators[0] == "annotator-00"
    assert len(set(made.annotators)) == 12
    assert made.item.tolist() == np.repeat(np.arange(30), 4).tolist()
    assert len(made.answers.annotator) == len(made.answers.label) == 120


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 1.0])
def test_hammer_spammer(share):
    w = crowd(kind="hammer-spammer", annotators=40, share=share, n_tasks=2).expertise
    assert np.isin(w, [0, EXPERT]).all()
    assert (w == EXPERT).sum(axis=0).tolist() == [40 * share] * 2
    assert (w[:, 0] == w[:, 1]).all()


def test_uniform():
    w = crowd(2_000, kind="uniform", annotators=2_000, n_tasks=2).expertise
    assert kstest(w[:, 0], "uniform").pvalue > 0.01
    assert (w[:, 0] == w[:, 1]).all()


def test_beta():
    w = crowd(2_000, kind="beta", annotators=2_000).expertise[:, 0]
    assert kstest(w, "beta", args=(2, 1)).pvalue > 0.01


def test_adversarial():
    w = crowd(kind="adversarial", annotators=50, share=0.3).expertise
    assert (w == -1).sum() == 15
    others = w[w != -1]
    assert ((others >= 0) & (others <= 1)).all()
    assert len(set(others.tolist())) == 35


def test_task_specialist():
    w = crowd(kind="task-specialist", annotators=200, share=0.4, n_tasks=5).expertise
    assert np.isin(w, [NOVICE, EXPERT]).all()
    assert ((w == EXPERT).sum(axis=1) == 2).all()
    # No task is left out: each has 200 * 2/5 = 80 specialists, give or take.
    assert ((w == EXPERT).sum(axis=0) > 50).all()
    alone = crowd(kind="task-specialist", annotators=9, share=0.0, n_tasks=4).expertise
    assert ((alone == EXPERT).sum(axis=1) == 1).all()


@each_kind
def test_labels_are_right_as_often_as_expertise_says(kind):
    sizes = [3] if kind is CrowdKind.CONFUSION else [2, 4, 5]
    made, items = on(golden_items(6_000, sizes, n_tasks=2), kind=kind, annotators=6, seed=8)
    w = made.answers.expertise[made.answers.annotator, items.task[made.item]]
    expected = chance_of_correct(w, items.n_options[made.item])
    if kind is CrowdKind.GUESS:  # a liking may hit the truth seldom: w is the least there is
        expected = w
    right = made.answers.label == items.gold[made.item]
    cells = made.answers.annotator * 2 + items.task[made.item]
    for cell in np.unique(cells):
        share, hoped = right[cells == cell].mean(), expected[cells == cell].mean()
        spread = np.sqrt(0.25 / (cells == cell).sum())
        if kind is CrowdKind.GUESS:
            assert share > hoped - 4 * spread
        else:
            assert abs(share - hoped) < 4 * spread


def on(items: Items, **settings) -> tuple[SimulatedCrowd, Items]:
    return simulate(items, CrowdSettings(**settings)), items


def test_wrong_labels_fall_on_all_other_options_alike():
    made, items = on(golden_items(4_000, [4]), kind="hammer-spammer", share=0.0, seed=9)
    shift = (made.answers.label - items.gold[made.item]) % 4
    counts = np.bincount(shift, minlength=4)
    assert counts.sum() == 12_000
    for count in counts:
        assert binomtest(int(count), 12_000, 0.25).pvalue > 1e-4


@each_kind
def test_labels_are_among_the_options_of_their_item(kind):
    sizes = [7] if kind is CrowdKind.CONFUSION else [2, 3, 7]
    made, items = on(golden_items(999, sizes), kind=kind, annotators=7)
    assert (made.answers.label >= 0).all()
    assert (made.answers.label < items.n_options[made.item]).all()


@pytest.mark.parametrize(("annotators", "per_item"), [(1, 1), (3, 3), (4, 3), (7, 3), (40, 3)])
def test_annotators_are_distinct_in_an_item_and_equally_busy(annotators, per_item):
    made = crowd(600, annotators=annotators, labels_per_item=per_item)
    hands = made.annotator.reshape(600, per_item)
    assert all(len(set(hand)) == per_item for hand in hands.tolist())
    load = np.bincount(made.annotator, minlength=annotators)
    fair = 600 * per_item / annotators
    assert load.min() >= 0.85 * fair
    assert load.max() <= 1.15 * fair


@each_kind
def test_one_seed_one_crowd(kind):
    first, again, other = (
        crowd(kind=kind, seed=seed, annotators=15, n_tasks=4) for seed in (3, 3, 4)
    )
    for name in ("expertise", "annotator", "label"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
        assert (getattr(first, name) != getattr(other, name)).any()


def test_items_without_gold_are_refused():
    items = golden_items(5)
    gold = items.gold.copy()
    gold[[2, 4]] = NO_GOLD
    with pytest.raises(InputError, match=r"2 items have no gold label .* 'i2'") as caught:
        simulate(replace(items, gold=gold), CrowdSettings())
    assert "--gold-col" in (caught.value.hint or "")


def test_more_labels_an_item_than_annotators_are_refused():
    with pytest.raises(UsageError, match=r"5 labels an item .* there are 4"):
        crowd(annotators=4, labels_per_item=5)


def test_signed_reaches_from_never_to_always():
    w = crowd(2_000, kind="signed", annotators=2_000).expertise[:, 0]
    assert kstest(w, "uniform", args=(-1 / 3, 4 / 3)).pvalue > 0.01


def test_likings_are_written_and_followed():
    made, items = on(golden_items(8_000, [4]), kind="guess", annotators=4, seed=2)
    for a in range(4):
        likes = np.array(made.answers.known["likes"][a][0].split(), dtype=float)
        assert likes.sum() == pytest.approx(1, abs=1e-3)
        w = made.answers.expertise[a, 0]
        theirs = made.answers.annotator == a
        gold = items.gold[made.item][theirs]
        for place in range(4):
            missed = made.answers.label[theirs][gold != place] == place
            expected = np.clip((1 - w) * likes[place], 1e-6, 1)
            assert binomtest(int(missed.sum()), len(missed), expected).pvalue > 1e-4


def test_confusions_are_written_and_followed():
    made, items = on(golden_items(9_000, [3]), kind="confusion", annotators=3, seed=2)
    for a in range(3):
        table = np.array(made.answers.known["confusions"][a][0].split(), dtype=float).reshape(3, 3)
        np.testing.assert_allclose(table.sum(axis=1), 1, atol=2e-3)
        theirs = made.answers.annotator == a
        given, gold = made.answers.label[theirs], items.gold[made.item][theirs]
        for truth in range(3):
            seen = np.bincount(given[gold == truth], minlength=3) / (gold == truth).sum()
            np.testing.assert_allclose(seen, table[truth], atol=0.05)


def test_confusions_need_one_number_of_options():
    with pytest.raises(UsageError, match="number differs from item to item"):
        on(golden_items(10, [2, 3]), kind="confusion")


def test_a_constant_annotator_says_one_thing():
    made = crowd(400, kind="constant", annotators=20, share=0.25)
    always = [row[0] for row in made.known["always"]]
    assert sum(bool(place) for place in always) == 5
    for a, place in enumerate(always):
        given = set(made.label[made.annotator == a].tolist())
        assert given == {int(place)} if place else len(given) == 4
        assert place == "" or made.expertise[a, 0] == 0


@pytest.mark.parametrize(
    ("annotators", "per_item", "share"),
    [(2, 2, 0.5), (3, 3, 0.5), (4, 4, 0.5), (20, 2, 0.3), (21, 5, 0.5), (10, 9, 0.5), (9, 3, 0.0)],
)
def test_copiers_sit_beside_the_one_they_copy(annotators, per_item, share):
    settings = {"annotators": annotators, "labels_per_item": per_item, "share": share}
    made = crowd(300, kind="colluding", **settings)
    names = made_by(kind="colluding", **settings).annotators
    leaders = {names[a]: row[0] for a, row in enumerate(made.known["copies"]) if row[0]}
    assert len(leaders) == len(set(leaders.values())) == int(annotators * share)
    assert not set(leaders) & set(leaders.values())
    copied = 0
    for hand, given in zip(
        made.annotator.reshape(300, per_item), made.label.reshape(300, per_item), strict=True
    ):
        said = {names[a]: y for a, y in zip(hand.tolist(), given.tolist(), strict=True)}
        assert len(said) == per_item
        for copier in set(leaders) & set(said):
            assert said[copier] == said[leaders[copier]]
            copied += 1
    assert (copied > 0) == (share > 0)


@pytest.mark.parametrize("settings", [{"share": 0.6}, {"labels_per_item": 1}])
def test_colluding_takes_two(settings):
    with pytest.raises(UsageError, match="colluding takes two"):
        crowd(kind="colluding", **settings)


def test_the_tired_get_worse_as_time_goes_by():
    made, items = on(golden_items(20_000, [4]), kind="fatigue", annotators=5, seed=1)
    right = made.answers.label == items.gold[made.item]
    early, late = [], []
    for a in range(5):
        theirs = np.flatnonzero(made.answers.annotator == a)
        when = made.answers.seconds[theirs]
        assert when.min() >= 0
        assert len(set(when.tolist())) == len(when)
        inorder = right[theirs[np.argsort(when)]]
        fifth = len(inorder) // 5
        early.append(inorder[:fifth].mean())
        late.append(inorder[-fifth:].mean())
    # In the mean over a fifth w is .92 of what it was at first, and .28 at last.
    first = (np.array(early) - 0.25) / 0.75
    last = (np.array(late) - 0.25) / 0.75
    assert np.mean(last) / np.mean(first) == pytest.approx(
        (TIRED + 0.1 * (1 - TIRED)) / (1 - 0.1 * (1 - TIRED)), abs=0.05
    )


def test_hard_items_are_missed_more_often():
    made, items = on(golden_items(6_000, [4]), kind="difficulty", annotators=30, seed=1)
    difficulty = made.answers.known_of_items["difficulty"]
    right = made.answers.label == items.gold[made.item]
    hard = difficulty[made.item] > 0.6
    easy = difficulty[made.item] < 0.2
    assert right[easy].mean() - right[hard].mean() > 0.3
