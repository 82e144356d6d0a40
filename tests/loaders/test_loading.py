"""What every loader must do, what several files do together, and which files are refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from realm_cli.annotations import build_table
from realm_cli.config import Columns, Reading
from realm_cli.errors import InputError, UsageError
from realm_cli.loaders import LOADERS, load, load_items
from realm_cli.loaders.containers import exports
from realm_cli.loaders.detection import claims
from realm_cli.schema import CANONICAL_SCHEMA, Findings, Severity, plain

REFUSED_FORMATS = {"counts": "no-column:annotator", "survey": "no-annotations"}
"""Formats that are recognised, and hold no annotations."""


@pytest.fixture(params=[name for name in LOADERS if name not in REFUSED_FORMATS])
def export(request, sample, tmp_path):
    """One good file for each format, and the format's name."""
    if request.param == "parquet":
        columns = {"item_id": ["1", "1"], "annotator_id": ["a", "b"], "label": ["x", "y"]}
        path = tmp_path / "long.parquet"
        pq.write_table(pa.table({**columns, "text": ["t", "t"]}), path)
        return path, request.param
    return sample(f"formats/{LOADERS[request.param].example}"), request.param


@pytest.mark.parametrize(("name", "code"), REFUSED_FORMATS.items())
def test_what_holds_no_annotations_is_recognised_and_refused(sample, refusal, name, code):
    path = sample(f"formats/{LOADERS[name].example}")
    assert [issue.code for issue in refusal(path)] == [code]
    assert claims(next(exports([path], Findings())), LOADERS, Reading())[0][0].name == name


def test_every_format_is_found_by_its_content(export, tmp_path):
    path, name = export
    disguised = tmp_path / "some.bin"
    disguised.write_bytes(path.read_bytes())
    (file,) = load([disguised])
    assert (file.format, file.path) == (name, disguised)
    assert file.evidence


def test_every_loader_keeps_the_contract(export):
    path, name = export
    (file,) = load([path], Reading(format=name))
    assert file.format == LOADERS[name].name == name
    assert LOADERS[name].title
    assert file.evidence == f"--format {name}"
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert file.table.schema.names[: len(CANONICAL_SCHEMA)] == CANONICAL_SCHEMA.names
    written = plain(file.table).schema
    assert all(written.field(f.name).type == f.type for f in CANONICAL_SCHEMA)
    assert set(file.table["source_file"].to_pylist()) == {str(path)}
    assert all(line >= 1 for line in file.table["source_line"].to_pylist())
    assert file.n_rows >= file.table.num_rows > 0
    assert not any(issue.severity is Severity.ERROR for issue in file.issues)
    table, _ = build_table([file])
    assert len(table) > 0


def test_every_loader_reads_items_without_their_annotators(export):
    path, name = export
    (file,) = load_items([path])
    assert file.format == name
    for column in ("annotator_id", "label", "status"):
        assert file.table[column].null_count == file.table.num_rows > 0
    (labelled,) = load([path])
    items = set(zip(*(file.table[c].to_pylist() for c in ("task", "item_id")), strict=True))
    rows = zip(*(labelled.table[c].to_pylist() for c in ("task", "item_id")), strict=True)
    assert items >= set(rows)


def test_the_canonical_table_reads_back_equal(export, tmp_path):
    path, _ = export
    (file,) = load([path])
    again = tmp_path / "annotations.parquet"
    pq.write_table(file.table, again)
    (reread,) = load([again])
    for name in set(file.table.schema.names) - {"source_file", "source_line"}:
        assert reread.table[name].to_pylist() == file.table[name].to_pylist(), name
    assert reread.table.schema.names == file.table.schema.names


def test_files_are_read_in_the_order_given(write):
    one = write("item,worker,label\n1,a,x\n", "one.csv")
    two = write('{"item": 1, "worker": "b", "label": "y"}', "two.jsonl")
    files = load([two, one])
    assert [file.format for file in files] == ["jsonl", "csv"]
    table, _ = build_table(files)
    assert table.rows["annotator_id"].to_pylist() == ["b", "a"]


def test_all_errors_of_all_files_come_together(write, tmp_path):
    bad = write("item,worker,label\n1,a,x\n1,,\n2,c,\n", "bad.csv")
    good = write("item,worker,label\n1,a,x\n", "good.csv")
    gone = tmp_path / "gone.csv"
    with pytest.raises(InputError, match=r"^2 of 3 files cannot be used: 4 problems$") as caught:
        load([bad, good, gone])
    assert [(Path(i.file or "").name, i.line, i.code) for i in caught.value.issues] == [
        ("bad.csv", 3, "missing-annotator_id"),
        ("bad.csv", 3, "missing-label"),
        ("bad.csv", 4, "missing-label"),
        ("gone.csv", None, "no-file"),
    ]


def test_a_path_is_shown_as_the_user_gave_it(write, tmp_path, monkeypatch):
    write("item,worker,label\n1,a,x\n", "data.csv")
    monkeypatch.chdir(tmp_path)
    (file,) = load([Path("data.csv")])
    assert file.table["source_file"].to_pylist() == ["data.csv"]


def test_items_of_a_file_without_annotators(write):
    path = write(
        '{"item_id": "q1", "text": "2+2?", "options": ["3", "4"], "gold": "4", "topic": 7}'
    )
    (file,) = load_items([path])
    row = file.table.to_pylist()[0]
    assert (row["item_id"], row["options"], row["gold"]) == ("q1", ["3", "4"], "4")
    assert (row["annotator_id"], row["label"], row["status"]) == (None, None, None)
    assert row["topic"] == "7"
    assert file.table.schema.names == [*CANONICAL_SCHEMA.names, "topic"]


