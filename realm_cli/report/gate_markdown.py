"""Verdicts in Markdown: for a comment on a pull request, or the summary of a step."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from realm_cli.report import verdicts
from realm_cli.report.model import Verdict
from realm_cli.report.reading import visible
from realm_cli.report.verdicts import Decision

COMMENT_BYTES = 60_000
"""GitHub takes comments of 65,536 characters."""
SUMMARY_BYTES = 1_000_000
"""GitHub drops summaries of more than 1 MiB for each step, whole."""
MOST_PLACES = 20
_ICONS = {"pass": "✅", "warn": "⚠️", "fail": "❌", "inconclusive": "❔"}
_HEAD = "| | gate | measured | why |\n|---|---|---|---|\n"


def to_markdown(decision: Decision, most_bytes: int = COMMENT_BYTES) -> str:
    """What was decided, and the verdicts as a table, worst first, cut off where it gets too long.

    Args:
        decision: What the gates came to.
        most_bytes: How long the text may be.
    """
    about = f"\n\n{decision.about}" if decision.about else ""
    head = f"### realm gate: {decision.word}\n\n{decision.counts}{about}\n\n{_HEAD}"
    places = _places(decision.troubles)
    room = most_bytes - len((head + places).encode()) - 100
    rows, left_out = _fitting([_row(one) for one in decision.ranked], room)
    more = f"\nand {left_out:,} more: `--json` has all of them\n" if left_out else ""
    text = head + rows + more
    return text + places if len((text + places).encode()) <= most_bytes else text


def _fitting(rows: Sequence[str], room: int) -> tuple[str, int]:
    """As many rows as fit, and how many do not."""
    for n, row in enumerate(rows):
        room -= len(row.encode())
        if room < 0:
            return "".join(rows[:n]), len(rows) - n
    return "".join(rows), 0


def _row(verdict: Verdict) -> str:
    about = verdicts.subject(verdict)
    if verdict.metric == verdicts.INPUT:
        gate, figures = verdict.metric, ""
    else:
        gate, figures = verdicts.title(verdict), verdicts.measured(verdict)
    gate = code(gate) if about is None else f"{code(gate)} {code(about)}"
    words = code(verdict.words) if verdict.metric == verdicts.INPUT else verdict.words
    return f"| {_ICONS[verdict.status]} {verdict.status} | {gate} | {figures} | {words} |\n"


def _places(troubles: Sequence[Verdict]) -> str:
    examples = [example for one in troubles for example in one.examples]
    lines = [
        f"- {code(' '.join(part for part in (verdicts.place(one), one.message) if part))}\n"
        for one in islice(examples, MOST_PLACES)
    ]
    left_out = len(examples) - len(lines)
    more = f"- and {left_out:,} more\n" if left_out > 0 else ""
    return "".join(("\n#### Where to look\n\n", *lines, more)) if lines else ""


def code(text: str) -> str:
    """Text that people typed as a code span, where no markup, link or mention of it works.

    The span's fence is longer than any run of backticks inside; a bar would end a table's cell.
    """
    safe = visible(text).replace("|", "\\|") or " "
    longest = max((len(run) for run in re.findall(r"`+", safe)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if safe.startswith("`") or safe.endswith("`") else ""
    return f"{fence}{pad}{safe}{pad}{fence}"
