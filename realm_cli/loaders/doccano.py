"""doccano's JSON Lines: one file a member of the project, named after the member.

The records name nobody, so the file's name does. A project that its members share is exported as
one `all.jsonl`, and nobody can tell who gave which label any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from realm_cli.loaders.answers import Given, Ticks, Unread
from realm_cli.loaders.base import Claim, Export, Loader, Record, Request
from realm_cli.loaders.jsonl import first_value, scan_json
from realm_cli.loaders.submissions import Submission, Told, submission_rows
from realm_cli.loaders.values import as_text
from realm_cli.schema import DEFAULT_TASK, Issue, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NOBODY = frozenset({"all", "admin", "data", "export", "project", "unknown", "dataset"})
"""Names of files that are nobody's."""

ANSWERS = ("label", "labels", "cats", "entities", "relations")
OWN_COMMENT = ("Comments", "comments")


def detect(export: Export) -> Claim | None:
    """Records with id, text, a list of labels and comments."""
    if not export.head.lstrip().startswith(("[", "{")):
        return None
    first = first_value(export)
    if not isinstance(first, dict) or "text" not in first or "annotator" in first:
        return None
    commented = any(name in first for name in OWN_COMMENT)
    listed = isinstance(first.get("label", first.get("labels")), list)
    entities = isinstance(first.get("entities"), list) and isinstance(first.get("relations"), list)
    if not (commented and listed) and not entities:
        return None
    return Claim("JSON records with text, label and Comments")


def read(export: Export, request: Request) -> Iterator[Record]:
    """One row a record; the annotator is the file's name.

    Raises:
        InputError: The file is named after nobody.
    """
    who = export.path.name.split(".")[0]
    named = request.columns.annotator is not None or request.annotator_of(export) is not None
    if request.labelled and not named and who.casefold() in NOBODY:
        raise export.refuse(
            "no-column:annotator",
            f"doccano's records name nobody, and {export.path.name} is no member's file; expertise "
            "is learned from who gave which label",
            hint="switch off sharing in the project's settings and export a file for each member",
        )
    if request.labelled and not named:
        yield _by_name(who, export)

    def submissions() -> Iterator[Told]:
        for line, value in scan_json(export):
            if isinstance(value, dict):
                yield _submission(line, value, who)
            elif isinstance(value, Issue):
                yield value
            else:
                yield Issue(
                    code="no-record",
                    message="this record is no object",
                    file=export.shown,
                    line=line,
                )

    yield from submission_rows(submissions, request, export)


def _submission(line: int, record: Mapping[str, Any], who: str) -> Submission:
    aside = (*ANSWERS, *OWN_COMMENT, "id")
    return Submission(
        line=line,
        data={name: value for name, value in record.items() if name not in aside},
        item_id=as_text(record.get("id")),
        annotator=who,
        answers=_answers(record),
        record=record,
    )


def _answers(record: Mapping[str, Any]) -> dict[str, Given]:
    answers: dict[str, Given] = {}
    found = record.get("label", record.get("labels"))
    if isinstance(found, str):
        answers[DEFAULT_TASK] = found.strip() or None
    elif isinstance(found, list):
        answers[DEFAULT_TASK] = _labels(found)
    if isinstance(record.get("cats"), list):
        answers["cats"] = _labels(record["cats"])
    if isinstance(record.get("entities"), list) and record["entities"]:
        answers["entities"] = Unread("spans")
    return answers


def _labels(found: list[Any]) -> Given:
    if any(isinstance(one, list | dict) for one in found):
        return Unread("spans")
    chosen = [str(as_text(one)) for one in found if one is not None]
    return Ticks(dict.fromkeys(chosen, True), all_known=False) if chosen else None


def _by_name(who: str, export: Export) -> Issue:
    return Issue(
        code="annotator-by-filename",
        severity=Severity.NOTE,
        message=f"the records name nobody; the file's name is taken for the annotator: {who}",
        file=export.shown,
    )


LOADER = Loader(
    name="doccano",
    title="doccano's JSON Lines, one file a member",
    detect=detect,
    read=read,
    reads="`label` is the answer: one label, or several ticked options; the annotator is the name "
    "of the file. An empty list has status `empty`.",
    loses="Spans and relations are counted as `other-answer:spans`; comments. `all.jsonl`, the "
    "export of a shared project, names nobody and is refused.",
    example="doccano.jsonl",
)
