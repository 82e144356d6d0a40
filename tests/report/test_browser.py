"""The page in a real browser: errors, requests, overflow, contrast, sorting with the keyboard."""

from __future__ import annotations

import pytest
import report_browser
import report_samples as samples

from realm_cli.report.html_page import items_to_html, person_to_html, to_html
from realm_cli.report.items import items_view
from realm_cli.report.person import annotator_page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(report_browser.CHROMIUM is None, reason="chromium is not installed"),
]

CONTRAST = """
(() => {
  const parse = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((v, i) => v * a + under[i] * (1 - a));
  const behind = (node) => {
    if (!node) return [255, 255, 255];
    return over(parse(getComputedStyle(node).backgroundColor), behind(node.parentElement));
  };
  const light = (rgb) => rgb
    .map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const poor = [];
  while (words.nextNode()) {
    const node = words.currentNode.parentElement;
    if (!words.currentNode.data.trim() || !node.getClientRects().length) continue;
    const style = getComputedStyle(node);
    const under = behind(node);
    const ink = over(parse(node.closest("svg") ? style.fill : style.color), under);
    const [low, high] = [light(ink), light(under)].sort((a, b) => a - b);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) poor.push(`${words.currentNode.data.trim()}: ${ratio.toFixed(2)}`);
  }
  return poor;
})()
"""
COLUMN = """
[...document.querySelectorAll("#annotators ~ .panel tbody tr")]
  .map((row) => row.cells[{column}].dataset.v ?? row.cells[{column}].textContent)
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with report_browser.browser(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def written(tmp_path):
    def write(report):
        path = tmp_path / "report.html"
        path.write_text(to_html(report), encoding="utf-8")
        return path

    return write


REPORTS = {
    "crowd": samples.crowd(),
    "full": samples.full(),
    "hostile": samples.hostile(),
    "many-tasks": samples.crowd(5, 20),
}


def pages():
    """Every kind of page, on ordinary and on hostile text."""
    for name, report in REPORTS.items():
        yield name, to_html(report)
    for name in ("full", "hostile"):
        labelled = samples.labelled(REPORTS[name])
        yield f"items-{name}", items_to_html(items_view(labelled))
        who = REPORTS[name].annotators[3].annotator_id
        yield f"person-{name}", person_to_html(annotator_page(REPORTS[name], labelled, who))


@pytest.mark.parametrize(("name", "text"), list(pages()), ids=lambda value: value[:20])
def test_it_loads_quietly_fits_and_is_readable(page, tmp_path, name, text):
    path = tmp_path / f"{name}.html"
    path.write_text(text, encoding="utf-8")
    page.open(path, width=1280)
    assert page.run("document.querySelectorAll('thead button').length") > 0
    for width in (1280, 390, 360):
        for scheme in ("light", "dark"):
            page.look(width, 900, scheme)
            assert page.run("document.documentElement.scrollWidth <= innerWidth"), width
            assert page.run(CONTRAST) == []
    assert page.complaints() == []


def test_the_keyboard_sorts(page, written):
    report = samples.crowd()
    page.open(written(report), width=1280)
    page.run("document.querySelector('#annotators ~ .panel thead button').focus()")
    page.press("Tab")
    page.press("Enter", text="\r")
    labels = [one.n_annotations for one in report.annotators]
    assert list(map(int, page.run(COLUMN.format(column=1)))) == sorted(labels)
    page.press(" ", text=" ")
    assert list(map(int, page.run(COLUMN.format(column=1)))) == sorted(labels, reverse=True)
    heading = "document.querySelector('#annotators ~ .panel th[aria-sort]')"
    assert page.run(f"[{heading}.textContent, {heading}.ariaSort]") == ["Labels", "descending"]
    assert page.run("document.querySelector('[role=status]').textContent") == (
        "Sorted by labels, highest first."
    )


FILTER = """
new Promise((done) => {
  const field = document.querySelector("#annotators ~ input");
  field.value = "WORDS";
  field.dispatchEvent(new Event("input"));
  setTimeout(() => done([...document.querySelectorAll("#annotators ~ .panel tbody tr")]
    .filter((row) => row.getClientRects().length).map((row) => row.cells[0].textContent)), 300);
})
"""


def test_the_filter_keeps_rows_with_all_its_words(page, written):
    report = samples.crowd()
    page.open(written(report), width=390)
    wanted = [
        one.annotator_id
        for one in report.annotators
        if "guesser" in one.flags and one.annotator_id.startswith("person")
    ]
    assert sorted(page.run(FILTER.replace("WORDS", "GUESSER person"))) == sorted(wanted)
    status = "document.querySelector('#annotators ~ [role=status]').textContent"
    assert page.run(status) == f"{len(wanted)} of 40 shown."
    assert len(page.run(FILTER.replace("WORDS", ""))) == 40
    assert page.run(status) == ""


def test_the_filter_is_reached_with_the_keyboard(page, written):
    page.open(written(samples.crowd()), width=1280)
    page.run("document.querySelector('#annotators ~ input').focus()")
    page.call("Input.insertText", text="below-chance")
    page.run("new Promise((done) => setTimeout(done, 300))")
    assert page.run("document.querySelector('#annotators ~ [role=status]').textContent") == (
        "1 of 40 shown."
    )
    page.press("Tab")
    assert page.run("document.activeElement.closest('.panel') !== null")


def test_links_lead_to_sections(page, written):
    page.open(written(samples.full()), width=1280)
    assert page.run("document.querySelectorAll('nav a').length") == 9
    assert page.run(
        "[...document.querySelectorAll('nav a')].every((a) => document.querySelector(a.hash))"
    )


def test_five_thousand_annotators_stay_usable(page, written):
    path = written(samples.crowd(5000))
    assert path.stat().st_size < 4_000_000
    page.open(path, width=1280)
    page.run("document.querySelectorAll('#annotators ~ .panel thead button')[1].click()")
    labels = list(map(int, page.run(COLUMN.format(column=1))))
    assert labels == sorted(labels)
    assert len(labels) == 5000
    assert page.complaints() == []


def test_empty_cells_stay_last(page, written):
    report = samples.crowd()
    page.open(written(report), width=1280)
    unknown = sum(one.gold is None for one in report.annotators)
    for _ in range(2):
        page.run("document.querySelectorAll('#annotators ~ .panel thead button')[5].click()")
        assert set(page.run(COLUMN.format(column=5))[-unknown:]) == {""}


def test_without_scripts_it_is_a_plain_table(page, written):
    page.open(written(samples.crowd(4)), width=1280)
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    page.call("Page.reload")
    while not page.events or page.events[-1]["method"] != "Page.loadEventFired":
        page.events.append(page._read())
    page.call("Emulation.setScriptExecutionDisabled", value=False)
    assert page.run("document.querySelectorAll('thead button').length") == 0
    assert page.run(COLUMN.format(column=0)) == [
        one.annotator_id for one in sorted(samples.crowd(4).annotators, key=lambda a: a.competence)
    ]
