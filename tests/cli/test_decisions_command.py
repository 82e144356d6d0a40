"""`realm report --decisions` and `--approve` as people run them."""

from __future__ import annotations

import csv
import json
import random

import pytest
from harness import colour_rows, realm, write_rows

from realm_cli import follow_up
from realm_cli.choices import AnnotatorModel
from realm_cli.config import JudgeSettings
from realm_cli.errors import InputError, UsageError
from realm_cli.intake import Source

LABELS = "abcd"
QUICK = ("--annotator-model", "expertise")
"""Spares the choice of an annotator model, which is not what these tests are about."""
EXPERTISE = JudgeSettings(annotator_model=AnnotatorModel.EXPERTISE)


@pytest.fixture
def batch(tmp_path):
    """A batch of Mechanical Turk: W9 and W10 guess, W11 has done little."""
    dice = random.Random(4)
    path = tmp_path / "batch.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(
            ["HITId", "AssignmentId", "WorkerId", "AssignmentStatus", "Input.id", "Input.text",
             "Answer.mood", "Approve", "Reject"]
        )  # fmt: skip
        for item in range(200):
            truth = dice.choice(LABELS)
            workers = dice.sample(range(11), 5) + ([11] if item < 8 else [])
            for worker in workers:
                label = truth if worker < 9 else dice.choice(LABELS)
                status = "Approved" if item < 10 else "Submitted"
                writer.writerow(
                    [f"H{item}", f"A{item}-{worker}", f"W{worker}", status, f"i{item}",
                     f'item "{item}"', label]
                )  # fmt: skip
    return path


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_decisions_of_export_files(batch, tmp_path):
    done = realm("report", batch, "--decisions", "d.csv", *QUICK, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = {row["annotator_id"]: row for row in rows_of(tmp_path / "d.csv")}
    assert {name for name, row in found.items() if row["decision"] == "exclude"} == {"W9", "W10"}
    assert found["W11"]["decision"] != "exclude"
    assert found["W0"]["reasons"] == "above-threshold"
    assert "decisions" in done.stdout
    assert "posterior labels of 200 would change" in " ".join(done.stdout.replace("│", "").split())
    assert "decisions: d.csv" in done.stderr


def test_json_holds_decisions_reasons_and_what_they_would_do(batch, tmp_path):
    done = realm("report", batch, "--decisions", "d.csv", "--json", *QUICK, cwd=tmp_path)
    told = json.loads(done.stdout)
    by_name = {one["annotator_id"]: one for one in told["annotators"]}
    assert by_name["W9"]["decision"] == "exclude"
    assert "below-threshold" in by_name["W9"]["reasons"]
    assert told["decisions"]["counts"]["exclude"] == 2
    assert told["decisions"]["exclusion"]["n_annotators"] == 2
    assert told["decisions"]["exclusion"]["n_items"] == 200


def test_thresholds_from_flags_and_from_the_settings_file(batch, tmp_path):
    (tmp_path / "realm.toml").write_text("[report]\nmin-competence = 0.1\n")
    for flags, names in (((), set()), (("--min-competence", "0.6"), {"W9", "W10"})):
        done = realm("report", batch, "--decisions", "-", *QUICK, *flags, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        rows = list(csv.DictReader(done.stdout.splitlines()))
        assert {row["annotator_id"] for row in rows if row["decision"] == "exclude"} == names


def test_decisions_on_a_run(colours, tmp_path):
    lenient = ("--min-labels", "5", "--max-width", "1", "--min-competence", "1")
    done = realm("report", colours, "--decisions", "d.csv", "--json", *lenient, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    rows = rows_of(tmp_path / "d.csv")
    assert sorted(row["annotator_id"] for row in rows) == [f"a{n}" for n in range(8)]
    found = told["decisions"]["exclusion"]
    assert found["n_annotators"] == told["decisions"]["counts"]["exclude"] > 0
    assert found["gold"]["n"] == 40


def test_a_batch_is_marked_and_else_as_it_was(batch, tmp_path):
    done = realm("report", batch, "--approve", "paid.csv", *QUICK, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    before, after = rows_of(batch), rows_of(tmp_path / "paid.csv")
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        marks = new.pop("Approve"), new.pop("Reject")
        assert new.items() <= old.items()
        if old["AssignmentStatus"] == "Approved":
            assert marks == (None, None)
        elif old["WorkerId"] in {"W9", "W10"}:
            assert marks[0] == ""
            assert marks[1].startswith("Compared with the answers of the other workers, about ")
        else:
            assert marks == ("x", "")
    original = batch.read_bytes().splitlines()
    marked = (tmp_path / "paid.csv").read_bytes().splitlines()
    assert all(new.startswith(old) for old, new in zip(original, marked, strict=True))


def test_payment_is_for_one_batch_file_alone(batch, tmp_path, refused):
    rows = write_rows(tmp_path / "crowd.jsonl", colour_rows())
    told = refused(2, "report", batch, rows, "--approve", "x.csv", *QUICK)
    assert "this report is of 2 files" in told
    key = {"REALM_ANONYMIZE_KEY": "k"}
    told = refused(2, "report", batch, "--anonymize", "--approve", "x.csv", *QUICK, env=key)
    assert "are no WorkerId of" in told


def test_a_batch_that_is_not_what_was_judged(batch, tmp_path):
    judged = follow_up.judged_files(Source((batch,)), EXPERTISE)
    batch.write_bytes(batch.read_bytes() + b"\n")
    with pytest.raises(InputError, match="it has changed since"):
        follow_up.pay(judged.report, tmp_path / "x.csv")
    with pytest.raises(UsageError, match="this report is csv"):
        follow_up.pay(_of(judged.report, format="csv"), tmp_path / "x.csv")
    with pytest.raises(UsageError, match="cannot read standard input a second time"):
        follow_up.pay(_of(judged.report, path="-"), tmp_path / "x.csv")
    assert not (tmp_path / "x.csv").exists()


def _of(report, **changes):
    (file,) = report.inputs
    return report.model_copy(update={"inputs": (file.model_copy(update=changes),)})


def test_two_things_on_standard_output(batch, refused):
    told = refused(2, "report", batch, "--json", "--decisions", "-")
    assert "both write to standard output" in told


def test_a_threshold_that_is_none(batch, refused):
    told = refused(2, "report", batch, "--decisions", "d.csv", "--min-competence", "60")
    assert "--min-competence is 60.0" in told
