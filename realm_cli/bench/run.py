"""A plan carried out, a cell at a time; what is there already is not computed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from realm_cli import __version__, run_folder
from realm_cli.bench.cells import Cell, Filled, Store, cells
from realm_cli.bench.data import DataSet, read_data
from realm_cli.bench.filling import computed
from realm_cli.bench.plan import Plan
from realm_cli.checkpoint import require_training_extra


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


def run(
    plan: Plan, out: Path, watcher: Callable[[Step], None] = lambda _: None, *, jobs: int = 1
) -> Ran:
    """Fill every cell of a plan that is not there yet.

    Args:
        plan: What to compare.
        out: Folder of the comparison.
        watcher: Told of every cell.
        jobs: Cells computed at a time, each in a process of its own.

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
    number = {cell: n for n, cell in enumerate(wanted, start=1)}
    paths = {cell: store.path(cell, plan, data[cell.data.name]) for cell in wanted}
    found = {
        cell: _under_its_names(cell, known)
        for cell in wanted
        if (known := store.read(paths[cell])) is not None
    }
    for cell, known in found.items():
        watcher(Step(cell, number[cell], len(wanted), known, known=True))
    missing = [cell for cell in wanted if cell not in found]
    waiting = iter(missing)
    for cell in islice(waiting, jobs):
        watcher(Step(cell, number[cell], len(wanted)))
    for cell, filled in computed(missing, plan, data, jobs):
        store.write(paths[cell], filled)
        found[cell] = _under_its_names(cell, filled)
        watcher(Step(cell, number[cell], len(wanted), found[cell]))
        for following in islice(waiting, 1):
            watcher(Step(following, number[following], len(wanted)))
    named = tuple(found[cell] for cell in wanted)
    return Ran(named, tuple(left_out), tuple(_notes(plan, data)), store.versions)


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
