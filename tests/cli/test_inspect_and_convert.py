"""realm inspect and realm convert, as processes: what people see, profiles, files, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from harness import realm

FORMATS = Path(__file__).parent.parent / "fixtures" / "loaders" / "formats"
VOTES = "item,worker,label,text,city\n1,ann,x,t,Oslo\n1,bob,y,t,Rome\n2,ann,y,u,Oslo\n"


def flowing(panel):
    """The words of a panel, wherever its lines were broken."""
    return " ".join(panel.replace("│", " ").split())


@pytest.fixture
def votes(tmp_path):
    (tmp_path / "votes.csv").write_text(VOTES, encoding="utf-8")
    return "votes.csv"


def test_inspect_says_what_a_file_is_and_how_it_is_read(tmp_path, votes):
    process = realm("inspect", votes, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    for words in (
        "CSV or TSV, one row an annotation (csv)",
        "a table of 5 columns separated by commas",
        "Annotations 3 that count",
        "Items 2, each with 1 to 2 annotations",
        "Task label: 2 labels",
        "66.7%",
        'annotator = "worker"',
        "note: left out, because they may hold personal data: city",
    ):
        assert words in flowing(process.stdout), words
    assert "warning: line 4: 1 of 2 items (50%) have one label only" in flowing(process.stdout)


def test_inspect_as_json(tmp_path, votes):
    (found,) = json.loads(realm("inspect", votes, "--json", cwd=tmp_path).stdout)
    assert (found["format"], found["confidence"], found["encoding"]) == ("csv", 0.75, "utf-8-sig")
    assert (found["n_items"], found["n_annotators"], found["n_annotations"]) == (2, 2, 3)
    assert found["labels_per_item"] == {"smallest": 1, "median": 1.5, "largest": 2}
    assert found["tasks"][0]["labels"] == [{"label": "y", "count": 2}, {"label": "x", "count": 1}]
    assert found["columns"] == {
        "item": "item", "annotator": "worker", "label": "label", "text": "text"
    }  # fmt: skip
    assert [one["format"] for one in found["candidates"]] == ["csv"]


def test_an_ambiguous_file_ends_in_3_with_its_candidates(tmp_path):
    (tmp_path / "two.csv").write_text("item,worker,response,answer\n1,a,x,y\n", encoding="utf-8")
    process = realm("inspect", "two.csv", cwd=tmp_path)
    assert process.returncode == 3
    words = "ambiguous: response, answer could each hold the label"
    assert words in flowing(process.stdout)


def test_a_profile_pins_how_a_file_is_read(tmp_path):
    (tmp_path / "a.csv").write_text("unit,who,what,judged\n1,ann,x,?\n1,bob,y,?\n", "utf-8")
    flags = ["--item-col", "unit", "--annotator-col", "who", "--label-col", "what"]
    process = realm("inspect", "a.csv", *flags, "--save-profile", "vendor.toml", cwd=tmp_path)
    assert process.returncode == 0, process.stdout
    profile = (tmp_path / "vendor.toml").read_text("utf-8")
    assert profile.splitlines()[1:] == [
        'format = "csv"', "", "[columns]", 'item = "unit"', 'annotator = "who"', 'label = "what"'
    ]  # fmt: skip
    report = ["report", "a.csv", "--profile", "vendor.toml", "--json"]
    assert json.loads(realm(*report, cwd=tmp_path).stdout)["summary"]["n_annotators"] == 2
    process = realm("inspect", "a.csv", "--save-profile", "vendor.toml", cwd=tmp_path)
    assert (process.returncode, "exists already" in process.stderr) == (2, True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("format = ", "is not valid TOML"),
        ("fromat = 'csv'", "did you mean format?"),
        ("[columns]\nlable = 'x'", "did you mean label?"),
        ("duplicates = 'maybe'", "duplicates is 'maybe'"),
    ],
)
def test_a_bad_profile_is_a_matter_of_usage(tmp_path, votes, content, message):
    (tmp_path / "bad.toml").write_text(content, encoding="utf-8")
    process = realm("validate", votes, "--profile", "bad.toml", cwd=tmp_path)
    assert process.returncode == 2
    assert message in process.stderr


def test_convert_writes_by_the_files_ending_and_nothing_over_another(tmp_path, votes):
    process = realm("convert", votes, "-o", "out.parquet", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert process.stderr.endswith("out.parquet: 3 annotations\n")
    rows = pq.read_table(tmp_path / "out.parquet")
    assert rows["annotator_id"].to_pylist() == ["ann", "bob", "ann"]
    assert rows.schema.field("label").type == "string"
    assert "city" not in rows.column_names
    process = realm("convert", votes, "-o", "out.parquet", cwd=tmp_path)
    assert (process.returncode, "--overwrite" in process.stderr) == (2, True)
    process = realm("convert", votes, "-o", "out.xyz", cwd=tmp_path)
    assert (process.returncode, "parquet, csv, wide-csv, jsonl" in process.stderr) == (2, True)


def test_convert_in_a_pipe(tmp_path, votes):
    process = realm("convert", votes, "-o", "-", "--to", "jsonl", cwd=tmp_path)
    assert [json.loads(line)["label"] for line in process.stdout.splitlines()] == ["x", "y", "y"]


def test_bad_input_leaves_no_file(tmp_path):
    (tmp_path / "bad.csv").write_text("item,worker,label\n1,,x\n", encoding="utf-8")
    process = realm("convert", "bad.csv", "-o", "out.csv", cwd=tmp_path)
    assert process.returncode == 3
    assert "bad.csv:2: the annotator id (column 'worker') is missing" in process.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.csv"]


def anonymous(tmp_path, *arguments, key="k"):
    environment = {**os.environ, "REALM_ANONYMIZE_KEY": key}
    command = [sys.executable, "-m", "realm_cli", *arguments, "--anonymize"]
    return subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )


def test_names_are_hashed_everywhere_and_the_key_decides_how(tmp_path):
    for name in ("maria", "johann"):
        (tmp_path / f"{name}.csv").write_text(
            f"item,label,text,made_by\n1,x,t,{name}\n2,y,u,{name}\n", encoding="utf-8"
        )
    by_file = ["maria.csv", "johann.csv", "--annotator-from", "filename"]
    shown = [
        anonymous(tmp_path, "report", *by_file),
        anonymous(tmp_path, "report", *by_file, "--json"),
        anonymous(tmp_path, "validate", *by_file),
        anonymous(tmp_path, "convert", *by_file, "-o", "-", "--to", "csv"),
        anonymous(tmp_path, "inspect", *by_file, "--json"),
    ]
    for process in shown:
        assert process.returncode == 0, process.stderr
        assert "maria" not in process.stdout + process.stderr
        assert "johann" not in process.stdout + process.stderr
    ids = [one["annotator_id"] for one in json.loads(shown[1].stdout)["annotators"]]
    assert all(len(one) == 14 and one.startswith("a-") for one in ids)
    again = json.loads(anonymous(tmp_path, "report", *by_file, "--json", key="other").stdout)
    assert not set(ids) & {one["annotator_id"] for one in again["annotators"]}
    process = anonymous(tmp_path, "validate", *by_file, key="")
    assert (process.returncode, "REALM_ANONYMIZE_KEY" in process.stderr) == (2, True)


def test_a_file_of_items_brings_texts_and_gold(tmp_path):
    (tmp_path / "votes.csv").write_text("item,worker,label\n1,ann,x\n1,bob,y\n2,ann,y\n", "utf-8")
    (tmp_path / "items.csv").write_text("item,text,gold\n1,one,x\n2,two,y\n", encoding="utf-8")
    process = realm("report", "votes.csv", "--items-file", "items.csv", "--json", cwd=tmp_path)
    report = json.loads(process.stdout)
    assert report["summary"]["accuracy_on_gold"]["n"] == 2
    assert realm("validate", "votes.csv", cwd=tmp_path).returncode == 3
    assert realm("validate", "votes.csv", "--items-file", "items.csv", cwd=tmp_path).returncode == 0
    (tmp_path / "others.csv").write_text("item,text\n7,one\n", encoding="utf-8")
    process = realm("validate", "votes.csv", "--items-file", "others.csv", cwd=tmp_path)
    assert (process.returncode, "none of the items" in process.stderr) == (3, True)


def test_held_out_items_that_are_trained_on_are_told(tmp_path, votes):
    (tmp_path / "test.csv").write_text("item,text\n9,T \n8,new\n", encoding="utf-8")
    process = realm("validate", votes, "--heldout", "test.csv", "--json", cwd=tmp_path)
    codes = {issue["code"]: issue["count"] for issue in json.loads(process.stdout)["issues"]}
    assert codes["train-test-overlap"] == 1


def test_nothing_in_a_file_steers_a_terminal_or_a_log(tmp_path):
    rows = [
        {"item": 1, "worker": "::error::x", "label": "\x1b[31mred", "text": "t"},
        {"item": 1, "worker": "##[error]y", "label": "::stop-commands::", "text": "t"},
        {"item": 2, "worker": "a\n::error::z", "label": None, "text": "u"},
    ]
    content = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "evil.jsonl").write_text(content, encoding="utf-8")
    for command in ("inspect", "validate", "report"):
        process = realm(command, "evil.jsonl", cwd=tmp_path)
        shown = process.stdout + process.stderr
        assert "\x1b[31m" not in shown
        assert not [line for line in shown.splitlines() if line.lstrip(" │").startswith("::")]
        assert "##[" not in shown


def test_every_example_can_be_inspected_at_once(tmp_path):
    process = realm("inspect", str(FORMATS), "--json", cwd=tmp_path)
    found = json.loads(process.stdout)
    assert len(found) == len(list(FORMATS.iterdir()))
    assert process.returncode == 3  # some hold no annotations, and say so
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--taxonomy-level", "-5"], "--taxonomy-level is -5"),
        (["--annotator-from", "project"], "is for Label Studio's JSON, and votes.csv is csv"),
        (["--format", "cvs"], "did you mean --format csv?"),
        (["--profile", "gone.toml"], "cannot read the profile gone.toml"),
    ],
)
def test_settings_that_cannot_be_followed(tmp_path, votes, flags, message):
    process = realm("validate", votes, *flags, cwd=tmp_path)
    assert process.returncode == 2
    assert message in process.stderr
