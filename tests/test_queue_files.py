"""The queue as files: read back as the items they were, with nothing that leads an annotator."""

from __future__ import annotations

import csv
import json

import pytest

from realm_cli.choices import QueueFormat
from realm_cli.loaders import load, load_items
from realm_cli.queue_files import QUEUE_WRITERS, QueuedItem, queue_text

ITEMS = [
    QueuedItem("i1", "mood", "=1+1, \"so\"\nand 😀", ("no", "yes"), 2, 3, "yes", 0.5, 0.7, 0.2,
               {"url": "a.example"}),
    QueuedItem("007", "mood", "plain", ("no", "yes"), 1, 3, "no", 0.6, 0.7, 0.1),
]  # fmt: skip


def test_every_format_has_a_writer():
    assert set(QUEUE_WRITERS) == set(QueueFormat)


@pytest.mark.parametrize("to", QueueFormat)
def test_the_same_items_come_back(to, tmp_path):
    path = tmp_path / "queue"
    path.write_text(queue_text(ITEMS, to), encoding="utf-8", newline="")
    if to is QueueFormat.LABEL_STUDIO:
        tasks = json.loads(path.read_text(encoding="utf-8"))
        assert all(set(task) == {"data"} for task in tasks)
        rows = [task["data"] for task in tasks]
    elif to is QueueFormat.JSON:
        rows = json.loads(path.read_text(encoding="utf-8"))
    else:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    assert [row["item_id"] for row in rows] == ["i1", "007"]
    assert [int(row["n_labels"]) for row in rows] == [2, 1]
    said = rows[0]["text"]
    assert said == ("'" if to is QueueFormat.CSV else "") + ITEMS[0].text
    assert ("label" in rows[0]) == (to in (QueueFormat.CSV, QueueFormat.JSON))
    assert rows[0]["url"] == "a.example"


def test_what_label_studio_makes_of_it_is_read_as_the_same_items(tmp_path):
    tasks = json.loads(queue_text(ITEMS, QueueFormat.LABEL_STUDIO))
    choice = {"type": "choices", "from_name": "mood", "to_name": "text"}
    for n, task in enumerate(tasks, start=1):
        answer = {**choice, "value": {"choices": ["yes"]}}
        task |= {"id": n, "annotations": [{"id": n, "completed_by": 4, "result": [answer]}]}
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    (file,) = load([path])
    rows = file.table.to_pylist()
    assert [(row["item_id"], row["text"]) for row in rows] == [
        (item.item_id, item.text) for item in ITEMS
    ]
    assert rows[0]["options"] == ["no", "yes"]


def test_what_mturk_makes_of_it_is_read_as_the_same_items(tmp_path):
    path = tmp_path / "batch.csv"
    text = queue_text(ITEMS, QueueFormat.MTURK)
    header, *rows = list(csv.reader(text.splitlines(keepends=True)))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        inputs = [f"Input.{name}" for name in header]
        writer.writerow(["HITId", "AssignmentId", "WorkerId", *inputs, "Answer.mood"])
        writer.writerows(["H", "A", "W", *row, "yes"] for row in rows)
    (file,) = load([path])
    rows = file.table.to_pylist()
    assert [(row["item_id"], row["text"]) for row in rows] == [
        (item.item_id, item.text) for item in ITEMS
    ]


def test_items_of_the_json_queue_are_items_to_realm(tmp_path):
    path = tmp_path / "queue.json"
    path.write_text(queue_text(ITEMS, QueueFormat.JSON), encoding="utf-8")
    (file,) = load_items([path])
    assert file.table["item_id"].to_pylist() == ["i1", "007"]


def test_a_queue_of_nothing():
    assert json.loads(queue_text([], QueueFormat.LABEL_STUDIO)) == []
    assert queue_text([], QueueFormat.CSV) == "\r\n"
