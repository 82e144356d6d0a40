"""All checks together: on any table, on a large one, and on real crowds."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import items_of, loaded, row, table_of, tables

from realm_cli.annotations import build_table
from realm_cli.checks import check_estimable, check_overlap, check_trainable
from realm_cli.errors import InputError
from realm_cli.loaders import load
from realm_cli.schema import CANONICAL_SCHEMA, MOST_LISTED, Severity

DATA = os.environ.get("REALM_DATA")


def test_errors_come_first():
    table = table_of([(0, 0, 0)], items_of([1]))
    table = replace(table, items=replace(table.items, texts=(None,)))
    ranks = [one.severity is not Severity.ERROR for one in check_trainable(table)]
    assert ranks == [False, False, False, True]


@given(tables())
def test_any_table_can_be_checked(table):
    issues = check_trainable(table)
    assert {one.code for one in check_estimable(table)} <= {one.code for one in issues}
    assert check_overlap(table, table.items)[0].count == len(table.items)


WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6).filter(
    lambda word: word.strip() and "\x1f" not in word
)


@settings(max_examples=60)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "item": WORDS,
                "annotator": WORDS | st.sampled_from(["nan", "1", "a@b.c", "2024-02-06_10-17-19"]),
                "label": WORDS,
                "text": st.none() | WORDS,
                "gold": st.none() | WORDS,
                "duration_s": st.none() | st.floats(0, 1e300),
                "submitted_at": st.none() | st.datetimes(timezones=st.just(UTC)),
                "edited": st.none() | st.booleans(),
                "is_gold": st.none() | st.booleans(),
                "origin": st.sampled_from([None, "manual", "pre-label"]),
                "source_file": st.sampled_from(["a.csv", "b.csv"]),
            }
        ),
        min_size=1,
        max_size=40,
    )
)
def test_any_words_can_be_checked(rows):
    try:
        table, _ = build_table([loaded([row(**one) for one in rows])])
    except InputError:
        return
    for issue in check_trainable(table):
        assert issue.count >= 1
        assert issue.message


def large(n_items: int = 60_000, each: int = 5, n_annotators: int = 500) -> pa.Table:
    """A crowd of 300,000 annotations with most things wrong somewhere."""
    dice = np.random.default_rng(0)
    n = n_items * each
    item = np.repeat(np.arange(n_items), each)
    who = (item * 7 + np.tile(np.arange(each), n_items) * 3) % n_annotators
    label = dice.choice(["yes", "no", "Yes"], n, p=[0.5, 0.4, 0.1])
    label[who == 3] = "no"
    names = np.array([f"w{a}" for a in range(n_annotators)], dtype=object)
    names[:2] = "None", "W2"
    columns = {
        "item_id": [f"i{i}" for i in item],
        "annotator_id": names[who],
        "label": label,
        "task": ["label"] * n,
        "text": [f"text {i % 59_000}" for i in item],
        "gold": ["yes" if i < 9_000 else None for i in item],
        "status": ["ok"] * n,
        "duration_s": dice.exponential(30, n) + 1e5 * (np.arange(n) % 100_000 == 7),
        "submitted_at": [datetime(2026, 1, 1, tzinfo=UTC)] * n,
        "origin": ["pre-label" if i % 9 == 0 else None for i in item],
        "edited": item % 11 == 0,
        "is_gold": np.arange(n) == 12,
        "source_file": ["votes.csv"] * n,
        "source_line": np.arange(n) + 2,
    }
    known = {name: pa.array(values, CANONICAL_SCHEMA.field(name).type)
             for name, values in columns.items()}  # fmt: skip
    table = pa.table(
        {name: known.get(name, pa.nulls(n, CANONICAL_SCHEMA.field(name).type))
         for name in CANONICAL_SCHEMA.names}
    )  # fmt: skip
    return table.append_column("split", pa.array(["test" if i < 1_500 else "train" for i in item]))


def test_a_large_table_is_checked_in_seconds():
    table, _ = build_table([replace(loaded([row()]), table=large())])
    begin = time.perf_counter()
    issues = check_trainable(table)
    assert time.perf_counter() - begin < 20  # half a second on an idle machine
    assert {one.code: one.count for one in issues if one.code != "idle-times"} == {
        "placeholder-annotator": 1,
        "annotator-variants": 1,
        "one-class-annotator": 1,
        "label-variants": 1,
        "repeated-text": 2_000,
        "edited-by-others": 27_275,
        "accepted-pre-labels": 33_335,
        "gold-is-own-label": 1,
        "gold-on-few": 9_000,
        "one-submission-time": 500,
        "split-overlap": 1_000,
    }
    assert [one.count for one in issues if one.code == "idle-times"] == [3]
    assert len(issues) <= 12 * (MOST_LISTED + 1)


UNREADABLE = "item-without-text"
REAL = [
    ("crowd/nyu_mcqa.parquet", ["repeated-text"]),
    ("crowd/pubmedqa_two_annotators.parquet", []),
    ("crowd/snow_rte_temp.parquet", ["one-class-annotator"] * 2),
    ("crowd/spatial_directions.parquet", []),
    ("crowd/ukp_convarg1.parquet", ["repeated-text"]),
    ("labels_only/bluebird.parquet", [UNREADABLE]),
    ("labels_only/music_ms.parquet", [UNREADABLE, "single-label-items"]),
    ("labels_only/product.parquet", [UNREADABLE, *["one-class-annotator"] * 10]),
    ("labels_only/sentiment_sp.parquet", [UNREADABLE]),
    ("labels_only/weather_cf.parquet", [UNREADABLE, "annotators-with-one-item"]),
]


@pytest.mark.skipif(DATA is None, reason="REALM_DATA names no folder of real data")
@pytest.mark.parametrize(("name", "kinds"), REAL)
def test_real_crowds_are_warned_of_little(name, kinds):
    table, _ = build_table(load([Path(DATA or "") / name]))
    assert [one.code for one in check_trainable(table)] == kinds
