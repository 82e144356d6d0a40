from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
import report_samples as samples

from realm_cli.report.html_page import CHART_ROWS, MATRIX_TASKS, to_html


class Elements(HTMLParser):
    """Tags, attributes and text of a page, as a browser would see them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_golden(golden):
    golden("report.html", to_html(samples.crowd(6)))
    golden("label-only.html", to_html(samples.label_only()))
    golden("hostile.html", to_html(samples.hostile()))


def test_hostile_text_stays_text():
    page = to_html(samples.hostile())
    found = Elements(page)
    assert found.tags.count("script") == 1
    assert "img" not in found.tags
    assert not [name for name, _ in found.attributes if name.startswith("on") or name == "style"]
    assert not [char for char in page if not char.isprintable() and char != "\n"]
    for shown in ("<script>alert(1)</script>", r"\x1b[31mred\x1b[0m", r"abc\u202edlrow\u202c"):
        assert shown in found.text
    assert "##[error]{{ 7 * 7 }}" in found.text


@pytest.mark.parametrize("report", [samples.crowd(), samples.label_only(), samples.hostile()])
def test_the_page_asks_nobody_for_anything(report):
    found = Elements(to_html(report))
    links = [value for name, value in found.attributes if name in ("src", "href", "xlink:href")]
    ids = {f"#{value}" for name, value in found.attributes if name == "id"}
    assert set(links) - ids == {"data:,"}
    assert "url(" not in to_html(report)
    assert "@import" not in to_html(report)


def test_only_the_script_and_style_of_the_page_are_allowed():
    values = [value or "" for _, value in Elements(to_html(samples.crowd(2))).attributes]
    (policy,) = [value for value in values if value.startswith("default-src")]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_many_annotators_are_all_in_the_table_and_the_worst_in_the_charts():
    page = to_html(samples.crowd(CHART_ROWS + 50, MATRIX_TASKS + 2))
    assert page.count('<li class="row') == CHART_ROWS
    assert "These are the lowest 100; the table has all 150." in page
    assert "2 more tasks in report.json" in page
    table = page.partition("<table data-sortable data-filter")[2].partition("</table>")[0]
    assert table.count('<th scope="row">') == CHART_ROWS + 50


def test_the_matrix_is_there_only_for_several_tasks():
    assert 'class="matrix"' in to_html(samples.crowd(3, 2))
    assert 'class="matrix"' not in to_html(samples.crowd(3, 1))


def test_chance_is_drawn_only_where_it_is_known():
    assert 'class="chance" x1="25.0' in to_html(samples.crowd(3))
    assert 'class="chance"' not in to_html(samples.label_only())


def test_a_report_on_nobody_is_still_a_page():
    page = to_html(samples.crowd(0))
    assert re.search(r"Median competence</dt>\s*<dd class=\"big\">unknown", page)
