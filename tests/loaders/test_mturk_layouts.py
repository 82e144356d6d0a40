"""The layouts of Mechanical Turk's answers: ticks, forms as JSON, and what is refused by name."""

from __future__ import annotations

import json

import pytest

from realm_cli.config import Reading
from realm_cli.errors import UsageError
from realm_cli.loaders import load, load_items
from realm_cli.loaders.task_answers import LONGEST_REPR

YES = {"yes": True, "no": False}
START = "HITId,AssignmentId,WorkerId,AssignmentStatus"


def batch(columns, *rows):
    """A small batch: the given columns behind the usual ones, one HIT a row."""
    lines = [f"h{i},a{i},w{i},Approved,{row}" for i, row in enumerate(rows)]
    return "\n".join([f"{START},{columns}", *lines])


def forms(*answers):
    """A batch whose answers are whole forms; what is no text is written as JSON."""
    texts = [answer if isinstance(answer, str) else json.dumps(answer) for answer in answers]
    cells = [
        "T{},{}".format(i, '"' + text.replace('"', '""') + '"') for i, text in enumerate(texts)
    ]
    return batch("Input.text,Answer.taskAnswers", *cells)


def said(file):
    return [(row["task"], row["label"], row["status"]) for row in file.table.to_pylist()]


def test_one_tick_throughout_is_a_single_choice(sample):
    (file,) = load([sample("mturk_ticks.csv")])
    assert said(file) == [
        ("animal", "cat", "ok"),
        ("animal", "dog", "ok"),
        ("animal", None, "empty"),
        ("animal", None, "empty"),
        ("animal", "dog", "rejected"),
    ]
    assert set(map(tuple, file.table["options"].to_pylist())) == {("cat", "dog")}
    assert file.dropped == {"empty": 2, "rejected": 1}
    (items,) = load_items([sample("mturk_ticks.csv")])
    assert items.table["options"].to_pylist()[0] == ["cat", "dog"]


def test_several_ticks_become_a_task_for_each_option(write):
    path = write(batch("Input.text,Answer.a.x.on,Answer.a.y.on", "A,TRUE,on", "B,1,", "C,,"))
    (file,) = load([path])
    assert said(file) == [
        ("a: x", "yes", "ok"),
        ("a: y", "yes", "ok"),
        ("a: x", "yes", "ok"),
        ("a: y", "no", "ok"),
        ("a: x", None, "empty"),
        ("a: y", None, "empty"),
    ]
    assert set(map(tuple, file.table["options"].to_pylist())) == {("no", "yes")}


def test_ticks_left_blank_beside_an_answer_were_not_asked(write):
    columns = "Input.text,Answer.a.x,Answer.a.y,Answer.mood"
    (file,) = load([write(batch(columns, "A,true,false,ok", "B,,,ok", "C,false,false,ok"))])
    assert ("a", None, "empty") in said(file)
    assert file.dropped == {"not-asked": 1, "empty": 1}


def test_a_check_box_that_stands_alone_is_yes_or_no(write):
    (file,) = load([write(batch("Input.text,Answer.agree.on", "A,true", "B,false", "C,"))])
    assert said(file) == [("agree", "yes", "ok"), ("agree", "no", "ok"), ("agree", None, "empty")]


def test_a_question_with_ticks_is_chosen_by_its_name(write, rows, refusal):
    path = write(batch("Input.text,Answer.a.x,Answer.a.y,Answer.q", "A,true,false,z"))
    for name in ("a", "Answer.a"):
        assert [row["label"] for row in rows(path, label=name)] == ["x"]
    assert [row["label"] for row in rows(path, label="Answer.a.x")] == ["true"]
    (issue,) = refusal(path, label="b")
    assert "the answer columns are: Answer.q, Answer.a" in issue.message


def test_a_question_may_have_a_column_of_its_own_beside_its_ticks(write, rows):
    table = rows(write(batch("Input.text,Answer.a,Answer.a.x,Answer.a.y", "A,other,true,false")))
    assert [(row["task"], row["label"]) for row in table] == [("a", "other"), ("a (ticked)", "x")]


def test_columns_that_hold_more_than_ticks_are_plain_questions(write, rows):
    table = rows(write(batch("Input.text,Answer.a.x,Answer.a.y", "A,good,true")))
    assert [(row["task"], row["label"]) for row in table] == [("a.x", "good"), ("a.y", "true")]


def test_forms_of_all_shapes(write):
    path = write(
        forms(
            [
                {
                    "cat": {"label": "Dog"},
                    "q1": {"yes": True, "no": False},
                    "tags": {"labels": ["a"]},
                }
            ],
            [{"cat": {"label": "0"}, "q1": {"yes": False, "no": True}, "tags": {"labels": ["b"]}}],
            [{"cat": {"label": "NA"}, "q1": {"yes": False, "no": False}, "free": 3}],
            "",
        )
    )
    (file,) = load([path])
    assert said(file)[:8] == [
        ("cat", "Dog", "ok"),
        ("q1", "yes", "ok"),
        ("tags: a", "yes", "ok"),
        ("tags: b", "no", "ok"),
        ("cat", "0", "ok"),
        ("q1", "no", "ok"),
        ("tags: a", "no", "ok"),
        ("tags: b", "yes", "ok"),
    ]
    assert said(file)[8:11] == [("cat", "NA", "ok"), ("q1", None, "empty"), ("free", "3", "ok")]
    assert {status for _, _, status in said(file)[11:]} == {"empty"}
    assert file.dropped == {"not-asked": 3, "empty": 6}


