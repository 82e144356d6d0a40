"""Every vendor's export, by hand: who said what about which item, and what does not count."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from realm_cli.annotations import build_table
from realm_cli.config import Columns, Reading
from realm_cli.loaders import load, load_items
from realm_cli.loaders.containers import exports
from realm_cli.loaders.mturk_api import answers_in
from realm_cli.loaders.parquet import read_table
from realm_cli.schema import Findings


def told(file):
    """Item, task, annotator and label of each answer that counts."""
    return [
        (row["item_id"], row["task"], row["annotator_id"], row["label"])
        for row in file.table.to_pylist()
        if row["status"] == "ok"
    ]


EXAMPLES = {
    "appen.csv": (
        [("901", "mood", "3587109", "yes"), ("901", "mood", "21665495", "No")],
        {"rejected": 1},
    ),
    "toloka.tsv": ([("t1", "mood", "w1", "happy"), ("t2", "mood", "w1", "sad")], {"rejected": 1}),
    "prodigy.jsonl": ([("11", "happy", "ann", "yes"), ("11", "happy", "bob b", "no")],
                      {"skipped": 1}),
    "ground_truth.json": (
        [("0", "mood", "private.us-east-1.A", "happy"),
         ("0", "mood", "private.us-east-1.B", "sad")],
        {},
    ),
    "argilla.jsonl": (
        [("r1", "mood", "u-1", "happy"), ("r2", "mood", "u-1", "sad")],
        {"skipped": 1, "model": 1},
    ),
    "doccano.jsonl": (
        [("1", "label", "doccano", "happy"), ("2", "label", "doccano", "sad")],
        {"empty": 1},
    ),
    "potato.json": (
        [("i1", "mood", "ann", "happy"), ("i2", "mood", "ann", "sad")],
        {"other-answer:text": 1},
    ),
    "lewidi.json": (
        [("1", "label", "Ann0", "1"), ("1", "label", "Ann2", "0"),
         ("2", "label", "Ann0", "0"), ("2", "label", "Ann1", "0")],
        {},
    ),
    "peerannot.json": (
        [("0", "label", "1", "0"), ("0", "label", "2", "1"), ("0", "label", "5", "0"),
         ("1", "label", "1", "1"), ("1", "label", "2", "1"), ("2", "label", "2", "0"),
         ("2", "label", "5", "0")],
        {},
    ),
    "turkle.csv": ([("happy", "ann"), ("sad", "bob")], {"other-answer:json": 2}),
    "mturk_api.json": ([("3L21", "mood", "A1", "happy"), ("3L21", "mood", "A2", "sad")], {}),
    "wide.csv": (
        [("1", "label", "ann_1", "happy"), ("1", "label", "ann_2", "happy"),
         ("2", "label", "ann_1", "sad"), ("2", "label", "ann_2", "happy"),
         ("2", "label", "ann_3", "sad"), ("3", "label", "ann_2", "sad"),
         ("3", "label", "ann_3", "sad"), ("4", "label", "ann_1", "happy"),
         ("4", "label", "ann_3", "happy")],
        {},
    ),
    "nested.jsonl": (
        [("1", "label", "ann", "happy"), ("1", "label", "bob", "sad"),
         ("2", "label", "ann", "sad")],
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "expected"), EXAMPLES.items())
def test_an_example_by_hand(sample, name, expected):
    answers, dropped = expected
    (file,) = load([sample(f"formats/{name}")])
    found = told(file)
    if len(answers[0]) == 2:  # the item's id is a digest of its inputs
        found = [(label, who) for _, _, who, label in found]
    assert found == answers
    assert file.dropped == dropped


def test_appen_keeps_gold_times_and_no_addresses(sample):
    (file,) = load([sample("formats/appen.csv")])
    row = file.table.to_pylist()[0]
    assert (row["gold"], row["duration_s"], row["group"]) == ("yes", 39.0, "elite")
    assert row["submitted_at"].isoformat() == "2026-03-24T17:57:02+00:00"
    assert not {"_ip", "_city", "_worker_id"} & set(file.table.column_names)


def test_appen_asks_which_column_is_the_question(write, refusal):
    header = "_unit_id,_worker_id,text,a,b\n"
    path = write(header + "1,x,t,1,5\n1,y,t,2,6\n2,x,u,1,5\n")
    (issue,) = refusal(path)
    assert issue.code == "ambiguous-column:label"
    assert issue.message.startswith("ambiguous: a, b each differ")
    (file,) = load([path], Reading(columns=Columns(label="b")))
    assert {label for *_, label in told(file)} == {"5", "6"}
    (issue,) = refusal(write("_unit_id,text,q,q:confidence\n1,t,x,0.9\n"))
    assert "aggregated report" in issue.message


def test_toloka_keeps_golden_answers(sample):
    (file,) = load([sample("formats/toloka.tsv")])
    assert [row["gold"] for row in file.table.to_pylist()] == [None, None, "sad"]
    assert file.table["duration_s"].to_pylist() == [20.0, 2.0, 20.0]


def test_prodigy_choices_and_nameless_sessions(write):
    options = [{"id": "a", "text": "A"}, {"id": "b", "text": "B"}]
    hashes = {"_input_hash": 1, "_task_hash": 2, "options": options}
    records = [
        {**hashes, "accept": ["b"], "answer": "accept", "_annotator_id": "ann"},
        {**hashes, "accept": ["a"], "answer": "accept", "_session_id": "x-2024-02-06_10-17-19"},
    ]
    (file,) = load([write("\n".join(map(json.dumps, records)))])
    assert told(file) == [("1", "label", "ann", "b")]
    assert file.table["options"].to_pylist() == [["a", "b"]]
    assert file.dropped == {"no-annotator": 1}
    assert "anonymous-sessions" in {issue.code for issue in file.issues}


def test_prodigy_reviews_are_read_version_by_version(write):
    record = {
        "text": "t", "label": "X", "_input_hash": 1, "_task_hash": 2, "answer": "accept",
        "versions": [{"answer": "accept", "sessions": ["ann", "bob"]},
                     {"answer": "reject", "sessions": ["cyd"]}],
    }  # fmt: skip
    (file,) = load([write(json.dumps(record))])
    assert told(file) == [
        ("1", "X", "ann", "yes"),
        ("1", "X", "bob", "yes"),
        ("1", "X", "cyd", "no"),
    ]


def test_ground_truth_worker_responses_name_the_person_and_the_folder(tmp_path):
    answer = {
        "workerId": "w", "answerContent": {"mood": {"label": "happy"}}, "timeSpentInSeconds": 30.0,
        "workerMetadata": {"identityData": {"sub": "person-1"}},
    }  # fmt: skip
    path = tmp_path / "iteration-1" / "17" / "response.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"answers": [answer]}))
    (file,) = load([path])
    assert told(file) == [("17", "mood", "person-1", "happy")]
    assert file.table["duration_s"].to_pylist() == [30.0]


MANIFEST = [
    {"source": "What a day", "mood": 0,
     "mood-metadata": {"class-name": "happy", "human-annotated": "yes"}},
    {"source": "Oh no", "mood": 1, "mood-metadata": {"class-name": "sad", "human-annotated": "no"}},
]  # fmt: skip


def test_a_manifest_holds_reference_labels_and_no_annotators(write, refusal):
    path = write("\n".join(map(json.dumps, MANIFEST)))
    (issue,) = refusal(path)
    assert issue.code == "no-column:annotator"
    assert "no worker's" in issue.message
    assert "--items-file" in (issue.hint or "")
    (file,) = load_items([path])
    rows = file.table.to_pylist()
    assert [(row["item_id"], row["text"], row["gold"]) for row in rows] == [
        ("What a day", "What a day", "happy"),
        ("Oh no", "Oh no", None),  # a model's label is no gold
    ]


def test_argilla_flat_columns_are_parallel_lists(write):
    good = {
        "id": "1", "text": "t", "mood.responses": ["a", "b"], "mood.responses.users": ["u", "v"],
        "mood.responses.status": ["submitted", "draft"], "mood.suggestion": "a",
    }  # fmt: skip
    (file,) = load([write(json.dumps(good))])
    rows = [(r["annotator_id"], r["label"], r["status"]) for r in file.table.to_pylist()]
    assert rows == [("u", "a", "ok"), ("v", "b", "pending"), ("model:suggestion", "a", "model")]


def test_argilla_lists_of_two_lengths_are_an_error_of_their_row(write, refusal):
    bad = {"id": "1", "q.responses": ["a"], "q.responses.users": ["u", "v"]}
    good = {"id": "2", "q.responses": ["a"], "q.responses.users": ["u"]}
    issues = refusal(write("\n".join(map(json.dumps, (good, bad)))))
    assert [(issue.code, issue.line) for issue in issues] == [("bad-responses", 2)]


def test_doccano_takes_the_members_name_from_the_file(write, refusal):
    lines = '{"id": 1, "text": "t", "label": ["x"], "Comments": []}\n'
    (file,) = load([write(lines, "maria.jsonl")])
    assert told(file) == [("1", "label", "maria", "x")]
    assert [issue.code for issue in file.issues] == ["annotator-by-filename"]
    (issue,) = refusal(write(lines, "all.jsonl"))
    assert "name nobody" in issue.message


def test_potato_reads_both_shapes_and_texts_on_demand(write, sample):
    shape = {"i1": {"mood": {"happy": "true"}}, "i2": {"mood": {"sad": True}}}
    (file,) = load([write(json.dumps({"user_id": 0, "instance_id_to_label_to_value": shape}))])
    assert told(file) == [("i1", "mood", "0", "happy"), ("i2", "mood", "0", "sad")]
    why = Reading(columns=Columns(label="why"))
    (file,) = load([sample("formats/potato.json")], why)
    assert ("i1", "why", "ann", "it shines") in told(file)


def test_lewidi_says_where_annotators_and_annotations_do_not_fit(write, refusal):
    items = {"1": {"annotators": "a,b", "annotations": "1,0,1", "text": "t"}}
    (issue,) = refusal(write(json.dumps(items)))
    assert issue.code == "bad-annotations"
    assert "item '1'" in issue.message


def test_the_xml_of_assignments():
    name = "<QuestionIdentifier>{}</QuestionIdentifier>"
    xml = (
        '<QuestionFormAnswers xmlns="http://example.com/2005-10-01/Answers.xsd">'
        f'<Answer>{name.format("taskAnswers")}<FreeText>[{{"s":{{"label":"pos"}}}}]</FreeText>'
        f"</Answer><Answer>{name.format('q')}<SelectionIdentifier>a</SelectionIdentifier>"
        "<SelectionIdentifier>b</SelectionIdentifier></Answer>"
        f"<Answer>{name.format('f')}<UploadedFileKey>k</UploadedFileKey></Answer>"
        "</QuestionFormAnswers>"
    )
    answers = answers_in(xml)
    assert answers["s"] == "pos"
    assert answers["q"].chosen == ("a", "b")
    assert answers["f"].kind == "file"
    assert answers_in("") == {}


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    "<x><Answer><QuestionIdentifier>q</QuestionIdentifier><FreeText>&b;</FreeText></Answer></x>"
)


@pytest.mark.parametrize(
    ("xml", "why"), [(BOMB, "declares XML entities"), ("<x", "is not XML"), ("x", "is not XML")]
)
def test_xml_that_would_harm_is_an_error_of_its_assignment(write, refusal, xml, why):
    good = {"AssignmentId": "1", "WorkerId": "A", "HITId": "h", "Answer": ""}
    bad = {**good, "AssignmentId": "2", "Answer": xml}
    (issue,) = refusal(write("\n".join(map(json.dumps, (good, bad)))))
    assert (issue.code, issue.line) == ("bad-assignment", 2)
    assert why in issue.message


def test_times_of_the_api_come_in_any_form(write):
    pages = {
        "Assignments": [
            {"AssignmentId": "1", "WorkerId": "A", "HITId": "h", "Answer": "", "AcceptTime": 100.0,
             "SubmitTime": 130.5, "AssignmentStatus": "Rejected"},
        ]
    }  # fmt: skip
    xml = "<a><Answer><QuestionIdentifier>q</QuestionIdentifier><FreeText>x</FreeText></Answer></a>"
    pages["Assignments"][0]["Answer"] = xml
    (file,) = load([write(json.dumps(pages))])
    (row,) = file.table.to_pylist()
    assert (row["duration_s"], row["status"]) == (30.5, "rejected")
    assert row["submitted_at"].timestamp() == 130.5


def test_nested_parallel_lists_and_mappings(write, refusal):
    lists = [
        {"id": 1, "annotator_ids": ["a", "b"], "labels": ["x", "y"]},
        {"id": 2, "annotator_ids": ["a"], "labels": ["x"]},
    ]
    (file,) = load([write("\n".join(map(json.dumps, lists)))])
    assert (file.format, told(file)) == (
        "nested",
        [("1", "label", "a", "x"), ("1", "label", "b", "y"), ("2", "label", "a", "x")],
    )
    lists[1]["labels"] = ["x", "y"]
    (issue,) = refusal(write("\n".join(map(json.dumps, lists))))
    assert (issue.code, issue.line) == ("bad-annotations", 2)
    cells = 'id,annotators,labels\n1,"[""a"", ""b""]","[""x"", ""y""]"\n'
    (file,) = load([write(cells)])
    assert told(file) == [("1", "label", "a", "x"), ("1", "label", "b", "y")]


def test_parquet_with_lists_of_structs_and_names_of_classes(tmp_path):
    info = {"info": {"features": {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}}}
    table = pa.table({"item": ["1", "1"], "worker": ["a", "b"], "label": [1, -1]})
    path = tmp_path / "classes.parquet"
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(info)}), path)
    (export,) = exports([path], Findings())
    assert [row.cells["label"] for row in read_table(export).rows()] == ["pos", None]
    structs = pa.table({"id": [1], "annotations": [[{"annotator": "a", "label": "x"}]]})
    pq.write_table(structs, tmp_path / "structs.parquet")
    (file,) = load([tmp_path / "structs.parquet"])
    assert (file.format, told(file)) == ("nested", [("1", "label", "a", "x")])


@pytest.mark.parametrize(
    "content",
    [
        '{"id": 1, "annotator_labels": ["e", "n"]}\n{"id": 2, "annotator_labels": ["e", "e"]}\n',
        '{"id": 1, "mturk": {"given": 2, "guessed": 1}}\n{"id": 2, "mturk": {"given": 3}}\n',
        "id,count,hate,offensive,neither,text\n1,3,0,1,2,a\n2,3,3,0,0,b\n",
    ],
)
def test_votes_without_voters_are_refused_with_the_reason(write, refusal, content):
    (issue,) = refusal(write(content))
    assert issue.code == "no-column:annotator"
    assert "expertise is learned from who gave which label" in issue.message
    (file,) = load_items([write(content)])
    assert file.table.num_rows == 2


def test_a_headerless_table_names_rows_and_columns(sample):
    (file,) = load([sample("formats/mace.csv")])
    assert told(file)[:3] == [
        ("row-1", "label", "column-1", "yes"),
        ("row-1", "label", "column-2", "no"),
        ("row-1", "label", "column-4", "yes"),
    ]
    table, _ = build_table([file])
    assert (len(table.items), len(table.annotators)) == (4, 4)


def test_one_hot_rows_are_a_choice_or_yes_no_tasks(write, sample):
    (file,) = load([sample("formats/one_hot.csv")])
    assert {(task, label) for _, task, _, label in told(file)} == {
        ("label", "joy"), ("label", "anger"),
        ("example_very_unclear", "no"), ("example_very_unclear", "yes"),
    }  # fmt: skip
    (file,) = load([write("id,rater_id,joy,anger\n1,a,1,1\n1,b,0,1\n")])
    assert told(file) == [
        ("1", "label: joy", "a", "yes"),
        ("1", "label: anger", "a", "yes"),
        ("1", "label: joy", "b", "no"),
        ("1", "label: anger", "b", "yes"),
    ]


def test_one_crowd_in_every_shape_is_one_table(tmp_path):
    """The same answers as long, wide, nested, Toloka and Potato give the same annotations."""
    votes = [("1", "a", "x"), ("1", "b", "y"), ("2", "a", "y"), ("2", "b", "y")]
    long = "item,worker,label\n" + "".join(f"{i},{a},{y}\n" for i, a, y in votes)
    wide = "item,ann_a,ann_b\n1,x,y\n2,y,y\n"
    nested = [
        {
            "id": item,
            "annotations": [{"annotator": a, "label": y} for i, a, y in votes if i == item],
        }
        for item in "12"
    ]
    toloka = "INPUT:text\tOUTPUT:label\tASSIGNMENT:task_id\tASSIGNMENT:worker_id\n" + "".join(
        f"t\t{y}\t{i}\t{a}\n" for i, a, y in votes
    )
    files = {
        "long.csv": long,
        "wide.csv": wide,
        "nested.jsonl": "\n".join(map(json.dumps, nested)),
        "toloka.tsv": toloka,
        "peerannot.json": json.dumps({"1": {"a": "x", "b": "y"}, "2": {"a": "y", "b": "y"}}),
    }
    expected = {("1", "a", "x"), ("1", "b", "y"), ("2", "a", "y"), ("2", "b", "y")}
    for name, content in files.items():
        (tmp_path / name).write_text(content)
        (file,) = load([tmp_path / name])
        found = {(i, who.removeprefix("ann_"), label) for i, _, who, label in told(file)}
        assert (file.format, found) == (name.split(".")[0].replace("long", "csv"), expected)


def test_columns_that_are_taken_for_annotators_are_named_in_a_warning(write):
    path = write("id,anna,bernd\n1,x,y\n2,y,y\n3,x,x\n4,y,x\n")
    (file,) = load([path])
    assert (file.format, len(file.table)) == ("wide", 8)
    (issue,) = file.issues
    assert issue.message.endswith("because they share one set of labels: anna, bernd")


def test_what_the_user_has_named_is_not_taken_for_anything_else(write):
    """Two questions on one scale look like two annotators, until somebody says who answered."""
    path = write("id,pid,q1,q2\n1,p,x,y\n1,r,y,y\n2,p,x,x\n2,r,y,x\n")
    (file,) = load([path], Reading(columns=Columns(annotator="pid", label="q1")))
    assert file.format == "csv"
    assert {who for _, _, who, _ in told(file)} == {"p", "r"}
