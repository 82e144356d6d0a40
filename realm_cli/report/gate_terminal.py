"""A gate in a terminal: what was decided, then every gate, worst first.

Nothing is said by colour alone, and text that people typed is never read as markup.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from realm_cli.report import verdicts
from realm_cli.report.model import GateStatus, Verdict
from realm_cli.report.terminal_parts import Encodable, typed
from realm_cli.report.verdicts import Decision

MOST_ROWS = 20
MOST_PLACES = 3
_STYLES = {
    GateStatus.FAIL: "bold red",
    GateStatus.INCONCLUSIVE: "bold yellow",
    GateStatus.WARN: "yellow",
    GateStatus.PASS: "green",
}


def gate_view(decision: Decision, width: int, *, limit: int = MOST_ROWS) -> RenderableType:
    """The decision and its verdicts; of annotators those that are no plain pass.

    Args:
        decision: What the gates came to.
        width: Columns to fill.
        limit: How many verdicts to show.
    """
    ranked = decision.ranked
    shown = [one for one in ranked if one.status is not GateStatus.PASS or not one.annotator_id]
    head = Text.assemble((decision.word, "bold"), f": {decision.counts}")
    about = [Text(decision.about, style="dim")] if decision.about else []
    parts: list[RenderableType] = [head, *about, Text(""), _table(shown[:limit], width)]
    parts += _left_out(shown[limit:])
    parts += _passed([one for one in ranked if one not in shown])
    return Encodable(Group(*parts, *_places(shown[:limit])))


def _table(shown: Sequence[Verdict], width: int) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("gate", width=12, no_wrap=True)
    table.add_column("what", ratio=3, overflow="fold")
    table.add_column("measured", ratio=2, overflow="fold")
    table.add_column("why", ratio=4, overflow="fold")
    table.width = width
    for one in shown:
        table.add_row(
            Text(one.status.value, style=_STYLES[one.status]),
            _what(one, width),
            Text("" if one.metric == verdicts.INPUT else verdicts.measured(one)),
            typed(one.words),
        )
    return table


def _what(one: Verdict, width: int) -> Text:
    about = verdicts.subject(one)
    name = one.metric if one.metric == verdicts.INPUT else verdicts.title(one)
    return Text(name) if about is None else Text(f"{name}\n").append(typed(about, width // 4))


def _left_out(rest: Sequence[Verdict]) -> list[Text]:
    if not rest:
        return []
    counts = Counter(one.status for one in rest)
    words = ", ".join(f"{n:,} {status}" for status, n in counts.items())
    return [Text(f"and {len(rest):,} more ({words}): use --json")]


def _passed(passed: Sequence[Verdict]) -> list[Text]:
    """Annotators who pass are counted."""
    counts = Counter(verdicts.title(one) for one in passed)
    return [Text(f"{title}: {n:,} annotators pass") for title, n in counts.items()]


def _places(shown: Sequence[Verdict]) -> list[Text]:
    lines = []
    for one in shown:
        if one.status is GateStatus.PASS:
            continue
        for example in islice(one.examples, MOST_PLACES):
            where = verdicts.place(example)
            lines.append(typed(" ".join(part for part in (where, example.message or "") if part)))
        if len(one.examples) > MOST_PLACES:
            lines.append(Text(f"  and {len(one.examples) - MOST_PLACES:,} more"))
    return [Text("\nWhere to look", style="bold"), *lines] if lines else []
