"""A baseline: what the next batch needs to know of this one, written so that it diffs well."""

from __future__ import annotations

import json
from typing import Any

from realm_cli.report.json_file import escaped
from realm_cli.report.model import CompetenceReport
from realm_cli.report.reading import DOUBTS

DIGITS = 4


def baseline_of(report: CompetenceReport) -> CompetenceReport:
    """The report without all that a later batch is not held against; annotators by their ids.

    It is a report like any other: `--prior` takes it, too.
    """
    people = sorted(report.annotators, key=lambda one: one.annotator_id)
    return report.model_copy(
        update={
            "annotators": tuple(
                one.model_copy(update={"flags": (), "by_task": (), "gold": None}) for one in people
            ),
            "tasks": (),
            "gates": (),
            "warnings": tuple(
                warning.model_copy(update={"examples": ()})
                for warning in report.warnings
                if warning.code in DOUBTS
            ),
        }
    )


def to_text(baseline: CompetenceReport) -> str:
    """report.json with four digits and a line for each annotator."""
    fields: dict[str, Any] = _rounded(baseline.model_dump(mode="json"))
    people = ",\n".join(
        f"    {json.dumps(one, ensure_ascii=False)}" for one in fields["annotators"]
    )
    parts = []
    for name, value in fields.items():
        text = json.dumps(value, ensure_ascii=False, indent=2).replace("\n", "\n  ")
        if name == "annotators" and people:
            text = f"[\n{people}\n  ]"
        parts.append(f"  {json.dumps(name)}: {text}")
    return escaped("{\n" + ",\n".join(parts) + "\n}\n")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return round(value, DIGITS) if isinstance(value, float) else value
