"""Submissions -> rows: what one annotator said about one item, question by question.

Annotation tools differ in their words and files, and hardly in what they record. Their loaders
translate each record into a `Submission`; which questions there are, which column of the item is
its text, and what an answer means as task, label and status is settled here, for all of them.

The file is gone through twice: once to learn the questions and the columns, once for the rows. So
a file of any length needs little memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from realm_cli.choices import AnnotatorFrom
from realm_cli.errors import InputError
from realm_cli.loaders.answers import (
    Given,
    Learner,
    Question,
    Unread,
    dropped_reason,
    no_labels,
)
from realm_cli.loaders.base import Dropped, Export, RawRow, Record, Request
from realm_cli.loaders.columns import (
    CANONICAL,
    ITEM_ROLES,
    NEEDED,
    Found,
    closest,
    find_item_columns,
    listed,
    other_fields,
    unknown,
)
from realm_cli.loaders.values import Clock, as_options, is_missing, present
from realm_cli.schema import DEFAULT_TASK, Issue, Severity, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


MOST_OPTIONS = 200
"""A question where several of so many options can be ticked is read as a task an option."""


@dataclass(frozen=True)
class Submission:
    """What one annotator said about one item, in one go.

    Attributes:
        line: Where in the file, from 1.
        data: The item as the tool shows it to annotators: name -> value.
        item_id: The tool's own id of the item, used where no field of `data` is named like an id.
        text: The item's text, used where no field of `data` is named like one.
        annotator: Who; None where the file does not say.
        answers: Question -> answer. A question that is absent was not asked.
        gold: Question -> the answer that is known to be right.
        status: Whether the answers count.
        said: Further canonical values of this annotation: `submitted_at` as found, `duration_s`,
            `group`, `origin`, `edited`, `is_gold`.
        record: What else of the record people may name as a column (`--annotator-col` and such).
        note: Where in the file, in words, if the line alone does not say.
        labelled: False for an item that nobody has answered for.
        keyed: The tool's own id names the item, whatever ids the item's fields hold.
    """

    line: int
    data: Mapping[str, Any]
    item_id: Any = None
    text: Any = None
    annotator: Any = None
    answers: Mapping[str, Given] = field(default_factory=dict)
    gold: Mapping[str, Given] = field(default_factory=dict)
    status: Status = Status.OK
    said: Mapping[str, Any] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)
    note: str | None = None
    labelled: bool = True
    keyed: bool = False


Told: TypeAlias = Submission | Dropped | Issue
"""What a tool's loader makes of each record."""

Submissions: TypeAlias = "Callable[[], Iterator[Told]]"
"""Starts a new pass over a file."""


@dataclass
class _Survey:
    """What the first pass over a file has seen."""

    learner: Learner
    data: dict[str, None] = field(default_factory=dict)
    record: dict[str, None] = field(default_factory=dict)
    n_submissions: int = 0
    n_named: int = 0
    nameless: list[int] = field(default_factory=list)
    n_nameless: int = 0
    has_text: bool = False
    keyed: bool = True


@dataclass(frozen=True)
class _Plan:
    """How submissions become rows."""

    export: Export
    questions: Mapping[str, Question]
    found: Found
    fields: Mapping[str, str]
    annotator: str | None
    everyone: str | None
    clock: Clock


def submission_rows(
    submissions: Submissions, request: Request, export: Export, clock: Clock | None = None
) -> Iterator[Record]:
    """The rows of all submissions of a file.

    Args:
        submissions: Goes through the file; called twice.
        request: What the caller wants. `--label-col` chooses a question by its name.
        export: The file.
        clock: Reads the tool's times.

    Raises:
        InputError: No question can be read, no submission says whose it is, or a column that the
            user named is not there.
    """
    survey = _survey(submissions, request)
    if survey.n_submissions == 0:
        yield from (told for told in submissions() if not isinstance(told, Submission))
        return
    plan = _plan(survey, request, export, clock or Clock())
    if request.labelled:
        yield from _oddities(survey, plan)
    for told in submissions():
        if not isinstance(told, Submission):
            yield told
        elif request.labelled:
            yield from _rows(told, plan)
        else:
            yield from _bare_rows(told, plan)
    yield from plan.clock.warnings(export.shown)


