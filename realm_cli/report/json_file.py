"""report.json: the canonical form of a report, its JSON Schema, and how to read it back.

A version is MAJOR.MINOR. Within a major version fields are only added, so a reader takes any
report of its own major version: unknown fields of a *newer* minor version are left aside, while
in a version that this realm knows they are errors, because there they are slips. The shipped
schema allows further fields for the same reason.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from realm_cli.errors import InputError
from realm_cli.report.model import FORMAT_VERSION, CompetenceReport
from realm_cli.report.reading import is_hidden
from realm_cli.schema import Issue

SCHEMA_FILE: Final = Path(__file__).with_name("report.schema.json")
_HINT = "`realm report RUN --json` writes a report"
_NOT_ASCII = re.compile(r"[^\n -~]")


def to_json(report: CompetenceReport) -> str:
    r"""The report as JSON: fields in the model's order, UTF-8, a newline at the end.

    Characters that act on a terminal or reorder a line are written as `\u` escapes: the same
    value to a parser, harmless in a log.
    """
    return escaped(report.model_dump_json(indent=2)) + "\n"


def escaped(text: str) -> str:
    r"""JSON with characters that act on a display as `\u` escapes."""
    return _NOT_ASCII.sub(_escape_hidden, text)


def _escape_hidden(match: re.Match[str]) -> str:
    char = match.group()
    return json.dumps(char)[1:-1] if is_hidden(char) else char


def from_json(source: str | Path) -> CompetenceReport:
    """A report from JSON text, or from the file at a path.

    Raises:
        InputError: It cannot be read, is no report, or is of another major version.
    """
    name = str(source) if isinstance(source, Path) else "the report"
    value = _parse(_read(source) if isinstance(source, Path) else source, name)
    newer = _check_version(value, name)
    try:
        return CompetenceReport.model_validate(value, extra="ignore" if newer else "forbid")
    except ValidationError as error:
        raise InputError(
            f"{name} is not a valid competence report", _issues(error, name), hint=_HINT
        ) from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", hint=_HINT) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: {error.reason}", hint=_HINT) from error


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name} is not JSON: {error}", hint=_HINT) from error
    if not isinstance(value, dict) or "format_version" not in value:
        raise InputError(f"{name} is no competence report: no format_version", hint=_HINT)
    return value


def _check_version(value: dict[str, Any], name: str) -> bool:
    """Refuse other major versions; say whether the minor one is newer than ours."""
    found = re.fullmatch(r"(\d{1,6})\.(\d{1,6})", str(value["format_version"]), re.ASCII)
    if not found:
        raise InputError(
            f"{name}: format_version {value['format_version']!r} is not MAJOR.MINOR", hint=_HINT
        )
    major, minor = map(int, found.groups())
    our_major, our_minor = map(int, FORMAT_VERSION.split("."))
    if major != our_major:
        raise InputError(
            f"{name} has format_version {found.group()}; this realm reads {our_major}.x",
            hint="use the realm version that wrote it, or make the report again",
        )
    return minor > our_minor


def _issues(error: ValidationError, name: str) -> list[Issue]:
    return [
        Issue(
            code="report-field",
            message=f"{'.'.join(map(str, found['loc']))}: {found['msg']}",
            file=name,
        )
        for found in error.errors(include_url=False, include_context=False)
    ]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of report.json; `report.schema.json` is this, written down."""
    schema = CompetenceReport.model_json_schema(mode="serialization")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    major = FORMAT_VERSION.split(".", maxsplit=1)[0]
    schema["properties"]["format_version"]["pattern"] = rf"^{major}\.[0-9]+$"
    opened: dict[str, Any] = _opened(schema)
    return opened


def schema_text() -> str:
    """The contents of `report.schema.json`."""
    return json.dumps(json_schema(), indent=2, sort_keys=True) + "\n"


def _opened(node: Any) -> Any:
    """The same schema without `additionalProperties: false`."""
    if isinstance(node, dict):
        return {
            key: _opened(value)
            for key, value in node.items()
            if not (key == "additionalProperties" and value is False)
        }
    return [_opened(value) for value in node] if isinstance(node, list) else node
