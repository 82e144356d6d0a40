"""labels.parquet and annotators.parquet: columns, types, ties, a row for each cell."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import report_samples as samples
from tables import items_of, table_of

from realm_cli.annotations import NO_GOLD
from realm_cli.report.tables import annotators_table, label_columns, labels_table


def made() -> pa.Table:
    """Item 0: K = 2, votes 0, 0, 1. Item 1: K = 3, votes 1 and 2. Item 2: K = 2, one vote."""
    items = items_of([2, 3, 2], task=[0, 1, 1], gold=[1, NO_GOLD, 0])
    table = table_of([(0, 0, 0), (0, 1, 0), (0, 2, 1), (1, 0, 1), (1, 1, 2), (2, 2, 1)], items)
    q = np.array([[0.25, 0.75, 0], [0.1, 0.2, 0.7], [0.5, 0.5, 0]])
    with np.errstate(divide="ignore"):
        return labels_table(table, np.log(q))


def test_the_columns_are_those_of_the_contract():
    assert made().schema == pa.schema(
        [
            ("item_id", pa.string()),
            ("task", pa.string()),
            ("label", pa.string()),
            ("probability", pa.float64()),
            ("posterior", pa.list_(pa.float64())),
            ("options", pa.list_(pa.string())),
            ("n_annotations", pa.int64()),
            ("majority_label", pa.string()),
            ("gold", pa.string()),
        ]
    )


def test_labels_by_hand():
    rows = made().to_pydict()
    assert rows["item_id"] == ["i0", "i1", "i2"]
    assert rows["task"] == ["t0", "t1", "t1"]
    assert rows["label"] == ["L1", "L2", "L0"]
    assert rows["probability"] == pytest.approx([0.75, 0.7, 0.5])
    assert rows["options"] == [["L0", "L1"], ["L0", "L1", "L2"], ["L0", "L1"]]
    assert [len(one) for one in rows["posterior"]] == [2, 3, 2]
    assert rows["posterior"][1] == pytest.approx([0.1, 0.2, 0.7])
    assert rows["n_annotations"] == [3, 2, 1]
    assert rows["majority_label"] == ["L0", None, "L1"]
    assert rows["gold"] == ["L1", None, "L0"]


def test_labels_survive_parquet(tmp_path):
    pq.write_table(made(), tmp_path / "labels.parquet")
    assert pq.read_table(tmp_path / "labels.parquet").equals(made())


def test_predictions_have_the_columns_that_need_no_annotations():
    columns = label_columns(items_of([2]), np.log([[0.2, 0.8]]))
    assert list(columns) == made().column_names[:6]
    assert columns["label"].to_pylist() == ["L1"]


def test_annotators_have_a_row_each_and_one_for_each_task():
    report = samples.crowd(2, n_tasks=2)
    table = annotators_table(report)
    assert table.column_names == [
        "annotator_id",
        "task",
        "n_annotations",
        "expertise",
        "expertise_low",
        "expertise_high",
        "competence",
        "competence_low",
        "competence_high",
    ]
    rows = table.to_pylist()
    expected = []
    for one in report.annotators:
        expected.append((one.annotator_id, None, one.n_annotations, one.competence))
        expected += [
            (one.annotator_id, cell.task, cell.n_annotations, cell.competence)
            for cell in one.by_task
        ]
    found = [
        (one["annotator_id"], one["task"], one["n_annotations"], one["competence"]) for one in rows
    ]
    assert found == expected
    assert sum(one["task"] is None for one in rows) == 2
    first, cell = report.annotators[0], report.annotators[0].by_task[0]
    for one, part in zip(rows[:2], (first, cell), strict=True):
        assert one["expertise"] == part.expertise
        assert (one["expertise_low"], one["expertise_high"]) == part.expertise_interval
        assert (one["competence_low"], one["competence_high"]) == part.competence_interval


def test_nobody_to_report_on_is_an_empty_table():
    empty = annotators_table(samples.crowd(2).model_copy(update={"annotators": ()}))
    assert empty.num_rows == 0
    assert empty.schema == annotators_table(samples.crowd(2)).schema
