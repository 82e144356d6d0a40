"""The vote: shares by hand, ties, items that nobody labelled."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import items_of, table_of, tables

from realm_cli.aggregate.majority import vote_shares, winning_shares


def test_shares_by_hand():
    # Item 0: labels 0, 0, 1. Item 1: 1 and 2 of three options. Item 2: none.
    items = items_of([2, 3, 2])
    table = table_of([(0, 0, 0), (0, 1, 0), (0, 2, 1), (1, 0, 1), (1, 1, 2)], items)
    shares = vote_shares(table)
    np.testing.assert_allclose(shares, [[2 / 3, 1 / 3, 0], [0, 0.5, 0.5], [0, 0, 0]])
    np.testing.assert_allclose(winning_shares(shares), [[1, 0, 0], [0, 0.5, 0.5], [0, 0, 0]])


def test_a_tie_of_three_is_split_in_three():
    winners = winning_shares(np.array([[0.3, 0.3, 0.1, 0.3]]))
    np.testing.assert_allclose(winners, [[1 / 3, 1 / 3, 0, 1 / 3]])


@given(table=tables())
@settings(deadline=None)
def test_shares_are_of_the_labels_an_item_has(table):
    labelled = table.labels_per_item > 0
    for shares in (vote_shares(table), winning_shares(vote_shares(table))):
        np.testing.assert_allclose(shares.sum(axis=1), labelled.astype(float))
        assert (shares[~table.items.has_option] == 0).all()


@given(table=tables(), seed=st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=30)
def test_the_order_of_annotations_does_not_matter(table, seed):
    order = np.random.default_rng(seed).permutation(len(table))
    codes = zip(table.item[order], table.annotator[order], table.label[order], strict=True)
    shuffled = table_of(list(codes), table.items, len(table.annotators))
    np.testing.assert_array_equal(vote_shares(shuffled), vote_shares(table))
