"""The traps of annotation exports, T1 to T50: a small file for each, and what becomes of it.

Traps that are whole formats (duplicate worker columns, ragged rows, one-hot columns and so on) have
more in the tests of their loader; here each trap has the one case that shows it.
"""

from __future__ import annotations

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from realm_cli.annotations import build_table
from realm_cli.checks import check_estimable, check_trainable
from realm_cli.config import Columns, Reading
from realm_cli.loaders import load

HEAD = "item,worker,label\n"


def column(file, name):
    return file.table[name].to_pylist()


def codes(*files):
    """The codes of all warnings about some files."""
    table, issues = build_table(files)
    return {issue.code for issue in [*issues, *check_trainable(table)]}


def votes(*rows):
    """Long CSV of (item, worker, label)."""
    return HEAD + "".join(",".join(row) + "\n" for row in rows)


CROWD = [(str(item), who, "xy"[item % 2]) for item in range(6) for who in ("ann", "bob")]


def test_t1_zero_is_an_annotator(write):
    (file,) = load([write('{"item": 1, "worker": 0, "label": "x"}')])
    assert column(file, "annotator_id") == ["0"]


@pytest.mark.parametrize("name", ["007", "12345678901234567890", "1e5", "38202325.0", "00"])
def test_t2_ids_keep_their_digits(write, name):
    (file,) = load([write(votes((name, name, "x")))])
    assert (column(file, "item_id"), column(file, "annotator_id")) == ([name], [name])


def test_t2_ids_that_became_floats_are_whole_again(tmp_path):
    table = pa.table({"item": ["1", "2"], "worker": [38202325.0, None], "label": ["x", "y"]})
    pq.write_table(table, tmp_path / "f.parquet")
    with pytest.raises(Exception, match="cannot be used: 1 problem"):
        load([tmp_path / "f.parquet"])
    pq.write_table(table.slice(0, 1), tmp_path / "f.parquet")
    assert column(load([tmp_path / "f.parquet"])[0], "annotator_id") == ["38202325"]


def test_t3_one_person_by_number_and_by_mail(write):
    rows = [*CROWD, ("9", "7", "x"), ("9", "ann@example.com", "y")]
    assert "annotator-kinds-mixed" in codes(*load([write(votes(*rows))]))


@pytest.mark.parametrize("name", ["None", "null", "nan"])
def test_t4_nobody_is_no_annotator_without_a_word(write, name):
    assert "placeholder-annotator" in codes(*load([write(votes(*CROWD, ("9", name, "x")))]))


def test_t4_blank_is_missing(write, refusal):
    assert [issue.code for issue in refusal(write(votes(("1", " ", "x"))))] == [
        "missing-annotator_id"
    ]


def test_t5_case_and_spaces_in_mails(write):
    rows = [*CROWD, ("9", "Eva@Example.com", "x"), ("9", " eva@example.com", "y")]
    assert "annotator-variants" in codes(*load([write(votes(*rows))]))


def test_t6_the_same_annotator_in_every_file(write):
    files = load([write(votes((str(n), "1", "xy"[n])), f"{n}.csv") for n in range(2)])
    (issue, *_) = check_estimable(build_table(files)[0])
    assert issue.code == "one-annotator"
    assert "--annotator-from filename" in (issue.hint or "")


def test_t7_sessions_named_by_their_time(write):
    rows = [*CROWD, ("9", "db-2024-02-06_10-17-19", "x")]
    assert "timestamp-annotators" in codes(*load([write(votes(*rows))]))


def test_t8_models_among_people(write):
    (file,) = load([write(votes(("1", "gpt-4o", "x"), ("1", "ann", "x")))])
    assert file.dropped == {"model": 1}


def test_t9_one_annotator_twice_on_an_item(write):
    table, (issue,) = build_table(load([write(votes(("1", "a", "x"), ("1", "a", "y")))]))
    assert (len(table), issue.code, issue.count) == (1, "repeated-answers", 1)


def test_t10_one_item_under_several_ids(write):
    text = "item,worker,label,text\n" + "".join(f"{n},a,x,same\n{n},b,y,same\n" for n in range(3))
    assert "repeated-text" in codes(*load([write(text)]))


