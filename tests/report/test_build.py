"""The report's numbers on tables small enough to work out by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logit
from tables import draw_log_p, items_of, loaded, table_of, tables

from realm_cli import __version__
from realm_cli.aggregate.choice import Choice, bind
from realm_cli.aggregate.em import Fit
from realm_cli.annotations import NO_GOLD, AnnotationTable, build_table
from realm_cli.annotator_models.levels import Levels
from realm_cli.choices import AnnotatorModel
from realm_cli.clock import now
from realm_cli.config import JudgeSettings
from realm_cli.estimation import crowd_of, judged
from realm_cli.report.build import build_report
from realm_cli.report.json_file import to_json
from realm_cli.report.model import CompetenceReport, Estimate, InputFile, Kind, Place
from realm_cli.schema import Issue, Severity
from realm_cli.truth import Predicted

ESTIMATE = Estimate(kind=Kind.LABEL_ONLY, annotator_model="expertise", objective=None)
INPUT = InputFile(path="votes.csv", format="csv", sha256="0" * 64, rows=6, dropped={"skipped": 1})


@dataclass(frozen=True)
class Evidence:
    """What an estimate came to, written down: posteriors of the truth and one w for everyone."""

    table: AnnotationTable
    log_q: np.ndarray
    expertise: float = 0.5
    log_p: np.ndarray | None = None


def report_on(evidence: Evidence, *issues: Issue) -> CompetenceReport:
    crowd = crowd_of(evidence.table, JudgeSettings())
    model = bind(AnnotatorModel.EXPERTISE, crowd.labels)
    n_cells = len(crowd.labels.groups.cell_annotator)
    level = np.full(crowd.labels.n_annotators, logit(evidence.expertise))
    # The posterior is handed in as what is believed before; labels then add what little they say.
    fit = Fit(model, Levels(level, np.zeros(n_cells)), Predicted(evidence.log_q), evidence.log_q,
              log_posterior=0.0, n_iterations=1, converged=True)  # fmt: skip
    choice = Choice(AnnotatorModel.EXPERTISE, {})
    found = judged(crowd, JudgeSettings(), choice, fit)
    return build_report(found, ESTIMATE, [INPUT], issues, log_p=evidence.log_p)


def three_items() -> Evidence:
    """Gold 0, 0 and unknown; labels 0, 0, 1 of item 0, a tie of item 1, one label of item 2."""
    items = items_of([2, 2, 2], gold=[0, 0, NO_GOLD])
    annotations = [(0, 0, 0), (0, 1, 0), (0, 2, 1), (1, 0, 1), (1, 1, 0), (2, 0, 0)]
    return Evidence(
        table=table_of(annotations, items),
        log_q=np.log([[0.9, 0.1], [0.3, 0.7], [0.6, 0.4]]),
        log_p=np.log([[0.5, 0.5], [0.8, 0.2], [0.1, 0.9]]),
    )


def sure(table: AnnotationTable, truth: list[int]) -> Evidence:
    """Evidence that leaves no doubt of the truth, so that left-out agreement is 1 or 0."""
    width = table.items.has_option.shape[1]
    log_q = np.where(np.arange(width) == np.array(truth)[:, None], 0.0, -600.0)
    log_q[~table.items.has_option] = -np.inf
    return Evidence(table, log_q)


def test_summary_by_hand():
    summary = report_on(three_items()).summary
    counts = (summary.n_items, summary.n_annotators, summary.n_annotations, summary.n_tasks)
    assert counts == (3, 3, 6, 1)
    # Pairs: item 0 has three (one alike), item 1 one (unlike), item 2 none: 1 of 4.
    assert (summary.agreement.n_pairs, summary.agreement.percent) == (4, 0.25)
    gold = summary.accuracy_on_gold
    assert gold is not None
    # Of items 0 and 1: vote right and tied, 1.5 of 2; posterior right and wrong, 1 of 2; the model
    # tied and right, 1.5 of 2.
    assert (gold.n, gold.majority, gold.posterior, gold.model) == (2, 0.75, 0.5, 0.75)


def test_calibration_by_hand():
    # Of items 0 and 1 with gold 0: claimed .9 and right, claimed .7 and wrong. Item 2 has no gold.
    low, high = report_on(three_items()).calibration
    assert (low.low, low.high, low.n, low.accuracy) == (0.7, 0.8, 1, 0.0)
    assert (high.low, high.high, high.n, high.accuracy) == (0.9, 1.0, 1, 1.0)
    assert (low.confidence, high.confidence) == pytest.approx((0.7, 0.9))


def test_gold_is_told_apart_from_what_is_unknown():
    items = items_of([2, 2])
    report = report_on(sure(table_of([(0, 0, 0), (1, 1, 1)], items), [0, 1]))
    assert report.summary.accuracy_on_gold is None
    assert report.summary.agreement.n_pairs == 0
    assert report.summary.agreement.percent is None
    assert [one.gold for one in report.annotators] == [None, None]
    without_model = report_on(Evidence(**{**vars(three_items()), "log_p": None}))
    assert without_model.summary.accuracy_on_gold is not None
    assert without_model.summary.accuracy_on_gold.model is None


def test_annotators_by_hand():
    one, two, three = report_on(three_items()).annotators
    assert [a.annotator_id for a in (one, two, three)] == ["a000", "a001", "a002"]
    assert [a.n_annotations for a in (one, two, three)] == [3, 2, 1]
    # a000: right on item 0, wrong on item 1, item 2 has no gold. a002: wrong on item 0.
    assert [(a.gold.n, a.gold.accuracy) for a in (one, two, three) if a.gold] == [
        (2, 0.5),
        (2, 1.0),
        (1, 0.0),
    ]
    # A label has odds 1 + .5 * 2 / .5 = 3 at w = .5. Left out of q: .1 / .9 of a002's label 1
    # becomes (1/9) / 3 = 1 : 27, agreement 1/28.
    assert three.agreement_with_posterior == pytest.approx(1 / 28)
    # a001: item 0 with 9 / 3 = 3 : 1, 3/4; item 1 with (3/7) / 3 = 1 : 7, 1/8; mean 7/16.
    assert two.agreement_with_posterior == pytest.approx(7 / 16)


def test_competence_with_options_of_different_number():
    # One label with K = 2 and one with K = 4: chance (1/2 + 1/4) / 2 = .375.
    (who,) = report_on(sure(table_of([(0, 0, 0), (1, 0, 3)], items_of([2, 4])), [0, 3])).annotators
    assert who.competence == pytest.approx(who.expertise + (1 - who.expertise) * 0.375)
    for end, w in zip(who.competence_interval, who.expertise_interval, strict=True):
        assert end == pytest.approx(w + (1 - w) * 0.375)
    # Both right: density of w is (1 + w) / 2 times (1 + 3 w) / 4, that is 1 + 4 w + 3 w^2.
    # Mass 1 + 2 + 1 = 4, mean (1/2 + 4/3 + 3/4) / 4 = 31/48.
    assert who.expertise == pytest.approx(31 / 48, abs=1e-4)


def test_the_matrix_by_hand():
    # Task 0 with K = 2 (items 0, 1), task 1 with K = 4 (item 2); a001 labels task 1 only.
    items = items_of([2, 2, 4], task=[0, 0, 1])
    table = table_of([(0, 0, 0), (1, 0, 0), (2, 0, 0), (2, 1, 3)], items)
    report = report_on(sure(table, [0, 0, 0]))
    cells = {(a.annotator_id, c.task): c for a in report.annotators for c in a.by_task}
    assert {key: cell.n_annotations for key, cell in cells.items()} == {
        ("a000", "t0"): 2,
        ("a000", "t1"): 1,
        ("a001", "t1"): 1,
    }
    for (_, task), cell in cells.items():
        chance = {"t0": 0.5, "t1": 0.25}[task]
        assert cell.competence == pytest.approx(cell.expertise + (1 - cell.expertise) * chance)
    zero, one = report.tasks
    assert (zero.task, zero.n_items, zero.n_annotators, zero.n_annotations) == ("t0", 2, 1, 2)
    assert (one.task, one.n_items, one.n_annotators, one.n_annotations) == ("t1", 1, 2, 2)
    assert (zero.labels, one.labels) == (("L0", "L1"), ("L0", "L1", "L2", "L3"))
    both = cells["a000", "t1"].competence, cells["a001", "t1"].competence
    assert one.mean_competence == pytest.approx(sum(both) / 2)
    assert both[0] > both[1]


def test_a_task_of_many_option_lists_has_no_labels_of_its_own():
    table = table_of([(0, 0, 0), (1, 1, 0)], items_of([2, 3]))
    assert report_on(sure(table, [0, 0])).tasks[0].labels is None


def flags(labels: list[int], right: list[bool], other: int = 1) -> tuple[str, ...]:
    """The flags of an annotator who gives these labels with K = 2; a second one varies theirs."""
    items = items_of([2] * len(labels))
    theirs = [(i, 1, other if i % 2 else 0) for i in range(len(labels))]
    table = table_of([*((i, 0, y) for i, y in enumerate(labels)), *theirs], items)
    truth = [y if good else 1 - y for y, good in zip(labels, right, strict=True)]
    return report_on(sure(table, truth)).annotators[0].flags


ALTERNATING = [0, 1] * 10


def test_flags_none():
    assert flags(ALTERNATING, [True] * 20) == ()


def test_flags_guesser():
    assert flags(ALTERNATING, [True, True, False, False] * 5) == ("guesser",)


def test_flags_few_labels_and_nothing_else():
    assert flags([0] * 9, [False] * 9) == ("few-labels",)
    assert "few-labels" not in flags([0] * 10, [False] * 10)


def test_flags_below_chance():
    # 4 right of 20 by chance 1/2: (4 - 10) / sqrt(20 / 4) = -2.68 deviations; 5 right is -2.24.
    assert flags(ALTERNATING, [True] * 4 + [False] * 16) == ("guesser", "below-chance")
    assert flags(ALTERNATING, [True] * 5 + [False] * 15) == ("guesser",)


def test_flags_one_label():
    assert flags([1] * 20, [True] * 20) == ("one-label",)
    assert flags([1] * 19 + [0], [True] * 20) == ()


def test_one_label_is_no_flag_where_everyone_gives_it():
    assert flags([0] * 20, [True] * 20, other=0) == ()


def test_warnings_of_one_kind_become_one_entry_with_its_places():
    issues = [
        Issue(code="b", message=f"b {n}", severity=Severity.WARNING, file="v.csv", line=n)
        for n in range(30)
    ]
    issues.insert(1, Issue(code="a", message="no place", severity=Severity.WARNING))
    many, one = report_on(three_items(), *issues).warnings
    assert (many.code, many.message, many.count) == ("b", "b 0", 30)
    assert many.examples == tuple(Place(file="v.csv", line=n) for n in range(20))
    assert (one.code, one.message, one.count, one.examples) == ("a", "no place", 1, ())


def test_what_is_passed_through():
    report = report_on(three_items())
    assert (report.tool.name, report.tool.version) == ("realm", __version__)
    assert report.estimate == ESTIMATE
    assert report.inputs == (INPUT,)
    assert report.warnings == ()


def test_the_clock_can_be_fixed(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert now() == datetime(1970, 1, 2, tzinfo=UTC)
    assert report_on(three_items()).created_at == now()
    assert to_json(report_on(three_items())) == to_json(report_on(three_items()))
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert abs((datetime.now(UTC) - now()).total_seconds()) < 5
    assert now().microsecond == 0


def no_constant(word: str) -> None:
    raise AssertionError(f"{word} in report.json")


@given(table=tables(), seed=st.integers(0, 2**32 - 1), with_model=st.booleans())
@settings(deadline=None, max_examples=15)
def test_any_table_has_a_report_without_nan(table, seed, with_model):
    # As build_table makes them: every item, annotator and task has a label.
    table, _ = build_table([loaded(table.rows.to_pylist())])
    log_p = draw_log_p(table.items, seed)
    report = report_on(Evidence(table, log_p, 0.7, log_p if with_model else None))
    json.loads(to_json(report), parse_constant=no_constant)
    assert sum(one.n_annotations for one in report.annotators) == len(table)
    for one in report.annotators:
        assert sum(cell.n_annotations for cell in one.by_task) == one.n_annotations
        assert one.competence_interval[0] <= one.competence <= one.competence_interval[1]


def test_how_probable_the_posterior_labels_are():
    log_q = np.log([[0.95, 0.05], [0.3, 0.7], [0.5, 0.5]])
    found = report_on(Evidence(three_items().table, log_q)).summary.confidence
    assert found is not None
    highest = np.exp(log_q).max(axis=1)
    assert found.n_items == 3
    assert found.mean == pytest.approx(highest.mean())
    shares = {one.at_least: one.share for one in found.shares}
    assert shares[0.6] == pytest.approx(2 / 3)
    assert shares[0.9] == pytest.approx(1 / 3)
    assert shares[0.99] == 0


def test_labels_behind_which_nobody_else_stands():
    # a0 to a2 label items 0 to 11 together; a3 labels items 12 to 20 alone, and shares none
    rows = [(i, a, 0) for i in range(12) for a in range(3)] + [(i, 3, 0) for i in range(12, 21)]
    table = table_of(rows, items_of([2] * 21))
    found = report_on(Evidence(table, np.log(np.full((21, 2), 0.5))))
    assert found.summary.competence is not None
    assert (found.summary.competence.n_annotations, found.summary.competence.n_unsupported) == (
        45,
        9,
    )
    assert found.tasks[0].competence == found.summary.competence
