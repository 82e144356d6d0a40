"""LeWiDi's JSON (learning with disagreements): one object, items by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from realm_cli.loaders.answers import Given, Ticks
from realm_cli.loaders.base import Claim, Export, Loader, Record, Request
from realm_cli.loaders.jsonl import first_value, scan_json
from realm_cli.loaders.submissions import Submission, Told, submission_rows
from realm_cli.loaders.values import as_text, is_missing
from realm_cli.schema import DEFAULT_TASK, Issue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OWN = ("annotators", "annotations", "number of annotations", "number of annotators", "soft_label",
       "hard_label")  # fmt: skip


def detect(export: Export) -> Claim | None:
    """Items by their ids, each with annotators and annotations."""
    if not export.head.lstrip().startswith("{"):
        return None
    first = first_value(export)
    if not isinstance(first, dict) or not first:
        return None
    items = list(first.values())[:20]
    found = all(isinstance(one, dict) and {"annotators", "annotations"} <= one.keys()
                for one in items)  # fmt: skip
    return Claim("an object of items, each with annotators and annotations") if found else None


def read(export: Export, request: Request) -> Iterator[Record]:
    """One row an annotation."""

    def submissions() -> Iterator[Told]:
        for line, value in scan_json(export):
            if isinstance(value, Issue):
                yield value
            for item, record in value.items() if isinstance(value, dict) else ():
                yield from _submissions(line, str(item), record, export)

    yield from submission_rows(submissions, request, export)


def _submissions(line: int, item: str, record: Any, export: Export) -> Iterator[Told]:
    pairs = _pairs(record) if isinstance(record, dict) else None
    if pairs is None:
        yield Issue(
            code="bad-annotations",
            message=f"item {item!r} does not have one annotation for each of its annotators",
            file=export.shown,
            line=line,
        )
        return
    data = {name: value for name, value in record.items() if name not in OWN and name != "text"}
    data["text"] = _text(record.get("text"))
    for who, answer in pairs:
        yield Submission(
            line=line,
            data=data,
            item_id=item,
            annotator=who,
            answers={DEFAULT_TASK: _answer(answer)},
            record=record,
            note=f"item {item}",
        )
    if not pairs:
        yield Submission(line, data, item, labelled=False)


def _pairs(record: Mapping[str, Any]) -> list[tuple[str, Any]] | None:
    """Annotators with their annotations: by name, or side by side."""
    found = record.get("annotations")
    if isinstance(found, dict):
        return [(str(who), answer) for who, answer in found.items()]
    people, answers = _split(record.get("annotators")), _split(found)
    if people is None or answers is None or len(people) != len(answers):
        return None
    return [(str(who), answer) for who, answer in zip(people, answers, strict=True)]


def _split(value: Any) -> list[Any] | None:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")] if value.strip() else []
    return value if isinstance(value, list) else None


def _answer(value: Any) -> Given:
    if is_missing(value):
        return None
    if isinstance(value, list):
        chosen = [str(as_text(one)) for one in value if not is_missing(one)]
        return Ticks(dict.fromkeys(chosen, True), several=True, all_known=False)
    return str(as_text(value)).strip() or None


def _text(value: Any) -> str | None:
    """A text, or the parts of one line by line."""
    if isinstance(value, dict):
        lines = [f"{name}: {part}" for name, part in value.items() if not is_missing(part)]
        return "\n".join(lines) or None
    return as_text(value)


LOADER = Loader(
    name="lewidi",
    title="LeWiDi's JSON, items by their ids",
    detect=detect,
    read=read,
    reads="`annotations` by annotator, or side by side with `annotators`; a text of several parts "
    "is joined as `name: value` lines.",
    loses="Soft and hard labels, which are computed from the annotations.",
    example="lewidi.json",
)
