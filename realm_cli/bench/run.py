"""A plan carried out, a cell at a time; what is there already is not computed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from realm_cli import __version__, run_folder
from realm_cli.bench import measures
from realm_cli.bench.cells import Cell, Filled, Store, cells
from realm_cli.bench.data import DataSet, Labelled, labelled, read_data
from realm_cli.bench.measures import Measures
from realm_cli.bench.plan import Plan
from realm_cli.checkpoint import require_training_extra
from realm_cli.config import TrainSettings

if TYPE_CHECKING:
    from realm_cli.bench.methods import Outcome


@dataclass(frozen=True)
class Step:
    """A cell that begins or has ended.

    Attributes:
        cell: Which.
        number: Its place in the plan, from 1.
        total: Cells of the plan that are not left out.
        filled: What came of it; None where it begins.
        known: Whether it was there before.
    """

    cell: Cell
    number: int
    total: int
    filled: Filled | None = None
    known: bool = False


@dataclass(frozen=True)
class Ran:
    """What a plan came to.

    Attributes:
        filled: Its cells.
        left_out: Methods that the options of a data set do not allow, as (data set, method).
        notes: What else the reader must know of data and methods, in words.
        versions: Of the software.
    """

    filled: tuple[Filled, ...]
    left_out: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)


def run(plan: Plan, out: Path, watcher: Callable[[Step], None] = lambda _: None) -> Ran:
    """Fill every cell of a plan that is not there yet.

    Args:
        plan: What to compare.
        out: Folder of the comparison.
        watcher: Told of every cell.

    Raises:
        RealmError: Data, a model or a training is wrong; cells filled before stay.
    """
    require_training_extra()
    from realm_cli.bench.methods import applies

    data = read_data(plan)
    store = Store(out, {"realm": __version__, **run_folder.versions()})
    fits = {cell: applies(cell.entry.method, data[cell.data.name].items) for cell in cells(plan)}
    wanted = [cell for cell, fit in fits.items() if fit]
    left_out = dict.fromkeys(
        (cell.data.name, cell.entry.label) for cell, fit in fits.items() if not fit
    )
    filled = []
    for number, cell in enumerate(wanted, start=1):
        own = data[cell.data.name]
        path = store.path(cell, plan, own)
        found = store.read(path)
        known = found is not None
        if found is None:
            watcher(Step(cell, number, len(wanted)))
            found = fill(cell, plan, labelled(own, cell.fold, cell.crowd, cell.seed))
            store.write(path, found)
        found = _under_its_names(cell, found)
        filled.append(found)
        watcher(Step(cell, number, len(wanted), found, known))
    return Ran(tuple(filled), tuple(left_out), tuple(_notes(plan, data)), store.versions)


def _notes(plan: Plan, data: Mapping[str, DataSet]) -> Iterator[str]:
    from realm_cli.bench.methods import stands_in

    for one in data.values():
        if one.n_left_out:
            yield f"{one.name}: {one.n_left_out:,} rows of items that cannot be used are left out."
        for entry in plan.methods:
            if stands_in(entry.method, one.items):
                yield (
                    f"{one.name}: options differ from item to item, so {entry.label} takes the "
                    "labels of `realm aggregate --method expertise`."
                )


def _under_its_names(cell: Cell, found: Filled) -> Filled:
    """A cell under the names of this plan: another may have called the same things otherwise."""
    data, crowd, model, method, _, _ = cell.place
    names = {"data": data, "crowd": crowd, "model": model, "method": method}
    return found.model_copy(update=names)


def fill(cell: Cell, plan: Plan, data: Labelled) -> Filled:
    """Train a cell's model by its method, and measure."""
    from realm_cli.bench.methods import run_method, settings_for
    from realm_cli.bench.prepared import prepare

    method = cell.entry.method
    settings = settings_for(method, training_settings(cell, plan))
    prepared = prepare(data, cell.model, settings)
    outcome = run_method(method, data, prepared, settings)
    names = ("data", "crowd", "model", "method", "seed", "fold")
    return Filled(
        **dict(zip(names, cell.place, strict=True)),
        n_train=len(data.table.items),
        n_annotations=len(data.table),
        n_test=len(data.test),
        measures=measured(data, outcome),
    )


def training_settings(cell: Cell, plan: Plan) -> TrainSettings:
    """How a cell trains: as its method's entry says, else its model's, else the plan."""
    own = cell.model.model_dump(
        include={"epochs", "learning_rate", "batch_size"}, exclude_none=True
    )
    entry = cell.entry.model_dump(include={"epochs"}, exclude_none=True)
    told = {**plan.training.model_dump(), **own, **entry}
    return TrainSettings(model=cell.model.name, seed=cell.seed, **told)


def measured(data: Labelled, outcome: Outcome) -> Measures:
    """What is to be known of an outcome."""
    test, log_p = data.test, outcome.test_log_p
    right = log_p.argmax(axis=1) == test.gold
    several = len(np.unique(test.task)) > 1
    found = outcome.judged
    known = None
    if found is not None and data.truth is not None:
        known = measures.recovery(found, data.truth, data.table)
    return Measures(
        test_accuracy=float(right.mean()),
        test_right="".join("1" if one else "0" for one in right),
        test_by_task={
            test.tasks[t]: float(right[test.task == t].mean()) for t in np.unique(test.task)
        } if several else {},
        calibration_error=measures.calibration_error(log_p, test.gold),
        label_accuracy=measures.accuracy(outcome.train_scores, data.table.items.gold),
        estimate=None if found is None else found.kind.value,
        seconds=outcome.seconds,
        cpu_seconds=outcome.cpu_seconds,
        **({} if known is None else known.model_dump()),
    )  # fmt: skip
