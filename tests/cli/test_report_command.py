"""realm report: its views, the files it writes, and what it refuses."""

from __future__ import annotations

import csv
import json

import pyarrow.parquet as pq
import pytest
from harness import contents, realm

KEY = {"REALM_ANONYMIZE_KEY": "a key for tests"}
VIEWS = (("--annotators",), ("--tasks",), ("--items",), ("--annotator", "a5"))


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view[0])
def test_every_view_of_a_run_and_of_its_exports(tmp_path, colours, crowd, view):
    for source in (colours, crowd):
        process = realm("report", source, *view, cwd=tmp_path, env={"COLUMNS": "100"})
        assert process.returncode == 0, process.stderr
        assert process.stderr == ""
        assert "a5" in process.stdout
        assert max(map(len, process.stdout.splitlines())) <= 100


def test_every_form_of_a_view(tmp_path, colours):
    flags = [
        part
        for form in ("html", "markdown", "csv", "parquet")
        for part in (f"--{form}", f"out/items.{form}")
    ]
    process = realm("report", colours, "--items", "--json", *flags, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert process.stderr == "".join(
        f"{form}: out/items.{form}\n" for form in ("html", "markdown", "csv", "parquet")
    )
    items = json.loads(process.stdout)["items"]
    bits = [one["entropy"] for one in items]
    assert bits == sorted(bits, reverse=True)
    assert len(bits) == 40
    out = tmp_path / "out"
    assert pq.read_table(out / "items.parquet").to_pylist() == items
    with (out / "items.csv").open(encoding="utf-8", newline="") as file:
        assert [row["item_id"] for row in csv.DictReader(file)] == [one["item_id"] for one in items]
    assert (out / "items.markdown").read_text("utf-8").startswith("# Doubtful items\n")
    assert items[0]["text"] in (out / "items.html").read_text("utf-8")


def test_one_person_as_json(tmp_path, crowd):
    process = realm("report", crowd, "--annotator", "a5", "--json", cwd=tmp_path)
    page = json.loads(process.stdout)
    assert page["annotator"]["annotator_id"] == "a5"
    assert page["n_annotators"] == 8
    assert len(page["labels"]) == page["annotator"]["n_annotations"]
    chances = [one["probability"] for one in page["labels"]]
    assert chances == sorted(chances)


@pytest.mark.parametrize("view", VIEWS[:3], ids=lambda view: view[0])
def test_hashed_names_are_hashed_in_every_view_and_form(tmp_path, crowd, view):
    flags = ["--html", "r.html", "--markdown", "r.md", "--csv", "r.csv", "--parquet", "r.parquet"]
    for more in ([], ["--json", *flags]):
        process = realm("report", crowd, "--anonymize", *view, *more, cwd=tmp_path, env=KEY)
        assert process.returncode == 0, process.stderr
        assert not names_in(process.stdout)
    rows = pq.read_table(tmp_path / "r.parquet").to_pylist()
    written = [(tmp_path / name).read_text("utf-8") for name in ("r.html", "r.md", "r.csv")]
    for text in (*written, json.dumps(rows)):
        assert not names_in(text)


def names_in(text):
    """Annotators of the crowd that a text names."""
    words = set(
        text.replace('"', " ").replace("`", " ").replace(">", " ").replace("<", " ").split()
    )
    return words & {f"a{n}" for n in range(8)} | words & {f"a{n}:" for n in range(8)}


def test_a_hashed_person_has_a_page(tmp_path, crowd):
    process = realm("report", crowd, "--anonymize", "--json", cwd=tmp_path, env=KEY)
    who = json.loads(process.stdout)["annotators"][0]["annotator_id"]
    page = realm("report", crowd, "--anonymize", "--annotator", who, cwd=tmp_path, env=KEY)
    assert page.returncode == 0, page.stderr
    assert who in page.stdout
    assert not names_in(page.stdout)


def test_a_runs_names_cannot_be_hashed_afterwards(refused, colours):
    told = refused(2, "report", colours, "--anonymize", env=KEY)
    assert "train with --anonymize" in told


def test_one_view_at_a_time(refused, crowd):
    told = refused(2, "report", crowd, "--items", "--annotator", "a5")
    assert told.splitlines() == [
        "error: --items and --annotator are different views",
        "hint: ask for one at a time",
    ]


def test_a_person_nobody_knows(refused, colours):
    told = refused(2, "report", colours, "--annotator", "a55")
    assert "the report knows no annotator 'a55'" in told
    assert "did you mean 'a5'" in told


def test_a_report_without_its_run_has_no_items(tmp_path, colours):
    side = tmp_path / "alone" / "realm"
    side.mkdir(parents=True)
    (side / "report.json").write_bytes((colours / "realm" / "report.json").read_bytes())
    before = contents(tmp_path)
    assert realm("report", "alone", "--tasks", cwd=tmp_path).returncode == 0
    process = realm("report", "alone", "--items", cwd=tmp_path)
    assert process.returncode == 3
    assert "cannot read alone/realm/labels.parquet" in process.stderr
    assert contents(tmp_path) == before
