"""SageMaker Ground Truth: consolidation requests, worker responses, and output manifests.

The first two say which worker answered what. A manifest's labels are consolidated: they are
reference labels, and nobody's.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from realm_cli.loaders.answers import Given, Unread
from realm_cli.loaders.base import Claim, Export, Loader, Record, Request
from realm_cli.loaders.jsonl import first_value, scan_json
from realm_cli.loaders.submissions import Submission, Told, submission_rows
from realm_cli.loaders.task_answers import given_in
from realm_cli.loaders.values import as_text
from realm_cli.schema import Issue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

WORKERS = "annotationsFromAllWorkers"


def detect(export: Export) -> Claim | None:
    """One of its three shapes."""
    if not export.head.lstrip().startswith(("[", "{")):
        return None
    first = first_value(export)
    if not isinstance(first, dict):
        return None
    if "datasetObjectId" in first:
        return Claim("a consolidation request: records with datasetObjectId")
    if _responses(first):
        return Claim("worker responses: answers with workerId and answerContent")
    if _jobs(first):
        return Claim("an output manifest: source and labels with their -metadata")
    return None


def read(export: Export, request: Request) -> Iterator[Record]:
    """One row a question and worker; of a manifest the items with their reference labels.

    Raises:
        InputError: Annotations are wanted from a manifest, whose labels are nobody's.
    """
    first = first_value(export)
    consolidated = isinstance(first, dict) and bool(_jobs(first)) and not _has_workers(first)
    if consolidated and request.labelled:
        raise export.refuse(
            "no-column:annotator",
            "this is an output manifest: its labels are consolidated, and no worker's; expertise "
            "is learned from who gave which label",
            hint="give the job's worker responses or its consolidation request, and this file with "
            "--items-file for its reference labels",
        )

    def submissions() -> Iterator[Told]:
        for line, value in scan_json(export):
            if isinstance(value, dict):
                yield from _submissions(line, value, export)
            else:
                yield value if isinstance(value, Issue) else _no_record(line, export)

    yield from submission_rows(submissions, request, export)


def _submissions(line: int, value: Mapping[str, Any], export: Export) -> Iterator[Told]:
    if "datasetObjectId" in value:
        shown = value.get("dataObject")
        item = as_text(value["datasetObjectId"])
        told = _dicts(value.get("annotations"))
    elif _responses(value):
        shown, item = None, export.path.parent.name or export.path.stem
        told = _dicts(value["answers"])
    else:
        yield from _of_manifest(line, value, export)
        return
    data = _data(shown)
    for raw in told:
        yield _submission(line, item, data, raw)
    if not told:
        yield Submission(line, data, item, labelled=False)


def _submission(
    line: int, item: str | None, data: Mapping[str, Any], raw: Mapping[str, Any]
) -> Submission:
    inside = raw.get("annotationData")
    content = inside.get("content") if isinstance(inside, dict) else raw.get("answerContent")
    return Submission(
        line=line,
        data=data,
        item_id=item,
        keyed=True,
        annotator=_worker(raw),
        answers=_answers(content),
        said={
            "submitted_at": raw.get("submissionTime"),
            "duration_s": raw.get("timeSpentInSeconds"),
        },
        record=raw,
        note=f"object {item}",
    )


def _of_manifest(line: int, value: Mapping[str, Any], export: Export) -> Iterator[Told]:
    jobs = _jobs(value)
    if not jobs:
        yield _no_record(line, export)
        return
    item = as_text(value.get("source-ref", value.get("source")))
    data = {"text": value["source"]} if "source" in value else {"source": item}
    everyone = [value[job].get(WORKERS) for job in jobs if isinstance(value.get(job), dict)]
    told = [one for workers in everyone for one in _dicts(workers)]
    for worker in told:
        yield _submission(line, item, data, worker)
    if not told:
        gold = {job: _consolidated(value[f"{job}-metadata"]) for job in jobs}
        yield Submission(line, data, item, answers=dict(gold), gold=gold, labelled=False)


def _consolidated(about: Any) -> Given:
    """The label of a person's making; what a model labelled is no reference."""
    if not isinstance(about, dict) or about.get("human-annotated") == "no":
        return None
    return as_text(about.get("class-name"))


def _answers(content: Any) -> dict[str, Given]:
    """Question -> answer; the content is an object, or its JSON."""
    if isinstance(content, str):
        try:
            content = json.loads(content)
        except (ValueError, RecursionError):
            return {"answer": Unread("unreadable")}
    if not isinstance(content, dict):
        return {}
    return {str(name).strip() or "-": given_in(inner) for name, inner in content.items()}


def _worker(raw: Mapping[str, Any]) -> str | None:
    """The person where the identity is given: one person has an id for each work team."""
    about = raw.get("workerMetadata")
    identity = about.get("identityData") if isinstance(about, dict) else None
    person = as_text(identity.get("sub")) if isinstance(identity, dict) else None
    return person or as_text(raw.get("workerId"))


def _data(shown: Any) -> dict[str, Any]:
    if not isinstance(shown, dict):
        return {}
    content = shown.get("content")
    return {"text": content} if content is not None else {"source": shown.get("s3Uri")}


def _responses(value: Mapping[str, Any]) -> bool:
    answers = _dicts(value.get("answers"))
    return bool(answers) and all("workerId" in one and "answerContent" in one for one in answers)


def _jobs(value: Mapping[str, Any]) -> list[str]:
    """The labelling jobs whose results a line of a manifest has."""
    if "source" not in value and "source-ref" not in value:
        return []
    return [
        name.removesuffix("-metadata")
        for name, about in value.items()
        if name.endswith("-metadata") and isinstance(about, dict)
    ]


def _has_workers(value: Mapping[str, Any]) -> bool:
    return any(isinstance(value.get(job), dict) and WORKERS in value[job] for job in _jobs(value))


def _dicts(values: Any) -> list[dict[str, Any]]:
    return [one for one in values if isinstance(one, dict)] if isinstance(values, list) else []


def _no_record(line: int, export: Export) -> Issue:
    return Issue(
        code="no-record",
        message="this record is none of Ground Truth's",
        file=export.shown,
        line=line,
    )


LOADER = Loader(
    name="ground_truth",
    title="SageMaker Ground Truth (consolidation request, worker responses, manifest)",
    detect=detect,
    read=read,
    reads="Each entry of a worker's content is a question, in the shapes of Mechanical Turk's "
    "forms. The annotator is the person (`identityData.sub`) where it is given, else `workerId`; "
    "of worker responses the folder's name is the item. A manifest gives items with reference "
    "labels (`--items-file`), or annotations where it holds `annotationsFromAllWorkers`.",
    loses="Boxes and other shapes are counted as `other-answer:KIND`. Labels that a model made "
    "(`human-annotated: no`) are no gold.",
    example="ground_truth.json",
)
