from __future__ import annotations

import pytest
from batches import annotator, coefficient, mean, report, statuses, task
from hypothesis import given
from hypothesis import strategies as st

from realm_cli.choices import GateMetric, OnInconclusive
from realm_cli.config import GateSettings
from realm_cli.errors import InputError, UsageError
from realm_cli.gates.labels import of_unusable
from realm_cli.gates.rule import Finding, Gate, decide
from realm_cli.gates.run import CHANGES, MEASURES, exit_code, run_gates
from realm_cli.report.flags import Flag
from realm_cli.report.model import GateStatus, Kind
from realm_cli.schema import Issue

GOLDEN_BATCH = tuple(annotator(f"w{i}", gold=(45, 50)) for i in range(5))


def verdict(batch, **settings):
    (found,) = run_gates(batch, GateSettings(**settings))
    return found


@pytest.mark.parametrize(
    ("threshold", "status"),
    [(0.78, "pass"), (0.781, "inconclusive"), (0.82, "inconclusive"), (0.821, "fail")],
)
def test_the_whole_interval_lies_on_one_side_or_nobody_can_say(threshold, status):
    assert statuses(report(), min_competence=threshold) == [status]


@given(
    st.floats(0, 1),
    st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
    st.sampled_from([">=", "<="]),
)
def test_pass_and_fail_are_told_by_both_bounds(threshold, bounds, op):
    low, value, high = sorted(bounds)
    gate = Gate(GateMetric.COMPETENCE, op, threshold)
    status = decide(gate, Finding(value, (low, high), 9, "label")).status
    good, bad = (low, high) if op == ">=" else (-high, -low)
    wanted = threshold if op == ">=" else -threshold
    assert (status is GateStatus.PASS) == (good >= wanted)
    assert (status is GateStatus.FAIL) == (bad < wanted)


def test_labels_of_which_nothing_is_known_may_all_be_wrong():
    # a fifth unknown: .78 * .8 = .624 to .82 * .8 + .2 = .856
    found = verdict(report(competence=mean(n_unsupported=200)), min_competence=0.7)
    assert found.interval == pytest.approx((0.624, 0.856))
    assert found.status is GateStatus.INCONCLUSIVE


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        (report(tasks=(task(n_items=29),)), "29 items with two labels, and 30 are needed"),
        (report(tasks=(task(n_items=0),)), "no item has two labels, and no model was asked"),
        (report(competence=None), "the report does not hold it; make it again with this realm"),
        (report(warnings=("two-annotators",)), "only two annotators: nothing says who is right"),
        (report(warnings=("restarts-disagree",)), "fits that explain the labels equally well"),
        (report(warnings=("against-the-vote",)), "the estimate overrules more votes"),
        (report(warnings=("same-answers",)), "some pairs of annotators never differ"),
    ],
)
@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_too_little_evidence_neither_passes_nor_fails(batch, words, threshold):
    found = verdict(batch, min_competence=threshold)
    assert found.status is GateStatus.INCONCLUSIVE
    assert found.words.startswith(words)


def test_a_model_that_saw_the_labels_can_condemn_but_not_acquit():
    seen = report(kind=Kind.IN_SAMPLE)
    assert statuses(seen, min_competence=0.5) == ["inconclusive"]
    assert statuses(seen, min_competence=0.9) == ["fail"]
    assert statuses(report(kind=Kind.CROSS_FITTED), min_competence=0.5) == ["pass"]


def test_a_model_judges_items_with_one_label_too():
    alone = task(n_items=400).model_copy(update={"agreement": None})
    assert statuses(report(tasks=(alone,)), min_competence=0.5) == ["inconclusive"]
    fitted = report(tasks=(alone,), kind=Kind.CROSS_FITTED)
    assert statuses(fitted, min_competence=0.5) == ["pass"]


def test_each_task_is_judged_by_its_own_items():
    batch = report(
        tasks=(
            task("good"),
            task("bad", competence=mean(0.4)),
            task("small", n_items=10),
            task("older", competence=None),
        )
    )
    found = run_gates(batch, GateSettings(min_task_competence=0.7))
    assert [(one.id, one.task, one.status.value) for one in found] == [
        ("task-competence:good", "good", "pass"),
        ("task-competence:bad", "bad", "fail"),
        ("task-competence:small", "small", "inconclusive"),
        ("task-competence:older", "older", "inconclusive"),
    ]


def test_annotators_one_by_one():
    people = (annotator("good"), annotator("bad", 0.4), annotator("unclear", 0.7))
    found = run_gates(report(people), GateSettings(min_annotator_competence=0.7))
    assert [one.status.value for one in found] == ["pass", "fail", "inconclusive"]
    assert found[1].annotator_id == "bad"


