"""Folders, patterns, archives and pipes; what is packed wrongly, and what would harm."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from realm_cli.config import Reading
from realm_cli.errors import InputError
from realm_cli.loaders import load
from realm_cli.loaders.containers import SMALL
from realm_cli.schema import Findings

VOTES = "item,worker,label\n1,a,x\n1,b,y\n"
MORE = '{"item": 2, "worker": "c", "label": "x"}\n'


def read(path):
    files = load([path])
    return [(file.path, file.format, file.table.num_rows) for file in files]


def refused(path):
    with pytest.raises(InputError) as caught:
        load([path])
    (issue,) = caught.value.issues
    return issue.code, issue.message


def zipped(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_folder_stands_for_its_files(tmp_path):
    (tmp_path / "batch").mkdir()
    (tmp_path / "batch" / "votes.csv").write_text(VOTES)
    (tmp_path / "more.jsonl").write_text(MORE)
    for beside in (".DS_Store", "project-info.json", "~$votes.xlsx", "votes.csv.tmp"):
        (tmp_path / beside).write_text("no data")
    assert read(tmp_path) == [
        (tmp_path / "batch" / "votes.csv", "csv", 2),
        (tmp_path / "more.jsonl", "jsonl", 1),
    ]


def test_a_pattern_stands_for_the_files_that_fit(tmp_path, monkeypatch):
    for name in ("b.csv", "a.csv", "c.txt"):
        (tmp_path / name).write_text(VOTES)
    assert [path for path, _, _ in read(tmp_path / "*.csv")] == [
        tmp_path / "a.csv",
        tmp_path / "b.csv",
    ]
    monkeypatch.chdir(tmp_path)
    assert [path for path, _, _ in read(Path("?.csv"))] == [Path("a.csv"), Path("b.csv")]
    assert refused(tmp_path / "*.tsv") == ("no-file", "no file fits this pattern")


def test_a_name_with_brackets_is_a_name_where_there_is_such_a_file(tmp_path):
    (tmp_path / "votes[1].csv").write_text(VOTES)
    assert read(tmp_path / "votes[1].csv") == [(tmp_path / "votes[1].csv", "csv", 2)]


def test_archives_are_read_through(tmp_path):
    path = zipped(tmp_path / "all.zip", {"b/more.jsonl": MORE, "a.csv": VOTES, "__MACOSX/a": "?"})
    assert read(path) == [(path / "a.csv", "csv", 2), (path / "b/more.jsonl", "jsonl", 1)]
    single = tmp_path / "votes.csv.gz"
    single.write_bytes(gzip.compress(VOTES.encode()))
    assert read(single) == [(single, "csv", 2)]
    bundle = tmp_path / "all.tgz"
    with tarfile.open(bundle, "w:gz") as archive:
        info = tarfile.TarInfo("votes.csv")
        info.size = len(VOTES)
        archive.addfile(info, io.BytesIO(VOTES.encode()))
    assert read(bundle) == [(bundle / "votes.csv", "csv", 2)]


def test_a_parquet_file_inside_an_archive(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"item_id": ["1"], "annotator_id": ["a"], "label": ["x"]}
    pq.write_table(pa.table(columns), tmp_path / "votes.parquet")
    path = zipped(tmp_path / "a.zip", {"v.parquet": (tmp_path / "votes.parquet").read_bytes()})
    assert read(path) == [(path / "v.parquet", "parquet", 1)]


def test_standard_input_is_a_file_too():
    done = subprocess.run(
        [sys.executable, "-m", "realm_cli", "validate", "-"],
        input=b"item,worker,label,text\n1,a,x,t\n1,b,y,t\n",
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"-: csv, 2 rows\n"


def test_a_file_that_breaks_off_is_refused(tmp_path):
    packed = gzip.compress(b"item,worker,label\n" + b"1,a,x\n" * 50_000)
    (tmp_path / "cut.gz").write_bytes(packed[: len(packed) // 2])
    assert refused(tmp_path / "cut.gz")[0] == "broken-archive"
    whole = zipped(tmp_path / "whole.zip", {"a.csv": VOTES}).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[:-30])
    assert refused(tmp_path / "cut.zip")[0] == "broken-archive"


def test_bombs_are_refused_before_they_go_off(tmp_path):
    bomb = tmp_path / "bomb.gz"
    with gzip.open(bomb, "wb") as file:
        for _ in range(2 * SMALL >> 20):
            file.write(b"\0" * (1 << 20))
    code, message = refused(bomb)
    assert code == "archive-bomb"
    assert "would unpack to" in message
    path = zipped(tmp_path / "bomb.zip", {"a.csv": b" " * (SMALL + 1)})
    assert refused(path)[0] == "archive-bomb"


@pytest.mark.parametrize("name", ["../votes.csv", "/etc/votes.csv", "a/../../b.csv", "C:\\x.csv"])
def test_members_outside_an_archive_are_refused(tmp_path, name):
    assert refused(zipped(tmp_path / "evil.zip", {name: VOTES}))[0] == "path-traversal"
    assert list(tmp_path.iterdir()) == [tmp_path / "evil.zip"]


def test_an_archive_with_a_password_is_refused(tmp_path):
    content = bytearray(zipped(tmp_path / "a.zip", {"a.csv": VOTES}).read_bytes())
    content[6] |= 1  # the local header says that the member is encrypted
    content[content.index(b"PK\x01\x02") + 8] |= 1  # and so does the directory
    (tmp_path / "locked.zip").write_bytes(content)
    assert refused(tmp_path / "locked.zip")[0] == "locked-archive"


def test_one_bad_member_does_not_hide_the_others(tmp_path):
    path = zipped(tmp_path / "all.zip", {"a.csv": VOTES, "b.csv": "", "c.png": b"\x89PNG\0"})
    with pytest.raises(InputError) as caught:
        load([path])
    assert [(issue.file, issue.code) for issue in caught.value.issues] == [
        (str(path / "b.csv"), "empty"),
        (str(path / "c.png"), "no-export"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_text_in_any_usual_encoding(tmp_path, encoding):
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    text = "item,worker,label\n1,Zoë,née\n1,b,x\n"
    (tmp_path / "votes.csv").write_bytes(mark + text.encode(encoding))
    (file,) = load([tmp_path / "votes.csv"])
    assert file.table["annotator_id"].to_pylist() == ["Zoë", "b"]
    assert file.table["label"].to_pylist() == ["née", "x"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_in_any_way(tmp_path, end):
    (tmp_path / "votes.csv").write_bytes(VOTES.replace("\n", end).encode())
    (file,) = load([tmp_path / "votes.csv"])
    assert file.table["source_line"].to_pylist() == [2, 3]


def test_annotators_can_be_named_by_their_files(tmp_path):
    for name in ("ann", "bob"):
        (tmp_path / f"{name}.csv").write_text("item,label\n1,x\n2,y\n")
    files = load([tmp_path], Reading(annotator_from="filename"))
    assert [file.table["annotator_id"].to_pylist() for file in files] == [["ann"] * 2, ["bob"] * 2]


def test_findings_keep_the_first_of_each_kind_and_count_the_rest():
    from realm_cli.schema import Issue

    found = Findings(Issue(code="bad", message=f"m{n}", line=n) for n in range(1, 101))
    found.add(Issue(code="other", message="m"))
    told = found.all()
    assert [issue.line for issue in told[:20]] == list(range(1, 21))
    assert told[20].code == "other"
    assert (told[21].count, told[21].line) == (80, 100)
    assert sum(issue.count for issue in told) == 101
