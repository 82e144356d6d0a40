"""`realm aggregate` as people run it."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
from harness import colour_rows, realm, write_rows


@pytest.fixture
def crowd(tmp_path):
    return write_rows(tmp_path / "crowd.jsonl", colour_rows(60))


def test_labels_and_a_summary(crowd, tmp_path):
    done = realm(
        "aggregate",
        crowd,
        "--method",
        "guess",
        "-o",
        tmp_path / "l.parquet",
        "--json",
        cwd=tmp_path,
    )
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert (told["method"], told["n_items"], told["n_gold"]) == ("guess", 60, 60)
    labels = pq.read_table(tmp_path / "l.parquet").to_pylist()
    right = sum(row["label"] == row["gold"] for row in labels) / 60
    assert right == pytest.approx(told["accuracy"], abs=1e-9)
    assert f"right on gold: {told['accuracy']:.1%} of 60 items" in done.stderr


def test_auto_names_what_it_chose(crowd, tmp_path):
    done = realm("aggregate", crowd, "-o", tmp_path / "l.parquet", cwd=tmp_path)
    assert "method: auto (" in done.stderr
    assert done.stdout == ""


def test_gold_counts_where_it_is_asked_for(crowd, tmp_path):
    done = realm(
        "aggregate", crowd, "--use-gold", "-o", tmp_path / "l.parquet", "--json", cwd=tmp_path
    )
    assert json.loads(done.stdout)["accuracy"] == 1.0


def test_a_word_that_is_no_method(crowd, tmp_path):
    done = realm("aggregate", crowd, "--method", "vote", "-o", tmp_path / "l.parquet", cwd=tmp_path)
    assert done.returncode == 2
    assert "majority" in done.stderr
    assert not (tmp_path / "l.parquet").exists()


def test_an_earlier_report_as_prior(crowd, tmp_path):
    first = realm("report", crowd, "--json", cwd=tmp_path)
    (tmp_path / "before.json").write_text(first.stdout)
    again = realm("report", crowd, "--json", "--prior", tmp_path / "before.json", cwd=tmp_path)
    assert again.returncode == 0

    def width(process):
        people = json.loads(process.stdout)["annotators"]
        return sum(p["competence_interval"][1] - p["competence_interval"][0] for p in people)

    assert width(again) < width(first)


def test_a_prior_that_is_no_report(crowd, tmp_path):
    done = realm("report", crowd, "--prior", crowd, cwd=tmp_path)
    assert done.returncode == 3
    assert "not JSON" in done.stderr or "no competence report" in done.stderr


def test_gold_means_nothing_to_a_vote(crowd, tmp_path):
    out = tmp_path / "l.parquet"
    done = realm("aggregate", crowd, "--method", "wawa", "--use-gold", "-o", out, cwd=tmp_path)
    assert done.returncode == 2
    assert "--use-gold has no meaning with --method wawa" in done.stderr
    assert not out.exists()


@pytest.mark.parametrize("order", [("a.jsonl", "b.jsonl"), ("b.jsonl", "a.jsonl")])
def test_a_file_given_twice_changes_nothing_but_the_counts(crowd, tmp_path, order):
    crowd.rename(tmp_path / "a.jsonl")
    (tmp_path / "b.jsonl").write_bytes((tmp_path / "a.jsonl").read_bytes())
    reports = [
        json.loads(realm("report", *files, "--json", cwd=tmp_path).stdout)
        for files in (("a.jsonl",), order)
    ]
    for report in reports:
        del report["created_at"]
    once, twice = reports
    assert len(twice.pop("inputs")) == 2 * len(once.pop("inputs")) == 2
    assert [w["code"] for w in twice.pop("warnings")] == [
        "repeated-answers", *(w["code"] for w in once.pop("warnings"))
    ]  # fmt: skip
    assert once == twice
    tables = []
    for files in (("a.jsonl",), order):
        done = realm("aggregate", *files, "-o", "l.parquet", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        tables.append(pq.read_table(tmp_path / "l.parquet"))
    assert tables[0].equals(tables[1])