def _survey(submissions: Submissions, request: Request) -> _Survey:
    survey = _Survey(Learner(request.reading.multi_select))
    wanted = request.columns.label
    for told in submissions():
        if not isinstance(told, Submission):
            continue
        survey.n_submissions += 1
        survey.data.update(dict.fromkeys(told.data))
        survey.record.update(dict.fromkeys(told.record))
        survey.keyed &= told.keyed
        survey.has_text |= told.text is not None
        if told.status is not Status.SKIPPED:
            survey.learner.add(_read_as_wanted(told.answers, wanted), told.item_id)
        survey.learner.add(
            {name: gold for name, gold in told.gold.items() if gold is not None}, told.item_id
        )
        if told.labelled and is_missing(told.annotator):
            survey.n_nameless += 1
            survey.nameless = survey.nameless or [told.line]
        elif told.labelled:
            survey.n_named += 1
    return survey


def _read_as_wanted(answers: Mapping[str, Given], wanted: str | None) -> Mapping[str, Given]:
    """Free text is a label where the user chose its question."""
    given = answers.get(wanted) if wanted is not None else None
    if wanted is None or not isinstance(given, Unread) or given.text is None:
        return answers
    return {**answers, wanted: given.text}


def _plan(survey: _Survey, request: Request, export: Export, clock: Clock) -> _Plan:
    columns = request.columns
    questions = _questions(survey, request, export)
    if request.labelled:
        _check_options(questions, survey.learner, export)
    n_tasks = sum(question.n_tasks for question in questions.values())
    given = {role: name for role, name in columns if role in ITEM_ROLES and name is not None}
    beside = [name for name in given.values() if name in survey.record]
    names = [*survey.data, *(name for name in beside if name not in survey.data)]
    found = find_item_columns(names, columns, n_questions=n_tasks, file=export.shown)
    if survey.keyed and columns.item is None:
        found.column.pop("item", None)
        found.issues = [issue for issue in found.issues if issue.code != "ambiguous-column:item"]
    if survey.has_text:  # several fields that could be the text were shown together
        found.issues = [issue for issue in found.issues if issue.code != "ambiguous-column:text"]
    everyone = request.annotator_of(export)
    annotator = columns.annotator if request.labelled and everyone is None else None
    known = [*survey.record, *survey.data]
    if annotator is not None and annotator not in known:
        found.issues.append(unknown("annotator", annotator, known, file=export.shown))
    found.check()
    if request.labelled and annotator is None and everyone is None:
        _check_annotators(survey, export)
    fields = other_fields(list(survey.data), list(found.column.values()))
    return _Plan(export, questions, found, fields, annotator, everyone, clock)


def _questions(survey: _Survey, request: Request, export: Export) -> Mapping[str, Question]:
    """The questions to read: all, or the one that the user wants."""
    questions = survey.learner.questions()
    wanted = request.columns.label
    if wanted in questions:
        return {str(wanted): questions[str(wanted)]}
    if wanted is not None and request.labelled:
        raise _unknown_question(wanted, list(questions), export)
    if not questions and survey.learner.unread and request.labelled:
        raise no_labels(survey.learner.unread, export)
    return questions or {DEFAULT_TASK: Question(DEFAULT_TASK)}


def _unknown_question(wanted: str, names: Sequence[str], export: Export) -> InputError:
    match = closest(wanted, names)
    return export.refuse(
        "unknown-column:label",
        f"there is no question {wanted!r}; {listed(names, 'questions')}",
        hint=f"did you mean --label-col {match}?" if match else "change --label-col",
    )


