"""From annotations to the queue of items whose next labels are worth most, and what they buy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from realm_cli import checkpoint, checks, estimation, pipeline, run_folder, runs
from realm_cli.annotations import AnnotationTable
from realm_cli.choices import QueueFormat
from realm_cli.coding import IntArray
from realm_cli.config import JudgeSettings, RelabelSettings
from realm_cli.errors import UsageError
from realm_cli.estimation import Told
from realm_cli.intake import Source, load
from realm_cli.labels import FloatArray
from realm_cli.queue_files import QueuedItem, queue_text
from realm_cli.relabel import Queue, affordable, queue
from realm_cli.schema import CANONICAL_SCHEMA


class Purchase(BaseModel):
    """What a budget is expected to buy.

    Attributes:
        n_labels: Labels to get.
        n_items: Items that get any.
        cost: What they cost.
        competence: P(a new label is correct), on average over the items.
        information: What they are expected to tell, in nats.
        expected_accuracy_before: Mean probability of the best labels, over all items.
        expected_accuracy_after: The same once the new labels are there.
    """

    model_config = ConfigDict(frozen=True)

    n_labels: int
    n_items: int
    cost: float
    competence: float
    information: float
    expected_accuracy_before: float
    expected_accuracy_after: float


@dataclass(frozen=True)
class Standing:
    """How sure the labels are.

    Attributes:
        table: The annotations.
        q: `[I, K]` posterior of the truth.
        expertise: P(a label of this crowd is no guess), over its labels.
    """

    table: AnnotationTable
    q: FloatArray
    expertise: float


def standing_of_run(run: Path) -> Standing:
    """As a run's folder says."""
    table = run_folder.table_of(run)
    path = run / checkpoint.SIDE / checkpoint.LABELS_FILE
    rows = pq.read_table(path, columns=["task", "item_id", "posterior"]).to_pylist()
    known = {(row["task"], row["item_id"]): row["posterior"] for row in rows}
    q = np.zeros(table.items.has_option.shape)
    for i, (item, t) in enumerate(zip(table.items.ids, table.items.task, strict=True)):
        posterior = known[table.items.tasks[t], item]
        q[i, : len(posterior)] = posterior
    people = runs.read_report(run).annotators
    n = np.array([one.n_annotations for one in people])
    return Standing(table, q, float(n @ [one.expertise for one in people] / n.sum()))


def standing_of_files(
    source: Source, settings: JudgeSettings, told: Told = lambda _: None
) -> Standing:
    """As labels alone say."""
    told("reading")
    table = load(source, checks.check_estimable).table
    crowd = pipeline.crowd_of(table, settings)
    told("choosing the annotator model")
    choice = estimation.choice_for(crowd, settings)
    told(f"fitting the annotator model {choice.model.value}")
    fitted = estimation.fit_crowd(crowd, settings, choice)
    groups = crowd.labels.groups
    by_cell = fitted.model.expertise(fitted.parameters)
    n = groups.by_cell(groups.n)
    return Standing(table, np.exp(fitted.log_q), float(n @ by_cell / n.sum()))


def relabel(standing: Standing, settings: RelabelSettings, to: QueueFormat, out: Path) -> Purchase:
    """Write the items whose next labels tell most.

    Raises:
        UsageError: The budget does not pay for one label.
    """
    n_labels = affordable(settings.budget, settings.price)
    if n_labels < 1:
        raise UsageError(
            f"--budget {settings.budget:g} does not pay for one label at --price {settings.price:g}"
        )
    items = standing.table.items
    # by name, so that the order of files decides nothing
    place = np.array(sorted(range(len(items)), key=lambda i: (items.task[i], items.ids[i])))
    q, k = standing.q[place], items.n_options[place]
    competence = _competences(standing, settings, k)
    found = queue(q, k, competence, n_labels, settings.per_item)
    text = queue_text(_queued(found, place, standing), to)
    checkpoint.write_file(out, partial(checkpoint.write_text, text))
    return Purchase(
        n_labels=int(found.n_labels.sum()),
        n_items=len(found.order),
        cost=int(found.n_labels.sum()) * settings.price,
        competence=float(competence.mean()),
        information=float(found.information.sum()),
        expected_accuracy_before=float(q.max(axis=1).mean()),
        expected_accuracy_after=float(found.accuracy.mean()),
    )


def _competences(standing: Standing, settings: RelabelSettings, k: IntArray) -> FloatArray:
    """P(a new label is correct) `[I]` (eq. 13)."""
    if settings.competence is not None:
        return np.full(len(k), settings.competence)
    found: FloatArray = standing.expertise + (1 - standing.expertise) / k
    return found


def _queued(found: Queue, place: IntArray, standing: Standing) -> list[QueuedItem]:
    """The items of the queue `[items in order]`; `place` is where each stands in the table."""
    table, items = standing.table, standing.table.items
    chosen = place[found.order]
    fields = _fields(table, chosen)
    best = standing.q.argmax(axis=1)
    return [
        QueuedItem(
            item_id=items.ids[i],
            task=items.tasks[items.task[i]],
            text=items.texts[i],
            options=items.options(i),
            n_labels=int(found.n_labels[n]),
            n_annotations=int(table.labels_per_item[i]),
            label=items.options(i)[best[i]],
            probability=float(standing.q[i, best[i]]),
            expected_accuracy=float(found.accuracy[n]),
            information=float(found.information[n]),
            fields=own,
        )
        for n, i, own in zip(found.order.tolist(), chosen.tolist(), fields, strict=True)
    ]


def _fields(table: AnnotationTable, chosen: IntArray) -> Sequence[dict[str, str]]:
    """The other fields of items, as their first rows have them."""
    first = np.full(len(table.items), len(table))
    np.minimum.at(first, table.item, np.arange(len(table)))
    names = [name for name in table.rows.column_names if name not in CANONICAL_SCHEMA.names]
    rows = table.rows.select(["item_id", *names]).take(pa.array(first[chosen])).to_pylist()
    return [{name: str(row[name]) for name in names if row[name] is not None} for row in rows]
