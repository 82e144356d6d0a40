"""Mechanical Turk's CSV: ragged rows, items and answers found, layouts refused by name."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from realm_cli.loaders import load, load_items
from realm_cli.loaders.mturk_time import parse

START = "HITId,AssignmentId,WorkerId,AssignmentStatus"


def batch(columns, *rows):
    """A small batch: the given columns behind the usual ones, one HIT a row."""
    lines = [f"h{i},a{i},w{i},Approved,{row}" for i, row in enumerate(rows)]
    return "\n".join([f"{START},{columns}", *lines])


def test_a_ragged_batch(sample):
    (file,) = load([sample("mturk.csv")])
    rows = file.table.to_pylist()
    assert [(row["item_id"], row["annotator_id"], row["label"], row["status"]) for row in rows] == [
        ("s1", "0", "Positive", "ok"),
        ("s1", "W2", "Negative", "ok"),
        ("s2", "W2", "Positive", "rejected"),
        ("s2", "0", None, "empty"),
    ]
    assert {row["task"] for row in rows} == {"sentiment"}
    assert {row["group"] for row in rows} == {"40"}
    assert [row["source_line"] for row in rows] == [2, 4, 6, 7]
    assert rows[0]["text"] == "A fine,\nsunny day"
    assert rows[0]["submitted_at"] == datetime(2020, 5, 6, 18, 46, 36, tzinfo=UTC)
    assert rows[0]["duration_s"] == 206.0
    assert (file.n_rows, file.dropped) == (4, {"rejected": 1, "empty": 1})
    (issue,) = file.issues
    assert issue.message.startswith("1 time is left empty: 'Wed Jan 24 09:49:26 XYZ 2018'")


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("Wed May 06 11:00:00 PDT 2020", 18),
        ("Wed May 06 11:00:00 PST 2020", 19),
        ("Wed May 06 11:00:00 EDT 2020", 15),
        ("Wed May 06 11:00:00 CET 2020", 10),
        ("Wed May 06 11:00:00 CEST 2020", 9),
        ("Wed May 06 11:00:00 UTC 2020", 11),
        ("2020-05-06T11:00:00Z", 11),
    ],
)
def test_times_are_turned_to_utc(text, hour):
    assert parse(text) == datetime(2020, 5, 6, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "Wed May 06 11:00:00 IST 2020",
        "Wed Foo 06 11:00:00 UTC 2020",
        "soon",
        "Wed Feb 30 11:00:00 UTC 2020",
    ],
)
def test_unknown_zones_are_not_guessed(text):
    assert parse(text) is None


def test_several_questions_are_several_tasks_and_a_blank_was_not_asked(write):
    (file,) = load([write(batch("Input.text,Answer.q1,Answer.q2.label", "A,x,y", "B,x,", "C,,"))])
    rows = [(row["task"], row["label"], row["status"]) for row in file.table.to_pylist()]
    assert rows == [
        ("q1", "x", "ok"),
        ("q2", "y", "ok"),
        ("q1", "x", "ok"),
        ("q1", None, "empty"),
        ("q2", None, "empty"),
    ]
    assert file.dropped == {"not-asked": 1, "empty": 2}


def test_all_inputs_together_name_the_item(write, rows):
    table = rows(write(batch("Input.a,Input.b,Answer.q", "1,2,x", "1,3,x", "1,2,y")))
    ids = [row["item_id"] for row in table]
    assert ids[0] == ids[2] != ids[1]
    assert table[0]["text"] == "a: 1\nb: 2"
    assert (table[0]["a"], table[0]["b"]) == ("1", "2")


def test_one_input_alone_is_the_text(write, rows):
    assert rows(write(batch("Input.tweetbody,Answer.q", "hi,x", "ho,x")))[0]["text"] == "hi"


def test_inputs_that_could_each_be_the_text_are_joined(write, rows):
    table = rows(write(batch("Input.question,Input.document,Answer.q", "Q?,D,x", "R?,D,x")))
    assert table[0]["text"] == "question: Q?\ndocument: D"


def test_the_hit_names_the_item_where_the_inputs_do_not(write):
    (file,) = load([write(batch("Input.input,Answer.q", "-,x", "-,y"))])
    assert file.table["item_id"].to_pylist() == ["h0", "h1"]
    assert file.table["text"].null_count == 2
    assert file.issues[0].code == "same-inputs"
    (file,) = load([write(batch("Answer.q", "x", "y"))])
    assert (file.table["item_id"].to_pylist(), file.issues) == (["h0", "h1"], ())


def test_gold_and_options_come_from_the_inputs(write, rows):
    table = rows(write(batch("Input.text,Input.gold,Input.options,Answer.q", "A,x,x|y,y")))
    assert (table[0]["gold"], table[0]["options"]) == ("x", ["x", "y"])


def test_flags_name_inputs_with_or_without_their_prefix(write, rows, refusal):
    path = write(batch("Input.a,Input.b,Answer.q", "1,2,x"))
    assert rows(path, text="b")[0]["text"] == rows(path, text="Input.b")[0]["text"] == "2"
    assert rows(path, item="HITId")[0]["item_id"] == "h0"
    assert rows(path, annotator="AssignmentId")[0]["annotator_id"] == "a0"
    (issue,) = refusal(path, text="Input.c")
    assert "the columns are: a, b" in issue.message


def test_a_missing_worker_column_is_refused(write, refusal):
    (issue,) = refusal(write("HITId,AssignmentId,Input.text,Answer.q\n1,2,A,x\n"))
    assert "expertise needs annotator ids: WorkerId is not among the columns" in issue.message


def test_a_batch_without_answers_is_refused_and_its_items_load(write, refusal):
    path = write("HITId,WorkerId,Input.text\n1,2,A\n")
    (issue,) = refusal(path)
    assert issue.message.startswith("no Answer column holds the labels")
    assert load_items([path])[0].table["text"].to_pylist() == ["A"]


def test_an_unknown_status_is_an_error(write, refusal):
    (issue,) = refusal(write(f"{START},Input.text,Answer.q\n1,2,3,Lost,A,x\n"))
    assert "AssignmentStatus is 'Lost'" in issue.message
    assert issue.line == 2


def test_questions_about_the_annotator_are_never_taken_for_labels(write, refusal, rows):
    path = write(batch("Input.text,Answer.age,Answer.sentiment.label", "A,30,x"))
    (issue,) = refusal(path)
    assert issue.message == (
        "ambiguous: Answer.age, Answer.sentiment.label could each hold the label, though "
        "Answer.age may be about the annotator"
    )
    assert (issue.hint or "").endswith("--label-col Answer.sentiment.label")
    for spelling in ("Answer.sentiment.label", "Answer.sentiment", "sentiment"):
        assert [row["label"] for row in rows(path, label=spelling)] == ["x"]
    (issue,) = refusal(path, label="Answer.sentimnt")
    assert issue.hint == "did you mean --label-col Answer.sentiment.label?"


def test_a_question_may_come_in_two_spellings(write, rows):
    table = rows(write(batch("Input.text,Answer.q,Answer.q.label", "A,x,y")))
    assert [row["task"] for row in table] == ["q", "q.label"]
