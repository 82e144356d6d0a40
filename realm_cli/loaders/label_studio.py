"""Label Studio's full JSON export: a list of tasks, or one task, with their annotations.

Its words in ours: a task's `data` is the item, an annotation is what one annotator said about it,
`completed_by` is the annotator, `from_name` is the task (the question asked), a choice is a label.

`RawRow.line` is the physical line where the item begins; messages add the ids of the task and the
annotation, because many exports are one single line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from realm_cli.loaders.base import Dropped, Head, Loader, RawRow, Record, Request
from realm_cli.loaders.columns import (
    CANONICAL,
    NEEDED,
    Found,
    closest,
    find_item_columns,
    listed,
    other_fields,
    unknown,
)
from realm_cli.loaders.jsonl import scan_json
from realm_cli.loaders.values import Clock, as_options, as_text, is_missing, present
from realm_cli.schema import DEFAULT_TASK, Issue, Severity, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from realm_cli.errors import InputError

JOINT = " / "
"""Between the steps of a nested choice."""

GEOMETRY = frozenset({"start", "end", "x", "y", "startOffset", "globalOffsets", "ranges", "points"})
"""Keys that tie a choice to a region of the item."""

SHOWN_CHOICES = 5


@dataclass(frozen=True)
class _Answer:
    """What one annotator said about one item.

    Attributes:
        raw: The annotation as exported.
        choices: Control -> what was chosen for the item as a whole.
        others: (control, why its answer is not read).
    """

    raw: Mapping[str, Any]
    choices: Mapping[str, list[str]]
    others: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class _Item:
    """One task of the export."""

    line: int
    raw: Mapping[str, Any]
    data: Mapping[str, Any]
    answers: Sequence[_Answer]


@dataclass(frozen=True)
class _Plan:
    """How a file's items and answers become rows."""

    file: str
    questions: tuple[str, ...]
    found: Found
    fields: Mapping[str, str]
    annotator: str | None
    clock: Clock = field(default_factory=Clock)


def detect(head: Head) -> str | None:
    """Objects that have `data` and `annotations`."""
    if not head.text.lstrip().startswith(("[", "{")):
        return None
    _, first = next(scan_json(head), (0, None))
    if isinstance(first, Issue):
        both = '"annotations"' in head.text and '"data"' in head.text
        return (
            "JSON with `data` and `annotations`" if both and "completed_by" in head.text else None
        )
    return "JSON objects with `data` and `annotations`" if _is_task(first) else None


def read(head: Head, request: Request) -> Iterator[Record]:
    """The annotations of an export, or its items alone.

    Raises:
        InputError: No control of the file can be read, or no annotation names its annotator.
    """
    found = [_item(line, value, head.shown) for line, value in scan_json(head)]
    items = [item for item in found if isinstance(item, _Item)]
    yield from (problem for problem in found if isinstance(problem, Issue))
    if not items:
        return
    plan = _plan(items, request, head)
    if request.labelled:
        yield from _other_controls(items, head.shown)
        yield from _nameless(items, plan)
    for item in items:
        yield from _rows(item, plan) if request.labelled else _bare_rows(item, plan)
    yield from plan.clock.warnings(head.shown)


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


def _item(line: int, value: Any, file: str) -> _Item | Issue:
    if isinstance(value, Issue):
        return value
    if not _is_task(value):
        return Issue(
            code="no-task",
            message="this record has no `data` with `annotations`, as the others do",
            file=file,
            line=line,
            hint="export the project as JSON, not JSON-MIN",
        )
    answers = [_answer(raw) for raw in _dicts(_annotations(value))]
    return _Item(line, value, value["data"], answers)


