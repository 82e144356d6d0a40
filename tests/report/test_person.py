"""One page on one person, by hand."""

from __future__ import annotations

import json

import pytest
import report_samples as samples
from test_items import labelled

from realm_cli.errors import UsageError
from realm_cli.report.items import Labelled
from realm_cli.report.person import Confusions, annotator_page, page_json, page_table


def page_of(annotator: str):
    """Of somebody who said y where x is sure (task t), and x where both are as likely (task u)."""
    report = samples.label_only()
    one = report.annotators[0].model_copy(update={"annotator_id": annotator})
    report = report.model_copy(
        update={
            "annotators": (one, *report.annotators[1:]),
            "tasks": tuple(
                report.tasks[0].model_copy(update={"task": task, "labels": labels})
                for task, labels in (("t", ("x", "y")), ("u", None))
            ),
        }
    )
    return annotator_page(report, labelled(), annotator)


def test_labels_come_most_surprising_first():
    page = page_of("two")
    assert [(one.task, one.label, one.probability) for one in page.labels] == [
        ("t", "y", 0.0), ("u", "x", 0.5),
    ]  # fmt: skip
    assert [one.item_id for one in page.surprising] == ["a"]
    assert (page.surprising[0].text, page.surprising[0].gold) == ("text of a", "y")


def test_confusions_are_counted_where_items_share_their_labels():
    (found,) = page_of("two").confusions
    assert found == Confusions(task="t", labels=("x", "y"), counts=((0, 1), (0, 0)), left_out=0)
    assert found.slips == [(1, "x", "y")]


def test_half_of_the_others_are_above_the_median():
    page = page_of("two")
    scores = sorted(one.competence for one in samples.label_only().annotators)
    assert page.n_annotators == 10
    assert page.median_competence == pytest.approx((scores[4] + scores[5]) / 2)


def test_rare_labels_are_left_out_of_the_table_and_counted():
    base = labelled()
    names = [f"l{n:02d}" for n in range(20)]
    labels = base.labels.slice(0, 1).to_pylist() * 20
    labels = [
        {**row, "item_id": f"i{n}", "label": name, "options": names, "posterior": [0.05] * 20}
        for n, (row, name) in enumerate(zip(labels, names, strict=True))
    ]
    said = [
        {"item_id": f"i{n}", "task": "t", "annotator_id": "two", "label": name, "text": None}
        for n, name in enumerate(names)
    ]
    report = samples.label_only()
    one = report.annotators[0].model_copy(update={"annotator_id": "two"})
    task = report.tasks[0].model_copy(update={"task": "t", "labels": tuple(names)})
    report = report.model_copy(update={"annotators": (one,), "tasks": (task,)})
    make = type(base.labels).from_pylist
    found = Labelled(make(labels, base.labels.schema), make(said, base.annotations.schema))
    (table,) = annotator_page(report, found, "two").confusions
    assert (len(table.labels), table.left_out, table.slips) == (12, 8, [])


def test_who_is_not_in_the_report_is_asked_back():
    report = samples.label_only()
    with pytest.raises(UsageError, match="no annotator 'w11'") as told:
        annotator_page(report, samples.labelled(report), "w11")
    assert "did you mean 'w1'" in (told.value.hint or "")


def test_the_same_as_json_and_as_rows():
    page = page_of("two")
    found = json.loads(page_json(page))
    assert found["annotator"]["annotator_id"] == "two"
    assert [one["label"] for one in found["labels"]] == ["y", "x"]
    assert page_table(page).to_pylist()[0] == {
        "item_id": "a", "task": "t", "text": "text of a", "label": "y", "probability": 0.0,
        "posterior_label": "x", "gold": "y",
    }  # fmt: skip
