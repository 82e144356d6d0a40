"""Cross-fitting, withheld annotations, and the fall-back to labels alone."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from harness import QUICK, colour_rows, train, write_rows
from tables import items_of, table_of

from realm_cli import estimation, fitting
from realm_cli.calibration import calibrated, evidence, lapsing
from realm_cli.choices import AnnotatorModel
from realm_cli.config import JudgeSettings
from realm_cli.estimation import crowd_of
from realm_cli.held_out import judge_by_predictions
from realm_cli.labels import labels_of
from realm_cli.runs import read_report
from realm_cli.training.fit import FitResult
from realm_cli.unfinished import Unfinished


def one_label_crowd(n_items: int = 3_000, n_annotators: int = 30, seed: int = 0):
    """One label an item, w spread over 0..1, and a model that is sure and wrong on a fifth."""
    rng = np.random.default_rng(seed)
    gold = rng.integers(4, size=n_items)
    w = np.linspace(0.02, 0.98, n_annotators)
    annotator = rng.integers(n_annotators, size=n_items)
    label = np.where(rng.random(n_items) < w[annotator], gold, rng.integers(4, size=n_items))
    rows = list(zip(range(n_items), annotator.tolist(), label.tolist(), strict=True))
    seen = np.where(rng.random(n_items) < 0.2, rng.integers(4, size=n_items), gold)
    p = np.full((n_items, 4), 0.01)
    p[np.arange(n_items), seen] = 0.97
    return table_of(rows, items_of([4] * n_items)), w, np.log(p)


def test_calibration_finds_the_lapse_and_so_the_experts():
    table, w, log_p = one_label_crowd()
    settings = JudgeSettings(annotator_model=AnnotatorModel.EXPERTISE)
    crowd = crowd_of(table, settings)
    judged = judge_by_predictions(crowd, settings, log_p)
    dulled, fitted = judged.log_p, judged.fit
    assert judged.fallback is None
    assert np.exp(dulled.max(axis=1)).mean() == pytest.approx(0.85, abs=0.04)
    found = fitted.model.expertise(fitted.parameters)
    assert np.abs(found - w).mean() < 0.09
    assert abs((found - w).mean()) < 0.04
    np.testing.assert_allclose(np.exp(dulled).sum(axis=1), 1)


def test_evidence_by_hand():
    # One label, K = 2, p(y) = .9: the mean over w of .9 w + .5 (1 - w) is .7.
    labels = labels_of(table_of([(0, 0, 0)], items_of([2])))
    log_p = np.log([[0.9, 0.1]])
    assert np.exp(evidence(log_p, labels, 1.0, 0.0)) == pytest.approx(0.7)
    # Half of the time the model knows nothing: p' = .7, and the mean is .6.
    assert np.exp(evidence(log_p, labels, 1.0, 0.5)) == pytest.approx(0.6)
    np.testing.assert_allclose(np.exp(lapsing(log_p, labels, 1.0, 0.5)), [[0.7, 0.3]])


def test_a_model_that_knows_nothing_is_dulled():
    table, _, _ = one_label_crowd(1_000)
    rng = np.random.default_rng(1)
    p = np.full((1_000, 4), 0.01)
    p[np.arange(1_000), rng.integers(4, size=1_000)] = 0.97
    dulled = calibrated(np.log(p), labels_of(table))
    assert np.exp(dulled.max(axis=1)).mean() < 0.5


def test_withheld_labels_are_one_of_several():
    rows = [(i, a, 0) for i in range(400) for a in range(1 + i % 3)]
    labels = labels_of(table_of(rows, items_of([2] * 400)))
    dev = np.arange(400) < 40
    out = fitting._withheld(labels, 0, dev)
    n = np.bincount(labels.item[out], minlength=400)
    assert set(n.tolist()) == {0, 1}
    assert (np.bincount(labels.item)[n == 1] > 1).all()
    assert not n[dev].any()
    assert out.sum() == fitting.FEWEST_WITHHELD
    few = labels_of(table_of(rows[:60], items_of([2] * 400)))
    assert not fitting._withheld(few, 0, np.zeros(400, dtype=bool)).any()


@pytest.mark.parametrize(("sure", "counts"), [(0.9, True), (0.25, False), (0.0, False)])
def test_the_model_counts_where_withheld_labels_are_clearly_foretold_better(sure, counts):
    """A model that knows, one that says nothing (no gain, no error), one that is wrong."""
    rng = np.random.default_rng(0)
    gold = rng.integers(4, size=400)
    rows = [
        (i, a, int(gold[i] if rng.random() < 0.5 else rng.integers(4)))
        for i in range(400)
        for a in range(3)
    ]
    settings = JudgeSettings(annotator_model=AnnotatorModel.EXPERTISE)
    crowd = crowd_of(table_of(rows, items_of([4] * 400)), settings)
    out = fitting._withheld(crowd.labels, 0, np.zeros(400, dtype=bool))
    choice = estimation.choice_for(crowd, settings)
    rest = fitting.replace(crowd, labels=crowd.labels.only(~out))
    alone = estimation.fit_crowd(rest, settings, choice)
    p = np.full((400, 4), (1 - sure) / 3)
    p[np.arange(400), gold] = sure
    result = FitResult(np.log(np.maximum(p, 1e-9)), alone.parameters, ())
    reason = fitting._no_help(crowd, alone, result, out)
    assert (reason is None) is counts
    if not counts:
        assert "does not clearly help to foretell 20 annotations" in reason


@pytest.mark.parametrize(
    ("per_item", "asked", "expected"), [(1, None, 3), (3, None, 1), (3, 4, 4), (1, 1, 1)]
)
def test_folds(per_item, asked, expected):
    rows = [(i, (i + a) % 7, 0) for i in range(30) for a in range(per_item)]
    settings = QUICK.model_copy(update={"cross_fit": asked})
    assert fitting.n_folds(crowd_of(table_of(rows, items_of([2] * 30)), settings), settings) == (
        expected
    )


ALL = "cross-fitting: {} trainings, each annotator judged by models that have not seen the items"


@pytest.mark.parametrize(("per_item", "trainings"), [(1, 7), (2, 4)])
def test_a_cross_fitted_run(tmp_path, per_item, trainings):
    """What it says of itself, how often it trains, and that the model's word is held out."""
    crowd = write_rows(tmp_path / "one.jsonl", colour_rows(60, per_item=per_item))
    told = []
    settings = QUICK.model_copy(update={"cross_fit": 3, "epochs": 1})
    run = train(crowd, tmp_path / "run", settings, told=told.append)
    assert [line for line in told if "training" in line] == [
        ALL.format(trainings),
        *(f"cross-fitting: training {n} of {trainings}" for n in range(1, trainings)),
        "training the final model on everything",
    ]
    report = read_report(run)
    assert report.estimate.kind in {"cross-fitted", "label-only"}
    assert (report.estimate.fallback is None) is (report.estimate.kind == "cross-fitted")
    assert (run / "model.safetensors").is_file()


