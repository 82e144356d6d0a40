"""Where the marks of the page's charts go: numbers in, positions in percent out. No drawing here.

A plot runs from 0 to 100 both ways, y downwards as in SVG.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from realm_cli.report.model import AnnotatorReport, CalibrationBin, TrainingStep
from realm_cli.report.reading import counted, percent, stretch_words

DRIFTS = 12
"""People whose competence over time is drawn: those who changed most."""
MEASURES = {
    "loss": "Loss",
    "dev": "Held-out log-likelihood of a label, nats",
    "mean_expertise": "Mean expertise",
}


@dataclass(frozen=True)
class Axis:
    """Attributes: low and high end, and ticks as (position, words)."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def at(self, value: float) -> float:
        """The position of a value."""
        return 100 * (value - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class Bar:
    """Attributes: left edge, width and height, and what the bar says when pointed at."""

    left: float
    width: float
    height: float
    words: str


@dataclass(frozen=True)
class Histogram:
    """Attributes: bars from left to right, the axis below, and all of it in words."""

    bars: tuple[Bar, ...]
    axis: Axis
    words: str


@dataclass(frozen=True)
class Line:
    """Attributes: name, points as SVG has them, and whether it is the one that counts."""

    name: str
    points: str
    main: bool


@dataclass(frozen=True)
class Curves:
    """Attributes: what is measured, its lines, both axes, and where it ended."""

    title: str
    lines: tuple[Line, ...]
    x: Axis
    y: Axis
    last: str


@dataclass(frozen=True)
class Drift:
    """A person over time.

    Attributes:
        annotator_id: Who.
        first: Competence in the first stretch.
        last: In the last one.
        when: From the beginning to the end.
        points: The line, as SVG has it.
        band: Its intervals, as a polygon.
        dots: Where the stretches are.
    """

    annotator_id: str
    first: float
    last: float
    when: str
    points: str
    band: str
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Point:
    """Attributes: where, how large, and what it says when pointed at."""

    x: float
    y: float
    radius: float
    words: str


def competences(people: Sequence[AnnotatorReport], bins: int = 20) -> Histogram:
    """How many annotators are how competent."""
    values = [one.competence for one in people]
    counts, edges = np.histogram(values, bins=bins, range=(0, 1))
    words = [
        f"{counted(n, 'annotator')}: competence {percent(low)} to {percent(high)}"
        for n, low, high in zip(counts.tolist(), edges, edges[1:], strict=False)
    ]
    axis = Axis(0, 1, tuple((100 * x, percent(x)) for x in (0, 0.25, 0.5, 0.75, 1)))
    middle = percent(float(np.median(values)))
    return Histogram(_bars(counts, edges, axis, words), axis, f"half of them are above {middle}")


def labels_each(people: Sequence[AnnotatorReport], bins: int = 20) -> Histogram:
    """How many annotators gave how many labels."""
    values = [one.n_annotations for one in people]
    axis = nice_axis(0, max(values))
    counts, edges = np.histogram(values, bins=bins, range=(axis.low, axis.high))
    words = [
        f"{counted(n, 'annotator')}: {math.ceil(low):,} to {math.ceil(high) - 1:,} labels"
        for n, low, high in zip(counts.tolist(), edges, edges[1:], strict=False)
    ]
    told = f"half of them gave more than {int(np.median(values)):,}; the most {max(values):,}"
    return Histogram(_bars(counts, edges, axis, words), axis, told)


def _bars(
    counts: np.ndarray, edges: np.ndarray, axis: Axis, words: Sequence[str]
) -> tuple[Bar, ...]:
    top = max(int(counts.max()), 1)
    width = 100 / len(counts)
    return tuple(
        Bar(left=axis.at(float(edge)), width=width, height=100 * n / top, words=said)
        for n, edge, said in zip(counts.tolist(), edges, words, strict=False)
        if n
    )


def training_curves(steps: Sequence[TrainingStep]) -> list[Curves]:
    """One chart for each measure that was kept at two steps or more."""
    found = [_curves(name, steps) for name in MEASURES]
    return [one for one in found if one is not None]


def _curves(name: str, steps: Sequence[TrainingStep]) -> Curves | None:
    by_stage: dict[str, list[tuple[int, float]]] = {}
    for step in steps:
        value = getattr(step, name)
        if value is not None:
            by_stage.setdefault(step.stage, []).append((step.step, value))
    stages = {stage: sorted(points) for stage, points in by_stage.items() if len(points) > 1}
    if not stages:
        return None
    everything = [point for points in stages.values() for point in points]
    x = nice_axis(0, max(at for at, _ in everything))
    y = nice_axis(min(value for _, value in everything), max(value for _, value in everything))
    main = "final" if "final" in stages else next(iter(stages))
    lines = [
        Line(stage, _points([(x.at(a), 100 - y.at(b)) for a, b in points]), stage == main)
        for stage, points in stages.items()
    ]
    lines.sort(key=lambda line: line.main)  # the one that counts is drawn over the others
    return Curves(MEASURES[name], tuple(lines), x, y, f"{stages[main][-1][1]:.3g}")


def drifts(people: Sequence[AnnotatorReport]) -> list[Drift]:
    """Those who changed most from their first stretch to their last."""
    moving = [one for one in people if len(one.over_time) > 1]
    moving.sort(key=lambda one: -abs(one.over_time[-1].competence - one.over_time[0].competence))
    return [drift(one) for one in moving[:DRIFTS]]


def drift(one: AnnotatorReport) -> Drift:
    """One person over time; stretches are as wide as one another."""
    parts = one.over_time
    xs = [100 * (i + 0.5) / len(parts) for i in range(len(parts))]
    lows = [(x, 100 * (1 - part.competence_interval[0])) for x, part in zip(xs, parts, strict=True)]
    highs = [
        (x, 100 * (1 - part.competence_interval[1])) for x, part in zip(xs, parts, strict=True)
    ]
    dots = [(x, 100 * (1 - part.competence)) for x, part in zip(xs, parts, strict=True)]
    whole = parts[0].model_copy(update={"end": parts[-1].end})
    return Drift(
        annotator_id=one.annotator_id,
        first=parts[0].competence,
        last=parts[-1].competence,
        when=stretch_words(whole),
        points=_points(dots),
        band=_points([*highs, *reversed(lows)]),
        dots=tuple(dots),
    )


def reliability(bins: Sequence[CalibrationBin]) -> list[Point]:
    """What posterior labels claim (x) and how often they are right (y); area as items."""
    most = max((one.n for one in bins), default=1)
    return [
        Point(
            x=100 * one.confidence,
            y=100 * (1 - one.accuracy),
            radius=3.5 + 7.5 * math.sqrt(one.n / most),
            words=f"{counted(one.n, 'item')}: claimed {percent(one.confidence, 1)}, "
            f"right {percent(one.accuracy, 1)}",
        )
        for one in bins
    ]


def nice_axis(low: float, high: float) -> Axis:
    """An axis that holds both, with four to seven ticks at round numbers."""
    span = high - low if high - low > 1e-9 else max(abs(high), 1.0)
    power = 10 ** math.floor(math.log10(span / 4))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if span / (m * power) <= 5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    digits = max(0, -math.floor(math.log10(step) + 1e-9) + (step / power == 2.5))
    axis = Axis(first * step, last * step, ())
    ticks = [(n * step, f"{n * step:,.{digits}f}") for n in range(first, last + 1)]
    return Axis(axis.low, axis.high, tuple((axis.at(value), words) for value, words in ticks))


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in places)
