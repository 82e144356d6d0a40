"""Labels that are one label in several spellings, and tasks whose labels are no choice."""

from __future__ import annotations

import pytest
from check_tables import crowd, found
from hypothesis import given
from hypothesis import strategies as st
from tables import row

from realm_cli.checks.labels import bare, look_alike
from realm_cli.schema import MOST_LISTED


def respelt(**by_line: str) -> list[dict]:
    """The plain crowd, with some labels written otherwise: `L4="Yes"`."""
    rows = crowd()
    for line, label in by_line.items():
        rows[int(line[1:]) - 2]["label"] = label
    return rows


def test_variants_are_named_with_their_counts():
    rows = respelt(L3="Yes", L4="YES", L6="Yes")
    (issue,) = found(rows, "label-variants")
    assert issue.message == (
        "in task 'label' the labels 'yes' (21), 'Yes' (2) and 'YES' (1) "
        "differ only in case, spaces or Unicode form"
    )
    assert (issue.place, issue.count) == ("votes.csv:3", 1)
    assert issue.hint == "if they mean the same, count them as one with --normalize-labels"


@pytest.mark.parametrize("label", ["yes\u200b", "ｙｅｓ", "\ufeffyes", "Y\u00adES"])
def test_variants_of_unicode(label):
    (issue,) = found(respelt(L3=label), "label-variants")
    assert "(1)" in issue.message
    assert issue.line == 3


def test_variants_that_look_the_same_are_told_apart():
    rows = [{**one, "label": "é" if one["label"] == "yes" else "b"} for one in crowd()]
    rows[1]["label"] = "e\u0301"
    (issue,) = found(rows, "label-variants")
    assert "'\\xe9' (23) and 'e\\u0301' (1)" in issue.message


def test_variants_of_two_tasks_are_no_variants():
    rows = [*crowd(), *({**one, "task": "b", "label": one["label"].upper()} for one in crowd())]
    assert found(rows, "label-variants") == []


def test_spaces_within_a_label():
    rows = [{**one, "label": f"so {one['label']}"} for one in crowd()]
    rows[4]["label"] = "so  yes"
    (issue,) = found(rows, "label-variants")
    assert issue.line == 6


def test_labels_that_the_file_lists_are_meant():
    rows = [{**one, "options": ["yes", "no", "Yes"]} for one in respelt(L3="Yes")]
    assert found(rows, "label-variants") == []


def test_many_variants_are_counted():
    rows = [
        row(f"i{n}", "ann" if form.islower() else "bob", form, line=n + 2)
        for n in range(30)
        for form in (f"label{n:c<4}x", f"LABEL{n:c<4}X")
    ]
    issues = found(rows, "label-variants")
    assert len(issues) == MOST_LISTED + 1
    assert issues[-1].count == 10


def moods(**slips: int) -> list[dict]:
    """Forty labels of each of two moods, and some slips."""
    names = ["positive"] * 40 + ["negative"] * 40
    names += [name.replace("_", " ") for name, n in slips.items() for _ in range(n)]
    return [row(f"i{n // 2}", "ab"[n % 2], name, line=n + 2) for n, name in enumerate(names)]


@pytest.mark.parametrize("slip", ["positve", "positivee", "pozitive"])
def test_a_slip_is_told(slip):
    (issue,) = found(moods(**{slip: 2}), "similar-labels")
    assert issue.message == (
        f"in task 'label' the label {slip!r} (2) looks like a slip for 'positive' (40)"
    )
    assert issue.line == 82


@pytest.mark.parametrize("other", ["neutral", "nonpositive", "pos", "mixed"])
def test_other_labels_are_no_slips(other):
    assert found(moods(**{other: 2}), "similar-labels") == []


def test_a_label_that_is_used_much_is_no_slip():
    assert found(moods(positve=9), "similar-labels") == []


def test_variants_are_not_told_again_as_slips():
    assert found(moods(Positive=2), "similar-labels") == []


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("entailed", "entailled", True),
        ("entailed", "entailedd", True),
        ("the same thing twice", "the same thing twcie", True),
        ("entailed", "not entailed", False),
        ("grade 1", "grade 2", False),
        ("grade i", "grade ii", False),
        ("type a", "type b", False),
        ("north-east", "south-west", False),
        ("male", "mal", False),
        ("apple", "apple", False),
        ("appropriate", "inappropriate", False),
        ("label10", "label11", False),
    ],
)
def test_what_looks_alike(one, other, alike):
    assert look_alike(one, other) is alike
    assert look_alike(other, one) is alike


@given(st.text(max_size=12), st.text(max_size=12))
def test_any_labels_can_be_compared(one, other):
    assert look_alike(one, other) == look_alike(other, one)
    assert bare(bare(one)) == bare(one)


def free(n: int, **more: object) -> list[dict]:
    """As many different labels as items, by two annotators who never agree."""
    return [
        row(f"i{i}", who, f"{who} says {i * i:b}", line=2 * i + n + 2, **more)
        for i in range(n)
        for n, who in enumerate("ab")
    ]


def test_free_text_is_no_choice():
    (issue,) = found(free(15), "too-many-labels")
    assert issue.message == (
        "task 'label' has 30 different labels in 30 annotations: that is free text, not a choice"
    )
    assert issue.line == 2
    assert "--label-col" in (issue.hint or "")


def test_few_labels_are_a_choice_however_few_annotations():
    assert found(free(10), "too-many-labels") == []


def test_labels_that_come_again_are_a_choice():
    rows = [row(f"i{n}", who, str(n % 25), line=n) for n in range(50) for who in "ab"]
    assert found(rows, "too-many-labels") == []


def test_options_that_differ_from_item_to_item_are_a_choice():
    rows = [{**one, "options": [f"a says {n // 2 * (n // 2):b}", f"b says {n // 2 * (n // 2):b}"]}
            for n, one in enumerate(free(15))]  # fmt: skip
    assert found(rows, "too-many-labels") == []
