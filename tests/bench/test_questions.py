"""The published question-answering sets: files written here by hand, in each one's own form."""

from __future__ import annotations

import json

import pytest

from realm_cli.bench.plan import DataKind
from realm_cli.bench.questions import READERS, Question, read_questions
from realm_cli.errors import InputError

ARC = """\
{"id": "Mercury_1", "question": {"stem": "What melts?", "choices": [{"text": "ice", "label": "A"}, \
{"text": "stone", "label": "B"}, {"text": "sand", "label": "C"}]}, "answerKey": "A"}

{"id": "NYSEDREGENTS_2", "question": {"stem": "Which is a planet?", "choices": [{"text": "Sirius", \
"label": "1"}, {"text": "Mars", "label": "2"}]}, "answerKey": "2"}
"""
OPENBOOK = """\
{"id": "7-980", "question": {"stem": "A plant needs", "choices": [{"text": "light", "label": "A"}, \
{"text": "noise", "label": "B"}, {"text": "noise", "label": "C"}]}, "answerKey": "C"}
"""
RIDDLE = """\
{"id": "r1", "answerKey": "B", "question": {"stem": "I have keys but no locks. What am I?", \
"choices": [{"label": "A", "text": "door"}, {"label": "B", "text": "piano"}]}}
"""
PIQA = """\
{"goal": "open a jar", "sol1": "turn the lid", "sol2": "shake the lid"}
{"id": "second", "goal": "dry a plate", "sol1": "add water", "sol2": "use a cloth"}
"""
PUBMED = {
    "123": {
        "QUESTION": "Does tea help?",
        "CONTEXTS": ["Ten people drank tea.", "Nine slept well."],
        "LABELS": ["METHODS", "RESULTS"],
        "final_decision": "maybe",
    }
}


def put(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_arc(tmp_path):
    found = read_questions(DataKind.ARC, put(tmp_path, "arc.jsonl", ARC))
    assert found == [
        Question("Mercury_1", "What melts?", ("ice", "stone", "sand"), "ice", 1),
        Question("NYSEDREGENTS_2", "Which is a planet?", ("Sirius", "Mars"), "Mars", 3),
    ]


def test_options_of_the_same_words_are_one(tmp_path):
    (found,) = read_questions(DataKind.OPENBOOKQA, put(tmp_path, "o.jsonl", OPENBOOK))
    assert found.options == ("light", "noise")
    assert found.gold == "noise"


def test_riddlesense(tmp_path):
    (found,) = read_questions(DataKind.RIDDLESENSE, put(tmp_path, "r.jsonl", RIDDLE))
    assert (found.item_id, found.gold) == ("r1", "piano")


def test_piqa_takes_its_answers_from_another_file(tmp_path):
    goals, labels = put(tmp_path, "p.jsonl", PIQA), put(tmp_path, "p.lst", "0\n1\n")
    found = read_questions(DataKind.PIQA, goals, labels)
    assert [(q.item_id, q.gold) for q in found] == [
        ("1", "turn the lid"),
        ("second", "use a cloth"),
    ]


@pytest.mark.parametrize(
    ("labels", "words"), [("0\n", "2 goals and 1 labels"), ("0\n2\n", "not in tuple")]
)
def test_piqa_refuses_answers_that_do_not_fit(labels, words, tmp_path):
    goals, answers = put(tmp_path, "p.jsonl", PIQA), put(tmp_path, "p.lst", labels)
    with pytest.raises(InputError, match=words):
        read_questions(DataKind.PIQA, goals, answers)


def test_pubmedqa_ends_with_its_question(tmp_path):
    (found,) = read_questions(DataKind.PUBMEDQA, put(tmp_path, "p.json", json.dumps(PUBMED)))
    assert found == Question(
        "123", "Ten people drank tea.\nNine slept well.\nDoes tea help?", ("yes", "no", "maybe"),
        "maybe", 1,
    )  # fmt: skip


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("text", ["", "{}", "[1]", "not json", '{"question": 3}', '{"a": []}'])
def test_what_is_of_another_form_is_refused(kind, text, tmp_path):
    path = put(tmp_path, "x.jsonl", text)
    with pytest.raises(InputError, match=r"x\.jsonl"):
        read_questions(kind, path, put(tmp_path, "x.lst", "0\n"))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.jsonl"):
        read_questions(DataKind.ARC, tmp_path / "none.jsonl")
