"""Verdicts as JUnit XML: a test case a gate, as CI systems show tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from xml.etree import ElementTree as ET

from realm_cli.report import verdicts
from realm_cli.report.model import GateStatus, Verdict
from realm_cli.report.reading import visible
from realm_cli.report.verdicts import Decision

SUITE = "realm gate"


def to_junit(decision: Decision, when: datetime) -> str:
    """One suite of test cases.

    A failed gate is a `failure`, an inconclusive one is `skipped`, a warning passes and says so in
    `system-out`, and input that could not be used is an `error`.

    Args:
        decision: What the gates came to.
        when: The suite's time.
    """
    found = decision.ranked
    counts = _counts(found)
    suites = ET.Element("testsuites", counts | {"name": SUITE})
    stamp = when.replace(tzinfo=None).isoformat(timespec="seconds")
    suite = ET.SubElement(suites, "testsuite", counts | {"name": SUITE, "timestamp": stamp})
    for verdict in found:
        _case(suite, verdict)
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=False).join(
        ('<?xml version="1.0" encoding="UTF-8"?>\n', "\n")
    )


def _counts(found: Sequence[Verdict]) -> dict[str, str]:
    errors = sum(one.metric == verdicts.INPUT for one in found)
    failures = sum(one.status is GateStatus.FAIL for one in found) - errors
    skipped = sum(one.status is GateStatus.INCONCLUSIVE for one in found)
    return {
        "tests": str(len(found)),
        "failures": str(failures),
        "errors": str(errors),
        "skipped": str(skipped),
        "time": "0",
    }


def _case(suite: ET.Element, verdict: Verdict) -> None:
    about = verdicts.subject(verdict)
    name = verdict.metric if verdict.metric == verdicts.INPUT else verdicts.title(verdict)
    case = ET.SubElement(
        suite,
        "testcase",
        {
            "classname": f"realm.{verdict.metric}",
            "name": visible(name if about is None else f"{name} [{about}]"),
            "time": "0",
        },
    )
    message = visible(verdicts.sentence(verdict))
    if verdict.status is GateStatus.INCONCLUSIVE:
        ET.SubElement(case, "skipped", {"message": f"inconclusive: {message}"})
    elif verdict.status is GateStatus.FAIL:
        kind = "error" if verdict.metric == verdicts.INPUT else "failure"
        problem = ET.SubElement(case, kind, {"message": message, "type": verdict.metric})
        problem.text = _places(verdict)
    elif verdict.status is GateStatus.WARN:
        lines = [f"warning: {message}", *filter(None, [_places(verdict)])]
        ET.SubElement(case, "system-out").text = "\n".join(lines)


def _places(verdict: Verdict) -> str:
    lines = (f"{verdicts.place(one)} {one.message or ''}".strip() for one in verdict.examples)
    return "\n".join(visible(line) for line in lines)
