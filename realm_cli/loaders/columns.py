"""Which column plays which part: the user's word first, then the names that people use."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from realm_cli.errors import InputError, UsageError
from realm_cli.schema import CANONICAL_SCHEMA, Issue

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from realm_cli.config import Columns

Ranks = tuple[tuple[str, ...], ...]

NAMES: dict[str, Ranks] = {
    "item": (
        ("item_id",),
        ("item", "example_id", "instance_id", "sample_id", "unit_id", "orig_id"),
        ("task_id", "question_id"),
        ("document_id", "doc_id", "passage_id", "sentence_id", "text_id"),
        ("id", "uid", "uuid"),
    ),
    "annotator": (
        ("annotator_id",),
        ("annotator",),
        ("worker_id", "rater_id", "coder_id", "labeler_id", "labeller_id", "amt_worker_ids"),
        ("worker", "rater", "coder", "labeler", "labeller", "performer", "crowdworker"),
        ("user_id", "participant_id", "judge_id", "evaluator_id"),
        ("user", "username", "participant", "judge", "evaluator", "email"),
    ),
    "label": (
        ("label",),
        ("annotator_label", "worker_label", "given_label"),
        ("response", "answer", "judgment", "judgement", "annotation"),
        ("choice", "vote", "rating", "output", "class"),
    ),
    "text": (
        ("text",),
        ("item_text", "input_text", "full_text"),
        ("sentence", "question", "prompt", "document", "content", "tweet", "review", "input"),
    ),
    "task": (("task",), ("task_name", "question_name")),
    "gold": (
        ("gold",),
        ("gold_label", "gold_answer"),
        ("ground_truth", "true_label", "gt", "correct_label", "correct_answer", "truth"),
    ),
    "options": (("options",), ("choices", "answer_options", "candidates")),
}
"""Role -> names, best first; names of one rank are as good as one another."""

CANONICAL = {
    "item": "item_id",
    "annotator": "annotator_id",
    "label": "label",
    "text": "text",
    "task": "task",
    "gold": "gold",
    "options": "options",
}
"""Role -> column of the canonical table."""

ALL_ROLES = tuple(NAMES)
ITEM_ROLES = ("item", "text", "task", "gold", "options")
PER_QUESTION = ("gold", "options")
SHOWN_NAMES = 30

NEEDED = {
    "annotator": "no column says who gave the label; expertise needs annotator ids",
    "label": "no column holds the labels",
    "item": "no column names the item, and none holds its text",
}


@dataclass
class Found:
    """The columns found, and what stood in the way.

    Attributes:
        column: Role -> column of the file.
        issues: Unknown, ambiguous and missing columns.
    """

    column: dict[str, str] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)

    @property
    def names(self) -> dict[str, str]:
        """Canonical name -> the file's own name."""
        return {CANONICAL[role]: column for role, column in self.column.items()}

    def check(self) -> None:
        """Raise InputError with all the issues, if there is any."""
        if self.issues:
            raise InputError(self.issues[0].message, issues=self.issues)


def fold(name: str) -> str:
    """A name without case, spaces and punctuation: `Item ID`, `item_id` and `ItemId` are one."""
    return re.sub(r"[\W_]+", "", plain(name).casefold())


def number_repeats(names: Sequence[str]) -> tuple[str, ...]:
    """Tell columns of one name apart: the second `workerid` becomes `workerid (2)`."""
    seen: Counter[str] = Counter()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(f"{name} ({seen[name]})" if name and seen[name] > 1 else name)
    return tuple(numbered)


def plain(name: str) -> str:
    """A column's name without the number that `number_repeats` gave it."""
    return re.sub(r" \(\d+\)$", "", name)


def find_columns(
    names: Sequence[str], columns: Columns, roles: Sequence[str], *, file: str
) -> Found:
    """Give each role its column.

    Args:
        names: The columns of the file.
        columns: What the user said; it wins.
        roles: The roles to fill.
        file: For messages.

    Returns:
        What was found; roles without a column are absent.
    """
    found = Found()
    for role in roles:
        _take_given(role, getattr(columns, role), names, found, file)
    for role in roles:
        if role not in found.column and getattr(columns, role) is None:
            _take_by_name(role, names, found, file)
    return found


