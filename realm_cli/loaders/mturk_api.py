"""Assignments as boto3's `list_assignments_for_hit` returns them, saved as JSON; answers are XML.

Inputs are not in them: the item is the HIT, and its text comes from a file of items
(`--items-file`) whose ids are HITIds.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from realm_cli.loaders import mturk_time
from realm_cli.loaders.answers import Given, Ticks, Unread
from realm_cli.loaders.base import Claim, Export, Loader, Record, Request
from realm_cli.loaders.jsonl import first_value, scan_json
from realm_cli.loaders.submissions import Submission, Told, submission_rows
from realm_cli.loaders.task_answers import parse_form
from realm_cli.loaders.values import Clock, as_text
from realm_cli.schema import Issue, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

FORM = "taskAnswers"
STATUSES = {"rejected": Status.REJECTED}
LONGEST_XML = 10_000_000


def detect(export: Export) -> Claim | None:
    """Pages with `Assignments`, or assignments with an XML answer."""
    if not export.head.lstrip().startswith(("[", "{")):
        return None
    first = first_value(export)
    if not isinstance(first, dict):
        return None
    if _is_assignment(first):
        return Claim("JSON assignments with HITId, WorkerId and Answer")
    pages = first.get("Assignments")
    listed = isinstance(pages, list) and (not pages or _is_assignment(pages[0]))
    return Claim("JSON pages of `Assignments`") if listed else None


def read(export: Export, request: Request) -> Iterator[Record]:
    """One row a question and assignment."""

    def submissions() -> Iterator[Told]:
        for line, value in scan_json(export):
            if isinstance(value, Issue):
                yield value
                continue
            for raw in _assignments(value):
                yield _submission(line, raw, export)

    yield from submission_rows(submissions, request, export, Clock(_time))


def _is_assignment(value: Any) -> bool:
    return isinstance(value, dict) and {"AssignmentId", "WorkerId", "Answer"} <= value.keys()


def _assignments(value: Any) -> list[Any]:
    inside = value.get("Assignments") if isinstance(value, dict) else None
    return inside if isinstance(inside, list) else [value]


def _submission(line: int, raw: Any, export: Export) -> Told:
    if not _is_assignment(raw):
        return _bad(line, "this record is no assignment with WorkerId and Answer", export)
    try:
        answers = answers_in(str(raw["Answer"] or ""))
    except ValueError as error:
        return _bad(line, f"assignment {raw['AssignmentId']}: {error}", export)
    status = STATUSES.get(str(raw.get("AssignmentStatus")).casefold(), Status.OK)
    accepted, submitted = raw.get("AcceptTime"), raw.get("SubmitTime")
    return Submission(
        line=line,
        data={},
        item_id=as_text(raw.get("HITId")),
        annotator=as_text(raw["WorkerId"]),
        answers=answers,
        status=status,
        said={"submitted_at": submitted, "duration_s": _seconds(accepted, submitted)},
        record={name: value for name, value in raw.items() if name != "Answer"},
        note=f"assignment {raw['AssignmentId']}",
    )


def answers_in(text: str) -> dict[str, Given]:
    """The answers in an assignment's XML; element names count, their namespace does not.

    Raises:
        ValueError: It is no XML, or XML that declares entities, as bombs do.
    """
    if not text.strip():
        return {}
    if len(text) > LONGEST_XML:
        raise ValueError(f"its answer is longer than {LONGEST_XML:,} characters")
    try:
        root = fromstring(text, forbid_dtd=True)
    except ParseError:
        raise ValueError("its answer is not XML") from None
    except DefusedXmlException:
        raise ValueError("its answer declares XML entities, which is not done here") from None
    answers: dict[str, Given] = {}
    for answer in root:
        parts = [(_local(part.tag), (part.text or "").strip()) for part in answer]
        name = next((text for tag, text in parts if tag == "QuestionIdentifier"), "")
        told = [part for part in parts if part[0] != "QuestionIdentifier"]
        if name == FORM:
            answers |= parse_form(told[0][1]) if told else {}
        elif name:
            answers[name] = _answer(told)
    return answers


def _answer(parts: list[tuple[str, str]]) -> Given:
    chosen = [text for tag, text in parts if tag in ("SelectionIdentifier", "OtherSelectionText")]
    if chosen:
        return Ticks(dict.fromkeys(chosen, True), all_known=False)
    texts = [text for tag, text in parts if tag == "FreeText" and text]
    if texts:
        return texts[0]
    return Unread("file") if any(tag == "UploadedFileKey" for tag, _ in parts) else None


def _local(tag: Any) -> str:
    return str(tag).rpartition("}")[2]


def _time(text: str) -> datetime | None:
    """A time as text of any of its kinds, or seconds since 1970."""
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        return mturk_time.parse(text)


def _seconds(start: Any, end: Any) -> float | None:
    begun, done = _time(str(start)), _time(str(end))
    if begun is None or done is None or done < begun:
        return None
    return (done - begun).total_seconds()


def _bad(line: int, message: str, export: Export) -> Issue:
    return Issue(
        code="bad-assignment",
        message=message,
        file=export.shown,
        line=line,
        hint="save the answer of list_assignments_for_hit again",
    )


LOADER = Loader(
    name="mturk_api",
    title="Mechanical Turk's assignments from the API (boto3), as JSON",
    detect=detect,
    read=read,
    reads="Pages of `Assignments`, one after another or in a list, or assignments alone. Each "
    "question of the XML answer is a task; selections are ticked options, free text is a label, "
    "and `taskAnswers` a form. The item is the HIT.",
    loses="Inputs are not there: give the items' texts with `--items-file`, by HITId. "
    "Uploaded files.",
    example="mturk_api.json",
)
