"""realm simulate: items in, a crowd's labels and the truth about the crowd out."""

from __future__ import annotations

import csv
import json

import pyarrow.parquet as pq
from harness import COLOURS, contents, realm, write_rows

ITEMS = [
    {"item_id": f"i{n}", "text": f"thing {n}", "options": list(COLOURS), "gold": COLOURS[n % 4]}
    for n in range(60)
]


def simulate(folder, name, *flags):
    write_rows(folder / "items.jsonl", ITEMS)
    process = realm(
        "simulate", "items.jsonl", "--annotators", "10", "--out", name, *flags, cwd=folder
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout == ""
    return process.stderr


def test_annotations_and_the_truth_are_written(tmp_path):
    told = simulate(tmp_path, "crowd.parquet", "--labels-per-item", "2")
    assert "annotations: crowd.parquet" in told
    assert "crowd.truth.csv" in told
    assert set(contents(tmp_path)) == {"items.jsonl", "crowd.parquet", "crowd.truth.csv"}
    table = pq.read_table(tmp_path / "crowd.parquet")
    assert table.num_rows == 120
    assert set(table["label"].to_pylist()) <= set(COLOURS)
    with (tmp_path / "crowd.truth.csv").open() as file:
        truth = list(csv.DictReader(file))
    assert [row["annotator_id"] for row in truth] == [f"annotator-{n}" for n in range(10)]
    assert sorted(float(row["expertise"]) for row in truth) == [0.0] * 5 + [0.95] * 5


def test_the_seed_decides_every_draw(tmp_path):
    for name, seed in (("a.parquet", "1"), ("b.parquet", "1"), ("c.parquet", "2")):
        simulate(tmp_path, name, "--kind", "uniform", "--seed", seed)
    files = contents(tmp_path)
    assert files["a.parquet"] == files["b.parquet"] != files["c.parquet"]
    assert files["a.truth.csv"] == files["b.truth.csv"] != files["c.truth.csv"]


def test_times_and_difficulties_are_written_where_they_matter(tmp_path):
    simulate(tmp_path, "tired.parquet", "--kind", "fatigue")
    times = pq.read_table(tmp_path / "tired.parquet")["submitted_at"]
    assert times.null_count == 0
    told = simulate(tmp_path, "hard.parquet", "--kind", "difficulty")
    assert "hard.items.csv" in told
    assert pq.read_table(tmp_path / "hard.parquet")["submitted_at"].null_count == 180
    with (tmp_path / "hard.items.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["item_id"] for row in rows] == [item["item_id"] for item in ITEMS]
    assert all(0 <= float(row["difficulty"]) <= 1 for row in rows)


def test_the_truth_says_who_copies_whom(tmp_path):
    simulate(tmp_path, "ring.parquet", "--kind", "colluding", "--share", "0.2")
    with (tmp_path / "ring.truth.csv").open() as file:
        truth = {row["annotator_id"]: row for row in csv.DictReader(file)}
    copies = {name: row["copies"] for name, row in truth.items() if row["copies"]}
    assert len(copies) == 2
    for name, leader in copies.items():
        assert truth[name]["expertise"] == truth[leader]["expertise"]


def test_a_report_tells_the_experts_from_the_guessers(tmp_path):
    simulate(tmp_path, "crowd.parquet", "--labels-per-item", "5")
    shown = realm("report", "crowd.parquet", "--json", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    found = {row["annotator_id"]: row for row in json.loads(shown.stdout)["annotators"]}
    with (tmp_path / "crowd.truth.csv").open() as file:
        truth = {row["annotator_id"]: float(row["expertise"]) for row in csv.DictReader(file)}
    experts = [found[name]["expertise"] for name, w in truth.items() if w > 0.5]
    guessers = [found[name]["expertise"] for name, w in truth.items() if w < 0.5]
    assert min(experts) > max(guessers)


def test_items_without_gold_cannot_be_labelled_by_a_simulated_crowd(refused, tmp_path):
    write_rows(tmp_path / "items.jsonl", [{**item, "gold": None} for item in ITEMS])
    told = refused(3, "simulate", "items.jsonl", "--out", "crowd.parquet")
    assert "60 items have no gold label" in told
    assert "--gold-col" in told


def test_more_labels_an_item_than_annotators(refused, tmp_path):
    write_rows(tmp_path / "items.jsonl", ITEMS)
    told = refused(
        2, "simulate", "items.jsonl", "--out", "x.parquet",
        "--annotators", "2", "--labels-per-item", "3",
    )  # fmt: skip
    assert "3 labels an item need as many annotators, and there are 2" in told
