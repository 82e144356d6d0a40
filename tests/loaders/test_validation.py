"""Rows against the schema: each problem is one plain sentence, and all of them are told."""

from __future__ import annotations

import pytest

from realm_cli.loaders.base import Dropped, RawRow
from realm_cli.loaders.validation import CHUNK, check_rows
from realm_cli.schema import Issue, Severity

GOOD = {"item_id": "1", "annotator_id": "a", "label": "x"}

PROBLEMS = [
    ({"label": None}, ["the label is missing"]),
    ({"annotator_id": " "}, ["the annotator id is missing"]),
    (
        {"annotator_id": None, "item_id": None, "label": None},
        ["the item id is missing", "the annotator id is missing", "the label is missing"],
    ),
    ({"label": 0.5}, ["the label is 0.5, not a text or a whole number"]),
    ({"label": ["x", "y"]}, ["the label is ['x', 'y'], not a text or a whole number"]),
    ({"options": ["a", "b"]}, ["the label 'x' is not among the options ('a', 'b')"]),
    ({"options": ["x", "x"]}, ["the options repeat one another"]),
    ({"options": ["x"]}, ["there are fewer than two options"]),
    ({"options": {"A": "x"}}, ["the options are not a list of texts"]),
    ({"options": ["x", " "]}, ["one of the options is empty"]),
    ({"options": ["x", "y"], "gold": "z"}, ["the gold label 'z' is not among the options"]),
    (
        {"status": "done"},
        ["the status is 'done', not one of ok, skipped, empty, rejected, pending, model"],
    ),
    ({"duration_s": -3}, ["the duration is -3, not a number of seconds, 0 or more"]),
    ({"duration_s": "soon"}, ["the duration is 'soon', not a number of seconds, 0 or more"]),
    ({"submitted_at": "soon"}, ["the time is 'soon', not a date and time"]),
]


def raw(line=1, **values):
    return RawRow(line, {**GOOD, **values})


@pytest.mark.parametrize(("values", "sentences"), PROBLEMS)
def test_a_problem_is_one_plain_sentence(values, sentences):
    checked = check_rows([raw(line=7, **values)], file="f.csv")
    assert [issue.message for issue in checked.findings.all()] == sentences
    assert {(issue.file, issue.line) for issue in checked.findings.all()} == {("f.csv", 7)}
    assert (checked.n_rows, checked.table.num_rows) == (1, 0)


def test_the_files_own_column_is_named():
    row = RawRow(
        3, {"item_id": "1", "annotator_id": "a"}, names={"label": "response"}, note="row A"
    )
    (issue,) = check_rows([row], file="f").findings.all()
    assert issue.message == "row A: the label (column 'response') is missing"


def test_rows_dropped_and_bad_are_counted():
    warning = Issue(code="w", message="careful", severity=Severity.WARNING)
    error = Issue(code="e", message="broken")
    skipped = raw(status="skipped", label=None)
    checked = check_rows([raw(), Dropped("why"), Dropped("why"), warning, error, skipped], file="f")
    assert checked.n_rows == 5
    assert dict(checked.dropped) == {"why": 2, "skipped": 1}
    assert checked.table["status"].to_pylist() == ["ok", "skipped"]
    assert checked.findings.all() == (warning, error)


def test_fields_that_appear_late_are_null_before():
    rows = [RawRow(i, GOOD, {"note": i} if i > CHUNK else {}) for i in range(1, CHUNK + 3)]
    table = check_rows(rows, file="f").table
    assert table["note"].to_pylist()[-3:] == [None, str(CHUNK + 1), str(CHUNK + 2)]
    assert table["source_line"].to_pylist() == list(range(1, CHUNK + 3))


def test_fields_are_text():
    fields = {"a": 1.0, "b": 2.5, "c": True, "d": {"é": [1]}, "e": float("nan"), "f": b"x\xff"}
    (row,) = check_rows([RawRow(1, GOOD, fields)], file="f").table.to_pylist()
    assert [row[name] for name in "abcdef"] == ["1", "2.5", "true", '{"é": [1]}', None, "x\\xff"]


def test_items_need_neither_annotator_nor_label():
    checked = check_rows([RawRow(1, {"item_id": "1", "text": "t"})], file="f", labelled=False)
    assert not checked.findings
    assert checked.table.to_pylist()[0]["status"] is None
