"""Verdicts as GitLab's code quality report: a JSON list of what is no plain pass."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from realm_cli.report import verdicts
from realm_cli.report.gate_github import relative
from realm_cli.report.json_file import escaped
from realm_cli.report.model import Example, GateStatus, Verdict
from realm_cli.report.reading import visible
from realm_cli.report.verdicts import Decision

SEVERITY = {
    GateStatus.FAIL: "major",
    GateStatus.INCONCLUSIVE: "minor",
    GateStatus.WARN: "info",
}
NO_FILE = "report.json"


def to_gitlab(decision: Decision, root: Path) -> str:
    """The report; an entry a verdict, at its first place or else at the first line of the input.

    Args:
        decision: What the gates came to.
        root: Folder of the repository, to which files are relative.
    """
    entries = [_entry(one, decision, root) for one in decision.troubles]
    return escaped(json.dumps(entries, ensure_ascii=False, indent=2)) + "\n"


def _entry(verdict: Verdict, decision: Decision, root: Path) -> dict[str, Any]:
    elsewhere = Example(file=decision.file or NO_FILE, line=1)
    example = next((one for one in verdict.examples if one.file is not None), elsewhere)
    about = verdicts.subject(verdict)
    name = verdict.metric if verdict.metric == verdicts.INPUT else verdicts.title(verdict)
    words = name if about is None else f"{name} ({about})"
    more = f" - {example.message}" if example.message else ""
    return {
        "description": visible(f"{words}: {verdicts.sentence(verdict)}{more}"),
        "check_name": f"realm-{verdict.metric}",
        "fingerprint": hashlib.sha256(verdict.id.encode("utf-8", "replace")).hexdigest(),
        "severity": SEVERITY[verdict.status],
        "location": {
            "path": relative(example.file or NO_FILE, root),
            "lines": {"begin": example.line or 1},
        },
    }
