"""Which column is found for which role, and what is said where none or several are."""

from __future__ import annotations

from pathlib import Path

import pytest

from realm_cli.config import Columns
from realm_cli.errors import UsageError
from realm_cli.loaders.columns import (
    ALL_ROLES,
    NAMES,
    find_columns,
    find_item_columns,
    flag,
    fold,
    listed,
    number_repeats,
    other_fields,
)
from realm_cli.schema import CANONICAL_SCHEMA

FOUND = [
    ("item_id task annotator_id label text options gold", "item_id task annotator_id label"),
    ("Item ID,Task,Annotator Id,LABEL".replace(",", " ").replace("Item ID", "ItemID"), ""),
    ("!amt_worker_ids orig_id response gold task", "orig_id task !amt_worker_ids response"),
    ("_unit_id _worker_id sentence judgment", "_unit_id None _worker_id judgment"),
    ("id user annotation", "id None user annotation"),
    ("item_id id task_id worker worker_id label answer", "item_id None worker_id label"),
]


@pytest.mark.parametrize(("names", "expected"), FOUND)
def test_columns_are_found_by_the_names_people_use(names, expected):
    found = find_columns(names.split(), Columns(), ALL_ROLES, file="f")
    assert found.issues == []
    shown = [str(found.column.get(role)) for role in ("item", "task", "annotator", "label")]
    if expected:
        assert shown == expected.split()
    else:
        assert "None" not in " ".join(map(str, (found.column["item"], found.column["label"])))


def test_our_own_names_win_over_all_others():
    names = [*CANONICAL_SCHEMA.names, "Label", "worker", "id", "Text", "gold_label", "choices"]
    found = find_columns(names, Columns(), ALL_ROLES, file="f")
    assert found.issues == []
    assert found.names == {name: name for name in found.names}


def test_case_spaces_and_punctuation_do_not_matter():
    assert fold("Item ID") == fold("item_id") == fold("ItemId") == fold("_item-id") == "itemid"


def test_a_flag_wins_over_the_names():
    found = find_columns(["label", "final"], Columns(label="final"), ["label"], file="f")
    assert found.column == {"label": "final"}


def test_two_columns_of_equal_rank_are_not_chosen_between():
    found = find_columns(["answer", "response", "id"], Columns(), ["label"], file="f.csv")
    (issue,) = found.issues
    assert issue.message == "ambiguous: answer, response could each hold the label"
    assert issue.hint == "choose one with --label-col, for instance --label-col answer"


def test_a_repeated_name_is_ambiguous_and_can_be_chosen():
    names = number_repeats(["workerid", "label", "workerid", ""])
    assert names == ("workerid", "label", "workerid (2)", "")
    assert find_columns(names, Columns(), ["annotator"], file="f").issues
    chosen = find_columns(names, Columns(annotator="workerid (2)"), ["annotator"], file="f")
    assert chosen.column == {"annotator": "workerid (2)"}


def test_an_unknown_column_lists_the_columns_and_the_closest(write, refusal):
    (issue,) = refusal(write("item,worker,judgement\n1,a,x\n"), label="judgment")
    assert issue.message == (
        "there is no column 'judgment'; the columns are: item, worker, judgement"
    )
    assert issue.hint == "did you mean --label-col judgement?"


def test_a_file_without_annotators_is_refused(write, refusal):
    (issue,) = refusal(write("item,label,coder initials\n1,x,ab\n"))
    assert issue.message == (
        "no column says who gave the label; expertise needs annotator ids; "
        "the columns are: item, label, coder initials"
    )
    assert issue.hint == "name it with --annotator-col NAME"


def test_everything_that_is_missing_is_said_at_once(write, refusal):
    issues = refusal(write("a,b\n1,x\n"))
    assert [issue.code for issue in issues] == [
        "no-column:annotator",
        "no-column:label",
        "no-column:item",
    ]


def test_very_many_columns_are_cut_short():
    assert listed([f"c{i}" for i in range(40)]).endswith("c29 and 10 more")
    assert listed([]) == "there are no columns"


def test_no_field_passes_for_one_of_ours():
    names = ["label", "final", "status", "field_label", "note", ""]
    assert other_fields(names, ["final"]) == {
        "label": "field_label",
        "status": "field_status",
        "field_label": "field_field_label",
        "note": "note",
    }


def test_flags_that_a_vendors_export_cannot_follow():
    with pytest.raises(UsageError, match="--task-col does not go with this format"):
        find_item_columns(["a"], Columns(task="a"), n_questions=1, file="f")
    with pytest.raises(UsageError, match="--gold-col is about one question, and f asks 2"):
        find_item_columns(["a"], Columns(gold="a"), n_questions=2, file="f")


@pytest.mark.parametrize(
    ("content", "items", "tasks"),
    [
        pytest.param(
            "task,worker,label\nt1,a,x\nt2,a,y\n", ["t1", "t2"], ["label", "label"], id="items"
        ),
        pytest.param(
            "task,worker,label,text\nt1,a,x,A\nt1,b,x,A\n",
            ["t1", "t1"],
            ["label", "label"],
            id="items with a text",
        ),
        pytest.param(
            "id,task,worker,label\n1,rte,a,x\n2,rte,a,y\n",
            ["1", "2"],
            ["rte", "rte"],
            id="a category beside an id",
        ),
    ],
)
def test_a_column_called_task_may_name_items_or_questions(write, rows, content, items, tasks):
    table = rows(write(content))
    assert [row["item_id"] for row in table] == items
    assert [row["task"] for row in table] == tasks


def test_a_task_with_many_texts_is_a_category(write, rows):
    table = rows(write("task,worker,label,text\nrte,a,x,A\nrte,a,x,B\n"))
    assert [row["task"] for row in table] == ["rte", "rte"]
    assert len({row["item_id"] for row in table}) == 2


def test_items_without_an_id_get_a_stable_one_from_their_content(write, rows):
    content = "text,options,worker,label\nA,x|y,a,x\nA,x|y,b,y\nA,x|z,a,x\n"
    ids = [row["item_id"] for row in rows(write(content))]
    assert ids[0] == ids[1] == "cbe5443e4d717095"
    assert ids[2] != ids[0]


@pytest.mark.parametrize("role", ALL_ROLES)
def test_the_names_are_documented_in_their_order(role):
    page = Path(__file__).parent.parent.parent / "docs" / "formats.md"
    names = ", ".join(" / ".join(rank) for rank in NAMES[role])
    line = f"| {role} | `{flag(role)}` | {names} |"
    assert line in page.read_text(encoding="utf-8").splitlines()
