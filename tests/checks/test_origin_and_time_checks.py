"""Answers that are not the annotator's own, gold that is not independent, and odd times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from check_tables import crowd, found, kinds
from tables import row

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def marked(lines: list[int], n_items: int = 12, **what: object) -> list[dict]:
    """The plain crowd, with something said of the rows at some lines."""
    return [{**one, **what} if one["source_line"] in lines else one for one in crowd(n_items)]


def test_answers_edited_by_others():
    (issue,) = found(marked([3, 4, 6, 9], edited=True), "edited-by-others")
    assert issue.message == (
        "4 of 36 annotations were changed by somebody else after the annotator, "
        "most of all with 'bob' (3 of 12)"
    )
    assert (issue.line, issue.count) == (3, 4)


def test_an_annotator_of_one_annotation_is_not_the_example():
    rows = [*marked([3], edited=True), row("i3", "dan", "no", line=50, edited=True)]
    (issue,) = found(rows, "edited-by-others")
    assert "with 'bob' (1 of 12)" in issue.message


def test_nothing_edited():
    assert kinds(marked([3, 4], edited=False)) == []


def test_accepted_pre_labels():
    (issue,) = found(marked([5], origin="pre-label"), "accepted-pre-labels")
    assert issue.message == (
        "1 of 36 annotations was accepted from a pre-label, most of all with 'ann' (1 of 12)"
    )
    assert (issue.line, issue.count) == (5, 1)


def test_answers_made_by_hand():
    assert kinds(marked([5, 6], origin="manual")) == []


def with_gold(n_gold: int, **more: object) -> list[dict]:
    return [
        {**one, "gold": "yes" if int(one["item_id"][1:]) < n_gold else None, **more}
        for one in crowd()
    ]


def test_gold_on_few_items():
    (issue,) = found(with_gold(5), "gold-on-few")
    assert issue.message == (
        "5 of 12 items (42%) have gold: if they are control items, "
        "accuracy on them may not be the accuracy on all"
    )
    assert (issue.place, issue.count) == ("", 5)


def test_gold_on_none_or_on_most():
    assert kinds(with_gold(0)) == kinds(with_gold(6)) == kinds(with_gold(12)) == []


def test_gold_that_is_a_label():
    rows = with_gold(12)
    rows[7]["is_gold"] = True
    (issue,) = found(rows, "gold-is-own-label")
    assert issue.message == (
        "1 annotation is itself its item's gold and does not count as right or wrong"
    )
    assert (issue.line, issue.count) == (9, 1)


def timed(slow: dict[int, float], *, usual: float = 60.0) -> list[dict]:
    """The crowd at work: about a minute each, but for some lines."""
    return [
        {**one, "duration_s": slow.get(one["source_line"], usual + one["source_line"] % 7)}
        for one in crowd()
    ]


def test_idle_times():
    (issue,) = found(timed({9: 3_000.0, 12: 36_000.0}), "idle-times")
    assert issue.message == (
        "2 annotations took more than half an hour and 20 times the median of the task, "
        "up to 10.0 hours by 'bob'"
    )
    assert (issue.line, issue.count) == (9, 2)


def test_slow_is_not_idle():
    assert kinds(timed({9: 1_800.0})) == []
    assert kinds(timed({9: 3_000.0}, usual=300.0)) == []


def test_idle_is_told_by_the_median_of_the_task():
    slow = [{**one, "task": "b", "duration_s": 3_000.0 + n} for n, one in enumerate(crowd())]
    assert found([*timed({}), *slow], "idle-times") == []


def test_one_duration_for_everything():
    rows = timed({})
    rows = [{**one, "duration_s": 30.0} if one["annotator_id"] == "bob" else one for one in rows]
    (issue,) = found(rows, "one-duration")
    assert issue.message == (
        "1 annotator of 3 with 5 items or more took equally long for every annotation, "
        "such as 'bob'"
    )
    assert (issue.line, issue.count) == (3, 1)


def test_durations_that_say_nothing():
    assert kinds(timed(dict.fromkeys(range(99), 0.0))) == []
    assert kinds([{**one, "duration_s": 30.0} for one in crowd(4)]) == []


def submitted(*together: str) -> list[dict]:
    """The crowd at work, minute after minute; some submit everything at once."""
    return [
        {**one, "submitted_at": NOON if one["annotator_id"] in together
         else NOON + timedelta(minutes=n)}
        for n, one in enumerate(crowd())
    ]  # fmt: skip


def test_one_time_of_submission():
    (issue,) = found(submitted("bob", "cleo"), "one-submission-time")
    assert issue.message == (
        "2 annotators of 3 with 5 items or more submitted everything at one time, such as 'bob'"
    )
    assert (issue.line, issue.count) == (3, 2)


def test_times_of_work():
    assert kinds(submitted()) == []


def test_many_questions_about_few_items_are_one_submission():
    rows = [
        {**one, "task": task, "submitted_at": NOON} for one in crowd(4) for task in ("b", "c", "d")
    ]
    assert kinds(rows) == []


def test_unknown_times_are_no_times():
    rows = submitted("bob")
    for one in rows[12:]:  # four of bob's are left
        one["submitted_at"] = None
    assert kinds(rows) == []