def test_t11_no_annotator_column(write, refusal):
    (issue,) = refusal(write("item,label\n1,x\n"))
    assert "expertise needs annotator ids" in issue.message


def test_t12_labels_that_look_like_nothing(write):
    words = ["NA", "None", "null", "N/A", "nan"]
    (file,) = load([write(votes(*((str(n), "a", word) for n, word in enumerate(words))))])
    assert column(file, "label") == words


def test_t13_spellings_of_one_label(write):
    path = write(votes(("1", "a", "yes"), ("1", "b", "Yes"), ("2", "a", " YES "), ("2", "b", "no")))
    assert "label-variants" in codes(*load([path]))
    files = load([path], Reading(normalize_labels=True))
    assert "label-variants" not in codes(*files)
    assert build_table(files)[0].items.option_sets == (("YES", "no"),)


def test_t14_truths_are_labels_as_written(write):
    words = ["true", "True", "TRUE", "1", "on"]
    (file,) = load([write(votes(*((str(n), "a", word) for n, word in enumerate(words))))])
    assert column(file, "label") == words


def test_t15_whole_numbers_with_gaps(tmp_path):
    table = pa.table({"item": [1.0, 2.0], "worker": ["a", "b"], "label": [1.0, 2.0]})
    pq.write_table(table, tmp_path / "f.parquet")
    (file,) = load([tmp_path / "f.parquet"])
    assert (column(file, "item_id"), column(file, "label")) == (["1", "2"], ["1", "2"])


def test_t16_numbers_as_text_stay_text(write):
    (file,) = load([write(votes(("1", "a", "01"), ("1", "b", "1")))])
    assert column(file, "label") == ["01", "1"]


def test_t17_unicode_forms_and_invisible_signs(write):
    path = write(votes(("1", "a", "café"), ("1", "b", "cafe\u0301"), ("2", "a", "caf\u200bé")))
    assert "label-variants" in codes(*load([path]))
    assert len(build_table(load([path], Reading(normalize_labels=True)))[0].items.options(0)) == 1


def studio(*annotations, **data):
    return json.dumps([{"id": 5, "data": data or {"text": "t"}, "annotations": list(annotations)}])


def answered(number, *labels, **more):
    result = [{"from_name": "q", "type": "choices", "value": {"choices": list(labels)}}]
    return {"id": number, "completed_by": number, "result": result, **more}


def test_t18_order_of_several_options_does_not_count(write):
    path = write(studio(answered(1, "a", "b"), answered(2, "b", "a")))
    (file,) = load([path], Reading(multi_select="combination"))
    assert len(set(column(file, "label"))) == 1
    many = [answered(n, "a") for n in range(1, 40)]
    (file,) = load([write(studio(*many, answered(40, "a", "b")))])
    assert "seldom-several-choices" in {issue.code for issue in file.issues}


def test_t19_a_label_outside_its_options(write, refusal):
    (issue,) = refusal(write("item,worker,label,options\n1,a,z,x|y\n"))
    assert issue.code == "label-outside-options"


def test_t20_skipped_empty_and_not_asked_differ(write):
    two = {"from_name": "other", "type": "choices", "value": {"choices": ["z"]}}
    path = write(
        studio(
            answered(1, "a"),
            answered(2, was_cancelled=True),
            {"id": 3, "completed_by": 3, "result": []},
            {"id": 4, "completed_by": 4, "result": [two]},
        )
    )
    (file,) = load([path], Reading(columns=Columns(label="q")))
    assert column(file, "status") == ["ok", "skipped", "empty"]
    assert file.dropped == {"skipped": 1, "empty": 1, "not-asked": 1}


def test_t21_a_slip_in_a_label(write):
    rows = [(str(n), who, "positive") for n in range(10) for who in "ab"]
    path = write(votes(*rows, ("11", "a", "negative"), ("11", "b", "postive")))
    assert "similar-labels" in codes(*load([path]))


def test_t22_parents_of_a_taxonomy_are_no_answers_of_their_own(write):
    value = {"taxonomy": [["A"], ["A", "B"]]}
    result = {"from_name": "q", "type": "taxonomy", "value": value}
    (file,) = load([write(studio({"id": 1, "completed_by": 1, "result": [result]}))])
    assert column(file, "label") == ["A / B"]