def _check_options(questions: Mapping[str, Question], learner: Learner, export: Export) -> None:
    """Refuse to make a task of each option where options are not the same for all items.

    Nobody was asked about an option that their item did not offer.
    """
    for name, question in questions.items():
        if question.n_tasks > 1 and (question.n_tasks > MOST_OPTIONS or learner.by_item(name)):
            raise export.refuse(
                "options-by-item",
                f"several of the options of {name!r} can be ticked, and its {question.n_tasks:,} "
                "options differ from item to item, so they cannot be a yes/no task each",
                hint="read combinations as labels with --multi-select combination, or choose "
                "another question with --label-col",
            )


def _check_annotators(survey: _Survey, export: Export) -> None:
    if survey.n_named or not survey.n_nameless:
        return
    raise export.refuse(
        "no-column:annotator",
        f"no answer says who gave it; {NEEDED['annotator'].rpartition('; ')[2]}",
        hint="name the field that holds the annotator with --annotator-col NAME, or, if each "
        f"annotator has a file, use --annotator-from {AnnotatorFrom.FILENAME.value}",
    )


def _oddities(survey: _Survey, plan: _Plan) -> Iterator[Issue]:
    """Warnings about the file as a whole."""
    yield from survey.learner.warnings(list(plan.questions), plan.export.shown)
    if survey.n_nameless and plan.annotator is None and plan.everyone is None:
        yield Issue(
            code="no-annotator",
            severity=Severity.WARNING,
            message=f"answers that do not say whose they are are left out: {survey.n_nameless:,}",
            file=plan.export.shown,
            line=survey.nameless[0],
        )


def _bare_rows(told: Submission, plan: _Plan) -> Iterator[Record]:
    for question in plan.questions.values():
        for asked in question.blank():
            said = {name: value for name, value in asked.items() if name != "label"}
            yield _row(told, plan, {**said, **_gold(told, question)(said["task"])})


def _rows(told: Submission, plan: _Plan) -> Iterator[Record]:
    """One row a task; a blank beside other answers was not asked, a lone blank is empty."""
    if not told.labelled:
        yield Dropped("unlabelled")
        return
    who = _annotator(told, plan)
    if who is None and plan.annotator is None:
        yield Dropped("no-annotator")
        return
    answers = {} if told.status is Status.SKIPPED else told.answers
    for given in answers.values():
        if isinstance(given, Unread):
            yield Dropped(dropped_reason(given))
    said = {**told.said, "annotator_id": who}
    if "submitted_at" in said:
        said["submitted_at"] = plan.clock.read(said["submitted_at"], told.line)
    answered = any(given is not None for given in answers.values())
    for name, question in plan.questions.items():
        given = _read_as_wanted(answers, name).get(name)
        if given is None and answered:
            yield Dropped("not-asked")
        elif not isinstance(given, Unread):
            gold = _gold(told, question)
            for answer in question.answered(given):
                status = {"status": _status(answer, told.status)}
                yield _row(told, plan, {**said, **answer, **gold(answer["task"]), **status})


def _annotator(told: Submission, plan: _Plan) -> Any:
    if plan.everyone is not None:
        return plan.everyone
    if plan.annotator is None:
        return None if is_missing(told.annotator) else told.annotator
    return told.record.get(plan.annotator, told.data.get(plan.annotator))


def _status(answer: Mapping[str, Any], status: Status) -> Status:
    blank = answer.get("label") is None
    return Status.EMPTY if blank and status in (Status.OK, Status.MODEL) else status


def _gold(told: Submission, question: Question) -> Callable[[str], dict[str, Any]]:
    """Task -> the gold of this item, as far as the file knows it."""
    given = told.gold.get(question.name)
    if given is None:
        return lambda _: {}
    known = {answer["task"]: answer.get("label") for answer in question.answered(given)}
    return lambda task: present({"gold": known.get(task)})


def _row(told: Submission, plan: _Plan, said: Mapping[str, Any]) -> RawRow:
    values = {"item_id": told.item_id, "text": told.text}
    for role, name in plan.found.column.items():
        values[CANONICAL[role]] = told.data.get(name, told.record.get(name))
    values["options"] = as_options(values.get("options"))
    fields = {ours: told.data.get(name) for name, ours in plan.fields.items()}
    values = present({**values, **said})
    return RawRow(told.line, values, fields, plan.found.names, told.note)
