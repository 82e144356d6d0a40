"""Items told apart by digests: as a dictionary of their keys would."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from realm_cli.fingerprints import fingerprints, first_of_each

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["t", "u"]), st.sampled_from("abc"), st.sampled_from(["x", "y"]),
        st.sampled_from([["1", "2"], ["2", "1"], ["1", "3"], None]),
    ),
    max_size=12,
)  # fmt: skip


def table(rows):
    names = ("task", "item_id", "text", "options")
    types = (pa.string(), pa.string(), pa.string(), pa.list_(pa.string()))
    columns = list(zip(*rows, strict=True)) or [[]] * 4
    return pa.table({n: pa.array(c, t) for n, c, t in zip(names, columns, types, strict=True)})


@settings(deadline=None)
@given(ROWS, st.integers(1, 5))
def test_the_first_row_of_each_item_and_what_contradicts_it(rows, size):
    pieces = [fingerprints(table(rows[at : at + size])) for at in range(0, len(rows), size)]
    is_first, clashing = first_of_each(pieces)
    seen, firsts, others = {}, [], []
    for n, (task, item, text, options) in enumerate(rows):
        content = text, tuple(sorted(options or ()))
        firsts.append((task, item) not in seen)
        if seen.setdefault((task, item), content) != content:
            others.append(n)
    assert is_first.tolist() == firsts
    assert clashing.tolist() == others


def test_parts_of_a_key_do_not_run_into_one_another():
    prints = fingerprints(table([("a", "bc", "x", None), ("ab", "c", "x", None)]))
    assert prints.shape == (2, 3)
    assert len(np.unique(prints[:, 0])) == 2
