"""Batches marked for payment: every character that was there stays, and nobody is marked twice."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realm_cli.errors import InputError, UsageError
from realm_cli.loaders.base import Export
from realm_cli.mturk_review import open_batch, review

HEADER = '"HITId","WorkerId","AssignmentStatus","Input.text","Answer.q","Approve","Reject"'


def batch(text, encoding="utf-8-sig"):
    content = text if isinstance(text, bytes) else text.encode()
    return Export(Path("b.csv"), lambda: io.BytesIO(content), content[:65536], encoding=encoding)


def lines(*rows, end="\r\n"):
    return "".join(row + end for row in rows)


def test_a_batch_by_hand():
    text = lines(
        HEADER,
        '"H1","W1","Submitted","a ""b"",\nc","yes"',
        '"H1","W2","Submitted","x","no"',
        '"H2","W2","Approved","x","no","x",""',
        '"H2","W3","Rejected","x","no","","late"',
        '"H3","W2","Submitted","x","no","x",""',
    )
    found = review(batch(text), {"W2": 'few are right, "sorry"'})
    assert found.content.decode() == lines(
        HEADER,
        '"H1","W1","Submitted","a ""b"",\nc","yes","x",""',
        '"H1","W2","Submitted","x","no","","few are right, ""sorry"""',
        '"H2","W2","Approved","x","no","x",""',
        '"H2","W3","Rejected","x","no","","late"',
        '"H3","W2","Submitted","x","no","x",""',
    )
    assert (found.n_approved, found.n_rejected, found.n_left) == (1, 1, 3)


def test_columns_that_are_not_there_are_added_last():
    text = "HITId,WorkerId,AssignmentStatus,Answer.q\nH,W,Submitted,yes\nH,V,Submitted,no"
    found = review(batch(text), {"V": "no, not so"})
    assert found.content.decode() == (
        "HITId,WorkerId,AssignmentStatus,Answer.q,Approve,Reject\n"
        'H,W,Submitted,yes,x,\nH,V,Submitted,no,,"no, not so"'
    )


def test_marks_of_encoding_lower_case_and_repeated_headers_stay():
    text = "\ufeff" + lines(
        "hitid,workerid,assignmentstatus,answer.q,Approve,Reject",
        "H,W,Submitted,yes",
        "",
        "hitid,workerid,assignmentstatus,answer.q,Approve,Reject",
        "H,V,,yes",
        end="\n",
    )
    found = review(batch(text), {}).content.decode()
    assert found == text.replace("H,W,Submitted,yes", "H,W,Submitted,yes,x,")


def test_tabs_and_other_encodings():
    text = lines("HITId\tWorkerId\tAssignmentStatus\tAnswer.q", "H\tW\tSubmitted\té")
    for encoding in ("utf-16", "cp1252"):
        found = review(batch(text.encode(encoding), encoding), {}).content.decode(encoding)
        assert found == lines(
            "HITId\tWorkerId\tAssignmentStatus\tAnswer.q\tApprove\tReject",
            "H\tW\tSubmitted\té\tx\t",
        )


def test_somebody_who_is_not_in_the_file_cannot_be_rejected():
    with pytest.raises(UsageError, match="1 of the annotators to reject are no WorkerId"):
        review(batch(lines(HEADER, '"H","W","Submitted","a","b"')), {"hash-of-W": "no"})


@pytest.mark.parametrize("missing", ["WorkerId", "AssignmentStatus"])
def test_files_that_do_not_say_whose_or_whether(missing):
    text = lines(HEADER.replace(missing, "Other"), '"H","W","Submitted","a","b"')
    with pytest.raises(InputError, match=f"has no column {missing}"):
        review(batch(text), {})


def test_files_that_are_no_batch(tmp_path):
    (tmp_path / "long.csv").write_text("item,annotator,label\n1,a,x\n")
    for path in (tmp_path / "long.csv", tmp_path / "gone.csv", tmp_path):
        with pytest.raises(InputError):
            open_batch(path)


words = st.text(st.sampled_from('ab,"\r\n\t;|é😀'), max_size=6)
rows = st.lists(
    st.tuples(
        st.sampled_from(["W1", "W2", "W3"]),
        st.sampled_from(["Submitted", "Approved", "Rejected"]),
        words,
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@given(rows, st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]), st.sampled_from(["\r\n", "\n"]))
def test_nothing_but_the_marks_changes(people, quoting, end):
    text = io.StringIO()
    writer = csv.writer(text, quoting=quoting, lineterminator=end)
    writer.writerow(["HITId", "WorkerId", "AssignmentStatus", "Answer.q", "Approve", "Reject"])
    if end == "\n":  # the csv module leaves a lone \r without quotes then
        people = [(*one[:2], one[2].replace("\r", ""), one[3]) for one in people]
    for worker, status, word, whole in people:
        writer.writerow(["H", worker, status, word, *(["", ""] if whole else [])])
    there = {worker for worker, *_ in people}
    rejections = {"W2": "few of them are right"} if "W2" in there else {}
    found = review(batch(text.getvalue()), rejections)
    back = list(csv.reader(io.StringIO(found.content.decode(), newline="")))
    assert len(back) == len(people) + 1
    for (worker, status, word, whole), row in zip(people, back[1:], strict=True):
        assert row[:4] == ["H", worker, status, word]
        if status != "Submitted":
            assert row[4:] == (["", ""] if whole else [])
        elif worker == "W2":
            assert row[4:] == ["", "few of them are right"]
        else:
            assert row[4:] == ["x", ""]
    waiting = sum(status == "Submitted" for _, status, *_ in people)
    assert found.n_approved + found.n_rejected == waiting
    # taken out again, the marks leave the file as it was
    if not waiting:
        assert found.content.decode() == text.getvalue()
