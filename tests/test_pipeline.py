"""Pipeline functions without the command line: what they read, refuse and give back."""

from __future__ import annotations

import os
import shutil

import pytest
from harness import (
    COLOURS,
    QUICK,
    colour_rows,
    colour_run,
    crowd_file,
    two_task_rows,
    two_task_run,
    write_rows,
)

from realm_cli import pipeline, prediction, runs, simulation
from realm_cli.config import Columns, CrowdSettings, Reading, TrainSettings
from realm_cli.errors import InputError, OutputExistsError, UsageError


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return pipeline.Source((crowd_file(tmp_path_factory.getbasetemp()),))


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    return colour_run(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def two_tasks(tmp_path_factory):
    return two_task_run(tmp_path_factory.getbasetemp())


def test_an_estimate_from_labels_alone(source):
    report = pipeline.estimate(source)
    assert (report.estimate.kind, report.estimate.objective) == ("label-only", None)
    assert [file.path for file in report.inputs] == [str(source.files[0])]
    assert report.inputs[0].rows == report.summary.n_annotations == 120
    assert report.summary.accuracy_on_gold.model is None
    assert report.summary.accuracy_on_gold.posterior > report.summary.accuracy_on_gold.majority


def test_several_files_are_one_crowd(tmp_path):
    rows = colour_rows()
    parts = [write_rows(tmp_path / f"{n}.jsonl", rows[n::2]) for n in range(2)]
    whole = write_rows(tmp_path / "whole.jsonl", rows)
    split = pipeline.estimate(pipeline.Source(tuple(parts)))
    joined = pipeline.estimate(pipeline.Source((whole,)))
    assert len(split.inputs) == 2
    expected = {who.annotator_id: who.expertise for who in joined.annotators}
    found = {who.annotator_id: who.expertise for who in split.annotators}
    assert found == pytest.approx(expected, abs=1e-3)


def test_gold_changes_no_estimate(source, tmp_path):
    rows = [{name: row[name] for name in row if name != "gold"} for row in colour_rows()]
    blind = pipeline.estimate(pipeline.Source((write_rows(tmp_path / "blind.jsonl", rows),)))
    seeing = pipeline.estimate(source)
    assert blind.summary.accuracy_on_gold is None
    assert [who.competence for who in blind.annotators] == [
        who.competence for who in seeing.annotators
    ]


def test_warnings_of_the_data_reach_the_report(tmp_path):
    rows = colour_rows(per_item=1)
    report = pipeline.estimate(pipeline.Source((write_rows(tmp_path / "one.jsonl", rows),)))
    assert [warning.code for warning in report.warnings] == ["no-overlap", "few-labels"]


def test_one_label_only_is_nothing_to_learn_from(tmp_path):
    rows = [{**row, "label": "red", "gold": "red"} for row in colour_rows()]
    with pytest.raises(InputError) as refused:
        pipeline.estimate(pipeline.Source((write_rows(tmp_path / "red.jsonl", rows),)))
    assert [issue.code for issue in refused.value.issues] == ["one-label"]


def test_training_looks_at_the_output_before_it_looks_at_the_data(tmp_path):
    (tmp_path / "mine").touch()
    with pytest.raises(OutputExistsError):
        pipeline.train(pipeline.Source((tmp_path / "nowhere",)), QUICK, tmp_path)


def test_a_report_is_read_back_from_its_run(colours):
    report = runs.read_report(colours)
    assert report.estimate.kind == "in-sample"
    assert report.estimate.model == "tiny-t5"
    assert report.summary.accuracy_on_gold.model is not None


def test_a_folder_without_a_report_is_no_run(tmp_path):
    with pytest.raises(InputError, match="is not a run's folder"):
        runs.read_report(tmp_path)


def test_the_newest_run_is_the_one_written_last(tmp_path, monkeypatch, colours):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no run under runs/"):
        runs.newest_run()
    for age, name in enumerate(("b", "c", "a")):
        side = shutil.copytree(colours / "realm", tmp_path / "runs" / name / "realm")
        os.utime(side / "report.json", (10**9 - age, 10**9 - age))
    assert runs.newest_run().name == "b"


def test_training_reads_back_the_table_it_wrote(colours, source):
    """annotations.parquet is an export like any other."""
    table = colours / "realm" / "annotations.parquet"
    again = pipeline.estimate(pipeline.Source((table,)))
    first = pipeline.estimate(source)
    assert again.annotators == first.annotators
    assert again.summary == first.summary


def test_predictions_name_the_runs_only_task_whatever_it_is_called(tmp_path):
    rows = [{**row, "task": "colour"} for row in colour_rows(10)]
    run = tmp_path / "run"
    source = pipeline.Source((write_rows(tmp_path / "crowd.jsonl", rows),))
    pipeline.train(source, QUICK.model_copy(update={"epochs": 1}), run)
    new = write_rows(tmp_path / "new.jsonl", [{"item_id": "n", "text": "thing"}])
    (row,) = prediction.predict(run, pipeline.Source((new,))).to_pylist()
    assert (row["task"], row["options"]) == ("colour", sorted(COLOURS))


def test_predictions_keep_to_the_order_of_the_file(tmp_path, two_tasks):
    rows = two_task_rows()[::-1]
    source = pipeline.Source((write_rows(tmp_path / "new.jsonl", rows),))
    found = prediction.predict(two_tasks, source).to_pylist()
    keys = list(dict.fromkeys((row["task"], row["item_id"]) for row in rows))
    assert [(row["task"], row["item_id"]) for row in found] == keys
    assert {tuple(row["options"]) for row in found if row["task"] == "is it so"} == {("no", "yes")}


def test_columns_can_be_named(tmp_path, colours):
    new = write_rows(tmp_path / "new.jsonl", [{"key": "n", "body": "thing 1"}])
    reading = Reading(columns=Columns(item="key", text="body"))
    (row,) = prediction.predict(colours, pipeline.Source((new,), reading)).to_pylist()
    assert row["item_id"] == "n"


def test_a_simulated_crowd_is_an_export_with_its_truth_beside(tmp_path):
    items = [
        {"item_id": str(n), "text": f"t{n}", "options": list(COLOURS), "gold": "red"}
        for n in range(20)
    ]
    source = pipeline.Source((write_rows(tmp_path / "items.jsonl", items),))
    out = tmp_path / "new" / "crowd.parquet"
    (truth,) = simulation.simulate_crowd(source, CrowdSettings(annotators=5), out)
    assert truth == tmp_path / "new" / "crowd.truth.csv"
    assert truth.read_text().splitlines()[0] == "annotator_id,task,expertise"
    report = pipeline.estimate(pipeline.Source((out,)))
    assert (report.summary.n_items, report.summary.n_annotations) == (20, 60)


def test_settings_refuse_what_they_do_not_know():
    with pytest.raises(ValueError, match="epoch"):
        TrainSettings(model="tiny-t5", epoch=3)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('{\n  "format_version": "1.0"', True),
        ('\ufeff {"format_version": 2}', True),
        ('[{"format_version": "1.0"}]', False),
        ('{"data": {}}', False),
        ("", False),
    ],
)
def test_a_report_is_known_by_how_it_begins(tmp_path, text, holds):
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8")
    assert runs.is_report(path) is holds
    assert not runs.is_report(tmp_path)
    assert not runs.is_report(tmp_path / "gone")
