"""What every test of annotators keeps to, whatever the table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from odd_people import case_of, crowd
from tables import tables

from realm_cli.aggregate.choice import fit_model
from realm_cli.choices import AnnotatorModel
from realm_cli.evidence import EVIDENCE, LEVEL, WORTH_KEEPING, gather, weigh
from realm_cli.evidence.case import Case
from realm_cli.labels import labels_of
from realm_cli.report.flags import Flag

each_test = pytest.mark.parametrize("name", list(EVIDENCE))


@each_test
def test_a_finding_is_a_flag(name):
    assert Flag(name).sentence


@each_test
@settings(max_examples=20, deadline=None)
@given(table=tables())
def test_small_tables_say_nothing_of_anybody(name, table):
    """Six items: below every minimum of evidence."""
    case = Case(table, fit_model(AnnotatorModel.EXPERTISE, labels_of(table), restarts=0))
    assert weigh(name, EVIDENCE[name], case) == []


def with_everything():
    """A crowd with times, origins and some repeats."""
    plain, dice = crowd(3), np.random.default_rng(3)
    rows = np.concatenate([np.arange(len(plain.item)), np.arange(0, len(plain.item), 5)])
    n = len(rows)
    return type(plain)(
        item=plain.item[rows],
        annotator=plain.annotator[rows],
        label=np.where(dice.random(n) < 0.1, dice.integers(4, size=n), plain.label[rows]),
        truth=plain.truth,
        duration=np.exp(dice.normal(3, 0.5, n)),
        moment=dice.permutation(n) * 1_000_000,
        origin=np.where(dice.random(n) < 0.2, "pre-label", "manual"),
    )


@each_test
def test_signs_are_of_one_length_and_in_range(name):
    case = case_of(with_everything())
    signs = EVIDENCE[name].look(case)
    size = len(signs.annotator)
    if name != "position-bias":  # there are no options of the items' own
        assert size > 0
    for part in (signs.n, signs.effect, signs.p_value):
        assert len(part) == size
    assert np.isfinite(signs.effect).all()
    assert ((signs.p_value >= 0) & (signs.p_value <= 1)).all()
    assert (signs.n > 0).all()
    for f in range(size):
        assert signs.words(f)
        assert not {int(signs.annotator[f])} & set(signs.others(f))


@each_test
def test_the_order_of_rows_does_not_matter(name):
    """But where times tie or answers repeat, it is the order in which things happened."""
    people = crowd(5)
    people = people.saying(people.of(1, 2, 3), 0)
    n = len(people.item)
    dice = np.random.default_rng(0)
    people = type(people)(**{**vars(people), "duration": np.exp(dice.normal(3, 0.5, n)),
                             "moment": dice.permutation(n) * 1_000_000})  # fmt: skip
    one = EVIDENCE[name].look(case_of(people))
    other = EVIDENCE[name].look(case_of(people, dice.permutation(n)))
    assert one.annotator.tolist() == other.annotator.tolist()
    assert one.effect == pytest.approx(other.effect, abs=1e-6)
    assert one.p_value == pytest.approx(other.p_value, rel=1e-4, abs=1e-12)


def test_only_entries_that_say_something_are_kept():
    people = crowd()
    told = gather(case_of(people.saying(people.of(7), 2)))
    entries = [entry for some in told for entry in some]
    assert all(entry.q_value < WORTH_KEEPING for entry in entries)
    assert [entry.annotator for entry in entries if entry.found] == [7]
    assert all(entry.q_value < LEVEL for entry in entries if entry.found)
    assert all(entry.annotator == a for a, some in enumerate(told) for entry in some)
