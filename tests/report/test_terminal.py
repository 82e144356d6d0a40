from __future__ import annotations

import io
import re
from typing import Any

import pytest
import report_samples as samples
from rich.cells import cell_len
from rich.console import Console

from realm_cli.report.items import items_view
from realm_cli.report.person import annotator_page
from realm_cli.report.terminal import annotators_view, tasks_view
from realm_cli.report.terminal_items import items_screen
from realm_cli.report.terminal_parts import shortened, typed
from realm_cli.report.terminal_person import person_screen

VIEWS = {
    "annotators": annotators_view,
    "tasks": tasks_view,
    "items": lambda report, width, limit=50: items_screen(
        items_view(samples.labelled(report)), width, limit=limit
    ),
    "annotator": lambda report, width, limit=50: person_screen(
        annotator_page(report, samples.labelled(report), report.annotators[3].annotator_id),
        width,
        limit=limit,
    ),
}
REPORTS = {
    "crowd": samples.crowd,
    "full": samples.full,
    "label-only": samples.label_only,
    "hostile": samples.hostile,
    "many-tasks": lambda: samples.crowd(6, 20),
    "decided": samples.decided,
    "nobody": lambda: samples.crowd(0),
}


def shown(view: str, report: str, width: int, limit: int | None = 50, **console: Any) -> str:
    out = io.StringIO()
    settings = {"color_system": None, "highlight": False, "_environ": {}, **console}
    Console(file=out, width=width, **settings).print(
        VIEWS[view](REPORTS[report](), width, limit=limit)
    )
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(
    "report", ["crowd", "full", "label-only", "hostile", "many-tasks", "decided"]
)
def test_golden(golden, view, report, width):
    text = shown(view, report, width, limit=20)
    golden(f"{view}-{report}-{width}.txt", re.sub(r" +$", "", text, flags=re.MULTILINE))


@pytest.mark.parametrize("width", [60, 80, 97, 120, 200])
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("report", sorted(set(REPORTS) - {"nobody"}))
def test_no_line_is_wider_than_asked(view, report, width):
    assert max(map(cell_len, shown(view, report, width).splitlines())) <= width


@pytest.mark.parametrize("view", VIEWS)
def test_what_people_typed_does_nothing_to_a_terminal_or_a_ci_log(view):
    text = shown(view, "hostile", 200)
    assert not [char for char in text if not char.isprintable() and char != "\n"]
    assert "##[" not in text
    assert "::" not in text
    assert r"\x1b[31mred" in text
    assert r"abc\u202edlrow" in text
    assert "[bold red]id[/bold red]" in text


def test_colour_adds_nothing_that_words_do_not_say():
    colourful = shown("annotators", "crowd", 80, color_system="truecolor", force_terminal=True)
    assert "\x1b[" in colourful
    assert re.sub(r"\x1b\[[\d;]*m", "", colourful) == shown("annotators", "crowd", 80)


def test_no_color_is_respected():
    text = shown(
        "annotators",
        "crowd",
        80,
        color_system="standard",
        force_terminal=True,
        _environ={"NO_COLOR": "1"},
    )
    assert not re.search(r"\x1b\[[\d;]*3\d", text)


@pytest.mark.parametrize("view", VIEWS)
def test_an_output_without_unicode_gets_characters_it_has(view):
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    Console(file=out, width=80, color_system=None).print(VIEWS[view](samples.hostile(), 80))
    out.flush()
    lines = raw.getvalue().decode("ascii").splitlines()
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("view", ["annotators", "tasks"])
def test_a_report_on_nobody_is_still_shown(view):
    assert "0 annotators" in shown(view, "nobody", 80)


def test_the_worst_come_first_and_the_rest_is_a_number():
    text = shown("annotators", "label-only", 80, limit=3)
    assert re.findall(r"^w\d+", text, re.MULTILINE) == ["w0", "w1", "w2"]
    assert "and 7 more: use --all or --json" in text
    assert "more: use" not in shown("annotators", "label-only", 80, limit=None)


def test_tasks_that_do_not_fit_are_counted():
    assert "and 16 more tasks" in shown("tasks", "many-tasks", 80)


def test_chance_is_drawn_only_where_it_is_known():
    assert "chance (25%)" in shown("annotators", "crowd", 80)
    assert "┊" not in shown("annotators", "label-only", 80)


def test_long_ids_are_cut_in_the_middle():
    assert shortened("A1B2C3D4E5F6", 7) == "A1B…5F6"
    assert shortened("short", 7) == "short"
    assert cell_len(shortened("二" * 40, 10)) <= 10
    assert typed("::error::x").plain == r"\x3a:error\x3a:x"
