"""Label Studio's full JSON export: a list of tasks, or one task, with their annotations.

Its words in ours: a task's `data` is the item, an annotation is what one annotator said about it,
`completed_by` is the annotator, `from_name` is the task (the question asked), a choice is a label.

`RawRow.line` is the physical line where the item begins; messages add the ids of the task and the
annotation, because many exports are one single line.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from realm_cli.choices import AnnotatorFrom
from realm_cli.loaders.answers import Given, Unread
from realm_cli.loaders.base import Claim, Dropped, Export, Loader, Record, Request
from realm_cli.loaders.jsonl import first_value, scan_json
from realm_cli.loaders.label_studio_values import control_answer, merged
from realm_cli.loaders.models import PREFIX
from realm_cli.loaders.submissions import Submission, Told, submission_rows
from realm_cli.loaders.values import as_text, is_missing
from realm_cli.schema import Issue, Origin, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

DEEPEST = 3
"""Steps down which a list of tasks is looked for inside something else."""


def detect(export: Export) -> Claim | None:
    """Objects that have `data` and `annotations`, perhaps inside something else."""
    if not export.head.lstrip().startswith(("[", "{")):
        return None
    first = first_value(export)
    if isinstance(first, Issue):
        words = ('"annotations"', '"data"', '"completed_by"')
        cut = all(word in export.head for word in words)
        return Claim("JSON with `data` and `annotations`") if cut else None
    if _is_task(first):
        return Claim("JSON objects with `data` and `annotations`")
    found = list(_lists_of_tasks(first, "")) if isinstance(first, dict) else []
    if len(found) == 1:
        return Claim(f"a list of tasks with `data` and `annotations` under {found[0][0]}", 0.9)
    if isinstance(first, dict) and (first.get("aggregated") is True or _is_sidecar(first)):
        return Claim("an object as Label Studio writes beside its exports")
    return None


def read(export: Export, request: Request) -> Iterator[Record]:
    """The annotations of an export, or its items alone.

    Raises:
        InputError: No control of the file can be read, or no annotation names its annotator.
    """
    _refuse_what_is_beside(first_value(export), export)
    columns = request.columns
    if columns.item is not None and columns.item.startswith("data."):
        request = request.with_columns(item=columns.item.removeprefix("data."))
    reader = _Reader(export.shown, request)

    def submissions() -> Iterator[Told]:
        seen = _Seen()
        for line, value in scan_json(export):
            for task in _tasks(value):
                yield from reader.submissions(line, task, seen)

    yield from submission_rows(submissions, request, export)


def _is_task(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("data"), dict)
        and isinstance(_annotations(value), list)
    )


def _annotations(task: Mapping[str, Any]) -> Any:
    return task.get("annotations", task.get("completions"))


def _is_sidecar(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("project"), dict) and "platform" in value


def _lists_of_tasks(value: Any, pointer: str, depth: int = 0) -> Iterator[tuple[str, list[Any]]]:
    """The lists of tasks inside a value, each with its JSON pointer."""
    if isinstance(value, list) and value and all(_is_task(one) for one in value):
        yield pointer or "/", value
    elif isinstance(value, dict) and depth < DEEPEST:
        for name, inner in value.items():
            yield from _lists_of_tasks(inner, f"{pointer}/{name}", depth + 1)


def _tasks(value: Any) -> list[Any]:
    """The tasks in one JSON value: itself, or those that it wraps."""
    if isinstance(value, Issue) or _is_task(value):
        return [value]
    found = list(_lists_of_tasks(value, "")) if isinstance(value, dict) else []
    return found[0][1] if len(found) == 1 else [value]


def _refuse_what_is_beside(first: Any, export: Export) -> None:
    if not isinstance(first, dict):
        return
    if first.get("aggregated") is True:
        raise export.refuse(
            "no-column:annotator",
            "this export is aggregated: it holds one answer for all annotators of an item",
            hint="export the project's annotations one by one, as JSON",
        )
    if _is_sidecar(first):
        raise export.refuse(
            "no-export",
            "this is the note that Label Studio writes beside an export, and no data",
            hint="give the export itself: the file without -info in its name",
        )


def _dicts(values: Any) -> list[dict[str, Any]]:
    """The objects of a list; snapshots of a project may hold bare ids in their place."""
    return (
        [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
    )


class _Seen:
    """The annotations that one pass over a file has come across."""

    def __init__(self) -> None:
        self._ids: set[int | str] = set()

    def again(self, raw: Mapping[str, Any]) -> bool:
        """Whether this annotation was there before: joined dumps hold some twice."""
        number = raw.get("id")
        if not isinstance(number, int | str):
            return False
        known = number in self._ids
        self._ids.add(number)
        return known


@dataclass(frozen=True)
class _Reader:
    """Turns tasks into submissions, as the user wants them."""

    file: str
    request: Request

    def submissions(self, line: int, task: Any, seen: _Seen) -> Iterator[Told]:
        """What each annotator, and each model, said about one item."""
        if isinstance(task, Issue):
            yield task
            return
        if not _is_task(task):
            yield _no_task(line, self.file)
            return
        annotations = _dicts(_annotations(task))
        told = [self._submission(line, task, raw) for raw in annotations if not seen.again(raw)]
        yield from [Dropped("repeated-annotation-id")] * (len(annotations) - len(told))
        told += [self._prediction(line, task, raw) for raw in _dicts(task.get("predictions"))]
        gold = _gold(told)
        yield from (replace(one, gold=gold) for one in told) if gold else told
        if not told and not annotations:
            yield Submission(line, task["data"], task.get("id"), labelled=False)

    def _submission(self, line: int, task: Mapping[str, Any], raw: Mapping[str, Any]) -> Submission:
        by_project = self.request.reading.annotator_from is AnnotatorFrom.PROJECT
        results = _dicts(raw.get("result"))
        return Submission(
            line=line,
            data=task["data"],
            item_id=task.get("id"),
            annotator=as_text(task.get("project", raw.get("project")))
            if by_project
            else _completed_by(raw),
            answers=self._answers(results),
            status=_status(raw),
            said={
                "submitted_at": raw.get("created_at"),
                "duration_s": raw.get("lead_time"),
                "group": as_text(task.get("project")),
                "origin": _origin(raw, results),
                "edited": _edited(raw),
                "is_gold": raw.get("ground_truth") is True or None,
            },
            note=f"task {task.get('id')}, annotation {raw.get('id')}",
        )

    def _prediction(self, line: int, task: Mapping[str, Any], raw: Mapping[str, Any]) -> Submission:
        name = as_text(raw.get("model_version")) or "prediction"
        return Submission(
            line=line,
            data=task["data"],
            item_id=task.get("id"),
            annotator=PREFIX + name,
            answers=self._answers(_dicts(raw.get("result"))),
            status=Status.MODEL,
            said={"origin": Origin.MODEL, "submitted_at": raw.get("created_at")},
            note=f"task {task.get('id')}, prediction {raw.get('id')}",
        )

    def _answers(self, results: Sequence[Mapping[str, Any]]) -> dict[str, Given]:
        """Control -> its answer about the item as a whole, or what kind of answer it is."""
        level = self.request.reading.taxonomy_level
        found: dict[str, list[Given]] = {}
        regions = _regions(results)
        for result in results:
            kind = str(result.get("type") or "unknown")
            name = str(result.get("from_name") or kind)
            answer = control_answer(kind, result.get("value"), level)
            inside = result.get("id") in regions and not isinstance(answer, Unread)
            found.setdefault(name, []).append(Unread("per-region") if inside else answer)
        return {name: merged(answers) for name, answers in found.items()}


def _regions(results: Sequence[Mapping[str, Any]]) -> set[Any]:
    """Ids of regions: results that share one with a shape are about that shape."""
    if len(results) < 2:
        return set()
    shapes = [
        result.get("id")
        for result in results
        if isinstance(control_answer(str(result.get("type")), result.get("value")), Unread)
        and str(result.get("type")) not in ("textarea", "datetime")
    ]
    return {shape for shape in shapes if isinstance(shape, str | int)}


def _gold(told: Sequence[Submission]) -> dict[str, Given]:
    """Question -> the answer of the annotations that are ground truth, where they agree."""
    chosen = [
        one.answers for one in told if one.said.get("is_gold") and one.status is not Status.SKIPPED
    ]
    names = dict.fromkeys(name for answers in chosen for name in answers)
    gold: dict[str, Given] = {}
    for name in names:
        answers = [one[name] for one in chosen if one.get(name) is not None]
        if answers and all(one == answers[0] for one in answers):
            gold[name] = None if isinstance(answers[0], Unread) else answers[0]
    return gold


def _completed_by(annotation: Mapping[str, Any]) -> str | None:
    """The annotator's e-mail if the export has it, else the number; 0 is a number too."""
    who = annotation.get("completed_by")
    if isinstance(who, dict):
        who = who.get("id") if is_missing(who.get("email")) else who["email"]
    return as_text(annotation.get("created_username") if is_missing(who) else who)


