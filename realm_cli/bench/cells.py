"""Cells of a comparison: one data set, fold, crowd, model, method and seed; a JSON file each.

A cell's file bears a digest of all that decides what is in it, so that a plan that was cut off, or
changed, finds again what it has and computes what it lacks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from realm_cli.bench.data import DataSet
from realm_cli.bench.measures import Measures
from realm_cli.bench.plan import Crowd, Data, DataKind, Entry, Model, Plan
from realm_cli.checkpoint import write_file, write_text

PROTOCOL = 2
"""Grows with every change of what the same plan measures."""
FOLDER = "cells"
OWN_CROWD = "people"
"""What stands for the crowd of a data set that people have labelled."""


@dataclass(frozen=True)
class Cell:
    """One training and what is measured of it."""

    data: Data
    fold: int
    crowd: Crowd | None
    model: Model
    entry: Entry
    seed: int

    @property
    def place(self) -> tuple[str, str, str, str, int, int]:
        """Data set, crowd, model, method, seed and fold, by the names that tables show."""
        crowd = OWN_CROWD if self.crowd is None else self.crowd.name
        return self.data.name, crowd, self.model.label, self.entry.label, self.seed, self.fold

    def __str__(self) -> str:
        data, crowd, model, method, seed, fold = self.place
        part = f", fold {fold + 1}" if self.data.folds else ""
        return f"{data}, {crowd}, {model}, {method}, seed {seed}{part}"


class Filled(BaseModel):
    """A cell's file.

    Attributes:
        data: Data set.
        crowd: Who labelled it.
        model: What was fine-tuned.
        method: How.
        seed: Of crowd, weights and order.
        fold: Which part of the data set was tested on, from 0.
        n_train: Items trained on.
        n_annotations: Their annotations.
        n_test: Items tested on.
        noise: Share of the annotations that are not gold; None without gold.
        n_weights: Of the model; None where labels alone are made.
        machine: What computed it.
        day: When, as ISO 8601 has it.
        measures: What came of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    data: str
    crowd: str
    model: str
    method: str
    seed: int
    fold: int
    n_train: int
    n_annotations: int
    n_test: int
    noise: float | None
    n_weights: int | None
    machine: str
    day: str
    measures: Measures


def cells(plan: Plan) -> Iterator[Cell]:
    """All cells of a plan, the methods of one crowd and model together."""
    for data, fold, crowd in _labelled(plan):
        names = data.name, OWN_CROWD if crowd is None else crowd.name
        for model in plan.models:
            entries = [one for one in plan.methods if model.fits(*names) and one.fits(*names)]
            for seed in plan.seeds:
                for entry in entries:
                    yield Cell(data, fold, crowd, model, entry, seed)


def _labelled(plan: Plan) -> Iterator[tuple[Data, int, Crowd | None]]:
    """Each data set, part to test on, and crowd."""
    for data in plan.data:
        own = data.kind is DataKind.ANNOTATIONS
        crowds = (None,) if own else [one for one in plan.crowds if one.fits(data.name)]
        for fold in range(data.folds or 1):
            for crowd in crowds:
                yield data, fold, crowd


@dataclass(frozen=True)
class Store:
    """Where cells are kept.

    Attributes:
        out: Folder of the comparison.
        versions: Of the software that computes them.
    """

    out: Path
    versions: Mapping[str, str]

    def path(self, cell: Cell, plan: Plan, data: DataSet) -> Path:
        """The file of a cell."""
        words = re.sub(r"[^\w.-]+", "-", "-".join(str(part) for part in cell.place))
        return self.out / FOLDER / f"{words}-{self._digest(cell, plan, data)}.json"

    def read(self, path: Path) -> Filled | None:
        """A cell that is there, and whole."""
        try:
            return Filled.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, ValidationError):
            return None

    def write(self, path: Path, filled: Filled) -> None:
        """Keep a cell, whole or not at all."""
        write_file(path, partial(write_text, filled.model_dump_json(indent=2) + "\n"))

    def _digest(self, cell: Cell, plan: Plan, data: DataSet) -> str:
        """Of all that decides what a cell holds; names and paths do not, nor other cells."""
        paths = {"name", "files", "test_files", "labels", "test_labels", "of"}
        decides = {
            "protocol": PROTOCOL,
            "versions": dict(self.versions),
            "files": data.digests,
            "items": _digest_of(repr((data.items.ids, data.items.tasks)).encode()),
            "splits": [_digest_of(split.train.tobytes() + split.test.tobytes())
                       for split in data.splits],
            "data": cell.data.model_dump(mode="json", exclude=paths),
            "fold": cell.fold,
            "crowd": None if cell.crowd is None else cell.crowd.behaviour,
            "model": cell.model.model_dump(mode="json", exclude={"only"}),
            "entry": cell.entry.model_dump(mode="json", exclude={"name", "only"}),
            "training": plan.training.model_dump(mode="json"),
            "seed": cell.seed,
        }  # fmt: skip
        return _digest_of(json.dumps(decides, sort_keys=True).encode())


def _digest_of(content: bytes) -> str:
    return sha256(content).hexdigest()[:12]
