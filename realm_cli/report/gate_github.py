"""Verdicts as GitHub Actions takes them: annotations, and the step's outputs.

GitHub shows ten annotations of a kind for each step, so the worst ten are written, and a notice of
how many more there are.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePath

from realm_cli.report import verdicts
from realm_cli.report.model import Example, GateStatus, Verdict
from realm_cli.report.reading import visible
from realm_cli.report.verdicts import Decision

MOST = 10
Line = tuple[Verdict, Example]


def to_annotations(decision: Decision, root: Path) -> str:
    """A workflow command a line: errors for what failed, warnings for all else but passes.

    Args:
        decision: What the gates came to.
        root: Folder of the repository, to which files are relative.
    """
    lines = []
    for kind in ("error", "warning"):
        found = _in_turn([one for one in decision.troubles if _kind(one) == kind])
        lines += [_command(kind, one, example, root) for one, example in found[:MOST]]
        if len(found) > MOST:
            more = f"+{len(found) - MOST} more {kind}s: see the summary of this step"
            lines.append(f"::notice title=realm gate::{_data(more)}")
    return "".join(f"{line}\n" for line in lines)


def _kind(verdict: Verdict) -> str:
    return "error" if verdict.status is GateStatus.FAIL else "warning"


def _in_turn(found: Sequence[Verdict]) -> list[Line]:
    """The first place of every verdict, then the second of each that has one, and so on."""
    nowhere = Example(file=None, line=None)
    lines = [
        (turn, one, example)
        for one in found
        for turn, example in enumerate(one.examples or (nowhere,))
    ]
    return [(one, example) for _, one, example in sorted(lines, key=lambda line: line[0])]


def _command(kind: str, verdict: Verdict, example: Example, root: Path) -> str:
    about = verdicts.subject(verdict)
    name = verdict.metric if verdict.metric == verdicts.INPUT else verdicts.title(verdict)
    properties = {"title": name if about is None else f"{name} ({about})"}
    if example.file is not None:
        properties = {"file": relative(example.file, root)} | properties
        if example.line is not None:
            properties["line"] = str(example.line)
    told = ",".join(f"{key}={_property(value)}" for key, value in sorted(properties.items()))
    message = " - ".join(part for part in (verdicts.sentence(verdict), example.message) if part)
    return f"::{kind} {told}::{_data(message)}"


def relative(file: str, root: Path) -> str:
    """A path from the repository's folder, with slashes; as it is where it lies elsewhere."""
    path = PurePath(os.path.normpath(root / file))
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else file


def _data(text: str) -> str:
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def to_outputs(decision: Decision) -> str:
    """Lines for $GITHUB_OUTPUT: `decision` and `exit-code`."""
    return f"decision={decision.word}\nexit-code={decision.exit_code}\n"
