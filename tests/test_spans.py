"""Spans hold every annotator, cell and group once, in order, and sum as they should."""

from __future__ import annotations

from unittest import mock

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from realm_cli import spans


@given(
    st.lists(st.lists(st.integers(0, 3), max_size=3), min_size=1, max_size=12), st.integers(1, 9)
)
def test_spans_part_the_rows_and_sum_them(groups_of, size):
    """`groups_of[a][c]`: how many groups the c-th cell of annotator a has."""
    cells = [len(cells) for cells in groups_of]
    cell_annotator = np.repeat(np.arange(len(groups_of)), cells)
    sizes = [n for cells in groups_of for n in cells]
    cell = np.repeat(np.arange(len(sizes)), sizes).astype(np.int64)
    with mock.patch.object(spans, "SPAN", size):
        found = spans.spans_of(cell, cell_annotator, len(groups_of))
    for name, n in (("annotators", len(groups_of)), ("cells", len(sizes)), ("groups", len(cell))):
        held = [i for span in found for i in range(*getattr(span, name).indices(n))]
        assert held == list(range(n))
    values = np.arange(len(cell), dtype=np.float64)[:, None] + 1
    by_cell = np.concatenate([span.by_cell @ values[span.groups] for span in found])
    assert by_cell[:, 0].tolist() == np.bincount(cell, values[:, 0], len(sizes)).tolist()
    people = np.concatenate([span.by_annotator @ by_cell[span.cells] for span in found])
    expected = np.bincount(cell_annotator, by_cell[:, 0], len(groups_of))
    assert people[:, 0].tolist() == expected.tolist()


def test_a_sum_by_hand():
    matrix = spans.row_sums(np.array([0, 0, 2]), 3)
    assert (matrix @ np.array([[1.0], [2.0], [4.0]])).ravel().tolist() == [3, 0, 4]