def test_what_folds_tell_is_known_to_the_next_and_held_fast(monkeypatch, tmp_path):
    """One label an item, two of six know: nothing is known at first, then who knows."""
    rng = np.random.default_rng(0)
    gold = rng.integers(3, size=240)
    rows = [(i, i % 6, int(gold[i] if i % 6 < 2 else rng.integers(3))) for i in range(240)]
    settings = QUICK.model_copy(update={"annotator_model": AnnotatorModel.EXPERTISE})
    crowd = crowd_of(table_of(rows, items_of([3] * 240)), settings)
    p = np.full((240, 3), 0.02)
    p[np.arange(240), gold] = 0.96
    seen = []

    def knows(crowd, work, annotators, part):
        learns = any(one.requires_grad for one in annotators.parameters())
        seen.append((learns, annotators.model.expertise(annotators.found()), part.keep))
        return FitResult(np.log(p), None, ())

    work = fitting.Work(
        backbone=SimpleNamespace(trained_state=dict, restore=lambda _: None), encoded=None,
        settings=settings, dev=np.zeros(240, dtype=bool), unfinished=Unfinished(tmp_path),
        told=lambda _: None,
    )  # fmt: skip
    monkeypatch.setattr(fitting, "_train", knows)
    log_p, _ = fitting._held_out_predictions(crowd, work, 2)
    np.testing.assert_allclose(log_p, np.log(p), atol=1e-6)
    assert [learns for learns, _, _ in seen] == [True, False, False, False]
    np.testing.assert_allclose(seen[0][1], 0.5, atol=0.01)
    for _, w, _ in seen[1:]:
        assert w[:2].min() > 0.75
        assert w[2:].max() < 0.5
    kept = [keep for _, _, keep in seen]
    assert (kept[0] ^ kept[1]).all(), "either half of the items has a model trained on the other"
    assert (kept[0] == kept[2]).all()


@pytest.mark.parametrize(("n_items", "why"), [(300, "withheld"), (20, "even the annotations")])
def test_a_model_at_chance_has_no_say(tmp_path, monkeypatch, n_items, why):
    """Predictions that are sure and random make labels less probable, withheld ones or all."""
    original = fitting._train

    def garbled(crowd, *arguments, **more):
        result = original(crowd, *arguments, **more)
        rng = np.random.default_rng(0)
        scores = rng.normal(0, 8, result.log_p.shape)
        log_p = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
        return fitting.replace(result, log_p=log_p)

    monkeypatch.setattr(fitting, "_train", garbled)
    crowd = write_rows(tmp_path / "many.jsonl", colour_rows(n_items, per_item=3))
    run = train(crowd, tmp_path / "run", QUICK.model_copy(update={"epochs": 1}))
    report = json.loads((run / "realm" / "report.json").read_text())
    assert report["estimate"]["kind"] == "label-only"
    assert why in report["estimate"]["fallback"]
    assert "model-at-chance" in {warning["code"] for warning in report["warnings"]}
    gold = report["summary"]["accuracy_on_gold"]
    assert gold["posterior"] >= gold["majority"] > gold["model"]
