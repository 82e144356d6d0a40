"""The page in a real browser: errors, requests, overflow, contrast, sorting with the keyboard."""

from __future__ import annotations

import pytest
import report_browser
import report_samples as samples

from realm_cli.report.html_page import to_html

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


@pytest.mark.parametrize("report", [samples.crowd(), samples.hostile(), samples.crowd(5, 20)])
def test_it_loads_quietly_fits_and_is_readable(page, written, report):
    page.open(written(report), width=1280)
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