def _edited(raw: Mapping[str, Any]) -> bool | None:
    """Whether somebody else changed the annotation last; None where that is not known."""
    who, last = _number(raw.get("completed_by")), _number(raw.get("updated_by"))
    return None if who is None or last is None else who != last


def _number(who: Any) -> Any:
    """The id in any of the ways in which exports name people."""
    if isinstance(who, list):
        who = who[-1] if who else None
    if isinstance(who, dict):
        who = who.get("id", who.get("user_id"))
    return who if isinstance(who, int | str) and not isinstance(who, bool) else None


def _origin(raw: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> Origin | None:
    accepted = any(result.get("origin") == "prediction" for result in results)
    if accepted or raw.get("parent_prediction") is not None:
        return Origin.PRE_LABEL
    return Origin.MANUAL if any(one.get("origin") == "manual" for one in results) else None


def _status(raw: Mapping[str, Any]) -> Status:
    """Skipped wins: a cancelled annotation may still hold what was clicked before."""
    if raw.get("was_cancelled") or raw.get("skipped"):
        return Status.SKIPPED
    reviews = [one for one in _dicts(raw.get("reviews")) if isinstance(one.get("accepted"), bool)]
    refused = bool(reviews) and not reviews[-1]["accepted"]
    return Status.REJECTED if refused or raw.get("last_action") == "rejected" else Status.OK


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
    reads="Each control (`from_name`) is a question, or only the one named by `--label-col`. "
    "Choices and taxonomies are labels (a path's steps are joined by ` / `; `--taxonomy-level` "
    "takes fewer), ratings are steps of a scale, numbers are numbers, a pairwise answer is `left` "
    "or `right`; free text is read where `--label-col` names it. The annotator is `completed_by`: "
    "its e-mail, else its number. `was_cancelled` is status `skipped`, a refused review "
    "`rejected`. `ground_truth` is the item's gold, and the annotation that it is is not scored "
    "on it. Predictions are kept with status `model`. `lead_time`, `created_at` and `project` "
    "become `duration_s`, `submitted_at` and `group`. Edits by others and accepted pre-labels are "
    "marked.",
    loses="Spans, boxes, relations, rankings, answers about a region, drafts and history: they are "
    "counted as `other-answer:KIND`.",
    example="label_studio.json",
)
