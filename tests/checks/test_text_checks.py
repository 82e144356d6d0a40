"""Texts that are missing, repeated, or both trained on and held out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from check_tables import built, crowd, found
from tables import items_of

from realm_cli.checks import check_estimable, check_overlap, check_trainable
from realm_cli.schema import MOST_LISTED, Severity


def test_where_no_item_has_a_text_that_is_one_problem():
    table = built([{**one, "text": None} for one in crowd()])
    assert check_estimable(table) == []
    (issue,) = check_trainable(table)
    assert issue.message == (
        "no item has a text: labels can be judged (realm report), "
        "but no model can be trained on them"
    )
    assert (issue.code, issue.severity, issue.count) == ("item-without-text", Severity.ERROR, 12)
    assert issue.hint == "name the column of texts with --text-col"


def test_most_missing_texts_are_counted():
    rows = [{**one, "text": None} if one["item_id"] != "i0" else one for one in crowd(60)]
    issues = found(rows, "item-without-text")
    assert len(issues) == MOST_LISTED + 1
    assert [issue.line for issue in issues[:2]] == [5, 8]
    assert issues[0].message == "item 'i1' has no text to train on"
    assert issues[-1].count == 59 - MOST_LISTED
    assert "more of the same kind" in issues[-1].message


def same_text(*items: str, **more: object) -> list[dict]:
    rows = crowd()
    return [{**one, "text": "hello", **more} if one["item_id"] in items else one for one in rows]


def test_a_text_under_several_ids():
    (issue,) = found(same_text("i2", "i5", "i6", "i7"), "repeated-text")
    assert issue.message == (
        "1 text stands under several item ids, 4 items in all, "
        "such as 'i2', 'i5', 'i6' and 1 more; their labels are not counted together"
    )
    assert (issue.count, issue.line) == (4, 17)


def test_texts_of_two_tasks_are_no_repetition():
    rows = crowd()
    other = [{**one, "task": "b", "item_id": f"b{one['item_id']}"} for one in rows]
    assert found([*rows, *other], "repeated-text") == []


def test_other_options_make_another_question():
    rows = same_text("i2", "i5")
    for one in rows:
        one["options"] = ["yes", "no", "maybe"] if one["item_id"] == "i2" else ["yes", "no"]
    assert found(rows, "repeated-text") == []


def test_items_without_text_do_not_repeat_one_another():
    rows = crowd()
    rows = [
        {**one, "text": None if one["item_id"] in ("i2", "i5") else one["text"]} for one in rows
    ]
    assert found(rows, "repeated-text") == []


def halves(rows: list[dict], *test: str) -> list[str]:
    return ["test" if one["item_id"] in test else "train" for one in rows]


def test_a_text_in_two_splits():
    rows = same_text("i2", "i5")
    for one in rows:
        if one["item_id"] == "i5":
            one["text"] = "  HeLLo\n"
    (issue,) = found(rows, "split-overlap", split=halves(rows, "i5", "i9"))
    assert issue.message == (
        "1 text stands in more than one split ('test' and 'train'), so that "
        "a test on one is no test of what was learned on another"
    )
    assert (issue.line, issue.count) == (17, 1)


def test_an_item_in_two_splits():
    rows = crowd()
    split = ["test" if n in (10, 20) else "train" for n in range(len(rows))]
    (issue,) = found(rows, "split-overlap", split=split)
    assert (issue.count, issue.line) == (2, 12)
    assert issue.message.startswith("2 texts stand in more than one split")


@pytest.mark.parametrize("test", [("i5", "i9"), ()])
def test_splits_apart(test):
    rows = crowd()
    assert found(rows, "split-overlap", split=halves(rows, *test)) == []


def test_rows_without_a_split_are_in_none():
    rows = crowd()
    split = [None if n % 2 else "train" for n in range(len(rows))]
    assert found(rows, "split-overlap", split=split) == []


def test_splits_do_not_matter_to_a_judgement():
    rows = crowd()
    table = built(rows, split=["train", "test"] * (len(rows) // 2))
    assert check_estimable(table) == []
    assert [one.code for one in check_trainable(table)] == ["split-overlap"]


def heldout(*texts: str | None):
    return replace(items_of([2] * len(texts)), texts=texts)


def test_held_out_texts_that_are_trained_on():
    (issue,) = check_overlap(
        built(crowd()), heldout("new", "TEXT of\u00a0 i4 ", None, "text of i3", "text of i3")
    )
    assert issue.message == (
        "3 of 5 held-out items have texts that are trained on too, "
        "so that they are no test of the model"
    )
    assert (issue.code, issue.severity) == ("train-test-overlap", Severity.WARNING)
    assert (issue.line, issue.count) == (11, 3)


@pytest.mark.parametrize("texts", [("new", "text of"), (None,)])
def test_held_out_texts_that_are_new(texts):
    rows = crowd()
    rows = [{**one, "text": None} if one["item_id"] == "i0" else one for one in rows]
    assert check_overlap(built(rows), heldout(*texts)) == []
