"""Charts of a comparison."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from realm_cli.bench.charts import HEIGHT, WIDTH, Panel, svg

SVG = "{http://www.w3.org/2000/svg}"


def test_points_lie_where_their_numbers_are():
    panel = Panel("d & c", ("small", "large"), {"naive": {"small": 0.0, "large": 1.0}})
    drawn = ET.fromstring(svg([panel]))
    circles = [(float(c.get("cx")), float(c.get("cy"))) for c in drawn.iter(f"{SVG}circle")]
    assert circles == [(WIDTH / 4, HEIGHT), (3 * WIDTH / 4, 0)]
    assert next(drawn.iter(f"{SVG}text")).text == "d & c: test accuracy"


def test_a_method_may_lack_a_place_and_lines_are_told_apart():
    lines = {f"method {n}": {"a": 0.1 * n} for n in range(10)}
    drawn = ET.fromstring(svg([Panel("t", ("a", "b"), lines)]))
    found = list(drawn.iter(f"{SVG}polyline"))
    assert len(found) == len(list(drawn.iter(f"{SVG}circle"))) == 10
    looks = {(line.get("stroke"), line.get("stroke-dasharray")) for line in found}
    assert len(looks) == 10
