"""CSV, JSONL and Parquet in long form: cells come through as they are, lines are physical."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realm_cli.loaders import load

TRAPS = ("007", "12345678901234567890", "1e5", "NA", "None", "null", "nan", "0", "-", "1.0", "01")


def told(row):
    return {name: value for name, value in row.items() if value is not None}


def test_csv_keeps_every_cell_as_it_is(sample, rows):
    table = rows(sample("long.csv"))
    ids = [(row["item_id"], row["annotator_id"], row["label"]) for row in table]
    assert ids == [
        ("007", "0", "NA"),
        ("007", "worker_31", "None"),
        ("12345678901234567890", "0", "1e5"),
        ("12345678901234567890", "worker_31", "2|3"),
    ]
    assert [row["source_line"] for row in table] == [2, 3, 4, 6]
    assert [row["gold"] for row in table] == ["NA", "NA", None, None]
    assert table[0]["options"] == ["NA", "None"]
    assert table[2]["options"] == ["1e5", "2|3"]
    assert table[2]["text"] == "Which is more,\none line or two?"
    assert table[0]["topic"] == "words"


def test_snow_tsv_where_task_is_a_category(sample, rows):
    table = rows(sample("snow.tsv"))
    assert [(row["task"], row["item_id"], row["label"], row["gold"]) for row in table] == [
        ("rte", "266", "1", "1"),
        ("rte", "266", "0", "1"),
        ("temporal", "266", "1", None),
    ]


def test_crowd_kit_where_task_is_the_item(sample, rows):
    table = rows(sample("crowdkit.csv"))
    assert [row["item_id"] for row in table] == ["t1", "t1", "t2"]
    assert {row["task"] for row in table} == {"label"}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_delimiters_line_ends_and_marks(write, rows, end, delimiter, encoding):
    lines = ["item worker label text", "1 a x é", "2 a y z"]
    content = end.join(line.replace(" ", delimiter) for line in lines)
    table = rows(write(content.encode(encoding)))
    assert [(row["item_id"], row["text"]) for row in table] == [("1", "é"), ("2", "z")]
    assert [row["source_line"] for row in table] == [2, 3]


def test_short_rows_and_blank_lines_are_tolerated(write, rows):
    table = rows(write("item,worker,label,gold,note\n\n1,a,x\n\n2,b,y,z,\n3,c,w,v,u,,\n"))
    assert [row["source_line"] for row in table] == [3, 5, 6]
    assert [row["gold"] for row in table] == [None, "z", "v"]


def test_a_long_row_is_an_error(write, refusal):
    (issue,) = refusal(write("item,worker,label\n1,a,x,y\n1,b,x\n"))
    assert (issue.line, issue.message) == (2, "the row has 4 cells, the header 3")
    assert issue.hint == "a cell that holds the delimiter needs quotes around it"


def test_a_cell_may_be_longer_than_csv_allows_by_default(write, rows):
    before = csv.field_size_limit()
    text = "a" * 200_000
    assert rows(write(f"item,worker,label,text\n1,a,x,{text}\n"))[0]["text"] == text
    assert csv.field_size_limit() == before


def test_an_open_quote_is_told_by_its_line(write, refusal):
    (issue,) = refusal(write('item,worker,label\n1,a,x\n2,"b,x\n3,c,x\n'))
    assert issue.line == 3
    assert "not closed properly" in issue.message


def test_headers_repeated_between_joined_batches_are_left_out(write):
    (file,) = load([write("item,worker,label\n1,a,x\nitem,worker,label\n2,a,x\n")])
    assert (file.n_rows, file.table.num_rows, file.dropped) == (3, 2, {"repeated-header": 1})


def test_a_column_without_a_name_is_an_old_index(write):
    (file,) = load([write(",item,worker,label\n0,1,a,x\n")])
    assert "" not in file.table.schema.names


def test_a_label_outside_its_options_is_refused(write, refusal):
    (issue,) = refusal(write("item,worker,response,options\n1,a,maybe,yes|no\n"))
    assert issue.line == 2
    assert issue.message == (
        "the label (column 'response') 'maybe' is not among the options ('yes', 'no')"
    )


def test_our_own_columns_are_read(write, rows):
    content = (
        "item_id,annotator_id,label,status,submitted_at,duration_s,group,source_line\n"
        "1,a,,skipped,2024-01-01T01:00:00+01:00,2.5,batch 1,99\n"
        "1,b,x,,2024-01-01 00:00:00,,,99\n"
    )
    first, second = rows(write(content))
    assert (first["status"], first["duration_s"], first["group"]) == ("skipped", 2.5, "batch 1")
    assert first["submitted_at"] == second["submitted_at"] == datetime(2024, 1, 1, tzinfo=UTC)
    assert (second["status"], second["source_line"]) == ("ok", 3)


def test_another_tools_status_is_only_a_field(write, rows):
    (row,) = rows(write("item,worker,label,status\n1,a,x,Done\n"))
    assert (row["status"], row["field_status"]) == ("ok", "Done")


def test_unreadable_times_give_one_warning(write):
    (file,) = load([write("item,worker,label,submitted_at\n1,a,x,soon\n1,b,x,later\n")])
    (issue,) = file.issues
    assert (issue.code, issue.line) == ("unreadable-time", 2)
    assert issue.message.startswith("2 times are left empty: 'soon'")


def test_jsonl_scalars_lists_and_missing_values(sample, rows):
    first, second = rows(sample("long.jsonl"))
    assert (first["item_id"], first["annotator_id"], first["label"]) == ("1", "0", "true")
    assert (first["options"], first["gold"]) == (["true", "false"], None)
    assert json.loads(first["meta"]) == {"page": 3}
    assert (second["source_line"], second["annotator_id"]) == (3, "ann@example.org")


def test_a_json_list_knows_the_lines_of_its_records(write, rows):
    records = (
        '{"item": 1, "worker": "a",\n "label": "x"},\n {"item": 1, "worker": "b", "label": "y"}'
    )
    content = f"[\n{records}\n]"
    assert [row["source_line"] for row in rows(write(content))] == [2, 4]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param('[{"item": 1, "worker": 2, "label": "x"},\n', (2, "cut-short"), id="list"),
        pytest.param('[{"item": 1, "worker": 2, "lab', (1, "cut-short"), id="in a name"),
        pytest.param(
            '{"item": 1, "worker": 2, "label": "x"}\n{"item": 1, "wor', (2, "cut-short"), id="lines"
        ),
        pytest.param(
            '{"item": 1, "worker": 2, "label": "x"}\n{oops}\n{"item": 2, "worker": 2, "label": 0}',
            (2, "broken-json"),
            id="a broken line",
        ),
        pytest.param(
            '{"item": 1, "worker": 2, "label": "x"}\n17\n', (2, "no-record"), id="no object"
        ),
        pytest.param(
            '[{"item": 1, "worker": 2, "label": "x"}]\n[{"item": 2, "worker": 2, "label": "x"}]',
            (1, "broken-json"),
            id="two lists",
        ),
        pytest.param('{"a": ' + "[" * 100_000, (1, "broken-json"), id="too deep"),
    ],
)
def test_broken_json_is_told_by_its_line(write, refusal, content, expected):
    (issue,) = refusal(write(content))
    assert (issue.line, issue.code) == expected


def test_parquet_types_come_as_text(write, rows, tmp_path):
    table = pa.table(
        {
            "item": pa.array([1.0, 2.0, 3.0]),
            "text": pa.array(["a", "b", "c"]).dictionary_encode(),
            "worker": pa.array([38202325, 7, 0]),
            "label": pa.array([True, False, True]),
            "options": pa.array([["true", "false"], [], None], type=pa.large_list(pa.string())),
            "score": pa.array([float("nan"), 0.5, 2.0]),
            "submitted_at": pa.array(["2024-01-01"] * 3).cast(pa.timestamp("ns")),
            "__index_level_0__": pa.array([0, 1, 2]),
        }
    )
    path = tmp_path / "t.parquet"
    pq.write_table(table, path)
    listed = rows(path)
    assert [row["item_id"] for row in listed] == ["1", "2", "3"]
    assert [row["annotator_id"] for row in listed] == ["38202325", "7", "0"]
    assert [row["label"] for row in listed] == ["true", "false", "true"]
    assert [row["options"] for row in listed] == [["true", "false"], None, None]
    assert [row["score"] for row in listed] == [None, "0.5", "2"]
    assert [row["source_line"] for row in listed] == [1, 2, 3]
    assert listed[0]["submitted_at"] == datetime(2024, 1, 1, tzinfo=UTC)
    assert "__index_level_0__" not in listed[0]


# Ids and labels are stripped of outer white space; lone surrogates are no text.
texts = st.one_of(
    st.sampled_from(TRAPS),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1)
    .map(str.strip)
    .filter(bool),
)
answers = st.lists(
    st.fixed_dictionaries(
        {"item_id": texts, "annotator_id": texts, "label": texts, "text": texts, "task": texts}
    ),
    min_size=1,
    max_size=5,
)


def as_csv(answers):
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(answers[0]), quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(answers)
    return out.getvalue().encode()


def as_jsonl(answers):
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in answers).encode()


def as_json_list(answers):
    return json.dumps(answers, indent=1).encode()


def as_parquet(answers):
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(answers), out)
    return out.getvalue()


WRITERS = [as_csv, as_jsonl, as_json_list, as_parquet]


@pytest.mark.parametrize("form", WRITERS)
@settings(max_examples=60, deadline=None)
@given(answers=answers)
def test_what_is_written_is_read_back_equal(tmp_path_factory, form, answers):
    path = Path(tmp_path_factory.mktemp("round")) / "answers"
    path.write_bytes(form(answers))
    (file,) = load([path])
    assert file.table.select(list(answers[0])).to_pylist() == answers


@pytest.mark.parametrize("form", WRITERS)
def test_awkward_ids_survive(write, rows, form):
    answers = [
        {"item_id": trap, "annotator_id": trap, "label": trap, "text": trap, "task": trap}
        for trap in TRAPS
    ]
    table = rows(write(form(answers)))
    assert [{name: row[name] for name in answers[0]} for row in table] == answers


def test_half_characters_in_json_become_question_marks(write, rows):
    content = (
        r'{"item": 1, "worker": "a", "label": "\ud83d", "text": "\ud83d\ude00", "n": ["\udc00"]}'
    )
    (row,) = rows(write(content))
    assert (row["label"], row["text"], row["n"]) == ("?", "😀", '["?"]')
