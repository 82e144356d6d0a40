"""The estimates as Arrow tables, for whoever goes on to compute with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from realm_cli.aggregate.majority import vote_shares
from realm_cli.annotations import NO_GOLD, AnnotationTable, Items
from realm_cli.labels import FloatArray
from realm_cli.report.model import AnnotatorReport, CompetenceReport, TaskCompetence
from realm_cli.report.reading import worst_first


def label_columns(
    items: Items, log_q: FloatArray, choosable: npt.NDArray[np.bool_] | None = None
) -> dict[str, pa.Array]:
    """The most probable label of each item, with the whole posterior beside it.

    Args:
        items: The items.
        log_q: `[I, K]` log-posterior over their options.
        choosable: `[I, K]` options that may be the label; all where None.
    """
    q = np.exp(log_q)
    best = (q if choosable is None else np.where(choosable, q, -1)).argmax(axis=1)
    options = [list(items.options(i)) for i in range(len(items))]
    return {
        "item_id": pa.array(items.ids, pa.string()),
        "task": pa.array([items.tasks[t] for t in items.task], pa.string()),
        "label": _names(items, best),
        "probability": pa.array(q[np.arange(len(items)), best]),
        "posterior": pa.array(
            [row[:n] for row, n in zip(q, items.n_options, strict=True)], pa.list_(pa.float64())
        ),
        "options": pa.array(options, pa.list_(pa.string())),
    }


def labels_table(table: AnnotationTable, log_q: FloatArray) -> pa.Table:
    """labels.parquet: the posterior label of each item beside its vote and its gold."""
    items = table.items
    shares = vote_shares(table)
    tied = (shares == shares.max(axis=1, keepdims=True)).sum(axis=1) > 1
    majority = np.where(tied, NO_GOLD, shares.argmax(axis=1))
    return pa.table(
        {
            **label_columns(items, log_q, table.choosable),
            "n_annotations": pa.array(table.labels_per_item),
            "majority_label": _names(items, majority),
            "gold": _names(items, items.gold),
        }
    )


def _names(items: Items, codes: Sequence[int] | np.ndarray) -> pa.Array:
    """Label names `[I]`; null where the code is NO_GOLD (unknown, or a tied vote)."""
    names = [items.options(i)[code] if code != NO_GOLD else None for i, code in enumerate(codes)]
    return pa.array(names, pa.string())


def annotators_table(report: CompetenceReport) -> pa.Table:
    """annotators.parquet: a row an annotator (task null), and a row for each of their tasks."""
    rows = []
    for annotator in report.annotators:
        rows.append(_row(annotator.annotator_id, None, annotator))
        rows += [_row(annotator.annotator_id, cell.task, cell) for cell in annotator.by_task]
    return pa.Table.from_pylist(rows, schema=_ANNOTATORS)


def people_table(report: CompetenceReport) -> pa.Table:
    """A row an annotator, worst first, with all that the report says of them as a whole."""
    rows = [
        {
            **_row(one.annotator_id, None, one),
            "gold_n": one.gold.n if one.gold else None,
            "gold_accuracy": one.gold.accuracy if one.gold else None,
            "agreement_with_posterior": one.agreement_with_posterior,
            "flags": list(one.flags),
            "decision": one.decision,
            "reasons": list(one.reasons),
        }
        for one in worst_first(report)
    ]
    return pa.Table.from_pylist(rows, schema=_PEOPLE)


def cells_table(report: CompetenceReport) -> pa.Table:
    """The annotator x task matrix: a row a cell, annotators worst first."""
    rows = [
        _row(one.annotator_id, cell.task, cell)
        for one in worst_first(report)
        for cell in one.by_task
    ]
    return pa.Table.from_pylist(rows, schema=_ANNOTATORS)


_ANNOTATORS = pa.schema(
    [
        ("annotator_id", pa.string()),
        ("task", pa.string()),
        ("n_annotations", pa.int64()),
        ("expertise", pa.float64()),
        ("expertise_low", pa.float64()),
        ("expertise_high", pa.float64()),
        ("competence", pa.float64()),
        ("competence_low", pa.float64()),
        ("competence_high", pa.float64()),
    ]
)

_PEOPLE = pa.schema(
    [
        *(column for column in _ANNOTATORS if column.name != "task"),
        ("gold_n", pa.int64()),
        ("gold_accuracy", pa.float64()),
        ("agreement_with_posterior", pa.float64()),
        ("flags", pa.list_(pa.string())),
        ("decision", pa.string()),
        ("reasons", pa.list_(pa.string())),
    ]
)


def _row(
    annotator: str, task: str | None, part: AnnotatorReport | TaskCompetence
) -> dict[str, object]:
    return {
        "annotator_id": annotator,
        "task": task,
        "n_annotations": part.n_annotations,
        "expertise": part.expertise,
        "expertise_low": part.expertise_interval[0],
        "expertise_high": part.expertise_interval[1],
        "competence": part.competence,
        "competence_low": part.competence_interval[0],
        "competence_high": part.competence_interval[1],
    }
