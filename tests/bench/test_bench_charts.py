"""Charts of a comparison."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from realm_cli.bench.charts import EDGE, HEIGHT, WIDTH, Panel, Place, svg

SVG = "{http://www.w3.org/2000/svg}"


def test_points_lie_where_their_numbers_are():
    places = (Place("1", 1), Place("3", 3), Place("5", 5))
    panel = Panel("d & c", "labels", places, {"naive": {0: 0.0, 1: 0.5, 2: 1.0}})
    drawn = ET.fromstring(svg([panel]))
    circles = [(float(c.get("cx")), float(c.get("cy"))) for c in drawn.iter(f"{SVG}circle")]
    left, right = round(EDGE * WIDTH, 1), round((1 - EDGE) * WIDTH, 1)
    assert circles == [(left, HEIGHT), (WIDTH / 2, HEIGHT / 2), (right, 0)]
    assert next(drawn.iter(f"{SVG}text")).text == "d & c: test accuracy"


def test_a_method_may_lack_a_place_and_lines_are_told_apart():
    lines = {f"method {n}": {0: 0.1 * n} for n in range(10)}
    drawn = ET.fromstring(svg([Panel("t", "x", (Place("a", 0), Place("b", 1)), lines)]))
    found = list(drawn.iter(f"{SVG}polyline"))
    assert len(found) == len(list(drawn.iter(f"{SVG}circle"))) == 10
    looks = {(line.get("stroke"), line.get("stroke-dasharray")) for line in found}
    assert len(looks) == 10


def test_a_method_looks_the_same_in_every_panel():
    places = (Place("a", 0), Place("b", 1))
    lines = {name: {0: 0.1, 1: 0.2} for name in ("naive", "joint")}
    panels = [Panel("one", "x", places, lines), Panel("two", "x", places, {"joint": {0: 0.3}})]
    first, second, third = ET.fromstring(svg(panels)).iter(f"{SVG}polyline")
    assert first.get("stroke") != second.get("stroke") == third.get("stroke")