def _answer(raw: Mapping[str, Any]) -> _Answer:
    choices: dict[str, list[str]] = {}
    others: dict[tuple[str, str], None] = {}
    for result in _dicts(raw.get("result")):
        name, kind = str(result.get("from_name") or "-"), str(result.get("type") or "unknown")
        value = result.get("value")
        value = value if isinstance(value, dict) else {}
        if kind != "choices":
            others[name, f"other-control:{kind}"] = None
        elif not GEOMETRY.isdisjoint(value):
            others[name, "per-region-choices"] = None
        else:
            choices.setdefault(name, []).extend(_labels(value))
    return _Answer(raw, choices, list(others))


def _labels(value: Mapping[str, Any]) -> list[str]:
    chosen = value.get("choices") or []
    if not isinstance(chosen, list):
        return [str(chosen)]
    return [JOINT.join(map(str, one)) if isinstance(one, list) else str(one) for one in chosen]


def _plan(items: Sequence[_Item], request: Request, head: Head) -> _Plan:
    file, columns = head.shown, request.columns
    questions = _questions(items, request, head)
    names = list(dict.fromkeys(name for item in items for name in item.data))
    found = find_item_columns(names, columns, n_questions=len(questions), file=file)
    annotator = columns.annotator if request.labelled else None
    if annotator is not None and annotator not in names:
        found.issues.append(unknown("annotator", annotator, names, file=file))
    found.check()
    if request.labelled and annotator is None:
        _check_annotators(items, head)
    fields = other_fields(names, list(found.column.values()))
    return _Plan(file, questions, found, fields, annotator)


def _questions(items: Sequence[_Item], request: Request, head: Head) -> tuple[str, ...]:
    """The controls that ask for choices about the whole item, or the one that the user wants."""
    answers = [answer for item in items for answer in item.answers]
    names = tuple(dict.fromkeys(name for answer in answers for name in answer.choices))
    wanted = request.columns.label
    if wanted in names:
        return (str(wanted),)
    if wanted is not None and request.labelled:
        raise _unknown_control(wanted, names, head)
    others = dict.fromkeys(other for answer in answers for other in answer.others)
    if not names and others and request.labelled:
        raise _no_choices(head, list(others))
    return names or (DEFAULT_TASK,)


def _unknown_control(wanted: str, names: Sequence[str], head: Head) -> InputError:
    match = closest(wanted, names)
    return head.refuse(
        "unknown-column:label",
        f"there is no choices control {wanted!r}; {listed(names, 'choices controls')}",
        hint=f"did you mean --label-col {match}?" if match else "change --label-col",
    )


def _no_choices(head: Head, others: Sequence[tuple[str, str]]) -> InputError:
    controls = ", ".join(f"{name} ({why.rpartition(':')[2]})" for name, why in others)
    return head.refuse(
        "no-choices",
        "no annotation answers a `choices` control about the whole item; what the file has is "
        f"{controls}",
        hint="realm reads `choices` controls; the others are left out",
    )


def _check_annotators(items: Sequence[_Item], head: Head) -> None:
    answers = [answer for item in items for answer in item.answers]
    if answers and all(_completed_by(answer.raw) is None for answer in answers):
        raise head.refuse(
            "no-column:annotator",
            f"no annotation has a `completed_by`; {NEEDED['annotator'].rpartition('; ')[2]}",
            hint="name the data field that holds the annotator with --annotator-col NAME",
        )


def _completed_by(annotation: Mapping[str, Any]) -> str | None:
    """The annotator's e-mail if the export has it, else the number; 0 is a number too."""
    who = annotation.get("completed_by")
    if isinstance(who, dict):
        who = who.get("id") if is_missing(who.get("email")) else who["email"]
    return as_text(who)


def _other_controls(items: Sequence[_Item], file: str) -> Iterator[Issue]:
    """One warning for each control whose answers are left out."""
    lines: dict[tuple[str, str], int] = {}
    for item in items:
        for answer in item.answers:
            for other in answer.others:
                lines.setdefault(other, item.line)
    for (name, why), line in lines.items():
        kind = why.rpartition(":")[2]
        yield Issue(
            code="other-control",
            severity=Severity.WARNING,
            message=f"the answers to {name!r} ({kind}) are left out: realm reads choices about "
            "the whole item",
            file=file,
            line=line,
        )


