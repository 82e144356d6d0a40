"""Every view in every form: golden files, and nothing that people typed comes to life."""

from __future__ import annotations

import csv
import io
import json
import re

import pyarrow.parquet as pq
import pytest
import report_samples as samples

from realm_cli.choices import View
from realm_cli.report.markdown import code
from realm_cli.reporting import VIEWS, WRITERS, Account

REPORTS = {"full": lambda: samples.full(6), "hostile": samples.hostile}


def shown(view, report):
    """What a view shows of a report; the page is on its fourth annotator."""
    found = REPORTS[report]()
    account = Account(found, lambda: samples.labelled(found, 12))
    return VIEWS[view].of(account, found.annotators[3].annotator_id)


def test_every_view_has_its_forms_and_every_form_its_writer():
    assert set(VIEWS) == set(View)
    assert set(WRITERS) == {"html", "markdown", "csv", "parquet"}


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("view", View)
def test_golden(golden, tmp_path, view, report):
    forms, what = VIEWS[view], shown(view, report)
    golden(f"{view}-{report}.json", forms.json(what))
    golden(f"{view}-{report}.md", forms.markdown(what))
    for name, write in WRITERS.items():
        write(forms, what, tmp_path / name)
    golden(f"{view}-{report}.csv", (tmp_path / "csv").read_bytes().decode().replace("\r\n", "\n"))
    rows = pq.read_table(tmp_path / "parquet")
    lines = [str(rows.schema), *map(json.dumps, rows.to_pylist())]
    golden(f"{view}-{report}.parquet.txt", "\n".join(lines) + "\n")
    page = re.sub(r"realm \d[\w.]*", "realm 0.0.0", (tmp_path / "html").read_text("utf-8"))
    if view in {View.ITEMS, View.ANNOTATOR}:
        golden(f"{view}-{report}.html", page)


@pytest.mark.parametrize("view", View)
def test_a_spreadsheet_finds_no_formula(tmp_path, view):
    WRITERS["csv"](VIEWS[view], shown(view, "hostile"), tmp_path / "rows.csv")
    cells = [
        cell
        for row in csv.reader(io.StringIO((tmp_path / "rows.csv").read_text("utf-8")))
        for cell in row
    ]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "-", "\t"))]
    if view is not View.ANNOTATOR:
        assert "'=1+1" in "".join(cells)


@pytest.mark.parametrize("view", View)
def test_markdown_brings_nothing_to_life(view):
    text = VIEWS[view].markdown(shown(view, "hostile"))
    assert not [char for char in text if not char.isprintable() and char != "\n"]
    assert "##[" not in text
    assert "::" not in text
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    assert "<" not in outside
    assert "@" not in outside
    for table in re.findall(r"(?:^\|.*\n)+", text, re.M):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1


def test_a_code_span_cannot_be_ended_from_within():
    assert code("a") == "`a`"
    assert code("a`b") == "``a`b``"
    assert code("``") == "``` `` ```"
    assert code("a\nb") == "`a\\nb`"
    assert len(code("x" * 1000)) == 162


@pytest.mark.parametrize("view", View)
def test_html_asks_nobody_and_runs_nothing_of_theirs(view):
    page = VIEWS[view].html(shown(view, "hostile"))
    assert page.count("<script>") == 1
    assert "<img" not in page
    assert not re.search(r"""\s(?:on\w+|style)=["']""", page)
    assert set(re.findall(r'(?:href|src)="([^"#]*)', page)) <= {"data:,", ""}
    assert not [char for char in page if not char.isprintable() and char != "\n"]
