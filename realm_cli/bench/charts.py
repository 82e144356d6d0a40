"""Charts of a comparison as one SVG: a panel a setting, a line a method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from realm_cli.report.charts import Axis, nice_axis

WIDTH, HEIGHT, MARGIN, LEGEND = 420, 220, 56, 190
EDGE = 0.08
"""Share of the width that stays free left and right of the points."""
COLOURS = (
    "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#777777", "#994400",
)  # fmt: skip
"""Told apart by most who see colours otherwise; from the ninth line on they come again, dashed."""


@dataclass(frozen=True)
class Place:
    """A place along the axis.

    Attributes:
        words: What stands below it.
        at: Where it is, on the axis' own scale.
    """

    words: str
    at: float


@dataclass(frozen=True)
class Panel:
    """Test accuracy in one setting.

    Attributes:
        title: The setting.
        along: What the axis shows.
        places: What is along the axis, in order.
        lines: By method, the accuracy at each place (by its number) that it has one for.
    """

    title: str
    along: str
    places: tuple[Place, ...]
    lines: Mapping[str, Mapping[int, float]]


def svg(panels: Sequence[Panel]) -> str:
    """All panels below one another, on one scale of accuracy."""
    values = [y for panel in panels for line in panel.lines.values() for y in line.values()]
    axis = nice_axis(min(values), max(values))
    methods = dict.fromkeys(method for panel in panels for method in panel.lines)
    looks = {method: _look(n) for n, method in enumerate(methods)}
    step = HEIGHT + 2 * MARGIN
    width, height = WIDTH + 2 * MARGIN + LEGEND, step * len(panels)
    drawn = "\n".join(
        f'<g transform="translate({MARGIN},{top})">\n{_panel(panel, axis, looks)}\n</g>'
        for top, panel in zip(range(MARGIN, height, step), panels, strict=True)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="11">\n'
        f'<rect width="{width}" height="{height}" fill="white"/>\n{drawn}\n</svg>\n'
    )


def _look(n: int) -> str:
    dashes = "" if n < len(COLOURS) else ' stroke-dasharray="4 3"'
    return f'stroke="{COLOURS[n % len(COLOURS)]}"{dashes}'


def _panel(panel: Panel, axis: Axis, looks: Mapping[str, str]) -> str:
    return "\n".join([*_frame(panel, axis), *_lines(panel, axis, looks)])


def _frame(panel: Panel, axis: Axis) -> Iterator[str]:
    yield f'<text y="-14" font-size="13">{escape(panel.title)}: test accuracy</text>'
    for at, words in axis.ticks:
        y = HEIGHT * (1 - at / 100)
        yield f'<line x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>'
        yield f'<text x="-6" y="{y + 4:.1f}" text-anchor="end">{escape(words)}</text>'
    for x, place in zip(_across(panel), panel.places, strict=True):
        yield (
            f'<text x="{x:.1f}" y="{HEIGHT + 18}" text-anchor="middle">{escape(place.words)}</text>'
        )
    yield (
        f'<text x="{WIDTH / 2}" y="{HEIGHT + 36}" text-anchor="middle" fill="#555555">'
        f"{escape(panel.along)}</text>"
    )


def _lines(panel: Panel, axis: Axis, looks: Mapping[str, str]) -> Iterator[str]:
    across = _across(panel)
    for n, (method, values) in enumerate(panel.lines.items()):
        look = looks[method]
        points = [
            (x, HEIGHT * (1 - axis.at(values[k]) / 100))
            for k, x in enumerate(across)
            if k in values
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield f'<polyline points="{path}" fill="none" stroke-width="2" {look}/>'
        for x, y in points:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="white" {look}/>'
        y = 12 + 16 * n
        yield f'<path d="M{WIDTH + 20} {y}h20" stroke-width="2" {look}/>'
        yield f'<text x="{WIDTH + 46}" y="{y + 4}">{escape(method)}</text>'


def _across(panel: Panel) -> list[float]:
    """Where each place is from left to right; a single one is in the middle."""
    values = [place.at for place in panel.places]
    low, span = min(values), max(values) - min(values)
    share = [(value - low) / span if span else 0.5 for value in values]
    return [WIDTH * (EDGE + (1 - 2 * EDGE) * one) for one in share]
