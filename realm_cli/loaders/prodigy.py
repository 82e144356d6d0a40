"""Prodigy's JSON Lines: one record an annotation.

Binary text classification asks whether a label fits (accept, reject, ignore): each label is a
yes/no question. Choices list their options and which were accepted.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from realm_cli.loaders.answers import NO, YES, Given, Ticks, Unread
from realm_cli.loaders.base import Claim, Export, Loader, Record, Request
from realm_cli.loaders.jsonl import first_value, scan_json
from realm_cli.loaders.submissions import Submission, Told, submission_rows
from realm_cli.loaders.values import Clock, as_text, is_missing, iso_time
from realm_cli.schema import DEFAULT_TASK, Issue, Severity, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[_T ]\d\d-\d\d-\d\d")
"""What Prodigy calls a session that nobody has named."""

ANSWERS = {"accept": YES, "reject": NO}
SPANS = ("spans", "relations", "audio_spans")


def detect(export: Export) -> Claim | None:
    """Records with both hashes."""
    if not export.head.lstrip().startswith(("[", "{")):
        return None
    first = first_value(export)
    found = isinstance(first, dict) and {"_input_hash", "_task_hash"} <= first.keys()
    return Claim("JSON records with _input_hash and _task_hash") if found else None


def read(export: Export, request: Request) -> Iterator[Record]:
    """One row a question and record.

    Raises:
        InputError: No record says who answered.
    """

    def submissions() -> Iterator[Told]:
        n_timestamps = 0
        for line, value in scan_json(export):
            if not isinstance(value, dict):
                yield value if isinstance(value, Issue) else _no_record(line, export)
                continue
            for record in _versions(value):
                n_timestamps += _annotator(record) is None and bool(record.get("_session_id"))
                yield _submission(line, record)
        if n_timestamps:
            yield _nobody(n_timestamps, export)

    yield from submission_rows(submissions, request, export, Clock(_time))


def _versions(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What `review` kept of each annotator's answer; the record itself where it is no review."""
    versions = record.get("versions")
    if not isinstance(versions, list) or not all(isinstance(one, dict) for one in versions):
        return [record]
    return [
        {**record, **version, "_annotator_id": session, "_session_id": session}
        for version in versions
        for session in _sessions(version)
    ]


def _sessions(version: Mapping[str, Any]) -> list[Any]:
    found = version.get("sessions")
    return found if isinstance(found, list) else [None]


def _submission(line: int, record: Mapping[str, Any]) -> Submission:
    ignored = record.get("answer") == "ignore"
    own = ("answer", "label", "options", "accept", "versions", "sessions", *SPANS)
    aside = {name for name in record if name.startswith("_") or name in own}
    return Submission(
        line=line,
        data={name: value for name, value in record.items() if name not in aside},
        item_id=as_text(record.get("_input_hash")),
        keyed=True,
        annotator=_annotator(record),
        answers=_answers(record),
        status=Status.SKIPPED if ignored else Status.OK,
        said={"submitted_at": record.get("_timestamp")},
        record=record,
    )


def _answers(record: Mapping[str, Any]) -> dict[str, Given]:
    answer, label = record.get("answer"), record.get("label")
    options = record.get("options")
    if isinstance(options, list):
        return {DEFAULT_TASK: _choice(record, options)}
    if any(isinstance(record.get(name), list) and record[name] for name in SPANS):
        return {DEFAULT_TASK: Unread("spans")}
    name = str(as_text(label)) if not is_missing(label) else DEFAULT_TASK
    return {name: ANSWERS.get(str(answer))}


def _choice(record: Mapping[str, Any], options: list[Any]) -> Given:
    ids = [as_text(one.get("id")) for one in options if isinstance(one, dict)]
    accepted = record.get("accept")
    chosen = {as_text(one) for one in accepted} if isinstance(accepted, list) else set()
    if record.get("answer") == "reject":
        return Ticks({name: False for name in ids if name})
    several = (
        isinstance(record.get("config"), dict)
        and record["config"].get("choice_style") == "multiple"
    )
    return Ticks({name: name in chosen for name in ids if name}, several=several)


def _annotator(record: Mapping[str, Any]) -> str | None:
    """Whoever is named; a session that is only a time is nobody."""
    who = as_text(record.get("_annotator_id"))
    if who is None:
        session = as_text(record.get("_session_id")) or ""
        dataset = as_text(record.get("_dataset")) or ""
        who = session.removeprefix(dataset + "-") if dataset else session.rpartition("-")[2]
        who = session if TIMESTAMP.search(session) else who
    who = unquote(who)
    return None if not who or TIMESTAMP.search(who) else who


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        return iso_time(text)


def _nobody(count: int, export: Export) -> Issue:
    return Issue(
        code="anonymous-sessions",
        severity=Severity.WARNING,
        message=f"{count:,} records come from sessions named by their time, which are nobody",
        file=export.shown,
        hint="start Prodigy with ?session=NAME, or use --annotator-from filename",
        count=count,
    )


def _no_record(line: int, export: Export) -> Issue:
    return Issue(code="no-record", message="this record is no object", file=export.shown, line=line)


LOADER = Loader(
    name="prodigy",
    title="Prodigy's JSON Lines",
    detect=detect,
    read=read,
    reads="`accept` and `reject` answer yes and no to the record's label; `accept[]` among "
    "`options[]` is a choice, or several; `ignore` is status `skipped`. The annotator is "
    "`_annotator_id`, else the session's name behind the data set's. What `review` kept is read "
    "version by version.",
    loses="Spans and relations are counted as `other-answer:spans`. Sessions named by their time "
    "are nobody.",
    example="prodigy.jsonl",
)
