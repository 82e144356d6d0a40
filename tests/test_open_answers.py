"""Free-text labels: options sampled from answers, a model that writes, annotators judged by it."""

from __future__ import annotations

import json
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from backbones.checkpoints import write_checkpoint
from harness import QUICK, train, write_rows
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import loaded, row

from realm_cli import checkpoint, pipeline, prediction, run_folder, runs
from realm_cli.annotations import NO_GOLD, build_table
from realm_cli.checks import check_trainable
from realm_cli.choices import TINY_T5, AnnotatorModel, LabelKind
from realm_cli.config import Columns, Reading, TrainSettings
from realm_cli.errors import UsageError
from realm_cli.intake import load
from realm_cli.labels import labels_of
from realm_cli.open_answers import with_sampled_options

OPEN = QUICK.model_copy(update={"labels": LabelKind.OPEN})
COLOURS = ("red", "green", "blue", "yellow", "black", "white")
ANIMALS = ("cat", "dog", "horse", "parrot", "snail", "whale")
PLACES = ("a house", "the old garden", "a wood", "the sea", "town", "bed")
EVERYTHING = [f"{colour} {animal}" for colour in COLOURS for animal in ANIMALS]


def fact(item: int, dice: random.Random) -> dict[str, str]:
    colour, animal = dice.choice(COLOURS), dice.choice(ANIMALS)
    text = f"in {dice.choice(PLACES)} there was a {animal} and its colour was {colour}"
    return {"item_id": f"f{item}", "text": text, "gold": f"{colour} {animal}"}


def free_text_rows(n_items: int, expertise: list[float], per_item: int = 3, seed: int = 0):
    """People who know write the right text; who does not writes any other."""
    dice = random.Random(seed)
    rows = []
    for item in range(n_items):
        known = fact(item, dice)
        for who in dice.sample(range(len(expertise)), per_item):
            wrong = dice.choice([text for text in EVERYTHING if text != known["gold"]])
            label = known["gold"] if dice.random() < expertise[who] else wrong
            rows.append({**known, "annotator_id": f"a{who:02d}", "label": label})
    return rows


def opened(answers, n=2, seed=0, **more):
    """A table of `{item: [answer of a0, answer of a1, ...]}` with sampled options."""
    rows = [
        row(item, f"a{a}", label, **more)
        for item, labels in answers.items()
        for a, label in enumerate(labels)
    ]
    return with_sampled_options(build_table([loaded(rows)])[0], n, seed)[0]


def test_an_items_options_are_its_answers_and_so_many_others_in_order_of_spelling():
    answers = {"i": ["b", "a", "b"], "j": ["c", "d", "e"], "k": ["f", "g", "h"]}
    table = opened(answers, n=2)
    for i, item in enumerate(table.items.ids):
        options, own = table.items.options(i), set(answers[item])
        assert own < set(options)
        assert len(options) == len(own) + 2
        assert list(options) == sorted(options)
    names = [table.items.options(i)[k] for i, k in zip(table.item, table.label, strict=True)]
    assert names == [label for labels in answers.values() for label in labels]


def test_only_what_was_given_may_be_the_label():
    table = opened({"i": ["b"], "j": ["c", "d"]}, n=1)
    for i in range(2):
        names = np.array(table.items.options(i))[table.choosable[i, : table.items.n_options[i]]]
        assert names.tolist() == [["b"], ["c", "d"]][i]


def test_where_there_are_few_answers_all_of_them_are_options():
    table = opened({"i": ["a"], "j": ["b"]}, n=6)
    assert [table.items.options(i) for i in range(2)] == [("a", "b")] * 2
    assert run_folder.labels_of_tasks(table.items) == [None]
    assert not labels_of(table).one_set.any()


def test_white_space_makes_no_other_answer():
    table = opened({"i": ["two  words", "two\n words"], "j": ["x"]}, gold="two words")
    assert set(table.rows["label"].to_pylist()) == {"two words", "x"}
    assert table.items.options(0) == ("two words", "x")
    assert table.label[0] == table.label[1] == table.items.gold[0] == 0