def find_item_columns(
    names: Sequence[str], columns: Columns, *, n_questions: int, file: str
) -> Found:
    """Give the item's roles their columns, in an export that names its questions itself.

    Where it asks several, a gold label or a list of options cannot be told to belong to one of
    them, so they stay plain fields.

    Raises:
        UsageError: A flag asks for what such an export cannot have.
    """
    if columns.task is not None:
        raise UsageError(
            "--task-col does not go with this format: its questions are the tasks",
            hint="leave --task-col out",
        )
    given = [role for role in PER_QUESTION if getattr(columns, role) is not None]
    if n_questions > 1 and given:
        raise UsageError(
            f"{flag(given[0])} is about one question, and {file} asks {n_questions}",
            hint="choose the question with --label-col",
        )
    roles = ["item", "text", *(PER_QUESTION if n_questions == 1 else ())]
    return find_columns(names, columns, roles, file=file)


def require(found: Found, names: Sequence[str], roles: Sequence[str], *, file: str) -> None:
    """Add an issue for each needed role without a column (and without an issue already)."""
    troubled = {issue.code.rpartition(":")[2] for issue in found.issues}
    for role in roles:
        if role not in found.column and role not in troubled:
            found.issues.append(
                Issue(
                    code=f"no-column:{role}",
                    message=f"{NEEDED[role]}; {listed(names)}",
                    file=file,
                    hint=f"name it with {flag(role)} NAME",
                )
            )


def flag(role: str) -> str:
    """The command-line flag that names a role's column."""
    return f"--{role}-col"


def listed(names: Sequence[str], what: str = "columns") -> str:
    """`the columns are: a, b, c`, cut where there are very many."""
    distinct = list(dict.fromkeys(name for name in names if name.strip()))
    rest = len(distinct) - SHOWN_NAMES
    shown = ", ".join(distinct[:SHOWN_NAMES]) + (f" and {rest} more" if rest > 0 else "")
    return f"the {what} are: {shown}" if distinct else f"there are no {what}"


def closest(name: str, names: Sequence[str]) -> str | None:
    """The name that was probably meant."""
    by_fold = {fold(known): known for known in names}
    matches = difflib.get_close_matches(fold(name), by_fold, n=1)
    return by_fold[matches[0]] if matches else None


def unknown(role: str, given: str, names: Sequence[str], *, file: str) -> Issue:
    """The issue for a column that the user named and the file does not have."""
    match = closest(given, names)
    return Issue(
        code=f"unknown-column:{role}",
        message=f"there is no column {given!r}; {listed(names)}",
        file=file,
        hint=f"did you mean {flag(role)} {match}?" if match else f"change {flag(role)}",
    )


def ambiguous(role: str, candidates: Sequence[str], *, file: str) -> Issue:
    """The issue for a role that several columns could play."""
    several = ", ".join(candidates)
    return Issue(
        code=f"ambiguous-column:{role}",
        message=f"ambiguous: {several} could each hold the {role}",
        file=file,
        hint=f"choose one with {flag(role)}, for instance {flag(role)} {candidates[0]}",
    )


def looks_long(names: Sequence[str]) -> bool:
    """Whether a table has columns named like an annotator's and a label's."""
    folded = {fold(name) for name in names}
    return all(
        any(fold(name) in folded for rank in NAMES[role] for name in rank)
        for role in ("annotator", "label")
    )


def other_fields(names: Sequence[str], taken: Sequence[str]) -> dict[str, str]:
    """Columns that play no part -> the name each has in the canonical table.

    A column of the file must not pass for one of ours, so where it bears one of our names and
    plays another part or none, it is kept as `field_<name>`.
    """
    fields: dict[str, str] = {}
    used = set(CANONICAL_SCHEMA.names)
    for name in names:
        if name in taken or name in fields or not name.strip():
            continue
        fields[name] = _unused(name.strip(), used)
        used.add(fields[name])
    return fields


def _unused(name: str, used: set[str]) -> str:
    while name in used:
        name = f"field_{name}"
    return name


def _take_given(
    role: str, given: str | None, names: Sequence[str], found: Found, file: str
) -> None:
    if given is None:
        return
    if given in names:
        found.column[role] = given
    else:
        found.issues.append(unknown(role, given, names, file=file))


def _take_by_name(role: str, names: Sequence[str], found: Found, file: str) -> None:
    free = [name for name in names if name not in found.column.values()]
    for candidates in _ranked(role, free):
        if len(candidates) == 1:
            found.column[role] = candidates[0]
        else:
            found.issues.append(ambiguous(role, candidates, file=file))
        return


def _ranked(role: str, names: Sequence[str]) -> Iterator[list[str]]:
    """The columns that could play a role, a rank at a time, empty ranks left out.

    A name spelled exactly as ours outranks one that only folds to it.
    """
    exact = [name for name in names if plain(name) == CANONICAL[role]]
    if exact:
        yield exact
    for rank in NAMES[role]:
        folded = {fold(name) for name in rank}
        candidates = [name for name in names if fold(name) in folded]
        if candidates:
            yield candidates
