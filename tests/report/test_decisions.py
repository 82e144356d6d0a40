"""Who is kept, reviewed, retrained, excluded: the rules one by one, and what must never happen."""

from __future__ import annotations

import csv
import io

import pytest
import report_samples as samples
from hypothesis import given
from hypothesis import strategies as st

from realm_cli.config import DecisionSettings
from realm_cli.decisions import (
    AT_MOST,
    FLAG_DECISIONS,
    GRAVITY,
    SENTENCES,
    UNDECIDABLE,
    Decision,
    Reason,
    decide,
    excluded,
    gravest_first,
    level_for,
    to_csv,
    why,
)
from realm_cli.report.flags import Flag
from realm_cli.report.json_file import from_json, to_json
from realm_cli.report.model import Confusion, Kind, TaskCompetence, Warning_

USUAL = DecisionSettings()


def person(low, mean, high, *, n=100, flags=(), labels=4, name="p"):
    """A report on one person, whose competence is asked to be .4 (K = 4) or .6 (K = 2)."""
    base = samples.label_only()
    cell = TaskCompetence(
        task="label", n_annotations=n, expertise=mean, expertise_interval=(low, high),
        competence=mean, competence_interval=(low, high),
    )  # fmt: skip
    one = base.annotators[0].model_copy(
        update={
            "annotator_id": name, "n_annotations": n, "competence": mean,
            "competence_interval": (low, high), "flags": flags, "by_task": (cell,),
        }
    )  # fmt: skip
    options = tuple(f"L{k}" for k in range(labels))
    task = base.tasks[0].model_copy(update={"labels": options})
    return base.model_copy(update={"annotators": (one,), "tasks": (task,)})


def decided(report, settings=USUAL, confusions=None):
    (one,) = decide(report, settings, confusions).annotators
    return one.decision, one.reasons


@pytest.mark.parametrize(
    ("bounds", "decision", "reason"),
    [
        ((0.5, 0.6, 0.7), "keep", "above-threshold"),
        ((0.35, 0.45, 0.6), "keep", "not-below-threshold"),
        ((0.3, 0.38, 0.45), "review", "maybe-below-threshold"),
        ((0.25, 0.3, 0.39), "exclude", "below-threshold"),
    ],
)
def test_competence_against_what_is_asked_for(bounds, decision, reason):
    assert decided(person(*bounds)) == (decision, (reason,))


def test_what_is_asked_for_by_itself_by_hand():
    # chance 1/2 and 1/4, and a fifth of the rest: .5 + .2 * .5 = .6, .25 + .2 * .75 = .4
    for labels, level in ((2, 0.6), (4, 0.4)):
        report = person(0.5, 0.6, 0.7, labels=labels)
        assert level_for(report.annotators[0], report, USUAL) == pytest.approx(level)
    report = person(0.5, 0.6, 0.7)
    assert level_for(report.annotators[0], report, DecisionSettings(min_competence=0.7)) == 0.7


def test_where_options_differ_chance_follows_from_expertise_and_competence():
    report = samples.label_only()  # competence = w + (1 - w) / 4
    assert report.tasks[0].labels is None
    assert level_for(report.annotators[0], report, USUAL) == pytest.approx(0.4, abs=1e-3)
    guess = report.model_copy(
        update={"estimate": report.estimate.model_copy(update={"annotator_model": "guess"})}
    )
    assert level_for(guess.annotators[0], guess, USUAL) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("flags", "decision", "reasons"),
    [
        (("too-fast",), "exclude", ("below-threshold", "too-fast")),
        (("below-chance",), "retrain", ("below-threshold", "below-chance")),
        (("minority",), "review", ("below-threshold", "minority")),
        (("minority", "below-chance"), "review", ("below-threshold", "minority", "below-chance")),
        (("no-such-flag",), "exclude", ("below-threshold", "no-such-flag")),
    ],
)
def test_flags_of_somebody_who_is_surely_below(flags, decision, reasons):
    assert decided(person(0.25, 0.3, 0.39, flags=flags)) == (decision, reasons)


@pytest.mark.parametrize(
    ("flag", "decision"),
    [*FLAG_DECISIONS.items(), ("of-a-newer-realm", Decision.REVIEW)],
)
def test_flags_of_somebody_who_is_surely_above(flag, decision):
    found, reasons = decided(person(0.7, 0.8, 0.9, flags=(flag,)))
    assert found == decision
    assert reasons == ("above-threshold", flag)


def test_every_flag_of_the_report_is_provided_for():
    assert {flag.value for flag in Flag} <= set(FLAG_DECISIONS)
    assert set(SENTENCES) >= set(Reason) - {Reason.CONFUSES}