def test_gold_that_nobody_gave_is_no_option_and_is_said_to_be_missing():
    rows = [row("i", "a", "x", gold="truth"), row("j", "a", "y", gold="y")]
    table, issues = with_sampled_options(build_table([loaded(rows)])[0], 3, 0)
    assert table.items.options(0) == ("x", "y")
    assert table.items.gold.tolist() == [NO_GOLD, 1]
    assert [(issue.code, issue.count) for issue in issues] == [("gold-not-given", 1)]


def test_a_task_that_lists_options_keeps_them():
    rows = [
        row("i", "a", "yes", task="choice", options=["yes", "no"]),
        row("i", "a", "so it is", task="why"),
        row("j", "a", "who knows", task="why"),
    ]
    table = with_sampled_options(build_table([loaded(rows)])[0], 3, 0)[0]
    assert table.items.options(0) == ("yes", "no")
    assert table.choosable[0].tolist() == [True, True]
    assert table.items.options(1) == table.items.options(2) == ("so it is", "who knows")
    assert table.items.open_tasks == {1}


def test_answers_are_drawn_as_often_as_they_were_given():
    """One label in ten is `idk`: it is a distractor of about one item in ten, not in ninety."""
    answers = {f"i{n:03d}": ["idk" if n % 10 == 0 else f"text {n}"] for n in range(1_000)}
    table = opened(answers, n=1)
    without = [table.items.options(i) for i, item in enumerate(answers) if answers[item] != ["idk"]]
    assert np.mean(["idk" in options for options in without]) == pytest.approx(0.1, abs=0.03)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**16), st.integers(1, 5))
def test_options_do_not_depend_on_the_order_of_rows(seed, n):
    dice = random.Random(seed)
    rows = [row(f"i{i}", f"a{a}", f"text {dice.randrange(12)}") for i in range(6) for a in range(2)]
    shuffled = dice.sample(rows, len(rows))
    first, other = (
        with_sampled_options(build_table([loaded(some)])[0], n, seed)[0]
        for some in (rows, shuffled)
    )
    by_item = [
        {item: table.items.options(i) for i, item in enumerate(table.items.ids)}
        for table in (first, other)
    ]
    assert by_item[0] == by_item[1]