def test_a_form_that_python_has_written_is_read_as_well(write, rows):
    path = write(forms("[{'cat': {'label': \"Dog's\"}, 'q': {'yes': True, 'no': False}}]"))
    assert [row["label"] for row in rows(path)] == ["Dog's", "yes"]


def test_one_question_of_a_form_can_be_chosen(write, rows, refusal):
    path = write(forms([{"cat": {"label": "Dog"}, "mood": {"label": "good"}}]))
    assert [row["task"] for row in rows(path, label="mood")] == ["mood"]
    assert len(rows(path, label="taskAnswers")) == 2
    (issue,) = refusal(path, label="moods")
    assert issue.hint == "did you mean --label-col mood?"


def test_spans_are_dropped_with_a_count(write, refusal):
    spans = {"entities": [{"startOffset": 0, "endOffset": 2, "label": "X"}]}
    path = write(forms([{"spans": spans, "cat": {"label": "Dog"}}], [{"spans": spans}]))
    (file,) = load([path])
    assert said(file) == [("cat", "Dog", "ok")]
    assert file.dropped == {"other-answer:entities": 2, "not-asked": 1}
    (issue,) = file.issues
    assert issue.message.startswith("2 answers to 'spans' (entities) are left out")
    (issue,) = refusal(write(forms([{"spans": spans}])))
    assert (issue.code, "spans (entities)" in issue.message) == ("no-choices", True)


@pytest.mark.parametrize(
    "cell",
    [
        "[{'a': __import__('os')}]",
        "[1, 2]",
        "[{}, {}]",
        "Dog",
        "[{'a': 1}" + " " * LONGEST_REPR + "]",
        "[" * 5_000,
    ],
)
def test_what_is_no_form_is_an_error_of_its_row(write, refusal, cell):
    (issue,) = refusal(write(forms([{"cat": {"label": "Dog"}}], cell)))
    assert (issue.code, issue.line) == ("bad-form", 3)


def test_the_same_question_twice_is_an_error(write, refusal):
    content = batch("Input.text,Answer.cat,Answer.taskAnswers", 'A,x,"{""cat"": ""y""}"')
    (issue,) = refusal(write(content))
    assert "'cat' is answered in it and in a column" in issue.message


def test_personal_questions_in_a_form_are_not_taken_for_labels(write, refusal):
    (issue,) = refusal(write(forms([{"age": "30", "cat": {"label": "Dog"}}])))
    assert "age may be about the annotator" in issue.message
    assert (issue.hint or "").endswith("--label-col cat")


LAYOUTS = [
    pytest.param(
        batch("Input.text,Answer.i7--1.on,Answer.i8--1.on", "A,True,"),
        "Answer.i7--1.on and 1 more columns have the id of an item inside their names",
        "say where it is: --answer-pattern",
        id="item in the column",
    ),
    pytest.param(
        batch("Input.text,Answer.q", 'A,"[[{""id"":""g0.5"",""content"":""x""}]]"'),
        "no answer holds a label; what the file has is q (json)",
        "realm reads labels, grades and ticked options",
        id="JSON",
    ),
]


@pytest.mark.parametrize(("content", "message", "hint"), LAYOUTS)
def test_layouts_that_are_not_read_are_refused_by_name(write, refusal, content, message, hint):
    (issue,) = refusal(write(content))
    assert issue.message == message
    assert hint in (issue.hint or "")


MANY = batch(
    "Answer.i7--1.on,Answer.i7--2.on,Answer.i8--1.on,Answer.i8--2.on",
    "True,False,,",
    "False,True,True,",
)


def test_items_inside_columns_are_read_with_a_pattern(write):
    pattern = r"Answer\.(?P<item>.+)--(?P<option>\d+)\.on"
    (file,) = load([write(MANY)], Reading(answer_pattern=pattern))
    rows = [(r["item_id"], r["annotator_id"], r["label"]) for r in file.table.to_pylist()]
    assert rows == [("i7", "w0", "1"), ("i7", "w1", "2"), ("i8", "w1", "1")]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "is no regular expression"),
        (r"Answer\.(.+)", r"needs a group \(\?P<item>"),
        (r"(?P<item>x)", "fits no column"),
    ],
)
def test_a_pattern_that_cannot_work_is_refused_with_an_example(write, pattern, message):
    with pytest.raises(UsageError, match=message) as caught:
        load([write(MANY)], Reading(answer_pattern=pattern))
    assert "for instance --answer-pattern" in (caught.value.hint or "")


def test_json_beside_labels_is_counted_and_quotes_are_taken_off(write):
    content = batch("Input.text,Answer.q,Answer.r", 'A,"""x""","[1]"')
    (file,) = load([write(content)])
    assert [(r["task"], r["label"]) for r in file.table.to_pylist()] == [("q", "x")]
    assert file.dropped == {"other-answer:json": 1}


def test_names_in_lower_case_are_the_same_names(write):
    header = "hitid,workerid,assignmentid,assignmentstatus,input.text,answer.q"
    (file,) = load([write(f"{header}\n1,A1,s,Rejected,t,x\n")])
    assert (file.format, file.dropped) == ("mturk", {"rejected": 1})