def test_few_labels_by_people_who_cannot_be_judged_only_warn():
    def batch(n):
        return report((annotator("good", n=200), annotator("new", 0.9, n=n)))

    assert statuses(batch(9), min_annotator_competence=0.7) == ["pass", "warn"]
    assert statuses(batch(9), min_annotator_competence=0.7, max_unjudged=0.04) == [
        "pass",
        "inconclusive",
    ]
    assert statuses(batch(9), min_annotator_competence=0.7, min_labels=9) == ["pass", "pass"]
    doubted = report((annotator("good", n=200),), warnings=("two-annotators",))
    assert statuses(doubted, min_annotator_competence=0.7) == ["inconclusive"]


def test_whom_nobody_can_judge_may_stand_out_or_not():
    clean = tuple(annotator(f"w{i}") for i in range(8))
    out = annotator("x", flags=(Flag.GUESSER,))
    few = annotator("y", flags=(Flag.FEW_LABELS,), n=3)
    assert verdict(report((*clean, out, few)), max_flagged=0.1).interval == (0.1, 0.2)
    assert statuses(report((*clean, out, few)), max_flagged=0.2) == ["pass"]
    assert statuses(report((*clean, out, few)), max_flagged=0.1) == ["inconclusive"]
    assert statuses(report((*clean, out, out)), max_flagged=0.1) == ["fail"]


def test_agreement_of_few_items_that_all_agree_is_no_certainty():
    full = {"percent": coefficient(1, 1, 1), "n_items": 40}
    found = verdict(report(tasks=(task(**full),)), min_agreement=0.9)
    assert found.interval == pytest.approx((0.025 ** (1 / 40), 1))
    assert found.status is GateStatus.PASS
    assert statuses(report(tasks=(task(**full),)), min_agreement=0.95) == ["inconclusive"]
    assert statuses(report(tasks=(task(**{**full, "n_items": 20}),)), min_agreement=0.5) == [
        "inconclusive"
    ]


def test_alpha():
    assert statuses(report(), min_alpha=0.4) == ["pass"]
    assert statuses(report(), min_alpha=0.6) == ["fail"]
    assert statuses(report(tasks=(task(alpha=None),)), min_alpha=0.4) == ["inconclusive"]


def test_confidence():
    # Clopper and Pearson of 360 in 400, and of 280 in 400
    found = verdict(report(), min_confidence=0.8)
    assert found.interval == pytest.approx((0.8663, 0.9276), abs=1e-4)
    assert verdict(report(), min_confident_share=0.6).value == 0.7
    assert verdict(report(), min_confident_share=0.6, confident_at=0.8).value == 0.9
    with pytest.raises(UsageError, match=r"--confident-at is 0\.85") as caught:
        verdict(report(), min_confident_share=0.6, confident_at=0.85)
    assert caught.value.hint == "it counts 0.8, 0.9"


def test_control_items():
    found = verdict(report(GOLDEN_BATCH), min_control_accuracy=0.8)
    assert (found.value, found.n) == (pytest.approx(0.9), 250)
    assert found.interval == pytest.approx((0.8559, 0.9342), abs=1e-4)
    assert found.status is GateStatus.PASS
    assert statuses(report(), min_control_accuracy=0.8) == ["inconclusive"]
    few = (annotator("w", gold=(29, 29)), annotator("v"))
    assert statuses(report(few), min_control_accuracy=0.1) == ["inconclusive"]


def test_control_items_that_contradict_the_estimate_leave_it_open():
    # 60 of 250 right: .189 to .298; the estimate says .78 to .82
    wrong = report(tuple(annotator(f"w{i}", gold=(12, 50)) for i in range(5)))
    found = verdict(wrong, min_competence=0.7)
    assert found.interval == pytest.approx((0.1885, 0.82), abs=1e-4)
    assert found.status is GateStatus.INCONCLUSIVE
    few = report((annotator("w", gold=(5, 29)),))
    assert statuses(few, min_competence=0.7) == ["pass"]
    # 200 of 250 touches it, and changes nothing
    near = report(tuple(annotator(f"w{i}", gold=(40, 50)) for i in range(5)))
    assert verdict(near, min_competence=0.7).interval == pytest.approx((0.78, 0.82))


def test_control_items_do_not_rest_on_the_estimate():
    seen = report(GOLDEN_BATCH, kind=Kind.IN_SAMPLE, warnings=("two-annotators",))
    assert statuses(seen, min_control_accuracy=0.8) == ["pass"]


def test_warnings_are_counted():
    odd = report(warnings=("label-variants", "repeated-answers"))
    found = verdict(odd, max_warnings=5)
    assert (found.value, found.status.value) == (6, "fail")
    assert [one.message for one in found.examples] == [
        "about label-variants",
        "about repeated-answers",
    ]
    assert statuses(odd, max_warnings=3, ignore=("label-variants",)) == ["pass"]
    assert statuses(report(), max_warnings=0) == ["pass"]