def test_items_do_not_look_for_the_columns_they_do_not_need(write):
    path = write("item,text,worker,worker_2,response,answer\n1,t,a,b,x,y\n")
    (file,) = load_items([path], Reading(columns=Columns(annotator="no such", label="response")))
    assert file.n_rows == 1
    assert "response" not in file.table.schema.names


REFUSED_FILES = [
    pytest.param(b"", "empty", "the file is empty", "export it again", id="empty"),
    pytest.param(b"\xef\xbb\xbf \n", "empty", "the file is empty", "export it again", id="blank"),
    pytest.param(
        b"\x89PNG\r\n\x1a\n\x00\x00",
        "no-export",
        "this is no annotation export that realm knows: it is an image (PNG)",
        "realm reads:",
        id="png",
    ),
    pytest.param(
        b"Dear all,\nplease find the labels attached.\nYours\n",
        "no-export",
        "it begins with 'Dear all,",
        "name it with --format",
        id="prose",
    ),
    pytest.param(b"PK\x03\x04xl/", "no-export", "an Excel workbook", "save the sheet", id="xlsx"),
    pytest.param(b"\x1f\x8b\x08", "broken-archive", "breaks off", "again", id="gzip"),
    pytest.param(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "no-export",
        "a Git LFS pointer",
        "git lfs pull",
        id="lfs",
    ),
    pytest.param(
        b"item,worker,label\n1,a,\xc3\n2,a,caf\x81\n",
        "no-export",
        "byte 0xc3 in line 2 is neither UTF-8 nor Windows-1252",
        "save the file as UTF-8",
        id="no-encoding",
    ),
    pytest.param(
        b"item,worker,label\n1,a,x\n2,a,x\0\n",
        "no-export",
        "it holds NUL bytes, the first in line 3",
        "save the file as UTF-8",
        id="nul",
    ),
    pytest.param(b"PAR1 and no more", "broken-file", "damaged or cut short", "again", id="parquet"),
    pytest.param(b"item,worker,label\n", "no-rows", "the file holds no rows", "again", id="header"),
    pytest.param(b"[]", "no-rows", "the file holds no rows", "again", id="no records"),
    pytest.param(b"<html><body>Log in</body></html>", "no-export", "<html>", "reads", id="html"),
]


@pytest.mark.parametrize(("content", "code", "message", "hint"), REFUSED_FILES)
def test_what_is_no_export_is_refused(write, refusal, content, code, message, hint):
    (issue,) = refusal(write(content))
    assert issue.code == code
    assert message in issue.message
    assert hint in (issue.hint or "")


def test_a_missing_file_and_an_empty_folder_are_refused(refusal, tmp_path):
    (issue,) = refusal(tmp_path / "gone.csv")
    assert issue.message == "there is no such file"
    (issue,) = refusal(tmp_path)
    assert issue.message == "the folder holds no files"


def test_a_format_is_not_forced_onto_bytes_that_are_no_text(write, refusal):
    (issue,) = refusal(write(b"item,worker,label\n1,a,caf\x81\n"), format_name="csv")
    assert issue.message == (
        "the file is no text: byte 0x81 in line 2 is neither UTF-8 nor Windows-1252"
    )


def test_windows_1252_is_read_with_a_warning(write):
    (file,) = load([write(b"item,worker,label\n1,a,caf\xe9\n1,b,x\n")])
    assert file.table["label"].to_pylist() == ["café", "x"]
    (issue,) = file.issues
    assert (issue.code, issue.severity, issue.line) == ("encoding", Severity.WARNING, 2)
    assert "byte 0xe9 is not UTF-8, so the file is read as Windows-1252" in issue.message


def test_an_unknown_format_is_a_matter_of_usage(write):
    with pytest.raises(UsageError, match="the formats are: parquet, csv, jsonl") as caught:
        load([write("item,worker,label\n1,a,x\n")], Reading(format="label-studoi"))
    assert caught.value.hint == "did you mean --format label_studio?"


def test_no_file_at_all_is_a_matter_of_usage():
    with pytest.raises(UsageError, match="no input file"):
        load([])


def test_two_loaders_that_both_know_a_file_are_never_chosen_between(write, refusal, monkeypatch):
    monkeypatch.setitem(LOADERS, "twin", LOADERS["mturk"])
    (issue,) = refusal(write("HITId,WorkerId,Answer.q\n1,a,x\n"))
    assert issue.code == "ambiguous-format"
    assert "could be mturk (a table with the columns HITId" in issue.message
    assert issue.hint == "choose one with --format, for instance --format mturk"


def test_every_format_is_documented():
    page = Path(__file__).parent.parent.parent / "docs" / "formats.md"
    sections = [
        line for line in page.read_text(encoding="utf-8").splitlines() if line[:4] == "### "
    ]
    for name, loader in LOADERS.items():
        assert any(f"(`{name}`)" in section for section in sections), name
        assert loader.reads.endswith("."), name
        assert loader.loses.endswith("."), name


@pytest.mark.parametrize("name", ["doccano"])
def test_a_note_about_no_rows_does_not_pass_for_rows(write, refusal, name):
    assert "no-rows" in {issue.code for issue in refusal(write("[]", "maria.json"), name)}
