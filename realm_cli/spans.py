"""Annotators in spans, so that tables with a row of a grid for each of them stay in the cache."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from realm_cli.coding import IntArray

SPAN = 512
"""Annotators and cells together that are worked on at once where each has a row of a grid."""


@dataclass(frozen=True)
class Span:
    """Annotators one after the other: few enough that tables of theirs stay in the cache.

    Attributes:
        annotators: Which.
        cells: Their cells.
        groups: Their groups.
        by_cell: `[cells, groups]` sums rows of groups.
        by_annotator: `[annotators, cells]` sums rows of cells.
    """

    annotators: slice
    cells: slice
    groups: slice
    by_cell: csr_matrix[np.float64]
    by_annotator: csr_matrix[np.float64]


def spans_of(cell: IntArray, cell_annotator: IntArray, n_annotators: int) -> tuple[Span, ...]:
    """All annotators in spans of about SPAN annotators and cells.

    Args:
        cell: Cell of each group `[G]`, ascending.
        cell_annotator: Annotator of each cell `[C]`, ascending.
        n_annotators: A; some may have no cell.
    """
    bounds = np.searchsorted(cell_annotator, np.arange(n_annotators + 1))
    which = (bounds[:-1] + np.arange(n_annotators)) // SPAN
    starts = np.flatnonzero(np.diff(which, prepend=-1)).tolist()
    found = []
    for start, end in zip(starts, [*starts[1:], n_annotators], strict=True):
        people, cells = slice(start, end), slice(int(bounds[start]), int(bounds[end]))
        groups = slice(*np.searchsorted(cell, [cells.start, cells.stop]).tolist())
        by_cell = row_sums(cell[groups] - cells.start, cells.stop - cells.start)
        by_annotator = row_sums(cell_annotator[cells] - start, end - start)
        found.append(Span(people, cells, groups, by_cell, by_annotator))
    return tuple(found)


def row_sums(row: IntArray, n: int) -> csr_matrix[np.float64]:
    """`[n, R]` the matrix that sums rows which share a number `row [R]`, which is ascending."""
    starts = np.searchsorted(row, np.arange(n + 1))
    return csr_matrix((np.ones(len(row)), np.arange(len(row)), starts), shape=(n, len(row)))
