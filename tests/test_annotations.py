"""From rows to the table: codes, keys of items, option sets, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import items_of, loaded, row, table_of

from realm_cli.annotations import NO_GOLD, build_table
from realm_cli.choices import Duplicates
from realm_cli.errors import InputError
from realm_cli.schema import Scale, Severity, Status


def built(*rows):
    table, issues = build_table([loaded(rows)])
    assert issues == []
    return table


def refused(*rows):
    with pytest.raises(InputError) as caught:
        build_table([loaded(rows)])
    assert caught.value.exit_code == 3
    return [
        (issue.code, issue.severity, issue.place, issue.message) for issue in caught.value.issues
    ]


def test_codes_by_hand():
    table = built(
        row("q2", "zoe", "no"), row("q1", "bob", "yes"), row("q2", "bob", "maybe"), row("q1", "zoe")
    )
    assert len(table) == 4
    assert table.items.ids == ("q2", "q1")  # as they first appear
    assert table.annotators == ("bob", "zoe")  # sorted
    assert table.items.options(0) == ("maybe", "no", "yes")
    assert table.item.tolist() == [0, 1, 0, 1]
    assert table.annotator.tolist() == [1, 0, 0, 1]
    assert table.label.tolist() == [1, 2, 0, 2]
    assert table.task.tolist() == [0, 0, 0, 0]
    assert table.labels_per_item.tolist() == [2, 2]
    assert table.items.texts == ("text of q2", "text of q1")


def test_an_id_in_two_tasks_is_two_items():
    table = built(
        row("1", label="b", task="topic"),
        row("1", label="good", task="mood", text="another text"),
        row("1", "b", "a", task="topic"),
    )
    assert table.items.tasks == ("mood", "topic")
    assert table.items.ids == ("1", "1")
    assert table.items.task.tolist() == [1, 0]
    assert table.item.tolist() == [0, 1, 0]
    assert table.task.tolist() == [1, 0, 1]
    assert [table.items.options(i) for i in (0, 1)] == [("a", "b"), ("good",)]


def test_options_are_what_a_task_has_seen_where_none_are_given():
    table = built(
        row("1", label="no", gold="yes"),
        row("2", label="perhaps"),
        row("3", label="x", task="other", options=["z", "x"], gold="z"),
        row("4", label="y", task="other", options=["y", "x", "z"]),
    )
    assert table.items.options(0) == table.items.options(1) == ("no", "perhaps", "yes")
    assert table.items.options(2) == ("z", "x")  # as given, not sorted
    assert table.items.n_options.tolist() == [3, 3, 2, 3]
    assert table.items.gold.tolist() == [2, NO_GOLD, 0, NO_GOLD]
    assert table.items.has_option.tolist() == [
        [True] * 3,
        [True] * 3,
        [True, True, False],
        [True] * 3,
    ]
    assert table.label.tolist() == [0, 1, 1, 0]


def test_files_are_joined():
    first, second = loaded([row("1", "a", "no")]), loaded([row("1", "b"), row("2", "b")])
    table, issues = build_table([first, second])
    assert issues == []
    assert table.item.tolist() == [0, 0, 1]
    assert table.items.options(1) == ("no", "yes")
    assert table.rows["annotator_id"].to_pylist() == ["a", "b", "b"]


def test_one_item_with_two_texts_is_refused_once_with_both_places():
    found = refused(
        row("7", "a", line=2),
        row("8", "a", line=3),
        row("7", "b", line=4, text="changed"),
        row("7", "c", line=5, text="changed again"),
    )
    assert found == [
        (
            "item-with-two-texts",
            Severity.ERROR,
            "votes.csv:4",
            "item '7' has another text here than at votes.csv:2",
        )
    ]


def test_one_item_with_two_option_lists_is_refused():
    found = refused(
        row("7", "a", options=["yes", "no"], line=2),
        row("7", "b", options=["yes", "perhaps"], line=3),
    )
    assert [one[0] for one in found] == ["item-with-two-option-lists"]
    assert found[0][2:] == ("votes.csv:3", "item '7' has other options here than at votes.csv:2")


def test_a_label_outside_the_options_is_refused_wherever_it_is():
    options = ["yes", "no"]
    found = refused(
        row("1", "a", "maybe", options=options, line=2),
        row("1", "b", "yes", options=options, line=3),
        row("2", "a", "later", options=options, line=4),
    )
    assert [(one[0], one[2]) for one in found] == [
        ("label-outside-options", "votes.csv:2"),
        ("label-outside-options", "votes.csv:4"),
    ]
    assert found[0][3] == "the label 'maybe' is not among the options of item '1'"


def test_contested_gold_is_dropped_with_a_warning():
    table, issues = build_table(
        [
            loaded(
                [
                    row("1", "a", gold="yes", line=2),
                    row("1", "b", gold="no", line=3),
                    row("1", "c", gold="yes", line=4),
                    row("2", "a", gold="no", line=5),
                    row("2", "b", line=6),
                ]
            )
        ]
    )
    assert table.items.gold.tolist() == [NO_GOLD, 0]
    assert [(one.code, one.severity, one.place) for one in issues] == [
        ("item-with-two-gold-labels", Severity.WARNING, "votes.csv:3")
    ]


@pytest.mark.parametrize("status", [one.value for one in Status if one is not Status.OK] + [None])
def test_only_answers_count(status):
    table = built(row("1"), row("1", "b", None, status=status), row("2", "c", status=status))
    assert len(table) == 1
    assert table.items.ids == ("1",)
    assert table.annotators == ("a",)


def test_nothing_left_says_what_was_left_out():
    files = [
        loaded([row(status="skipped")], skipped=1, rejected=2),
        loaded([row(status="skipped")], skipped=1),
    ]
    with pytest.raises(InputError, match="no usable annotation is left") as caught:
        build_table(files)
    assert caught.value.hint == "left out: 2 rejected, 2 skipped"
    with pytest.raises(InputError) as caught:
        build_table([loaded([])])
    assert caught.value.hint == "the files hold no annotations"


def test_some_items_only():
    items = items_of([2, 3, 2], task=[0, 1, 1], gold=[1, 2, 0])
    chosen = items.only(np.array([True, False, True]))
    assert chosen.ids == ("i0", "i2")
    assert chosen.texts == ("text 0", "text 2")
    assert chosen.tasks == ("t0", "t1")
    assert chosen.task.tolist() == [0, 1]
    assert chosen.gold.tolist() == [1, 0]
    assert [chosen.options(i) for i in range(2)] == [("L0", "L1")] * 2


def test_items_without_labels_are_counted_as_such():
    assert table_of([(2, 0, 0)], items_of([2, 2, 2, 2])).labels_per_item.tolist() == [0, 0, 1, 0]


answers = st.tuples(
    st.sampled_from("12345"), st.sampled_from("abc"), st.sampled_from("xyz"), st.sampled_from("tu")
)


def asked(vote):
    """What an answer is to: it can be given once."""
    item, annotator, _, task = vote
    return item, annotator, task


once = st.lists(answers, min_size=1, max_size=20, unique_by=asked)


@given(votes=once)
@settings(deadline=None)
def test_codes_lead_back_to_the_rows(votes):
    table = built(*(row(i, a, y, task=t, gold=None) for i, a, y, t in votes))
    for n, (i, a, y, t) in enumerate(votes):
        item = table.item[n]
        assert table.items.ids[item] == i
        assert table.items.tasks[table.task[n]] == t
        assert table.annotators[table.annotator[n]] == a
        assert table.items.options(item)[table.label[n]] == y
    assert len(table.items) == len({(t, i) for i, _, _, t in votes})
    assert table.labels_per_item.sum() == len(votes)


def test_options_in_another_order_are_the_same_options():
    table = built(row("1", "x", "a", options=["a", "b"]), row("1", "y", "b", options=["b", "a"]))
    assert table.items.option_sets == (("a", "b"),)
    assert table.label.tolist() == [0, 1]


def test_a_text_that_only_one_row_gives_is_the_items_text():
    table = built(row("1", "x", "a", text=None), row("1", "y", "b", text="t"))
    assert table.items.texts == ("t",)


TWICE = [
    row("1", "a", "x", line=2),
    row("1", "b", "y", line=3),
    row("1", "a", "y", line=4),
    row("1", "a", "z", line=5),
    row("1", "a", "x", line=6, task="other"),
]


@pytest.mark.parametrize(
    ("which", "lines"),
    [
        (Duplicates.LAST, [3, 5, 6]),
        (Duplicates.FIRST, [2, 3, 6]),
        (Duplicates.ALL, [2, 3, 4, 5, 6]),
    ],
)
def test_of_repeated_answers_one_counts_and_all_are_counted(which, lines):
    table, (issue,) = build_table([loaded(TWICE)], which)
    assert table.rows["source_line"].to_pylist() == lines
    assert (issue.code, issue.count, issue.line) == ("repeated-answers", 2, 4)
    assert issue.message.startswith("2 answers repeat a question")


def test_repeated_answers_can_be_an_error():
    with pytest.raises(InputError) as caught:
        build_table([loaded(TWICE)], Duplicates.ERROR)
    places = [(issue.place, issue.message) for issue in caught.value.issues]
    assert places == [
        ("votes.csv:4", "annotator 'a' answers for item '1' again"),
        ("votes.csv:5", "annotator 'a' answers for item '1' again"),
    ]


def test_the_last_answer_is_told_by_time_where_all_have_one():
    late, early = datetime(2026, 5, 2, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
    rows = [row("1", "a", "x", submitted_at=late), row("1", "a", "y", submitted_at=early)]
    table, _ = build_table([loaded(rows)])
    assert table.rows["label"].to_pylist() == ["x"]
    table, _ = build_table([loaded(rows)], Duplicates.FIRST)
    assert table.rows["label"].to_pylist() == ["y"]


def test_numbers_are_options_in_the_order_of_their_values():
    table = built(*(row(str(n), "a", label) for n, label in enumerate(["10", "9", "-1", "n/a"])))
    assert table.items.options(0) == ("-1", "9", "10", "n/a")


def test_scales_come_from_the_rows():
    table = built(row("1", "a", "2", scale="ordinal"), row("1", "a", "x", task="other"))
    assert table.items.tasks == ("label", "other")
    assert table.items.scales == (Scale.ORDINAL, Scale.NOMINAL)
