"""Each test finds whom it is made to find, and nobody else; an honest crowd has nobody."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from odd_people import N_ITEMS, PEOPLE, case_of, crowd, found

from realm_cli.evidence import EVIDENCE
from realm_cli.evidence.case import competence
from realm_cli.evidence.drift import MOST_STRETCHES, stretches

MICROSECONDS = 1_000_000


def timed(people, seed=1):
    """Lognormal times, everybody as fast as the others."""
    dice = np.random.default_rng(seed)
    return replace(people, duration=np.exp(dice.normal(3, 0.5, len(people.item))))


def in_time(people):
    return replace(people, moment=np.arange(len(people.item)) * MICROSECONDS)


def progress(people):
    """How much of their work everyone had done at each label."""
    done = np.empty(len(people.item))
    for a in range(PEOPLE):
        rows = np.flatnonzero(people.annotator == a)
        done[rows] = np.linspace(0, 1, len(rows))
    return done


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", list(EVIDENCE))
def test_nobody_is_found_in_an_honest_crowd(name, seed):
    assert found(name, in_time(timed(crowd(seed)))) == {}


def test_one_label_for_everything():
    people = crowd()
    told = found("constant-answers", people.saying(people.of(4), 1))
    assert list(told) == [4]
    assert told[4].effect == pytest.approx(1)
    assert told[4].task == 0
    assert told[4].words.startswith("gave the label 'L1' to 100 of 100 items, where ")


def test_a_frequent_label_is_no_habit():
    """Nine items in ten have the first label; whoever is right gives it as often."""
    people = crowd()
    shown = np.where(np.arange(N_ITEMS) % 10 > 0, 0, people.truth)
    right = people.label == people.truth[people.item]
    skewed = people.saying(right, shown[people.item])
    assert found("constant-answers", replace(skewed, truth=shown)) == {}


def test_one_place_for_everything():
    people = crowd()
    people = replace(people.saying(people.of(4), 3), own_options=True)
    assert list(found("position-bias", people)) == [4]
    assert found("constant-answers", people) == {}
    assert "the option in place 4" in found("position-bias", people)[4].words


def test_seconds_for_everything():
    """Annotator 6 guesses, eight times as fast as the others."""
    people = timed(crowd())
    dice = np.random.default_rng(2)
    people = people.saying(people.of(6), dice.integers(4, size=len(people.item)))
    quick = np.where(people.of(6), people.duration / 8, people.duration)
    told = found("too-fast", replace(people, duration=quick))
    assert list(told) == [6]
    assert told[6].effect == pytest.approx(7 / 8, abs=0.03)


def test_who_is_quick_and_good_is_not_too_fast():
    people = timed(crowd())
    people = people.saying(people.of(6), people.truth[people.item])
    quick = np.where(people.of(6), people.duration / 8, people.duration)
    assert found("too-fast", replace(people, duration=quick)) == {}


def test_times_of_an_upload_are_no_speed():
    people = timed(crowd())
    dice = np.random.default_rng(2)
    people = people.saying(people.of(6), dice.integers(4, size=len(people.item)))
    told = found("too-fast", replace(people, duration=np.where(people.of(6), 1.0, people.duration)))
    assert told == {}


def test_time_between_labels_stands_in_for_durations():
    """Everybody's labels follow one another; those of annotator 6 eight times as fast."""
    people = timed(crowd())
    dice = np.random.default_rng(2)
    people = people.saying(people.of(6), dice.integers(4, size=len(people.item)))
    step = np.where(people.of(6), people.duration / 8, people.duration)
    moment = np.empty(len(step))
    for a in range(PEOPLE):
        moment[people.of(a)] = np.cumsum(step[people.of(a)])
    people = replace(people, duration=None, moment=(moment * MICROSECONDS).astype(np.int64))
    assert list(found("too-fast", people)) == [6]


def copied(people, share=1.0):
    """Annotator 1 sits beside annotator 0 at all items of theirs, and repeats what they say."""
    dice = np.random.default_rng(4)
    label = np.where(people.of(0), dice.integers(4, size=len(people.item)), people.label)
    label = np.where(dice.random(len(label)) < 0.5, people.truth[people.item], label)
    people = people.saying(people.of(0), label)
    kept = ~people.of(1)
    theirs = np.flatnonzero(people.of(0) & kept)
    repeats = dice.random(len(theirs)) < share
    said = np.where(repeats, people.label[theirs], dice.integers(4, size=len(theirs)))
    return replace(
        people,
        item=np.concatenate([people.item[kept], people.item[theirs]]),
        annotator=np.concatenate([people.annotator[kept], np.ones(len(theirs), np.int64)]),
        label=np.concatenate([people.label[kept], said]),
    )


