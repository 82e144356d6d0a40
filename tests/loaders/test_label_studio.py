"""Label Studio's JSON: what is a label, what is told apart, what is counted, what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from realm_cli.annotations import build_table
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


def test_an_export_without_choices_says_what_it_has(write, refusal):
    span = {"from_name": "ner", "type": "labels", "value": {"start": 0, "labels": ["X"]}}
    (issue,) = refusal(write(export(annotation(span))))
    assert issue.message.endswith("what the file has is ner (labels)")


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


def shown(table):
    return [(row["item_id"], row["task"], row["annotator_id"], row["label"]) for row in table]


def test_choices_become_labels_and_controls_become_tasks(file):
    answers = [row for row in file.table.to_pylist() if row["status"] == "ok"]
    assert shown(answers) == [
        ("11", "mood", "1", "happy"),
        ("11", "sure", "1", "yes"),
        ("11", "mood", "two@example.org", "sad"),
        ("11", "where", "two@example.org", "A / B"),
    ]
    assert answers[0]["duration_s"] == 12.5
    assert answers[0]["submitted_at"] == datetime(2024, 5, 15, 12, 9, 16, 789536, tzinfo=UTC)
    assert answers[2]["submitted_at"] == datetime(2024, 5, 15, 11, tzinfo=UTC)
    assert (answers[2]["duration_s"], answers[0]["group"]) == (None, "28")
    assert (answers[0]["text"], answers[0]["source_line"]) == ("What a lovely day", 2)
    assert json.loads(answers[0]["source"]) == {"page": 3}
    assert answers[0]["field_label"] == "kept as a field"


def test_skipped_empty_and_models_are_told_apart_and_everything_is_counted(file):
    others = [row for row in file.table.to_pylist() if row["status"] != "ok"]
    statuses = {(row["annotator_id"], row["status"]) for row in others}
    assert {("0", "skipped"), ("4", "empty"), ("5", "empty")} <= statuses
    assert {row["label"] for row in others if row["status"] != "model"} == {None}
    assert sum(file.dropped.values()) == file.n_rows - len(file.table) + len(others)
    assert file.dropped["unlabelled"] == file.dropped["no-annotator"] == 1
    assert file.dropped["other-answer:relation"] == 1
    assert file.dropped["other-answer:per-region"] == 1


def test_ground_truth_is_gold_and_not_scored_on_itself(write):
    path = write(
        export(
            annotation(choice("mood", "happy"), id=1, completed_by=1, ground_truth=True),
            annotation(choice("mood", "sad"), id=2, completed_by=2),
        )
    )
    (file,) = load([path])
    rows = file.table.to_pylist()
    assert [(r["label"], r["gold"], r["is_gold"]) for r in rows] == [
        ("happy", "happy", True),
        ("sad", "happy", None),
    ]
    table, _ = build_table([file])
    assert table.is_gold.tolist() == [True, False]


def test_what_is_left_out_is_warned_of_once(file):
    codes = [issue.code for issue in file.issues]
    assert codes.count("no-annotator") == 1
    told = [issue.message for issue in file.issues if issue.code == "other-answer"]
    left_out = "is left out: realm reads labels, grades and ticked options"
    assert told == [
        f"1 answer to 'part' (per-region) {left_out}",
        f"1 answer to 'relation' (relation) {left_out}",
    ]


def test_one_control_can_be_chosen(sample, rows, refusal):
    table = rows(sample("label_studio.json"), label="sure")
    assert {row["task"] for row in table} == {"sure"}
    (issue,) = refusal(sample("label_studio.json"), label="moood")
    assert issue.message == "there is no question 'moood'; the questions are: mood, sure, where"
    assert issue.hint == "did you mean --label-col mood?"


def test_items_come_for_every_question_labelled_or_not(sample):
    (file,) = load_items([sample("label_studio.json")])
    keys = {(row["item_id"], row["task"]) for row in file.table.to_pylist()}
    assert keys == {(item, task) for item in ("11", "12") for task in ("mood", "sure", "where")}


def test_one_task_alone_and_one_task_a_line_are_read_too(write, rows):
    task = json.loads(export(annotation(choice("a", "x"))))[0]
    assert len(rows(write(json.dumps(task)))) == 1
    other = {**task, "annotations": [{**task["annotations"][0], "id": 10}]}
    lines = [r["source_line"] for r in rows(write(f"{json.dumps(task)}\n{json.dumps(other)}"))]
    assert lines == [1, 2]
    task["completions"] = task.pop("annotations")
    assert len(rows(write(json.dumps(task)))) == 1


def test_dumps_that_were_joined_hold_annotations_once(write):
    task = json.loads(export(annotation(choice("a", "x"))))[0]
    (file,) = load([write(f"{json.dumps(task)}\n{json.dumps(task)}")])
    assert (len(file.table), file.dropped) == (1, {"repeated-annotation-id": 1})


def test_several_choices_are_yes_no_tasks_or_combinations(write):
    path = write(
        export(
            annotation(choice("topic", "b", "a"), id=1, completed_by=1),
            annotation(choice("topic", "a"), id=2, completed_by=2),
            annotation(choice("topic", "a", "b"), id=3, completed_by=3),
        )
    )
    (file,) = load([path])
    assert [(r["task"], r["label"]) for r in file.table.to_pylist()] == [
        ("topic: b", "yes"),
        ("topic: a", "yes"),
        ("topic: b", "no"),
        ("topic: a", "yes"),
        ("topic: b", "yes"),
        ("topic: a", "yes"),
    ]
    (file,) = load([path], Reading(multi_select="combination"))
    assert file.table["label"].to_pylist() == ["b + a", "a", "b + a"]  # in whatever order ticked


def result(name, kind, **value):
    return {"from_name": name, "type": kind, "value": value}


def test_all_controls_that_are_labels(write, rows):
    path = write(
        export(
            annotation(
                result("stars", "rating", rating=10),
                result("size", "number", number=2.5),
                result("better", "pairwise", selected="left"),
                result("kind", "taxonomy", taxonomy=[["A"], ["A", "B"]]),
                result("why", "textarea", text=["so", "there"]),
                result("rank", "ranker", ranker=["x"]),
            ),
            annotation(result("stars", "rating", rating=9), id=10, completed_by=2),
        )
    )
    (file,) = load([path])
    told = {row["task"]: row for row in file.table.to_pylist() if row["annotator_id"] == "1"}
    assert {task: row["label"] for task, row in told.items()} == {
        "stars": "10",
        "size": "2.5",
        "better": "left",
        "kind": "A / B",
    }
    assert (told["stars"]["options"], told["stars"]["scale"]) == (["9", "10"], "ordinal")
    assert told["size"]["scale"] == "interval"
    assert file.dropped["other-answer:text"] == file.dropped["other-answer:ranker"] == 1
    assert rows(path, label="why")[0]["label"] == "so\nthere"


@pytest.mark.parametrize(
    ("level", "label"), [(None, "A / B / C"), (1, "A"), (2, "A / B"), (-1, "C")]
)
def test_taxonomies_can_be_cut(write, level, label):
    path = write(export(annotation(result("kind", "taxonomy", taxonomy=[["A", "B", "C"]]))))
    (file,) = load([path], Reading(taxonomy_level=level))
    assert file.table["label"].to_pylist() == [label]


def test_predictions_are_kept_out_unless_asked_for(write):
    task = json.loads(export(annotation(choice("a", "x"))))[0]
    task["predictions"] = [{"id": 1, "model_version": "v2", "result": [choice("a", "y")]}]
    path = write(json.dumps([task]))
    (file,) = load([path])
    assert [(r["annotator_id"], r["label"], r["status"]) for r in file.table.to_pylist()] == [
        ("1", "x", "ok"),
        ("model:v2", "y", "model"),
    ]
    assert file.dropped == {"model": 1}
    (file,) = load([path], Reading(include_models=True))
    assert (file.table["status"].to_pylist(), file.dropped) == (["ok", "ok"], {})
    task["predictions"] = [17]  # snapshots hold ids alone
    assert len(load([write(json.dumps([task]))])[0].table) == 1


def test_edits_pre_labels_and_reviews_are_marked(write):
    path = write(
        export(
            annotation(choice("a", "x"), id=1, completed_by={"id": 1}, updated_by=7),
            annotation({**choice("a", "x"), "origin": "prediction"}, id=2, completed_by=2),
            annotation(choice("a", "x"), id=3, completed_by=3, parent_prediction=5),
            annotation(choice("a", "y"), id=4, completed_by=4, reviews=[{"accepted": False}]),
            annotation({**choice("a", "y"), "origin": "manual"}, id=5, completed_by=5),
        )
    )
    (file,) = load([path])
    assert [(r["edited"], r["origin"], r["status"]) for r in file.table.to_pylist()] == [
        (True, None, "ok"),
        (None, "pre-label", "ok"),
        (None, "pre-label", "ok"),
        (None, None, "rejected"),
        (None, "manual", "ok"),
    ]


def test_wrapped_dumps_are_opened_and_what_lies_beside_is_not(write, refusal):
    tasks = json.loads(export(annotation(choice("a", "x"))))
    (file,) = load([write(json.dumps({"total": 1, "page": {"tasks": tasks}}))])
    assert (len(file.table), "/page/tasks" in file.evidence) == (1, True)
    (issue,) = refusal(write(json.dumps({"project": {"id": 2}, "platform": {"version": "1"}})))
    assert "the note that Label Studio writes beside an export" in issue.message
    (issue,) = refusal(write(json.dumps({"aggregated": True, "result": []})))
    assert "one answer for all annotators" in issue.message


def test_annotators_may_be_files_or_projects(write):
    task = json.loads(export(annotation(choice("a", "x"))))[0]
    path = write(json.dumps([{**task, "project": 54}]), "coder7.json")
    (file,) = load([path], Reading(annotator_from="project"))
    assert file.table["annotator_id"].to_pylist() == ["54"]
    (file,) = load([path], Reading(annotator_from="filename"))
    assert file.table["annotator_id"].to_pylist() == ["coder7"]


def test_the_item_may_be_a_field_with_dots(write, rows):
    path = write(export(annotation(choice("a", "x")), **{"id.num": 169, "text": "t"}))
    assert rows(path, item="id.num")[0]["item_id"] == "169"
    assert rows(path, item="data.id.num")[0]["item_id"] == "169"


def test_an_export_without_annotators_is_refused(write, refusal):
    (issue,) = refusal(write(export(annotation(choice("a", "x"), completed_by=None))))
    assert issue.message == "no answer says who gave it; expertise needs annotator ids"
    assert "--annotator-col" in (issue.hint or "")


FLAT = {"annotation_id": 1, "lead_time": 2.0, "created_at": "2026-05-01T10:00:00Z"}


def test_flat_exports_tell_questions_by_shape_or_by_what_differs(write):
    records = [
        {"text": "t", "lang": "en", "id": 5, "mood": "happy", "annotator": 1, **FLAT},
        {"text": "t", "lang": "en", "id": 5, "mood": "sad", "annotator": 2, **FLAT},
        {"text": "u", "lang": "en", "id": 6, "annotator": None, "annotation_id": None,
         "lead_time": None},
        {"text": "v", "lang": "en", "id": 7, "mood": "sad", "annotator": "None", **FLAT},
    ]  # fmt: skip
    (file,) = load([write(json.dumps(records))])
    assert file.format == "label_studio_min"
    assert shown(file.table.to_pylist()) == [("5", "mood", "1", "happy"), ("5", "mood", "2", "sad")]
    assert file.dropped == {"unlabelled": 1, "no-annotator": 1}
    assert file.table["lang"].to_pylist() == ["en", "en"]
    assert [issue.code for issue in file.issues] == ["lossy-export", "no-annotator"]


def test_flat_exports_ask_where_it_is_not_clear(write, refusal, rows):
    header = "annotation_id,annotator,id,lang,lead_time,mood\n"
    path = write(header + "1,a@example.com,5,en,1,happy\n2,b@example.com,6,en,1,happy\n")
    (issue,) = refusal(path)
    assert issue.code == "ambiguous-column:label"
    assert issue.message.startswith("ambiguous: lang, mood could each be an answer")
    assert shown(rows(path, label="mood")) == [
        ("5", "mood", "a@example.com", "happy"),
        ("6", "mood", "b@example.com", "happy"),
    ]


def test_a_flat_cell_in_any_shape(write, rows):
    record = {
        "id": 5, "text": "t", "annotator": {"email": "a@x.org"}, **FLAT,
        "many": {"choices": ["p", "n"]}, "stars": [{"rating": 4}],
        "cat": [{"taxonomy": [["A", "B"]]}],
        "pw": [{"selected": "left"}], "why": {"text": ["a", "b"]},
    }  # fmt: skip
    told = {row["task"]: row["label"] for row in rows(write(json.dumps([record])))}
    assert told == {
        "many: p": "yes", "many: n": "yes", "stars": "4", "cat": "A / B", "pw": "left"
    }  # fmt: skip
