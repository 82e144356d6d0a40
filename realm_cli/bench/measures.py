"""What is measured of a method: right answers, calibration, and how well it knows annotators."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy import stats

from realm_cli.annotations import NO_GOLD, AnnotationTable, Items
from realm_cli.coding import IntArray
from realm_cli.estimation import Crowd, Estimation
from realm_cli.labels import FloatArray
from realm_cli.report.build import calibration_bins
from realm_cli.report.model import Kind
from realm_cli.report.reading import calibration_error


class Measures(BaseModel):
    """What came of one method with one model, crowd and seed.

    Attributes:
        test_accuracy: Share of the test items on which the model prefers the gold option; None
            where labels alone are made.
        test_right: For each test item 1 where it does, else 0.
        test_by_task: The accuracy in each task, where there are several.
        calibration_error: Expected calibration error of the model on the test items.
        label_accuracy: Share of the items trained on whose label is gold: the posterior label, the
            label trained on, or what the model says where neither is made.
        expertise_error: Mean absolute error of expertise against the truth.
        expertise_pearson: Correlation with the truth; None where either does not vary.
        expertise_spearman: The same of ranks.
        coverage: Share of the 95% intervals of expertise that hold the truth.
        estimate: How annotators were judged: in-sample, cross-fitted or label-only.
        seconds: Time of training, on whatever else the machine was doing: noisy.
        cpu_seconds: Processor time of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    test_accuracy: float | None = None
    test_right: str = ""
    test_by_task: dict[str, float] = {}
    calibration_error: float | None = None
    label_accuracy: float | None = None
    expertise_error: float | None = None
    expertise_pearson: float | None = None
    expertise_spearman: float | None = None
    coverage: float | None = None
    estimate: str | None = None
    seconds: float
    cpu_seconds: float


class OnTest(BaseModel):
    """What a model does on the test items; see `Measures`."""

    model_config = ConfigDict(frozen=True)

    test_accuracy: float
    test_right: str
    test_by_task: dict[str, float]
    calibration_error: float


def on_test(log_p: FloatArray, test: Items) -> OnTest:
    """What a model's log-probabilities `[J, K]` come to on items with gold."""
    right = log_p.argmax(axis=1) == test.gold
    tasks = np.unique(test.task)
    by_task = {test.tasks[t]: float(right[test.task == t].mean()) for t in tasks}
    return OnTest(
        test_accuracy=float(right.mean()),
        test_right="".join("1" if one else "0" for one in right),
        test_by_task=by_task if len(tasks) > 1 else {},
        calibration_error=miscalibration(log_p, test.gold),
    )


def accuracy(scores: FloatArray, gold: IntArray) -> float | None:
    """Share of the items with gold whose best-scored option is it; None without gold.

    A tie counts at its expected share.

    Args:
        scores: `[I, K]`.
        gold: `[I]`.
    """
    known = gold != NO_GOLD
    if not known.any():
        return None
    best = scores[known] == scores[known].max(axis=1, keepdims=True)
    return float((best[np.arange(len(best)), gold[known]] / best.sum(axis=1)).mean())


def noise(table: AnnotationTable) -> float | None:
    """Share of the annotations of items with gold that are not it; None without gold."""
    gold = table.items.gold[table.item]
    known = gold != NO_GOLD
    return float((table.label != gold)[known].mean()) if known.any() else None


def miscalibration(log_p: FloatArray, gold: IntArray) -> float:
    """Expected calibration error of the preferred options `[I]` by `log_p [I, K]`."""
    right = (log_p.argmax(axis=1) == gold).astype(np.float64)
    return calibration_error(calibration_bins(np.exp(log_p.max(axis=1)), right))


@dataclass(frozen=True)
class Judged:
    """What a method says of annotators.

    Attributes:
        kind: How it came by it.
        mean: `[A, T]` expertise; without pooling by task an annotator's one value in all tasks.
        low: `[A, T]` lower end of a 95% interval; None where the method gives none.
        high: Its upper end.
    """

    kind: Kind
    mean: FloatArray
    low: FloatArray | None = None
    high: FloatArray | None = None


def judged(found: Estimation, kind: Kind) -> Judged:
    """Posterior means and intervals, as a report shows them."""
    of_cell = found.judgement.cell_expertise
    mean, low, high = (
        of_cells(found.crowd, values) for values in (of_cell.mean, of_cell.low, of_cell.high)
    )
    return Judged(kind, mean, low, high)


def of_cells(crowd: Crowd, values: FloatArray) -> FloatArray:
    """`[A, T]` from values of cells `[C]`; where tasks are pooled, one value in all tasks."""
    groups = crowd.labels.groups
    matrix = np.zeros((len(crowd.table.annotators), len(crowd.table.items.tasks)))
    if len(np.unique(groups.cell_task)) > 1:
        matrix[groups.cell_annotator, groups.cell_task] = values
    else:
        matrix[groups.cell_annotator] = values[:, None]
    return matrix


class Recovery(BaseModel):
    """How well expertise was found; see `Measures`."""

    model_config = ConfigDict(frozen=True)

    expertise_error: float
    expertise_pearson: float | None
    expertise_spearman: float | None
    coverage: float | None


def recovery(found: Judged, truth: FloatArray, table: AnnotationTable) -> Recovery:
    """Estimates beside the truth `[A, T]`, in every (annotator, task) that has labels.

    Who is always wrong (-1) did not know: their expertise is 0, as in reports.
    """
    n_tasks = truth.shape[1]
    pair = np.unique(table.annotator * n_tasks + table.task)
    labelled = pair // n_tasks, pair % n_tasks
    known, mean = truth[labelled].clip(min=0), found.mean[labelled]
    varies = len(known) > 1 and np.ptp(known) > 0 and np.ptp(mean) > 0
    return Recovery(
        expertise_error=float(np.abs(known - mean).mean()),
        expertise_pearson=float(np.corrcoef(known, mean)[0, 1]) if varies else None,
        expertise_spearman=float(stats.spearmanr(known, mean).statistic) if varies else None,
        coverage=None if found.low is None or found.high is None
        else covered(known, found.low[labelled], found.high[labelled]),
    )  # fmt: skip


def covered(truth: FloatArray, low: FloatArray, high: FloatArray) -> float:
    """Share of the intervals that hold the truth; an end may touch it, to 1e-9."""
    return float(((low - 1e-9 <= truth) & (truth <= high + 1e-9)).mean())
