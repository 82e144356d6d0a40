"""Data sets of a plan: what is trained on, what is tested on, who labels it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from realm_cli.bench.data import labelled, read_data
from realm_cli.bench.plan import Crowd, Data, Plan
from realm_cli.errors import InputError, UsageError

COLOURS = ["red", "green", "blue"]


def questions(n, start=0, **more):
    return [
        {"item_id": f"i{i}", "text": f"thing {i} is {COLOURS[i % 3]}", "options": COLOURS,
         "gold": COLOURS[i % 3], **more}
        for i in range(start, start + n)
    ]  # fmt: skip


def annotations(n, per_item=2):
    return [
        {**row, "annotator_id": f"a{(i + r) % 4}", "label": COLOURS[(i + r) % 3]}
        for i, row in enumerate(questions(n))
        for r in range(per_item)
    ]


def put(folder, name, rows):
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(*data):
    items = any(one["kind"] != "annotations" for one in data)
    plan = Plan(
        name="p", data=tuple(Data.model_validate(one) for one in data), methods=["joint"],
        crowds=(Crowd(name="c"),) if items else (), models=[{"name": "tiny-t5"}],
    )  # fmt: skip
    return read_data(plan)


def ids(data, mask):
    return [data.items.ids[i] for i in np.flatnonzero(mask)]


def test_files_to_test_on_are_not_trained_on(tmp_path):
    train, test = (put(tmp_path, f"{n}.jsonl", questions(4, 4 * n)) for n in (0, 1))
    data = read({"name": "d", "kind": "items", "files": [train], "test_files": [test]})["d"]
    (split,) = data.splits
    assert ids(data, split.train) == ["i0", "i1", "i2", "i3"]
    assert ids(data, split.test) == ["i4", "i5", "i6", "i7"]


def test_an_item_in_both_is_refused(tmp_path):
    train = put(tmp_path, "a.jsonl", questions(4))
    test = put(tmp_path, "b.jsonl", questions(4, 3))
    with pytest.raises(InputError, match="'i3' of d is both"):
        read({"name": "d", "kind": "items", "files": [train], "test_files": [test]})


def test_a_column_tells_what_an_item_is_for(tmp_path):
    rows = [
        *questions(3, part="train"), *questions(2, 3, part="valid"), *questions(2, 5, part="exam"),
    ]  # fmt: skip
    told = {"name": "d", "kind": "items", "files": [put(tmp_path, "x.jsonl", rows)]}
    data = read({**told, "split": "part", "test_split": "exam"})["d"]
    assert ids(data, data.splits[0].train) == ["i0", "i1", "i2"]
    assert ids(data, data.splits[0].test) == ["i5", "i6"]
    with pytest.raises(UsageError, match="no column 'role'"):
        read({**told, "split": "role"})
    with pytest.raises(UsageError, match="no items with gold to test on"):
        read({**told, "split": "part", "test_split": "none"})


def test_folds_test_on_every_item_once(tmp_path):
    told = {"name": "d", "kind": "annotations", "folds": 4}
    data = read({**told, "files": [put(tmp_path, "x.jsonl", annotations(10))]})["d"]
    tests = np.array([split.test for split in data.splits])
    assert (tests.sum(axis=0) == 1).all()
    assert all((split.train == ~split.test).all() for split in data.splits)


def test_a_share_is_the_same_each_time_and_may_be_limited(tmp_path):
    path = put(tmp_path, "x.jsonl", questions(20))
    told = {"name": "d", "kind": "items", "files": [path], "test": 0.25}
    first, again = (read({**told, "n_train": 6, "n_test": 3})["d"].splits[0] for _ in range(2))
    assert (first.train.sum(), first.test.sum()) == (6, 3)
    assert (first.train == again.train).all()
    assert not (first.train & first.test).any()


def test_people_s_annotations_stay_with_their_items(tmp_path):
    told = {"name": "d", "kind": "annotations", "folds": 2}
    data = read({**told, "files": [put(tmp_path, "x.jsonl", annotations(9))]})["d"]
    found = labelled(data, 0, None, seed=0)
    table = found.table
    assert found.truth is None
    assert len(table) == 2 * len(table.items)
    for item, label, row in zip(table.item, table.label, table.rows.to_pylist(), strict=True):
        assert table.items.ids[item] == row["item_id"]
        assert table.items.options(item)[label] == row["label"]


def test_a_crowd_follows_from_its_seed(tmp_path):
    path = put(tmp_path, "x.jsonl", questions(40))
    data = read({"name": "d", "kind": "items", "files": [path]})["d"]
    crowd = Crowd(name="c", annotators=5, labels_per_item=2)
    one, same, other = (labelled(data, 0, crowd, seed) for seed in (1, 1, 2))
    assert (one.table.label == same.table.label).all()
    assert not np.array_equal(one.table.annotator, other.table.annotator)
    assert one.truth.shape == (5, 1)
    assert (one.table.labels_per_item == 2).all()


def test_sets_joined_are_tasks_of_one(tmp_path):
    one = {"name": "one", "kind": "items", "task": "first"}
    two = {"name": "two", "kind": "items", "task": "second", "n_train": 2}
    both = {"name": "both", "kind": "together", "of": ["one", "two"]}
    found = read(
        both,
        {**one, "files": [put(tmp_path, "a.jsonl", questions(10))]},
        {**two, "files": [put(tmp_path, "b.jsonl", questions(10))]},
    )
    assert list(found) == ["both", "one", "two"]
    data = found["both"]
    assert data.items.tasks == ("first", "second")
    assert data.splits[0].train.sum() == 8 + 2
    assert labelled(data, 0, Crowd(name="c"), 0).truth.shape == (40, 2)


def test_sets_of_one_task_that_share_items_cannot_be_joined(tmp_path):
    parts = [
        {"name": n, "kind": "items", "files": [put(tmp_path, f"{n}.jsonl", questions(10))]}
        for n in "ab"
    ]
    with pytest.raises(InputError, match="share items of one task"):
        read(*parts, {"name": "both", "kind": "together", "of": ["a", "b"]})


def test_bad_rows_are_left_out_and_counted_where_that_is_asked_for(tmp_path):
    rows = questions(10)
    rows[4]["options"] = ["red", "red"]
    told = {"name": "d", "kind": "items", "files": [put(tmp_path, "x.jsonl", rows)]}
    with pytest.raises(InputError):
        read(told)
    data = read({**told, "leave_out_bad": True})["d"]
    assert (len(data.items), data.n_left_out) == (9, 1)


def test_a_column_can_name_the_tasks(tmp_path):
    rows = [{**row, "about": "ab"[n % 2]} for n, row in enumerate(questions(10))]
    told = {"name": "d", "kind": "items", "files": [put(tmp_path, "x.jsonl", rows)]}
    data = read({**told, "task": {"column": "about"}})["d"]
    assert data.items.tasks == ("a", "b")
    assert [data.items.tasks[t] for t in data.items.task] == ["a", "b"] * 5
    with pytest.raises(UsageError, match="no column 'topic'"):
        read({**told, "task": {"column": "topic"}})


def test_real_questions(tmp_path):
    if "REALM_DATA" not in os.environ:
        pytest.skip("REALM_DATA names no folder of real questions")
    path = Path(os.environ["REALM_DATA"], "qa", "pubmedqa.parquet")
    data = read({"name": "d", "kind": "items", "files": [path], "split": "split"})["d"]
    assert data.splits[0].train.sum() == data.splits[0].test.sum() == 500
