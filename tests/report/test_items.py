"""Doubtful items by hand: entropy, order, who disagreed."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
import report_samples as samples
from hypothesis import given
from hypothesis import strategies as st

from realm_cli.report.items import Answer, Labelled, entropy, items_json, items_view


def labelled() -> Labelled:
    """Item `a` is sure, `b` is torn between four; the id `a` occurs in two tasks."""
    labels = pa.Table.from_pylist(
        [
            {"item_id": "a", "task": "t", "label": "x", "probability": 1.0, "posterior": [1.0, 0.0],
             "options": ["x", "y"], "n_annotations": 2, "majority_label": None, "gold": "y"},
            {"item_id": "a", "task": "u", "label": "x", "probability": 0.5, "posterior": [0.5, 0.5],
             "options": ["x", "y"], "n_annotations": 1, "majority_label": "x", "gold": None},
            {"item_id": "b", "task": "t", "label": "p", "probability": 0.25,
             "posterior": [0.25] * 4, "options": ["p", "q", "r", "s"], "n_annotations": 0,
             "majority_label": None, "gold": None},
        ]
    )  # fmt: skip
    rows = [
        ("a", "t", "one", "x", None),
        ("a", "t", "two", "y", "text of a"),
        ("a", "u", "two", "x", None),
    ]
    names = ("item_id", "task", "annotator_id", "label", "text")
    annotations = pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows])
    return Labelled(labels, annotations)


def test_items_by_hand():
    torn, half, sure = items_view(labelled()).first(None)
    assert [(one.task, one.item_id) for one in (torn, half, sure)] == [
        ("t", "b"), ("u", "a"), ("t", "a"),
    ]  # fmt: skip
    assert [one.entropy for one in (torn, half, sure)] == pytest.approx([2, 1, 0])
    assert sure.dissent == (Answer("two", "y"),)
    assert half.dissent == torn.dissent == ()
    assert (sure.text, half.text, sure.gold) == ("text of a", None, "y")


def test_how_many_are_unsettled():
    view = items_view(labelled())
    assert (len(view), view.n_unsettled, len(view.first(1))) == (3, 2, 1)


@given(st.lists(st.lists(st.floats(0.01, 1), min_size=1, max_size=6), min_size=1, max_size=5))
def test_entropy_lies_between_none_and_that_of_guesses(weights):
    posteriors = [(np.array(row) / sum(row)).tolist() for row in weights]
    found = entropy(pa.chunked_array([pa.array(posteriors)]))
    for bits, row in zip(found, posteriors, strict=True):
        assert -1e-12 <= bits <= np.log2(len(row)) + 1e-9


def test_json_holds_every_item_and_harms_nobody():
    view = items_view(samples.labelled(samples.hostile()))
    text = items_json(view)
    assert not [char for char in text if not char.isprintable() and char != "\n"]
    found = json.loads(text)["items"]
    assert len(found) == len(view)
    assert found[0]["dissent"] == view.table["dissent"][0].as_py()


def test_no_items_are_no_rows():
    nothing = Labelled(labelled().labels.slice(0, 0), labelled().annotations.slice(0, 0))
    assert items_view(nothing).first(None) == []