def test_another_seed_draws_other_options():
    answers = {f"i{n}": [f"text {n}"] for n in range(50)}
    first, again, other = (opened(answers, seed=seed).items.option_sets for seed in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize("model", ["guess", "confusion"])
def test_annotator_models_that_go_by_place_are_refused(model):
    with pytest.raises(ValueError, match=f"annotator model {model} needs the same options"):
        TrainSettings(model=TINY_T5, labels="open", annotator_model=model)


def test_the_options_cannot_stand_in_the_prompt():
    with pytest.raises(ValueError, match="the answers given would stand in the prompt"):
        TrainSettings(model=TINY_T5, labels="open", template="{text} {options}")


def test_auto_leaves_them_out():
    assert OPEN.candidates == (AnnotatorModel.EXPERTISE, AnnotatorModel.SIGNED)
    assert len(QUICK.candidates) == 4


EXPERTISE = [float(w) for w in np.linspace(0.02, 0.98, 20)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("open")
    source = write_rows(folder / "crowd.jsonl", free_text_rows(400, EXPERTISE))
    chosen = OPEN.model_copy(update={"epochs": 12, "form_weight": 0.3})
    return train(source, folder / "run", chosen)


@pytest.mark.slow
def test_a_crowd_that_writes(run):
    report = runs.read_report(run)
    found = [annotator.expertise for annotator in report.annotators]
    assert np.corrcoef(found, EXPERTISE)[0, 1] > 0.9
    gold = report.summary.accuracy_on_gold
    assert gold is not None
    assert gold.posterior > gold.majority
    assert gold.posterior > 0.95
    assert report.estimate.annotator_model in {"expertise", "signed"}
    assert report.tasks[0].labels is None


@pytest.mark.slow
def test_labels_are_the_best_of_the_answers_given(run):
    labels = pq.read_table(run / "realm" / "labels.parquet").to_pylist()
    crowd = pq.read_table(run / "realm" / "annotations.parquet").to_pylist()
    given = {(one["item_id"], one["label"]) for one in crowd}
    for one in labels:
        assert (one["item_id"], one["label"]) in given
        assert one["probability"] == one["posterior"][one["options"].index(one["label"])]
        assert sum(one["posterior"]) == pytest.approx(1)
    assert crowd[0]["options"] is None


@pytest.mark.slow
def test_the_model_writes_answers_to_new_items(run, tmp_path):
    dice = random.Random(99)
    items = [{**fact(n, dice), "item_id": f"new{n}"} for n in range(40)]
    source = pipeline.Source((write_rows(tmp_path / "new.jsonl", items),))
    predicted = prediction.predict(run, source).to_pylist()
    assert [one["item_id"] for one in predicted] == [item["item_id"] for item in items]
    right = [one["label"] == item["gold"] for one, item in zip(predicted, items, strict=True)]
    assert np.mean(right) > 0.8
    for one in predicted:
        assert one["options"] == [one["label"]]
        assert one["posterior"] == [one["probability"]]
        assert 0 < one["probability"] < 1
    (task,) = checkpoint.read_record(run).tasks
    assert task.open
    assert task.labels is None


@pytest.mark.slow
def test_where_an_item_offers_options_the_model_chooses_among_them(run, tmp_path):
    text = "in a wood there was a snail and its colour was blue"
    items = [
        {"item_id": "offers", "text": text, "options": ["red cat", "blue snail", "black dog"]},
        {"item_id": "asks", "text": text},
    ]
    source = pipeline.Source((write_rows(tmp_path / "new.jsonl", items),))
    chosen, written = prediction.predict(run, source).to_pylist()
    assert chosen["label"] == written["label"] == "blue snail"
    assert sum(chosen["posterior"]) == pytest.approx(1)
    assert written["probability"] < chosen["probability"]


def test_an_encoder_cannot_write(tmp_path):
    rows = free_text_rows(12, [0.9] * 4)
    texts = [one[name] for one in rows for name in ("text", "label")]
    model = write_checkpoint("bert", tmp_path / "model", texts)
    source = write_rows(tmp_path / "crowd.jsonl", rows)
    with pytest.raises(UsageError, match=r"needs a model that writes, and .* is an encoder"):
        train(source, tmp_path / "run", OPEN.model_copy(update={"model": str(model)}))
    assert not (tmp_path / "run").exists()


def as_csv(rows):
    names = ("item_id", "annotator_id", "label", "text")
    lines = [",".join(json.dumps(one[name]) for name in names) for one in rows]
    return "\n".join([",".join(names), *lines]) + "\n"


def as_label_studio(rows):
    tasks = {}
    for n, one in enumerate(rows):
        task = tasks.setdefault(one["item_id"], {"data": {"text": one["text"]}, "annotations": []})
        task["id"] = len(tasks)
        answer = {
            "type": "textarea", "from_name": "answer", "to_name": "text",
            "value": {"text": [one["label"]]},
        }  # fmt: skip
        task["annotations"].append(
            {"id": n, "completed_by": one["annotator_id"],
             "result": [answer]}
        )  # fmt: skip
    return json.dumps(list(tasks.values()))


FILES = {
    "csv": (as_csv, Columns()),
    "jsonl": (lambda rows: "".join(json.dumps(one) + "\n" for one in rows), Columns()),
    "json": (as_label_studio, Columns(label="answer")),
}


@pytest.mark.parametrize("kind", [*FILES, "parquet"])
def test_free_text_of_every_kind_of_file(kind, tmp_path):
    rows = free_text_rows(30, [0.9, 0.5, 0.1, 0.7])
    path = tmp_path / f"crowd.{kind}"
    columns = Columns()
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        write, columns = FILES[kind]
        path.write_text(write(rows))
    found = load(pipeline.Source((path,), Reading(columns=columns)), check_trainable)
    assert found.table.items.texts[0] == rows[0]["text"]
    table, _ = with_sampled_options(found.table, 6, 0)
    assert sorted(table.rows["label"].to_pylist()) == sorted(one["label"] for one in rows)
    assert table.items.n_options.min() >= 7
