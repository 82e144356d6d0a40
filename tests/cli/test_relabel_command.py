"""`realm relabel` as people run it."""

from __future__ import annotations

import csv
import json

import pyarrow.parquet as pq
import pytest
from harness import realm

from realm_cli import relabelling
from realm_cli.choices import QueueFormat
from realm_cli.config import JudgeSettings, RelabelSettings
from realm_cli.intake import Source


def relabel(*arguments, cwd):
    done = realm("relabel", *arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_queue_from_export_files(crowd, tmp_path):
    done = relabel(crowd, "--budget", "10", "-o", "q.csv", "--json", cwd=tmp_path)
    told = json.loads(done.stdout)
    rows = read(tmp_path / "q.csv")
    assert sum(int(row["n_labels"]) for row in rows) == told["n_labels"] == 10
    assert len(rows) == told["n_items"]
    assert told["expected_accuracy_after"] > told["expected_accuracy_before"]
    assert "queue: q.csv (10 labels for" in done.stderr
    assert "expected accuracy over all items:" in done.stderr
    assert rows[0]["text"].startswith("thing ")


def test_a_queue_from_a_run_uses_its_posterior(colours, tmp_path):
    relabel(colours, "--budget", "4", "--per-item", "1", "-o", "q.csv", cwd=tmp_path)
    known = {
        row["item_id"]: row
        for row in pq.read_table(colours / "realm" / "labels.parquet").to_pylist()
    }
    for row in read(tmp_path / "q.csv"):
        assert float(row["probability"]) == pytest.approx(
            known[row["item_id"]]["probability"], abs=1e-6
        )
        assert row["label"] == known[row["item_id"]]["label"]


def test_the_same_queue_whatever_the_order_of_rows(crowd, tmp_path):
    lines = crowd.read_text(encoding="utf-8").splitlines(keepends=True)
    turned = tmp_path / "turned.jsonl"
    turned.write_text("".join(reversed(lines)), encoding="utf-8")
    written = []
    for path in (crowd, turned):
        standing = relabelling.standing_of_files(Source((path,)), JudgeSettings())
        wanted = RelabelSettings(budget=9)
        bought = relabelling.relabel(standing, wanted, QueueFormat.CSV, tmp_path / "q.csv")
        assert bought.n_labels == 9
        written.append([(row["item_id"], row["n_labels"]) for row in read(tmp_path / "q.csv")])
    assert written[0] == written[1]


def test_money_competence_and_what_the_rest_would_buy(crowd, tmp_path):
    done = relabel(
        crowd, "--budget", "1", "--price", "0.3", "--competence", "0.9", "-o", "q.json",
        "--to", "label-studio", cwd=tmp_path,
    )  # fmt: skip
    assert "(3 labels for 3 items, 0.90 of 1.00)" in done.stderr
    assert "right 90% of the time" in done.stderr
    tasks = json.loads((tmp_path / "q.json").read_text(encoding="utf-8"))
    assert [set(task) for task in tasks] == [{"data"}] * 3
    done = relabel(crowd, "--budget", "5000", "--per-item", "1", "-o", "q.csv", cwd=tmp_path)
    assert "the rest of the budget is not spent" in done.stderr


def test_refusals(crowd, tmp_path, refused):
    assert "does not pay for one label" in refused(
        2, "relabel", crowd, "--budget", "0.5", "-o", "q.csv"
    )
    assert "--per-item is 11" in refused(
        2, "relabel", crowd, "--budget", "5", "--per-item", "11", "-o", "q.csv"
    )
    done = realm("relabel", crowd, "-o", "q.csv", cwd=tmp_path)
    assert done.returncode == 2
    assert "--budget" in done.stderr
