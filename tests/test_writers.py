"""What convert writes is read back as it was, whatever people typed."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realm_cli.annotations import build_table
from realm_cli.choices import TableFormat
from realm_cli.loaders import load
from realm_cli.loaders.base import RawRow
from realm_cli.loaders.validation import check_rows
from realm_cli.schema import Status, plain
from realm_cli.writers import write_annotations

AWKWARD = [
    "007",
    "1e5",
    "0",
    "NA",
    "None",
    "null",
    "12345678901234567890",
    "=1+1",
    "-3",
    "'x",
    "a|b",
]
typed = st.sampled_from(AWKWARD) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8
).filter(str.strip)
times = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
maybe = st.none() | typed


@st.composite
def raw_rows(draw):
    options = draw(st.none() | st.lists(typed.map(str.strip), min_size=2, max_size=4, unique=True))
    label = draw(st.sampled_from(options) if options else typed)
    status = draw(st.sampled_from(Status))
    values = {
        "item_id": draw(typed),
        "task": draw(typed),
        "annotator_id": draw(typed),
        "label": label if status is Status.OK else draw(st.just(label) | st.none()),
        "text": draw(maybe),
        "options": options,
        "gold": draw(st.none() | st.sampled_from(options)) if options else draw(maybe),
        "status": status.value,
        "submitted_at": draw(st.none() | times),
        "duration_s": draw(st.none() | st.floats(0, 1e6)),
        "group": draw(maybe),
        "scale": draw(st.sampled_from([None, "ordinal", "interval"])),
        "origin": draw(st.sampled_from([None, "manual", "pre-label"])),
        "edited": draw(st.none() | st.booleans()),
        "is_gold": draw(st.none() | st.booleans()),
    }
    return values, draw(st.dictionaries(st.sampled_from(["topic", "=cmd", "worker"]), maybe))


@st.composite
def row_tables(draw):
    rows = draw(st.lists(raw_rows(), min_size=1, max_size=6))
    raw = [RawRow(n, *row) for n, row in enumerate(rows, start=1)]
    return check_rows(raw, file="vendor.json").table


def written(table, to, folder):
    path = Path(folder) / f"annotations.{to}"
    with path.open("wb") as file:
        write_annotations(table, to, file)
    return path


@pytest.mark.parametrize("to", [TableFormat.PARQUET, TableFormat.CSV, TableFormat.JSONL])
@settings(deadline=None, max_examples=60)
@given(table=row_tables())
def test_the_same_table_comes_back(tmp_path_factory, to, table):
    (file,) = load([written(table, to, tmp_path_factory.mktemp("again"))])
    assert file.format == {"csv": "csv", "jsonl": "jsonl", "parquet": "parquet"}[to]
    assert not [issue for issue in file.issues if issue.severity == "error"]
    assert said(file.table) == said(table)


def said(table):
    """What rows say; a column that says nothing need not be there."""
    rows = plain(table).to_pylist()
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


@settings(deadline=None, max_examples=60)
@given(table=row_tables())
def test_the_wide_table_keeps_every_label(tmp_path_factory, table):
    labels = {
        (row["task"], row["item_id"], row["annotator_id"]): row["label"]
        for row in plain(table).to_pylist()
        if row["status"] == "ok"
    }
    path = written(table, TableFormat.WIDE_CSV, tmp_path_factory.mktemp("wide"))
    if not labels:
        return
    (file,) = load([path])
    assert file.format == "wide"
    found = {
        (row["task"], row["item_id"], row["annotator_id"]) for row in plain(file.table).to_pylist()
    }
    assert found == set(labels)


def test_a_spreadsheet_finds_no_formula(tmp_path):
    rows = [
        RawRow(1, {"item_id": "=1+1", "annotator_id": "@me", "label": "+x", "text": "\t=1"}),
        RawRow(2, {"item_id": "2", "annotator_id": "'a", "label": "-3", "text": "-3 or so"}),
    ]
    table = check_rows(rows, file="f").table
    path = written(table, TableFormat.CSV, tmp_path)
    with path.open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert [first[name] for name in ("item_id", "annotator_id", "label", "text")] == [
        "'=1+1",
        "'@me",
        "'+x",
        "'=1",
    ]
    assert [second[name] for name in ("annotator_id", "label", "text")] == [
        "''a",
        "-3",
        "'-3 or so",
    ]
    (file,) = load([path])
    assert file.table["item_id"].to_pylist() == ["=1+1", "2"]
    assert file.table["annotator_id"].to_pylist() == ["@me", "'a"]


def test_a_wide_table_by_hand(tmp_path):
    values = {"task": "t", "text": "one", "options": ["x", "y"], "gold": "x"}
    rows = [
        RawRow(1, {"item_id": "1", "annotator_id": "b", "label": "x", **values}),
        RawRow(2, {"item_id": "1", "annotator_id": "a", "label": "y", **values}),
        RawRow(3, {"item_id": "1", "annotator_id": "a", "label": "x", **values}),
        RawRow(4, {"item_id": "2", "annotator_id": "a", "status": "skipped", **values}),
    ]
    path = written(check_rows(rows, file="f").table, TableFormat.WIDE_CSV, tmp_path)
    assert path.read_text(encoding="utf-8").splitlines() == [
        "item_id,task,text,options,gold,scale,annotator:a,annotator:b",
        '1,t,one,"[""x"", ""y""]",x,,x,x',
    ]


@pytest.mark.parametrize("to", TableFormat)
def test_the_sample_crowd_is_the_same_in_every_format(tmp_path, to):
    source = Path(__file__).parent.parent / "sample_data" / "crowd.json"
    (before,) = load([source])
    (after,) = load([written(before.table, to, tmp_path)])
    one, _ = build_table([before])
    other, _ = build_table([after])
    assert len(one) == len(other)
    key = [(o.items.ids, o.annotators, o.items.option_sets) for o in (one, other)]
    assert key[0][1:] == key[1][1:]
    assert sorted(key[0][0]) == sorted(key[1][0])
