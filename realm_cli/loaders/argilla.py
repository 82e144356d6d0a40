"""Argilla's records: responses inside each record, or flat columns as its data sets have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from realm_cli.loaders.answers import Given, Grade, Ticks, Unread
from realm_cli.loaders.any_table import open_table, sample
from realm_cli.loaders.base import Claim, Export, Loader, Record, Request
from realm_cli.loaders.models import PREFIX
from realm_cli.loaders.nested import parsed
from realm_cli.loaders.submissions import Submission, Told, submission_rows
from realm_cli.loaders.tables import TableRow
from realm_cli.loaders.values import as_text, is_missing
from realm_cli.schema import Issue, Origin, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RESPONSES, USERS, STATUS = ".responses", ".responses.users", ".responses.status"
SUGGESTION, AGENT = ".suggestion", ".suggestion.agent"
STATUSES = {"discarded": Status.SKIPPED, "draft": Status.PENDING, "pending": Status.PENDING}


def detect(export: Export) -> Claim | None:
    """Columns `q.responses.users`, or records with `fields` and `responses`."""
    names, rows = sample(export)
    flat = [name for name in names if name.endswith(USERS)]
    if flat:
        return Claim(f"a column {flat[0]}")
    nested = rows and isinstance(rows[0].get("responses"), dict) and "fields" in rows[0]
    return Claim("records with `fields` and `responses`") if nested else None


def read(export: Export, request: Request) -> Iterator[Record]:
    """One row a question and response."""
    table = open_table(export)
    questions = [name.removesuffix(USERS) for name in table.names if name.endswith(USERS)]
    own = {q + end for q in questions for end in (RESPONSES, USERS, STATUS, SUGGESTION, AGENT)} | {
        f"{q}.suggestion.score" for q in questions
    }

    def submissions() -> Iterator[Told]:
        for row in table.rows():
            if not isinstance(row, TableRow):
                yield row
            elif questions:
                data = {name: cell for name, cell in row.cells.items() if name not in own}
                told = [_flat(row.cells, question) for question in questions]
                yield from _submissions(row, data, told, export)
            else:
                told = [_inside(row.cells, name) for name in _dict(row.cells.get("responses"))]
                told += [_suggested(row.cells)]
                yield from _submissions(row, _fields(row.cells), told, export)

    yield from submission_rows(submissions, request, export)


Said = tuple[str, str, Given, Status]
"""Annotator, question, answer and status of one response."""


def _submissions(
    row: TableRow, data: Mapping[str, Any], told: list[list[Said] | str], export: Export
) -> Iterator[Told]:
    """One submission for each annotator and status among the responses of a record."""
    problems = [one for one in told if isinstance(one, str)]
    for problem in problems:
        yield Issue(code="bad-responses", message=problem, file=export.shown, line=row.line)
    answers: dict[tuple[str, Status], dict[str, Given]] = {}
    for said in (one for part in told if not isinstance(part, str) for one in part):
        who, question, answer, status = said
        answers.setdefault((who, status), {})[question] = answer
    for (who, status), given in answers.items():
        yield Submission(
            line=row.line,
            data=data,
            item_id=as_text(row.cells.get("id")) or as_text(row.cells.get("_server_id")),
            annotator=who,
            answers=given,
            status=status,
            said={"origin": Origin.MODEL} if status is Status.MODEL else {},
            record=row.cells,
        )
    if not answers and not problems:
        yield Submission(row.line, data, as_text(row.cells.get("id")), labelled=False)


def _flat(cells: Mapping[str, Any], question: str) -> list[Said] | str:
    """The parallel lists of one question."""
    lists = [parsed(cells.get(question + end)) for end in (RESPONSES, USERS, STATUS)]
    values, users, statuses = ([] if is_missing(one) else one for one in lists)
    if not isinstance(values, list) or not isinstance(users, list) or len(values) != len(users):
        return f"the responses and users of {question!r} are not lists of one length"
    known = statuses if isinstance(statuses, list) and len(statuses) == len(values) else None
    told = [
        (str(as_text(user)), question, _answer(value), _status(known[n] if known else None))
        for n, (value, user) in enumerate(zip(values, users, strict=True))
        if not is_missing(user)
    ]
    suggestion = cells.get(question + SUGGESTION)
    if not is_missing(suggestion):
        agent = as_text(cells.get(question + AGENT)) or "suggestion"
        told.append((PREFIX + agent, question, _answer(parsed(suggestion)), Status.MODEL))
    return told


def _inside(cells: Mapping[str, Any], question: str) -> list[Said] | str:
    """The list of one question's responses in a record."""
    found = cells["responses"][question]
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        return f"the responses to {question!r} are no list of objects"
    return [
        (str(as_text(one["user_id"])), question, _answer(one.get("value")),
         _status(one.get("status")))
        for one in found
        if not is_missing(one.get("user_id"))
    ]  # fmt: skip


def _suggested(cells: Mapping[str, Any]) -> list[Said]:
    told: list[Said] = []
    for question, found in _dict(cells.get("suggestions")).items():
        one = found if isinstance(found, dict) else {}
        if not is_missing(one.get("value")):
            agent = as_text(one.get("agent")) or "suggestion"
            told.append((PREFIX + agent, str(question), _answer(one["value"]), Status.MODEL))
    return told


def _fields(cells: Mapping[str, Any]) -> dict[str, Any]:
    return {**_dict(cells.get("metadata")), **_dict(cells.get("fields"))}


def _dict(value: Any) -> dict[str, Any]:
    value = parsed(value)
    return value if isinstance(value, dict) else {}


def _status(value: Any) -> Status:
    return STATUSES.get(str(value).casefold(), Status.OK)


def _answer(value: Any) -> Given:
    if is_missing(value):
        return None
    if isinstance(value, list):
        if any(isinstance(one, dict | list) for one in value):
            return Unread("spans")
        chosen = [str(as_text(one)) for one in value if not is_missing(one)]
        return Ticks(dict.fromkeys(chosen, True), several=True, all_known=False)
    if isinstance(value, dict):
        return Unread(next(iter(map(str, value)), "object"))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Grade(str(as_text(value)))
    return str(as_text(value)).strip() or None


LOADER = Loader(
    name="argilla",
    title="Argilla's records (nested, or flat as in its data sets)",
    detect=detect,
    read=read,
    reads="Each question of `responses` is a task; the annotator is the user's id. Numbers are "
    "steps of a scale, lists several options. Discarded responses have status `skipped`, drafts "
    "`pending`. Suggestions are kept with status `model`. `fields` and `metadata` are the item.",
    loses="Spans and rankings are counted as `other-answer:KIND`; vectors.",
    example="argilla.jsonl",
    reads_text=False,
)