def test_t23_sides_of_a_pair_are_labels(write):
    result = {"from_name": "q", "type": "pairwise", "value": {"selected": "right"}}
    (file,) = load([write(studio({"id": 1, "completed_by": 1, "result": [result]}))])
    assert column(file, "label") == ["right"]


def test_t24_batches_keep_their_names_so_that_scales_can_be_compared(write):
    (file,) = load([write("item,worker,label,batch\n1,a,1,b7\n")], Reading(
        columns=Columns(group="batch")))  # fmt: skip
    assert column(file, "group") == ["b7"]


def test_t25_gold_that_is_an_annotators_own(write):
    (file,) = load([write(studio(answered(1, "a", ground_truth=True), answered(2, "b")))])
    table, _ = build_table([file])
    assert table.is_gold.tolist() == [True, False]
    assert "gold-is-own-label" in {issue.code for issue in check_estimable(table)}


def test_t26_gold_on_control_items_alone(write):
    rows = "".join(f"{n},a,x,{'x' if n == 0 else ''}\n{n},b,y,\n" for n in range(10))
    table, _ = build_table(load([write("item,worker,label,gold\n" + rows)]))
    (issue,) = [one for one in check_estimable(table) if one.code == "gold-on-few"]
    assert issue.severity == "note"


def test_t27_two_golds_of_one_item(write):
    path = write("item,worker,label,gold\n1,a,x,x\n1,b,y,y\n")
    assert "item-with-two-gold-labels" in codes(*load([path]))


def test_t28_and_t29_texts_in_train_and_test(write):
    rows = "1,a,x,same,train\n1,b,y,same,train\n2,a,x,same,test\n2,b,y,same,test\n"
    path = write("item,worker,label,text,split\n" + rows)
    assert "split-overlap" in codes(*load([path]))


def test_t30_rows_that_lack_their_last_cells(write):
    (file,) = load([write("item,worker,label,approve,reject\n1,a,x\n1,b,y,x,\n")])
    assert column(file, "label") == ["x", "y"]


def test_t31_line_ends_of_all_kinds_and_line_breaks_in_cells(write):
    (file,) = load([write('item,worker,label,text\r1,a,x,"two\nlines"\r2,b,y,u\r')])
    assert column(file, "text") == ["two\nlines", "u"]
    assert column(file, "source_line")[0] == 2


def test_t32_byte_order_marks(write):
    (file,) = load([write(b"\xef\xbb\xbf" + votes(("1", "a", "x")).encode())])
    assert column(file, "item_id") == ["1"]


def test_t33_headers_that_repeat_or_are_blank(write, refusal):
    (issue,) = refusal(write("item,workerid,workerid,label\n1,a,a,x\n"))
    assert issue.code == "ambiguous-column:annotator"
    (file,) = load([write(",item,worker,label\n0,1,a,x\n")])
    assert column(file, "item_id") == ["1"]


def test_t34_cells_longer_than_csv_takes_by_itself(write):
    (file,) = load([write("item,worker,label,text\n1,a,x," + "t" * 200_000 + "\n")])
    assert len(column(file, "text")[0]) == 200_000


def test_t35_names_that_lie(write):
    (file,) = load([write("item\tworker\tlabel\n1\ta\tx\n", "export.csv")])
    assert (file.format, column(file, "label")) == ("csv", ["x"])
    (file,) = load([write('{"item": 1, "worker": "a", "label": "x"}\n' * 2, "export.json")])
    assert (file.format, file.n_rows) == ("jsonl", 2)


def test_t36_files_that_were_joined(write):
    (file,) = load([write(votes(("1", "a", "x")) + votes(("1", "b", "y")))])
    assert (column(file, "label"), file.dropped) == (["x", "y"], {"repeated-header": 1})


def test_t37_a_pointer_instead_of_the_data(write, refusal):
    (issue,) = refusal(write("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"))
    assert "Git LFS pointer" in issue.message


def test_t38_files_that_break_off(write, refusal):
    (issue,) = refusal(write('[{"item": 1, "worker": "a", "label": "x"}, {"item"'))
    assert issue.code == "cut-short"
    (issue,) = refusal(write(gzip.compress(b"item,worker,label\n" * 99)[:-12]))
    assert issue.code == "broken-archive"


