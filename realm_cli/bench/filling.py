"""Cells computed, one after the other or several at a time."""

from __future__ import annotations

import multiprocessing
import os
import platform
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any

from realm_cli import clock
from realm_cli.aggregate.em import cores
from realm_cli.bench import measures
from realm_cli.bench.cells import Cell, Filled
from realm_cli.bench.data import DataSet, Labelled, labelled, read_data
from realm_cli.bench.measures import Measures
from realm_cli.bench.plan import Plan
from realm_cli.config import TrainSettings

if TYPE_CHECKING:
    from realm_cli.bench.methods import Outcome


def computed(
    missing: Sequence[Cell], plan: Plan, data: Mapping[str, DataSet], jobs: int
) -> Iterator[tuple[Cell, Filled]]:
    """Each of the cells as it is filled, `jobs` of them at a time.

    Args:
        missing: The cells.
        plan: Theirs.
        data: The data sets of the plan.
        jobs: How many processes; with 1 there is none but this.
    """
    jobs = min(jobs, len(missing))
    if jobs <= 1:
        yield from ((cell, _filled(cell, plan, data)) for cell in missing)
        return
    # Torch and forked processes do not go together.
    pool = ProcessPoolExecutor(
        jobs, multiprocessing.get_context("spawn"), _begin, (plan, max(cores() // jobs, 1))
    )
    try:
        cells = {pool.submit(_in_process, cell): cell for cell in missing}
        for done in as_completed(cells):
            yield cells[done], done.result()
    finally:
        pool.shutdown(cancel_futures=True)


_own: dict[str, Any] = {}
"""What a process of its own has read: the plan and its data sets."""


def _begin(plan: Plan, threads: int) -> None:
    import torch

    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    _own.update(plan=plan, data=read_data(plan))


def _end_with_parent() -> None:
    """Nobody waits for a cell once the process that asked for it is gone, however it went."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _in_process(cell: Cell) -> Filled:
    return _filled(cell, _own["plan"], _own["data"])


def _machine() -> str:
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{cores()} {platform.machine()} cores"


def _filled(cell: Cell, plan: Plan, data: Mapping[str, DataSet]) -> Filled:
    return fill(cell, plan, labelled(data[cell.data.name], cell.fold, cell.crowd, cell.seed))


def fill(cell: Cell, plan: Plan, data: Labelled) -> Filled:
    """Train a cell's model by its method, and measure."""
    outcome = _outcome(cell, plan, data)
    names = ("data", "crowd", "model", "method", "seed", "fold")
    return Filled(
        **dict(zip(names, cell.place, strict=True)),
        n_train=len(data.table.items),
        n_annotations=len(data.table),
        n_test=len(data.test),
        noise=measures.noise(data.table),
        n_weights=outcome.n_weights,
        machine=_machine(),
        day=clock.now().date().isoformat(),
        measures=measured(data, outcome),
    )


def _outcome(cell: Cell, plan: Plan, data: Labelled) -> Outcome:
    from realm_cli.bench.methods import LABELS_ALONE, label, run_method, settings_for
    from realm_cli.bench.prepared import prepare

    method = cell.entry.method
    if method in LABELS_ALONE:
        return label(method, data.table, cell.seed)
    settings = settings_for(method, training_settings(cell, plan))
    return run_method(method, data, prepare(data, cell.model, settings), settings)


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
    found = outcome.judged
    known: dict[str, Any] = {}
    if found is not None and data.truth is not None:
        known = measures.recovery(found, data.truth, data.table).model_dump()
    if outcome.test_log_p is not None:
        known |= measures.on_test(outcome.test_log_p, data.test).model_dump()
    return Measures(
        label_accuracy=measures.accuracy(outcome.train_scores, data.table.items.gold),
        estimate=None if found is None else found.kind.value,
        seconds=outcome.seconds,
        cpu_seconds=outcome.cpu_seconds,
        **known,
    )
