"""Label Studio's full JSON export: a list of tasks, or one task, with their annotations.

Its words in ours: a task's `data` is the item, an annotation is what one annotator said about it,
`completed_by` is the annotator, `from_name` is the task (the question asked), a choice is a label.

`RawRow.line` is the physical line where the item begins; messages add the ids of the task and the
annotation, because many exports are one single line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from realm_cli.loaders.answers import Given, Ticks, Unread
from realm_cli.loaders.base import Claim, Export, Loader, Record, Request
from realm_cli.loaders.jsonl import first_value, scan_json
from realm_cli.loaders.submissions import Submission, Told, submission_rows
from realm_cli.loaders.values import as_text, is_missing
from realm_cli.schema import Issue, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

JOINT = " / "
"""Between the steps of a nested choice."""

GEOMETRY = frozenset({"start", "end", "x", "y", "startOffset", "globalOffsets", "ranges", "points"})
"""Keys that tie a choice to a region of the item."""


def detect(export: Export) -> Claim | None:
    """Objects that have `data` and `annotations`."""
    if not export.head.lstrip().startswith(("[", "{")):
        return None
    first = first_value(export)
    if isinstance(first, Issue):
        words = ('"annotations"', '"data"', '"completed_by"')
        cut = all(word in export.head for word in words)
        return Claim("JSON with `data` and `annotations`") if cut else None
    return Claim("JSON objects with `data` and `annotations`") if _is_task(first) else None


def read(export: Export, request: Request) -> Iterator[Record]:
    """The annotations of an export, or its items alone.

    Raises:
        InputError: No control of the file can be read, or no annotation names its annotator.
    """

    def submissions() -> Iterator[Told]:
        for line, value in scan_json(export):
            yield from _submissions(line, value, export.shown)

    yield from submission_rows(submissions, request, export)


def _is_task(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("data"), dict)
        and isinstance(_annotations(value), list)
    )


def _annotations(task: Mapping[str, Any]) -> Any:
    return task.get("annotations", task.get("completions"))


def _dicts(values: Any) -> list[dict[str, Any]]:
    """The objects of a list; snapshots of a project may hold bare ids in their place."""
    return (
        [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
    )


def _submissions(line: int, task: Any, file: str) -> Iterator[Told]:
    """What each annotator said about one item."""
    if isinstance(task, Issue):
        yield task
        return
    if not _is_task(task):
        yield _no_task(line, file)
        return
    annotations = _dicts(_annotations(task))
    for raw in annotations:
        yield _submission(line, task, raw)
    if not annotations:
        yield Submission(line, task["data"], task.get("id"), labelled=False)


def _submission(line: int, task: Mapping[str, Any], raw: Mapping[str, Any]) -> Submission:
    return Submission(
        line=line,
        data=task["data"],
        item_id=task.get("id"),
        annotator=_completed_by(raw),
        answers=_answers(raw),
        status=_status(raw),
        said={
            "submitted_at": raw.get("created_at"),
            "duration_s": raw.get("lead_time"),
            "group": as_text(task.get("project")),
        },
        note=f"task {task.get('id')}, annotation {raw.get('id')}",
    )


def _answers(raw: Mapping[str, Any]) -> dict[str, Given]:
    """Control -> what was chosen for the item as a whole, or what kind of answer it is."""
    answers: dict[str, Given] = {}
    for result in _dicts(raw.get("result")):
        name, kind = str(result.get("from_name") or "-"), str(result.get("type") or "unknown")
        value = result.get("value")
        value = value if isinstance(value, dict) else {}
        if kind != "choices":
            answers.setdefault(name, Unread(kind))
        elif not GEOMETRY.isdisjoint(value):
            answers.setdefault(name, Unread("per-region"))
        else:
            known = answers.get(name)
            before = known.options if isinstance(known, Ticks) else {}
            ticks = {**before, **dict.fromkeys(_labels(value), True)}
            answers[name] = Ticks(ticks, all_known=False)
    return answers


def _labels(value: Mapping[str, Any]) -> list[str]:
    chosen = value.get("choices") or []
    if not isinstance(chosen, list):
        return [str(chosen)]
    return [JOINT.join(map(str, one)) if isinstance(one, list) else str(one) for one in chosen]


def _completed_by(annotation: Mapping[str, Any]) -> str | None:
    """The annotator's e-mail if the export has it, else the number; 0 is a number too."""
    who = annotation.get("completed_by")
    if isinstance(who, dict):
        who = who.get("id") if is_missing(who.get("email")) else who["email"]
    return as_text(who)


def _status(raw: Mapping[str, Any]) -> Status:
    """Skipped wins: a cancelled annotation may still hold what was clicked before."""
    if raw.get("was_cancelled") or raw.get("skipped"):
        return Status.SKIPPED
    return Status.OK


def _no_task(line: int, file: str) -> Issue:
    return Issue(
        code="no-task",
        message="this record has no `data` with `annotations`, as the others do",
        file=file,
        line=line,
        hint="export the project as JSON, not JSON-MIN",
    )


LOADER = Loader(
    name="label_studio",
    title="Label Studio's JSON export",
    detect=detect,
    read=read,
)
