"""Where marks of the charts go, by hand."""

from __future__ import annotations

import pytest
import report_samples as samples
from hypothesis import given
from hypothesis import strategies as st

from realm_cli.report import charts
from realm_cli.report.model import CalibrationBin, TrainingStep


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0, 121, ["0", "25", "50", "75", "100", "125"]),
        (0.5, 0.67, ["0.50", "0.55", "0.60", "0.65", "0.70"]),
        (-1.51, -0.89, ["-1.6", "-1.4", "-1.2", "-1.0", "-0.8"]),
        (3, 3, ["3", "4"]),
        (0, 10_000, ["0", "2,000", "4,000", "6,000", "8,000", "10,000"]),
    ],
)
def test_ticks_stand_at_round_numbers(low, high, words):
    assert [told for _, told in charts.nice_axis(low, high).ticks] == words


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_an_axis_holds_what_it_is_for(low, span):
    axis = charts.nice_axis(low, low + span)
    slack = 1e-9 * max(abs(low), abs(low + span), 1)
    assert axis.low <= low + slack
    assert low + span <= axis.high + slack
    assert 2 <= len(axis.ticks) <= 8
    assert axis.ticks[0][0] == pytest.approx(0)
    assert axis.ticks[-1][0] == pytest.approx(100)


def test_histograms_hold_everyone():
    people = samples.crowd(40).annotators
    found = charts.competences(people)
    assert max(bar.height for bar in found.bars) == 100
    counts = [int(bar.words.split()[0]) for bar in found.bars]
    assert sum(counts) == 40
    labels = charts.labels_each(people)
    assert sum(int(bar.words.split()[0]) for bar in labels.bars) == 40
    assert labels.words == "half of them gave more than 61; the most 121"


def test_curves_by_hand():
    def step(stage, at, loss):
        return TrainingStep(stage=stage, step=at, loss=loss, mean_expertise=None, dev=None)

    (found,) = charts.training_curves(
        [step("final", 0, 4.0), step("fold 1", 0, 3.0), step("final", 100, 0.0),
         step("fold 1", 100, 2.0), step("fold 2", 0, 1.0)]
    )  # fmt: skip
    assert [(line.name, line.points, line.main) for line in found.lines] == [
        ("fold 1", "0.00,25.00 100.00,50.00", False),
        ("final", "0.00,0.00 100.00,100.00", True),
    ]
    assert (found.title, found.last) == ("Loss", "0")


def test_a_drift_by_hand():
    one = samples.full(2).annotators[1]
    found = charts.drift(one)
    assert (found.first, found.last) == (one.over_time[0].competence, one.over_time[-1].competence)
    assert [x for x, _ in found.dots] == [10, 30, 50, 70, 90]
    assert found.dots[0][1] == pytest.approx(100 * (1 - found.first))
    assert len(found.band.split()) == 10


def test_those_who_changed_most_come_first():
    found = charts.drifts(samples.full(40).annotators)
    changes = [abs(one.last - one.first) for one in found]
    assert len(found) == charts.DRIFTS
    assert changes == sorted(changes, reverse=True)


def test_reliability_by_hand():
    bins = [
        CalibrationBin(low=0.5, high=0.6, n=4, confidence=0.55, accuracy=0.25),
        CalibrationBin(low=0.9, high=1, n=16, confidence=0.95, accuracy=1),
    ]
    small, large = charts.reliability(bins)
    assert (small.x, small.y, small.radius) == pytest.approx((55, 75, 7.25))
    assert (large.x, large.y, large.radius) == pytest.approx((95, 0, 11))
