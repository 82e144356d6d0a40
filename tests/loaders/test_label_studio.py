"""Label Studio's JSON: what is a label, what is told apart, what is counted, what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from realm_cli.config import Columns, Reading
from realm_cli.errors import UsageError
from realm_cli.loaders import load, load_items


def choice(name, *labels, **value):
    return {"from_name": name, "type": "choices", "value": {"choices": list(labels), **value}}


def annotation(*results, **given):
    return {"id": 9, "completed_by": 1, "result": list(results), **given}


def export(*annotations, **data):
    return json.dumps([{"id": 5, "data": data or {"text": "t"}, "annotations": list(annotations)}])


@pytest.fixture
def file(sample):
    return load([sample("label_studio.json")])[0]


def test_choices_become_labels_and_controls_become_tasks(file):
    answers = [row for row in file.table.to_pylist() if row["status"] == "ok"]
    shown = [(row["item_id"], row["task"], row["annotator_id"], row["label"]) for row in answers]
    assert shown == [
        ("11", "mood", "1", "happy"),
        ("11", "sure", "1", "yes"),
        ("11", "mood", "two@example.org", "sad"),
    ]
    assert answers[0]["duration_s"] == 12.5
    assert answers[0]["submitted_at"] == datetime(2024, 5, 15, 12, 9, 16, 789536, tzinfo=UTC)
    assert answers[2]["submitted_at"] == datetime(2024, 5, 15, 11, tzinfo=UTC)
    assert (answers[2]["duration_s"], answers[0]["group"]) == (None, "28")
    assert (answers[0]["text"], answers[0]["source_line"]) == ("What a lovely day", 2)
    assert json.loads(answers[0]["source"]) == {"page": 3}
    assert answers[0]["field_label"] == "kept as a field"


def test_skipped_and_empty_are_told_apart_and_everything_is_counted(file):
    others = [row for row in file.table.to_pylist() if row["status"] != "ok"]
    assert [(row["annotator_id"], row["task"], row["status"]) for row in others] == [
        ("0", "mood", "skipped"),
        ("0", "sure", "skipped"),
        ("4", "mood", "empty"),
        ("4", "sure", "empty"),
        ("5", "mood", "empty"),
        ("5", "sure", "empty"),
    ]
    assert {row["label"] for row in others} == {None}
    assert file.dropped == {
        "skipped": 2,
        "empty": 4,
        "no-annotator": 2,
        "not-asked": 3,
        "other-control:taxonomy": 1,
        "other-control:relation": 1,
        "per-region-choices": 1,
        "unlabelled": 1,
    }
    assert file.n_rows == file.table.num_rows + 9


def test_ground_truth_predictions_and_drafts_are_not_used(file):
    assert file.table["gold"].null_count == file.table.num_rows
    assert file.table["label"].to_pylist().count("sad") == 1


def test_what_is_left_out_is_warned_of_once(file):
    left_out = "are left out: realm reads choices about the whole item"
    assert [issue.message for issue in file.issues] == [
        f"the answers to 'where' (taxonomy) {left_out}",
        f"the answers to 'part' (per-region-choices) {left_out}",
        f"the answers to '-' (relation) {left_out}",
        "annotations without a `completed_by` are left out: 1",
    ]


def test_one_control_can_be_chosen(sample, rows, refusal):
    table = rows(sample("label_studio.json"), label="sure")
    assert {row["task"] for row in table} == {"sure"}
    (issue,) = refusal(sample("label_studio.json"), label="moood")
    assert issue.message == (
        "there is no choices control 'moood'; the choices controls are: mood, sure"
    )
    assert issue.hint == "did you mean --label-col mood?"


def test_items_come_for_every_question_labelled_or_not(sample):
    (file,) = load_items([sample("label_studio.json")])
    keys = [(row["item_id"], row["task"]) for row in file.table.to_pylist()]
    assert keys == [("11", "mood"), ("11", "sure"), ("12", "mood"), ("12", "sure")]


def test_the_item_columns_are_found_in_the_data(write, rows):
    data = {"item_id": "x-1", "question": "2+2?", "options": ["3", "4"], "gold": "4", "n": 1.0}
    (row,) = rows(write(export(annotation(choice("sum", "3")), **data)))
    assert (row["item_id"], row["text"], row["gold"]) == ("x-1", "2+2?", "4")
    assert (row["options"], row["n"]) == (["3", "4"], "1")


def test_gold_and_options_of_several_questions_are_only_fields(write, rows, refusal):
    path = write(export(annotation(choice("a", "x"), choice("b", "y")), text="t", gold="x"))
    assert [(row["gold"], row["field_gold"]) for row in rows(path)] == [(None, "x")] * 2
    assert rows(path, label="a")[0]["gold"] == "x"
    with pytest.raises(UsageError, match="--gold-col is about one question"):
        load([path], Reading(columns=Columns(gold="gold")))


def test_the_annotator_may_be_in_the_data(write, rows, refusal):
    path = write(export(annotation(choice("a", "x")), text="t", coder="Ann"))
    assert rows(path, annotator="coder")[0]["annotator_id"] == "Ann"
    (issue,) = refusal(path, annotator="codr")
    assert issue.hint == "did you mean --annotator-col coder?"


def test_nested_choices_are_joined(write, rows):
    path = write(export(annotation(choice("a", ["Animal", "Dog"]))))
    assert rows(path)[0]["label"] == "Animal / Dog"


def test_one_task_alone_and_one_task_a_line_are_read_too(write, rows):
    task = json.loads(export(annotation(choice("a", "x"))))[0]
    assert len(rows(write(json.dumps(task)))) == 1
    assert [r["source_line"] for r in rows(write(f"{json.dumps(task)}\n{json.dumps(task)}"))] == [
        1,
        2,
    ]
    task["completions"] = task.pop("annotations")
    assert len(rows(write(json.dumps(task)))) == 1


def test_several_choices_are_an_error_for_now(write, refusal):
    (issue,) = refusal(write(export(annotation(choice("topic", "a", "b")))))
    assert issue.message == (
        "task 5, annotation 9: 'topic' has 2 choices (a, b); answers with more than one choice "
        "are not read yet"
    )
    assert (issue.code, issue.line) == ("several-choices", 1)


def test_an_export_without_choices_says_what_it_has(write, refusal):
    span = {"from_name": "ner", "type": "labels", "value": {"start": 0, "labels": ["X"]}}
    (issue,) = refusal(write(export(annotation(span))))
    assert issue.message.endswith("what the file has is ner (labels)")


def test_an_export_without_annotators_is_refused(write, refusal):
    (issue,) = refusal(write(export(annotation(choice("a", "x"), completed_by=None))))
    assert issue.message == ("no annotation has a `completed_by`; expertise needs annotator ids")
    assert "--annotator-col" in (issue.hint or "")


def test_an_export_cut_short_is_refused_as_such(write, refusal, sample):
    text = sample("label_studio.json").read_text(encoding="utf-8")
    (issue,) = refusal(write(text[:600]))
    assert issue.code == "cut-short"


def test_a_record_of_another_kind_is_an_error(write, refusal):
    tasks = [*json.loads(export(annotation(choice("a", "x")))), {"id": 6, "text": "t"}]
    (issue,) = refusal(write(json.dumps(tasks)))
    assert "no `data` with `annotations`" in issue.message
    assert issue.hint == "export the project as JSON, not JSON-MIN"


def test_the_tasks_cannot_come_from_a_column(write):
    with pytest.raises(UsageError, match="--task-col does not go with this format"):
        load([write(export(annotation(choice("a", "x"))))], Reading(columns=Columns(task="text")))
