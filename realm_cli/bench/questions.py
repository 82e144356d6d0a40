"""Published question-answering sets as items: ARC, OpenBookQA, RiddleSense, PIQA, PubMedQA.

Each reads its own files and yields a `Question` an item; the answer is an option's own text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from realm_cli.bench.plan import DataKind
from realm_cli.errors import InputError

DECISIONS = ("yes", "no", "maybe")
"""The answers of PubMedQA."""


@dataclass(frozen=True)
class Question:
    """An item with gold.

    Attributes:
        item_id: What the set calls it, else its place in the file.
        text: What is asked.
        options: What there is to choose from.
        gold: The right one.
        line: Where it stands in its file, from 1.
    """

    item_id: str
    text: str
    options: tuple[str, ...]
    gold: str
    line: int


def read_questions(kind: DataKind, path: Path, labels: Path | None = None) -> list[Question]:
    """The questions of a file.

    Args:
        kind: Which set it is of.
        path: The file.
        labels: PIQA's answers.

    Raises:
        InputError: The file cannot be read or is of another form.
    """
    try:
        found = list(READERS[kind](path, labels))
    except OSError as error:
        raise InputError(f"cannot read {error.filename}: {error.strerror}") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} does not look like a file of {kind.value}: {type(error).__name__}: {error}",
            hint="the kind of a data set is named in the plan",
        ) from error
    if not found:
        raise InputError(f"{path} holds no questions")
    return found


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            yield number, json.loads(line)


def _choices(path: Path, _: Path | None) -> Iterator[Question]:
    """`question.stem`, `question.choices` of (label, text), `answerKey`: of ARC and its like."""
    for line, record in _lines(path):
        question = record["question"]
        options = {one["label"]: one["text"] for one in question["choices"]}
        yield Question(
            item_id=str(record.get("id", line)),
            text=question["stem"],
            options=_told_apart(tuple(options.values())),
            gold=options[record["answerKey"]],
            line=line,
        )


def _piqa(path: Path, labels: Path | None) -> Iterator[Question]:
    """`goal`, `sol1`, `sol2`; 0 or 1 in the same line of another file."""
    assert labels is not None
    answers = labels.read_text(encoding="utf-8").split()
    records = list(_lines(path))
    if len(records) != len(answers):
        raise ValueError(f"{len(records)} goals and {len(answers)} labels in {labels}")
    for (line, record), answer in zip(records, answers, strict=True):
        options = (record["sol1"], record["sol2"])
        gold = options[("0", "1").index(answer)]
        yield Question(
            str(record.get("id", line)), record["goal"], _told_apart(options), gold, line
        )


def _pubmedqa(path: Path, _: Path | None) -> Iterator[Question]:
    """By PubMed id: `QUESTION`, `CONTEXTS`, `final_decision`. The question ends the text."""
    records = json.loads(path.read_text(encoding="utf-8"))
    for place, (name, record) in enumerate(records.items(), start=1):
        gold = DECISIONS[DECISIONS.index(record["final_decision"])]
        text = "\n".join([*record["CONTEXTS"], record["QUESTION"]])
        yield Question(str(name), text, DECISIONS, gold, place)


def _told_apart(options: tuple[str, ...]) -> tuple[str, ...]:
    """The options, those of the same words once: nobody could tell which of them was meant."""
    return tuple(dict.fromkeys(options))


READERS: dict[DataKind, Callable[[Path, Path | None], Iterator[Question]]] = {
    DataKind.ARC: _choices,
    DataKind.OPENBOOKQA: _choices,
    DataKind.RIDDLESENSE: _choices,
    DataKind.PIQA: _piqa,
    DataKind.PUBMEDQA: _pubmedqa,
}