def _nameless(items: Sequence[_Item], plan: _Plan) -> Iterator[Issue]:
    """One warning for all the annotations that do not say whose they are."""
    if plan.annotator is not None:
        return
    nameless = [
        item.line for item in items for answer in item.answers if _completed_by(answer.raw) is None
    ]
    if nameless:
        yield Issue(
            code="no-annotator",
            severity=Severity.WARNING,
            message=f"annotations without a `completed_by` are left out: {len(nameless):,}",
            file=plan.file,
            line=nameless[0],
        )


def _bare_rows(item: _Item, plan: _Plan) -> Iterator[Record]:
    for question in plan.questions:
        yield _row(item, plan, {"task": question}, f"task {item.raw.get('id')}")


def _rows(item: _Item, plan: _Plan) -> Iterator[Record]:
    if not item.answers:
        yield Dropped("unlabelled")
    for answer in item.answers:
        yield from (Dropped(why) for _, why in answer.others)
        yield from _answer_rows(item, answer, plan)


def _answer_rows(item: _Item, answer: _Answer, plan: _Plan) -> Iterator[Record]:
    """One row for each question of one annotation."""
    who = item.data.get(plan.annotator) if plan.annotator else _completed_by(answer.raw)
    status = _status(answer)
    for question in plan.questions:
        chosen = answer.choices.get(question, [])
        note = f"task {item.raw.get('id')}, annotation {answer.raw.get('id')}"
        if who is None and plan.annotator is None:
            yield Dropped("no-annotator")
        elif status is Status.OK and not chosen:
            yield Dropped("not-asked")
        elif status is Status.OK and len(chosen) > 1:
            yield _several_choices(item.line, question, chosen, note, plan)
        else:
            label = chosen[0] if status is Status.OK else None
            said = {"task": question, "annotator_id": who, "label": label, "status": status}
            yield _row(item, plan, {**said, **_circumstances(item, answer, plan)}, note)


def _status(answer: _Answer) -> Status:
    """Skipped wins: a cancelled annotation may still hold what was clicked before."""
    if answer.raw.get("was_cancelled") or answer.raw.get("skipped"):
        return Status.SKIPPED
    return Status.OK if answer.raw.get("result") else Status.EMPTY


def _circumstances(item: _Item, answer: _Answer, plan: _Plan) -> dict[str, Any]:
    return {
        "submitted_at": plan.clock.read(answer.raw.get("created_at"), item.line),
        "duration_s": answer.raw.get("lead_time"),
        "group": as_text(item.raw.get("project")),
    }


def _row(item: _Item, plan: _Plan, said: Mapping[str, Any], note: str) -> RawRow:
    column = plan.found.column
    values = {CANONICAL[role]: item.data.get(name) for role, name in column.items()}
    values["options"] = as_options(values.get("options"))
    if "item" not in column:
        values["item_id"] = item.raw.get("id")
    fields = {ours: item.data.get(name) for name, ours in plan.fields.items()}
    return RawRow(item.line, present({**values, **said}), fields, plan.found.names, note)


def _several_choices(
    line: int, question: str, chosen: Sequence[str], note: str, plan: _Plan
) -> Issue:
    shown = ", ".join(chosen[:SHOWN_CHOICES]) + (", …" if len(chosen) > SHOWN_CHOICES else "")
    return Issue(
        code="several-choices",
        message=f"{note}: {question!r} has {len(chosen)} choices ({shown}); answers with more than "
        "one choice are not read yet",
        file=plan.file,
        line=line,
        hint="read another control with --label-col",
    )


LOADER = Loader(
    name="label_studio",
    title="Label Studio's JSON export",
    detect=detect,
    read=read,
)
