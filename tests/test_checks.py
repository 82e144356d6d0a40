"""Every problem of a whole table, found once and told so that it can be mended."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tables import items_of, loaded, row, table_of

from realm_cli.annotations import build_table
from realm_cli.checks import check_estimable, check_trainable
from realm_cli.schema import Severity

BOTH = pytest.mark.parametrize("check", [check_estimable, check_trainable])


@BOTH
def test_nothing_wrong(check):
    assert check(table_of([(0, 0, 0), (0, 1, 1)], items_of([2]))) == []


@BOTH
def test_one_annotator(check):
    table = table_of([(0, 0, 0), (0, 0, 1), (1, 0, 0)], items_of([2, 2]))
    (issue,) = check(table)
    assert (issue.code, issue.severity) == ("one-annotator", Severity.ERROR)
    assert "all 3 labels are by one annotator, 'a000'" in issue.message
    assert "--annotator-col" in (issue.hint or "")


@BOTH
def test_one_label_is_told_once_a_task(check):
    rows = [
        row(item, annotator, label, task=task)
        for task, labels in (("mood", "gg"), ("topic", "xy"), ("tone", "ff"))
        for item in "12"
        for annotator, label in zip("ab", labels, strict=True)
    ]
    table, _ = build_table([loaded(rows)])
    issues = check(table)
    assert [(one.code, one.severity) for one in issues] == [("one-label", Severity.ERROR)] * 2
    assert ["'mood'" in one.message and "'g'" in one.message for one in issues] == [True, False]
    assert "'tone'" in issues[1].message
    assert "--options-col" in (issues[0].hint or "")


@BOTH
def test_no_overlap_is_a_warning(check):
    (issue,) = check(table_of([(0, 0, 0), (1, 1, 1)], items_of([2, 2])))
    assert (issue.code, issue.severity) == ("no-overlap", Severity.WARNING)


def test_every_item_without_text_is_told_with_its_first_place():
    rows = [
        row("1", "a", "no", line=2),
        row("2", "a", line=3, text=None),
        row("2", "b", line=4, text=None),
        row("3", "b", line=5, text=None),
        row("1", "b", line=6),
        row("3", "a", line=7, text=None),
    ]
    table, _ = build_table([loaded(rows)])
    assert check_estimable(table) == []
    issues = check_trainable(table)
    assert [(one.code, one.severity, one.place) for one in issues] == [
        ("item-without-text", Severity.ERROR, "votes.csv:3"),
        ("item-without-text", Severity.ERROR, "votes.csv:5"),
    ]
    assert "'2'" in issues[0].message
    assert "--text-col" in (issues[0].hint or "")


def test_several_problems_are_all_told():
    table = table_of([(0, 0, 0)], items_of([1]))
    table = replace(table, items=replace(table.items, texts=(None,)))
    codes = [one.code for one in check_trainable(table)]
    assert codes == ["item-without-text", "one-annotator", "one-label", "no-overlap"]
