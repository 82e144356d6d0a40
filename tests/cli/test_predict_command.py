"""realm predict: a run's model on new items."""

from __future__ import annotations

import csv
import json
import shutil

import pyarrow.parquet as pq
import pytest
from harness import COLOURS, contents, realm, write_rows
from typer.testing import CliRunner

from realm_cli import prediction
from realm_cli.cli.app import app

NEW = [{"item_id": f"n{n}", "text": f"thing {n} has the colour {COLOURS[n % 4]}"} for n in range(6)]
CHOICES = [
    {"item_id": "q1", "task": "which", "text": "who is in picture 1?", "options": ["a cat", "one"]},
    {"item_id": "q1", "task": "is it so", "text": "is there a bird in 1?"},
    {"item_id": "q2", "task": "which", "text": "who is in picture 2?",
     "options": ["none", "something new", "a very old dog"]},
]  # fmt: skip


def labels(text):
    return [json.loads(line) for line in text.splitlines()]


def test_a_process_writes_json_lines_and_nothing_else(tmp_path, colours):
    source = write_rows(tmp_path / "new.jsonl", NEW)
    process = realm("predict", colours, source, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert process.stderr == ""
    found = labels(process.stdout)
    assert [row["item_id"] for row in found] == [row["item_id"] for row in NEW]
    for row in found:
        assert row["options"] == sorted(COLOURS)
        assert row["task"] == "label"
        assert sum(row["posterior"]) == pytest.approx(1)
        assert row["probability"] == max(row["posterior"])
    assert set(contents(tmp_path)) == {"new.jsonl"}


def predict(*arguments):
    result = CliRunner().invoke(app, ["predict", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0
    return result


def test_labels_go_to_a_file_of_either_kind(tmp_path, colours):
    source = write_rows(tmp_path / "new.jsonl", NEW)
    shown = labels(predict(colours, source).stdout)
    for name in ("labels.parquet", "deep/labels.jsonl"):
        result = predict(colours, source, "-o", tmp_path / name)
        assert result.stdout == ""
        assert name in result.stderr
    assert pq.read_table(tmp_path / "labels.parquet").to_pylist() == shown
    assert labels((tmp_path / "deep" / "labels.jsonl").read_text()) == shown


def test_options_come_from_the_item_or_from_the_run(tmp_path, two_tasks):
    source = write_rows(tmp_path / "new.jsonl", CHOICES)
    found = labels(predict(two_tasks, source).stdout)
    assert [(row["task"], row["options"]) for row in found] == [
        ("which", ["a cat", "one"]),
        ("is it so", ["no", "yes"]),
        ("which", ["none", "something new", "a very old dog"]),
    ]
    assert [len(row["posterior"]) for row in found] == [2, 2, 3]


def test_the_model_predicts_what_it_said_of_the_items_it_trained_on(tmp_path, crowd, colours):
    """Its labels.parquet is the posterior with annotations; the model alone is in the report."""
    found = labels(predict(colours, crowd).stdout)
    gold = {row["item_id"]: row["gold"] for row in labels(crowd.read_text())}
    right = sum(row["label"] == gold[row["item_id"]] for row in found) / len(gold)
    report = json.loads((colours / "realm" / "report.json").read_text())
    assert right == pytest.approx(report["summary"]["accuracy_on_gold"]["model"])


def test_a_folder_that_is_no_run(refused, tmp_path):
    source = write_rows(tmp_path / "new.jsonl", NEW)
    (tmp_path / "folder").mkdir()
    told = refused(3, "predict", "folder", source)
    assert "error: folder is not a run's folder" in told


def test_an_item_without_options_where_the_run_has_no_fixed_labels(refused, tmp_path, two_tasks):
    items = [{**CHOICES[0], "options": None}, CHOICES[1], CHOICES[2]]
    source = write_rows(tmp_path / "new.jsonl", items)
    told = refused(3, "predict", two_tasks, source)
    assert "new.jsonl:1: item 'q1' has no options to choose from" in told
    assert "--options-col" in told


def test_a_task_that_the_run_does_not_know(refused, tmp_path, two_tasks):
    source = write_rows(tmp_path / "new.jsonl", [{**CHOICES[0], "task": "how many"}])
    told = refused(3, "predict", two_tasks, source)
    assert "new.jsonl:1: item 'q1' has a task that the run does not know" in told
    assert "(is it so, which)" in told


def test_an_item_without_text(refused, tmp_path, colours):
    source = write_rows(tmp_path / "new.jsonl", [{"item_id": "x", "text": None}, NEW[0]])
    assert "item 'x' has no text" in refused(3, "predict", colours, source)


def test_a_file_of_another_kind(refused, tmp_path, colours):
    source = write_rows(tmp_path / "new.jsonl", NEW)
    told = refused(2, "predict", colours, source, "-o", "labels.xlsx")
    assert "cannot write labels.xlsx" in told
    assert ".parquet, .csv or .jsonl" in told


def test_items_that_come_again_are_labelled_once_and_must_not_differ(refused, tmp_path, colours):
    source = write_rows(tmp_path / "new.jsonl", [*NEW, NEW[2]])
    assert [row["item_id"] for row in labels(predict(colours, source).stdout)] == [
        row["item_id"] for row in NEW
    ]
    write_rows(source, [*NEW, {**NEW[2], "text": "another"}])
    told = refused(3, "predict", colours, source)
    assert "the items contradict one another" in told
    assert "new.jsonl:7: item 'n2' has come before, with another text or other options" in told


def test_pieces_and_batches_change_nothing(tmp_path, colours, monkeypatch):
    source = write_rows(tmp_path / "new.jsonl", [*NEW, NEW[0]])
    whole = labels(predict(colours, source).stdout)
    monkeypatch.setattr(prediction, "PIECE", 4)
    monkeypatch.setattr("realm_cli.loaders.PIECE", 3)
    predict(colours, source, "--batch-size", "1", "-o", tmp_path / "x.parquet")
    assert pq.ParquetFile(tmp_path / "x.parquet").num_row_groups == 2
    pieces = pq.read_table(tmp_path / "x.parquet").to_pylist()
    assert [row["label"] for row in pieces] == [row["label"] for row in whole]
    for piece, row in zip(pieces, whole, strict=True):
        assert piece["posterior"] == pytest.approx(row["posterior"], abs=1e-5)


def test_labels_as_csv_and_items_from_a_pipe(tmp_path, colours):
    source = write_rows(tmp_path / "new.jsonl", NEW)
    predict(colours, source, "-o", tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    shown = labels(predict(colours, source, "-o", "-").stdout)
    assert [row["label"] for row in rows] == [row["label"] for row in shown]
    assert json.loads(rows[0]["posterior"]) == shown[0]["posterior"]
    piped = CliRunner().invoke(app, ["predict", str(colours), "-"], input=source.read_bytes())
    assert labels(piped.stdout) == shown


def test_what_is_longer_than_the_model_reads_is_counted(tmp_path, two_tasks):
    record = two_tasks / "realm" / "run.json"
    short = shutil.copytree(two_tasks, tmp_path / "short")
    settings = json.loads(record.read_text())
    settings["settings"]["max_length"] = 24
    (short / "realm" / "run.json").write_text(json.dumps(settings))
    long = "word " * 40
    items = [
        {"item_id": "1", "task": "which", "text": long, "options": ["a", "b"]},
        {"item_id": "2", "task": "which", "text": "x", "options": [long, "b"]},
        {"item_id": "3", "task": "which", "text": "y", "options": [long, "c"]},
    ]
    told = predict(short, write_rows(tmp_path / "new.jsonl", items), "-o", tmp_path / "o.jsonl")
    limit = "longer than the model reads (24 tokens at most), which was cut off"
    assert told.stderr.splitlines()[:2] == [
        f"warning: 1 item has a text {limit}",
        f"warning: 2 items have an option {limit}",
    ]


def test_a_checkpoint_that_was_damaged_since(refused, tmp_path, colours):
    source = write_rows(tmp_path / "new.jsonl", NEW)
    run = shutil.copytree(colours, tmp_path / "run")
    weights = run / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    told = refused(2, "predict", "run", source, "-o", "x.parquet")
    assert "run holds no checkpoint that transformers can load: model.safetensors is cut" in told