def test_a_fall_against_the_same_people():
    before = report(sha256="b")
    worse = report(tuple(annotator(f"w{i}", 0.6) for i in range(5)))
    # five people at .8 and .6, each +-.05: the mean +-.05 / sqrt 5, the fall +-.0316
    (found,) = run_gates(worse, GateSettings(max_drop=0.05), before)
    assert found.value == pytest.approx(0.2)
    assert found.interval == pytest.approx((0.1684, 0.2316), abs=1e-4)
    assert found.status is GateStatus.FAIL
    assert statuses(report(), baseline=before, max_drop=0.05) == ["pass"]
    assert statuses(report(), baseline=before, max_drop=0.02) == ["inconclusive"]
    assert statuses(worse, baseline=before, max_annotator_drop=0.1) == ["fail"] * 5


def test_one_person_who_fell_is_found():
    before = report(sha256="b")
    after = report((annotator("w0", 0.5), *(annotator(f"w{i}") for i in range(1, 5))))
    found = run_gates(after, GateSettings(max_annotator_drop=0.1), before)
    assert {one.annotator_id: one.status.value for one in found}["w0"] == "fail"
    assert [one.status.value for one in found[1:]] == ["pass"] * 4


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (None, "there is no baseline: --baseline FILE"),
        (report(), "the baseline holds a file of this batch"),
        (report(sha256="b", kind=Kind.CROSS_FITTED), "the baseline is cross-fitted"),
        (report(sha256="b", warnings=("two-annotators",)), "of the baseline: only two annotators"),
        (report((annotator("w0"),), sha256="b"), "annotators known from the baseline gave 100 of"),
        (report((annotator("x"),), sha256="b"), "annotators known from the baseline gave 0 of"),
    ],
)
def test_what_cannot_be_compared_is_inconclusive(before, words):
    (found,) = run_gates(report(), GateSettings(max_drop=1), before)
    assert found.status is GateStatus.INCONCLUSIVE
    assert found.words.startswith(words)


def test_nobody_of_the_baseline():
    others = report((annotator("x"),), sha256="b")
    assert statuses(report(), baseline=others, max_annotator_drop=1) == ["inconclusive"]


def test_an_advisory_gate_warns():
    bad = report(tasks=(task(n_items=5),))
    metrics = ("competence", "alpha")
    assert statuses(bad, min_competence=0.5, min_alpha=0.9, advisory=metrics) == ["warn", "warn"]
    assert statuses(report(), min_competence=0.5, advisory=metrics) == ["pass"]


def test_slips_are_said():
    with pytest.raises(UsageError, match="no gate has a threshold"):
        run_gates(report(), GateSettings())
    with pytest.raises(UsageError, match="there is a baseline, and no threshold"):
        run_gates(report(), GateSettings(min_competence=0.5), report())


@pytest.mark.parametrize(
    ("found", "code", "as_fail", "as_pass"),
    [
        ("pass warn", 0, 0, 0),
        ("pass fail inconclusive", 1, 1, 1),
        ("pass inconclusive", 5, 1, 0),
        ("", 0, 0, 0),
    ],
)
def test_exit_codes(found, code, as_fail, as_pass):
    one = verdict(report(), min_competence=0.5)
    verdicts = [one.model_copy(update={"status": GateStatus(word)}) for word in found.split()]
    assert exit_code(verdicts) == code
    assert exit_code(verdicts, OnInconclusive.FAIL) == as_fail
    assert exit_code(verdicts, OnInconclusive.PASS) == as_pass


def test_files_that_cannot_be_used_fail_with_their_places():
    error = InputError(
        "the annotations cannot be used as they are",
        [
            Issue(code="broken-json", message="no", file="a.json", line=3),
            Issue(code="broken-json", message="9 more", file="a.json", line=99, count=9),
            Issue(code="no-record", message="nothing"),
        ],
    )
    found = of_unusable(error)
    assert [(one.id, one.value, one.status.value) for one in found] == [
        ("input:broken-json", 10, "fail"),
        ("input:no-record", 1, "fail"),
    ]
    assert [(one.file, one.line) for one in found[0].examples] == [("a.json", 3), ("a.json", 99)]
    assert exit_code(found) == 3
    (bare,) = of_unusable(InputError("cannot read x"))
    assert bare.examples[0].message == "cannot read x"


def test_every_metric_has_one_measure_and_one_threshold():
    assert set(MEASURES) | set(CHANGES) == set(GateMetric)
    assert not set(MEASURES) & set(CHANGES)
    names = {metric.value.replace("-", "_") for metric in GateMetric}
    thresholds = {
        field.removeprefix("min_").removeprefix("max_")
        for field, about in GateSettings.model_fields.items()
        if about.default is None and field not in ("baseline", "inconclusive")
    }
    assert thresholds == names
