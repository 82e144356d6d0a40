"""Annotators who are not who they seem, or of whom little can be known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from check_tables import crowd, found, kinds
from tables import loaded, row

from realm_cli.annotations import build_table
from realm_cli.checks import check_estimable
from realm_cli.schema import MOST_LISTED, Severity


def test_a_plain_crowd_has_nothing_wrong():
    assert kinds(crowd()) == []


@pytest.mark.parametrize("name", ["None", "null", "nan", "undefined", "Unknown", "ANONYMOUS"])
def test_placeholders_are_no_names(name):
    (issue,) = found(crowd(annotators=("ann", "bob", name)), "placeholder-annotator")
    assert issue.severity is Severity.WARNING
    assert issue.place == "votes.csv:4"
    assert issue.message == (
        f"annotator {name!r} is no name: 12 annotations by whoever gave none "
        "would be judged as one person's"
    )
    assert "--annotator-col" in (issue.hint or "")


@pytest.mark.parametrize("name", ["0", "Nunn", "nana", "na", "Anonymous Bosch", "none2"])
def test_other_names_are_names(name):
    assert kinds(crowd(annotators=("ann", "bob", name))) == []


@pytest.mark.parametrize(
    "name", ["2024-02-06_10-17-19", "mood-2024-02-06_10-17-19", "2024-02-06T10:17:19.5Z"]
)
def test_times_are_sessions(name):
    (issue,) = found(crowd(annotators=("ann", "bob", name)), "timestamp-annotators")
    assert issue.count == 1
    assert issue.message == (
        f"1 annotator id of 3 is a time, such as {name!r}: "
        "every session would be judged as another person"
    )


@pytest.mark.parametrize("name", ["2024-02-06", "ann-2024", "10-17-19", "1707214639"])
def test_other_digits_are_no_sessions(name):
    assert found(crowd(annotators=("ann", "bob", name)), "timestamp-annotators") == []


def test_sessions_are_counted():
    names = [f"2024-02-0{day}_10-17-19" for day in range(1, 5)]
    (issue,) = found(crowd(annotators=names), "timestamp-annotators")
    assert (issue.count, issue.line) == (4, 2)
    assert issue.message.startswith("4 annotator ids of 4 are times, such as '2024-02-01_10-17-19'")


def test_ids_that_differ_in_case_or_spaces():
    rows = crowd(annotators=("Ann Lee", "bob", "ann  lee", "cleo"))
    (issue,) = found([*rows, row("i99", "ann  lee", line=90)], "annotator-variants")
    assert issue.message == (
        "the annotator ids 'ann  lee' (13) and 'Ann Lee' (12) "
        "differ only in case, spaces or Unicode form"
    )
    assert issue.line == 2


def test_many_variants_are_listed_in_part_and_counted():
    names = [name for n in range(25) for name in (f"worker{n}", f"Worker{n}")]
    issues = found(crowd(2, names), "annotator-variants")
    assert len(issues) == MOST_LISTED + 1
    assert sum(issue.count for issue in issues) == 25
    assert issues[-1].count == 5


def test_mails_beside_numbers():
    rows = crowd(annotators=("ann@x.org", "bob@x.org", "17"))
    (issue,) = found(rows, "annotator-kinds-mixed")
    assert issue.message == (
        "2 annotator ids are e-mail addresses and 1 is a number: one person may go by both"
    )
    assert (issue.line, issue.count) == (4, 1)


@pytest.mark.parametrize("names", [("ann@x.org", "bob@x.org"), ("17", "0"), ("17", "w17", "@ann")])
def test_ids_of_one_kind(names):
    assert found(crowd(annotators=names), "annotator-kinds-mixed") == []


def test_annotators_with_one_item():
    rows = [*crowd(), row("i3", "dan", "no", line=50), row("i3", "dan", task="b", line=51)]
    rows.append(row("i4", "eve", "no", line=52))
    (issue,) = found(rows, "annotators-with-one-item")
    assert issue.message == (
        "2 of 5 annotators labelled one item only, such as 'dan'; "
        "next to nothing can be known of their expertise"
    )
    assert (issue.count, issue.line) == (2, 50)


def test_two_items_are_not_one():
    rows = [*crowd(), row("i3", "dan", "no", line=50), row("i4", "dan", "no", line=51)]
    assert found(rows, "annotators-with-one-item") == []


def test_a_few_with_one_item_are_no_news():
    rows = crowd(annotators=[f"w{n}" for n in range(40)])
    assert found([*rows, row("i3", "dan", "no", line=999)], "annotators-with-one-item") == []


def one_class(n_always: int, label: str = "yes") -> list[dict]:
    rows = crowd(60)
    return [*rows, *(row(f"i{n}", "dan", label, line=500 + n) for n in range(n_always))]


def test_one_class_annotators():
    (issue,) = found(one_class(60, "no"), "one-class-annotator")
    assert issue.message == (
        "annotator 'dan' gives the label 'no' in all 60 answers to task 'label', "
        "where it makes up 50% of all labels"
    )
    assert (issue.line, issue.severity) == (500, Severity.WARNING)


def test_one_class_needs_labels_enough_to_be_no_chance():
    assert found(one_class(9, "no"), "one-class-annotator") == []
    assert found(one_class(10, "no"), "one-class-annotator") != []


def test_one_class_is_no_news_where_almost_all_labels_are_it():
    rows = [{**one, "label": "no" if one["item_id"] == "i0" else "yes"} for one in crowd(60)]
    rows += [row(f"i{n}", "dan", "yes", line=500 + n) for n in range(20)]
    assert found(rows, "one-class-annotator") == []


def test_other_answers_are_not_one_class():
    rows = one_class(60, "no")
    rows[-1]["label"] = "yes"
    assert found(rows, "one-class-annotator") == []


def test_one_class_is_told_of_each_task():
    rows = [{**one, "task": task} for one in one_class(60, "no") for task in ("mood", "tone")]
    for one in rows:
        if one["annotator_id"] == "dan" and one["task"] == "mood":
            one["label"] = "no" if int(one["item_id"][1:]) % 2 else "yes"
    (issue,) = found(rows, "one-class-annotator")
    assert "task 'tone'" in issue.message


def by_file(*names: str):
    files = [
        loaded([row(f"i{n}", name, "yes" if n % 2 else "no", line=n, source_file=f"{k}.json")
                for n in range(k * 3, k * 3 + 6)])
        for k, name in enumerate(names)
    ]  # fmt: skip
    return build_table(files)[0]


def test_one_id_in_every_file_may_be_one_annotator_a_file():
    (error, *_) = check_estimable(by_file("1", "1", "1"))
    assert (error.code, error.severity) == ("one-annotator", Severity.ERROR)
    assert error.message == (
        "all 12 labels in 3 files are by one annotator, '1'; "
        "expertise shows only where annotators can be compared"
    )
    assert error.hint == (
        "if each file is by another, use --annotator-from filename, "
        "or name the right column with --annotator-col"
    )


def test_files_of_several_annotators_need_no_hint():
    assert "one-annotator" not in {one.code for one in check_estimable(by_file("1", "2", "1"))}


def test_a_table_without_a_row_has_no_problems():
    table = by_file("1", "2")
    empty = replace(
        table, rows=table.rows.slice(0, 0), annotators=(),
        item=table.item[:0], annotator=table.annotator[:0], label=table.label[:0],
    )  # fmt: skip
    assert check_estimable(empty) == []
