"""Potato's `user_state.json`: one file a user, with what they answered for each instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from realm_cli.loaders.answers import Given, Ticks, Unread
from realm_cli.loaders.base import Claim, Export, Loader, Record, Request
from realm_cli.loaders.jsonl import first_value, scan_json
from realm_cli.loaders.submissions import Submission, Told, submission_rows
from realm_cli.loaders.values import as_text, is_missing
from realm_cli.schema import Issue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LABELS = "instance_id_to_label_to_value"
TICKED = frozenset({"true", "1", "on", "yes"})


def detect(export: Export) -> Claim | None:
    """Its own key."""
    if not export.head.lstrip().startswith("{"):
        return None
    first = first_value(export)
    found = isinstance(first, dict) and isinstance(first.get(LABELS), dict)
    return Claim(f"an object with {LABELS}") if found else None


def read(export: Export, request: Request) -> Iterator[Record]:
    """One row a question and instance."""

    def submissions() -> Iterator[Told]:
        for line, value in scan_json(export):
            if isinstance(value, dict):
                yield from _submissions(line, value, export)
            elif isinstance(value, Issue):
                yield value

    yield from submission_rows(submissions, request, export)


def _submissions(line: int, state: Mapping[str, Any], export: Export) -> Iterator[Told]:
    who = as_text(state.get("user_id")) or _by_place(export)
    found = state.get(LABELS)
    for item, labels in found.items() if isinstance(found, dict) else ():
        answers = _answers(labels)
        if answers is None:
            yield Issue(
                code="bad-labels",
                message=f"the labels of instance {item!r} are neither a list nor an object",
                file=export.shown,
                line=line,
            )
            continue
        yield Submission(
            line=line,
            data={},
            item_id=item,
            annotator=who,
            answers=answers,
            record={"user_id": who},
            note=f"instance {item}",
        )


def _by_place(export: Export) -> str | None:
    """The user's folder, or the file's own name where it has one."""
    stem = export.path.name.split(".")[0]
    return (export.path.parent.name or None) if stem == "user_state" else stem


def _answers(labels: Any) -> dict[str, Given] | None:
    """Schema -> what was ticked: `[[{schema, name}, value], …]` or `{schema: {name: value}}`."""
    told: list[tuple[str, str, Any]] = []
    if isinstance(labels, dict):
        for schema, values in labels.items():
            inside = values if isinstance(values, dict) else {str(values): True}
            told += [(str(schema), str(name), value) for name, value in inside.items()]
    elif isinstance(labels, list):
        for pair in labels:
            if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], dict):
                return None
            about = pair[0]
            told.append((str(about.get("schema")), str(about.get("name")), pair[1]))
    else:
        return None
    answers: dict[str, Given] = {}
    for schema, name, value in told:
        answers[schema] = _with(answers.get(schema), name, value)
    return answers


def _with(before: Given, name: str, value: Any) -> Given:
    if is_missing(value):
        return before
    text = str(value).strip()
    if value is True or text.casefold() in TICKED or text == name:
        known = before.options if isinstance(before, Ticks) else {}
        return Ticks({**known, name: True}, all_known=False)
    if value is False or text.casefold() == "false":
        return before
    return before or Unread("text", text)


LOADER = Loader(
    name="potato",
    title="Potato's user_state.json",
    detect=detect,
    read=read,
    reads="Each annotation schema is a question, its names are options; the annotator is "
    "`user_id`, else the folder's name. Texts are read where `--label-col` names their schema.",
    loses="Texts of the instances are not there: give them with `--items-file`. Pages, times and "
    "surveys.",
    example="potato.json",
)