def test_t39_json_is_read_in_pieces(write):
    record = json.dumps({"item": 1, "worker": "a", "label": "x", "text": "t" * 3_000_000})
    (file,) = load([write(f"[{record},\n{record}]")])
    assert column(file, "source_line") == [1, 2]


def test_t40_numbers_that_are_none(write, refusal):
    lines = '{"item": 1, "worker": "a", "label": "x", "duration_s": NaN}\n'
    (file,) = load([write(lines)])
    assert column(file, "duration_s") == [None]
    (issue,) = refusal(write('{"item": 1, "worker": "a", "label": Infinity}'))
    assert issue.code == "missing-label"


def test_t41_types_of_parquet(tmp_path):
    table = pa.table(
        {
            "item": pa.array(["1", "2"]).dictionary_encode(),
            "worker": pa.array(["a", "b"], pa.large_string()),
            "label": pa.array([1, None], pa.int8()),
            "status": ["ok", "skipped"],
            "options": pa.array([["1", "2"], None], pa.large_list(pa.string())),
            "submitted_at": pa.array([0, 1], pa.timestamp("ms")),
            "__index_level_0__": [0, 1],
        }
    )
    pq.write_table(table, tmp_path / "f.parquet")
    (file,) = load([tmp_path / "f.parquet"])
    assert column(file, "label") == ["1", None]
    assert column(file, "options") == [["1", "2"], None]
    assert column(file, "submitted_at")[0].isoformat() == "1970-01-01T00:00:00+00:00"
    assert "__index_level_0__" not in file.table.column_names


def test_t41_files_whose_columns_differ(tmp_path):
    for n, more in enumerate(({"topic": ["art"]}, {"source": [7]})):
        table = pa.table({"item": [str(n)], "worker": ["a"], "label": ["x"], **more})
        pq.write_table(table, tmp_path / f"{n}.parquet")
    table, _ = build_table(load([tmp_path]))
    assert table.rows["topic"].to_pylist() == ["art", None]
    assert table.rows["source"].to_pylist() == [None, "7"]


def test_t42_hours_at_one_item(write):
    rows = "".join(f"{n},{who},x,{30_000 if n == 3 else 20}\n" for n in range(9) for who in "ab")
    path = write("item,worker,label,duration_s\n" + rows.replace("1,a,x", "1,a,y"))
    assert "idle-times" in codes(*load([path]))


def test_t43_rates_without_history_are_no_data(write):
    head = "HITId,WorkerId,AssignmentId,LifetimeApprovalRate,Input.text,Answer.q\n"
    (file,) = load([write(head + "h,w,s,0% (0/0),t,x\n")])
    assert "LifetimeApprovalRate" not in file.table.column_names


def test_t44_rejected_answers_do_not_count_and_are_kept(write):
    head = "HITId,WorkerId,AssignmentId,AssignmentStatus,Input.text,Answer.q\n"
    (file,) = load([write(head + "h,w,s,Rejected,t,x\nh,v,t,Submitted,t,y\n")])
    assert (file.dropped, column(file, "label")) == ({"rejected": 1}, ["x", "y"])


def test_t45_and_t46_pre_labels_and_edits(write):
    path = write(
        studio(
            answered(1, "a", parent_prediction=3), answered(2, "b", updated_by=9), answered(3, "b")
        )
    )
    assert {"accepted-pre-labels", "edited-by-others"} <= codes(*load([path]))


def test_t47_people_who_cannot_be_compared(write):
    rows = [(f"{group}{n}", f"{group}{who}", "xy"[n % 2])
            for group in "pq" for n in range(4) for who in "ab"]  # fmt: skip
    assert "disconnected-groups" in codes(*load([write(votes(*rows))]))


def test_t48_addresses_do_not_come_along(write):
    (file,) = load([write("item,worker,label,ip,email,city\n1,a,x,192.0.2.1,a@example.com,Oslo\n")])
    assert not {"ip", "email", "city"} & set(file.table.column_names)


def test_t50_python_is_not_run(write, refusal):
    head = "HITId,WorkerId,AssignmentId,Input.text,Answer.taskAnswers\n"
    (issue,) = refusal(write(head + "h,w,s,t,\"[{'a': __import__('os')}]\"\n"))
    assert issue.code == "bad-form"