def test_two_who_give_the_same_wrong_answers():
    told = found("copying", copied(crowd()))
    assert set(told) == {0, 1}
    assert told[1].others == (0,)
    assert told[0].others == (1,)
    assert told[1].effect == pytest.approx(1)
    assert told[1].n == 100


def test_two_who_are_both_right_do_not_copy():
    people = crowd()
    people = people.saying(people.of(0, 1), people.truth[people.item])
    assert found("copying", people) == {}


def test_suggestions_that_two_accept_are_no_copies():
    people = copied(crowd())
    origin = np.where(people.of(0, 1), "pre-label", "manual")
    assert found("copying", replace(people, origin=origin)) == {}


def test_competence_that_falls_half_way():
    people = in_time(crowd())
    dice = np.random.default_rng(5)
    guess = dice.integers(4, size=len(people.item))
    people = people.saying(people.of(9) & (progress(people) > 0.5), guess)
    told = found("drift", people)
    assert list(told) == [9]
    assert -0.8 < told[9].effect < -0.4
    parts = stretches(case_of(people))
    assert [part.n for part in parts[9]] == [25] * 4
    assert all(one.end <= other.start for one, other in zip(parts[9], parts[9][1:], strict=False))
    assert min(part.interval[0] for part in parts[9][:2]) > max(
        part.competence for part in parts[9][2:]
    )
    assert all(part.interval[0] <= part.competence <= part.interval[1] for part in parts[9])


def test_without_times_there_are_no_stretches():
    assert stretches(case_of(crowd())) == [()] * PEOPLE


def test_one_time_for_everything_is_no_order():
    people = crowd()
    assert stretches(case_of(replace(people, moment=np.zeros(len(people.item), np.int64)))) == (
        [()] * PEOPLE
    )


def test_there_are_at_most_so_many_stretches():
    assert MOST_STRETCHES == 6
    assert max(len(parts) for parts in stretches(case_of(in_time(crowd())))) == 4


def test_people_who_see_it_another_way_together():
    """Five of twenty see one truth for another in a third of the items."""
    people = crowd()
    contested = (np.arange(N_ITEMS) % 7 < 3)[people.item]
    rows = people.of(0, 1, 2, 3, 4) & contested
    people = people.saying(rows, (people.truth[people.item] + 1) % 4)
    told = found("minority", people)
    assert len(told) >= 3
    assert set(told) <= {0, 1, 2, 3, 4}
    others = [other for entry in told.values() for other in entry.others]
    assert np.mean(np.isin(others, range(5))) > 0.7  # somebody may seem of their mind by chance


def test_people_who_guess_are_no_minority():
    people = crowd()
    guess = np.random.default_rng(6).integers(4, size=len(people.item))
    assert found("minority", people.saying(people.of(0, 1, 2, 3, 4), guess)) == {}


def test_another_answer_the_next_time():
    """Everyone sees every fourth of their items again; annotator 8 answers those anew."""
    people = crowd()
    again = np.concatenate([np.flatnonzero(people.of(a))[::4] for a in range(PEOPLE)])
    guess = np.random.default_rng(7).integers(4, size=len(again))
    said = np.where(people.annotator[again] == 8, guess, people.label[again])
    twice = replace(
        people,
        item=np.concatenate([people.item, people.item[again]]),
        annotator=np.concatenate([people.annotator, people.annotator[again]]),
        label=np.concatenate([people.label, said]),
    )
    told = found("inconsistent", twice)
    assert list(told) == [8]
    assert told[8].n == 25


def test_every_suggestion_accepted():
    people = crowd()
    dice = np.random.default_rng(8)
    accepted = people.of(11) | (dice.random(len(people.item)) < 0.5)
    told = found(
        "accepts-prelabels", replace(people, origin=np.where(accepted, "pre-label", "manual"))
    )
    assert list(told) == [11]
    assert told[11].words.startswith("accepted the suggested label unchanged in 100 of 100")


def test_competence_by_hand():
    """Three of four labels are surely right; half a right and half a wrong one are added."""
    backing = np.array([1.0, 1.0, 1.0, 0.0])
    c = competence(backing, 1 - backing, np.zeros(4, np.int64), 1)
    assert c == pytest.approx([3.5 / 5])