def test_weak_evidence_excludes_nobody():
    low = (0.25, 0.3, 0.39)
    assert decided(person(*low, n=19)) == ("review", ("below-threshold", "few-labels"))
    assert decided(person(*low, n=20))[0] == "exclude"
    wide = person(0.1, 0.3, 0.55)
    strict = DecisionSettings(min_competence=0.7)
    assert decided(wide, strict) == ("review", ("below-threshold", "wide-interval"))
    assert decided(wide, strict.model_copy(update={"max_width": 0.5}))[0] == "exclude"


@pytest.mark.parametrize("code", sorted(UNDECIDABLE))
def test_data_that_cannot_tell_exclude_nobody(code):
    report = person(0.25, 0.3, 0.39)
    report = report.model_copy(update={"warnings": (Warning_(code=code, message="x", count=1),)})
    assert decided(report) == ("review", ("below-threshold", "data-cannot-tell"))
    estimate = report.estimate.model_copy(update={"kind": Kind.CROSS_FITTED})
    by_model = report.model_copy(update={"estimate": estimate})
    # one label an item is enough where a model that has not seen them is the judge
    assert (decided(by_model)[0] == "exclude") == (code == "no-overlap")


def test_who_confuses_two_labels_is_retrained():
    found = {"p": Confusion(truth="cat", label="dog", n=18, of=20)}
    for bounds in ((0.25, 0.3, 0.39), (0.6, 0.7, 0.8)):
        report = decide(person(*bounds), USUAL, found)
        assert report.annotators[0].decision == "retrain"
        told = why(report.annotators[0], report)
        assert "where the answer seems to be 'cat' they said 'dog' 18 of 20 times" in told
    assert decided(person(0.25, 0.3, 0.39, n=10), confusions=found)[0] == "review"


flags = st.sampled_from([*FLAG_DECISIONS, "of-a-newer-realm"])
people = st.tuples(
    st.lists(st.floats(0, 1), min_size=3, max_size=3).map(sorted),
    st.integers(1, 200),
    st.sets(flags),
)


@given(people, st.floats(0, 1), st.integers(1, 100), st.floats(0.01, 1))
def test_nobody_is_excluded_without_proof(one, level, n, width):
    (low, mean, high), labels, stands_out = one
    report = person(low, mean, high, n=labels, flags=tuple(sorted(stands_out)))
    settings = DecisionSettings(min_competence=level, min_labels=n, max_width=width)
    if decided(report, settings)[0] == "exclude":
        assert high < level
        assert labels >= n
        assert high - low <= width
        assert not stands_out & {"minority", "few-labels", "below-chance"}


@given(people)
def test_no_flag_makes_anybody_better_off_but_those_that_protect(one):
    (low, mean, high), labels, stands_out = one
    plain = decided(person(low, mean, high, n=labels))[0]
    harmful = tuple(sorted(stands_out - set(AT_MOST)))
    flagged = decided(person(low, mean, high, n=labels, flags=harmful))[0]
    assert GRAVITY[flagged] >= GRAVITY[plain]


def test_counts_and_order():
    report = decide(samples.crowd(), DecisionSettings(min_competence=0.6))
    counts = report.decisions.counts
    assert list(counts) == ["keep", "review", "retrain", "exclude"]
    assert sum(counts.values()) == 40
    assert counts["exclude"] == len(excluded(report)) > 0
    ranked = [GRAVITY[one.decision] for one in gravest_first(report)]
    assert ranked == sorted(ranked, reverse=True)


def test_json_keeps_decisions():
    report = decide(samples.crowd(), USUAL)
    assert from_json(to_json(report)) == report


def test_csv_has_a_row_for_everybody_and_no_formula():
    report = decide(samples.hostile(), USUAL)
    rows = list(csv.DictReader(io.StringIO(to_csv(report), newline="")))
    assert len(rows) == len(report.annotators)
    assert {row["annotator_id"].removeprefix("'") for row in rows} == set(samples.HOSTILE)
    for row in rows:
        assert not row["annotator_id"].startswith(("=", "+", "-", "@"))
        assert not row["flags"].startswith(("=", "+", "-", "@"))
        assert row["decision"] in set(Decision)
        assert row["why"].endswith(".")


def test_a_row_by_hand():
    text = to_csv(decide(person(0.25, 0.3, 0.39, name="=1+1", flags=("one-label",)), USUAL))
    header, line, _ = text.split("\r\n")
    assert header == (
        "annotator_id,decision,reasons,n_annotations,competence,low,high,threshold,flags,why"
    )
    assert line == (
        "'=1+1,exclude,below-threshold one-label,100,0.3000,0.2500,0.3900,0.4000,one-label,"
        '"Their labels are right 30% of the time, and at most 39% (95% interval 25–39%), where '
        '40% is asked for; gave the same answer every time."'
    )
