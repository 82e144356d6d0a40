"""Can annotators be compared: who shares items with whom."""

from __future__ import annotations

from check_tables import crowd, found, kinds
from tables import row

from realm_cli.schema import Severity


def groups(*sizes: int) -> list[dict]:
    """Groups of annotators; each has three items of its own, that all of the group label."""
    rows = [
        row(f"g{group}-{item}", f"g{group}w{who}", "yes" if (item + who) % 2 else "no")
        for group, size in enumerate(sizes)
        for item in range(3)
        for who in range(size)
    ]
    return [{**one, "source_line": line} for line, one in enumerate(rows, start=2)]


def test_groups_that_share_no_item():
    (issue,) = found(groups(2, 4, 3), "disconnected-groups")
    assert issue.message == (
        "the annotators fall into 3 groups that share no item, of 4, 3 and 2 annotators; "
        "competence is not comparable between them"
    )
    assert (issue.severity, issue.count) == (Severity.WARNING, 3)
    assert issue.line == 2 + 2 * 3 + 4 * 3  # the second largest begins here


def test_one_shared_item_joins_two_groups():
    rows = groups(2, 4)
    assert found([*rows, row("g1-0", "g0w0", "no", line=99)], "disconnected-groups") == []


def test_groups_are_linked_through_others():
    rows = [*groups(2, 2, 2), row("g1-0", "g0w0", line=98), row("g2-0", "g1w1", line=99)]
    assert found(rows, "disconnected-groups") == []


def test_many_groups_are_not_all_named():
    (issue,) = found(groups(*[2] * 9), "disconnected-groups")
    assert "9 groups that share no item, of 2, 2, 2, 2, 2 and 4 more annotators" in issue.message


def test_one_question_about_an_item_is_not_another():
    rows = [
        row("i", who, "yes" if n % 2 else "no", task=task, line=9)
        for task, people in (("mood", "abc"), ("tone", "def"))
        for n, who in enumerate(people)
    ]
    assert len(found(rows, "disconnected-groups")) == 1


def test_items_with_one_label():
    rows = [*crowd(9), row("x", "ann", "no", line=70), row("y", "bob", "no", line=80)]
    (issue,) = found(rows, "single-label-items")
    assert issue.message == (
        "2 of 11 items (18%) have one label only, so nobody's answer can be compared there"
    )
    assert (issue.line, issue.count) == (70, 2)


def test_a_few_items_with_one_label_are_no_news():
    assert found([*crowd(40), row("x", "ann", "no", line=700)], "single-label-items") == []


def test_without_overlap_nothing_else_is_said_of_it():
    rows = [row(f"i{n}", "ab"[n % 2], "yes" if n % 3 else "no", line=n) for n in range(12)]
    assert kinds(rows) == ["no-overlap"]
