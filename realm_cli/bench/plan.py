"""The plan of a comparison: which data, crowds, models, methods and seeds."""

from __future__ import annotations

import os
import re
import tomllib
from collections import Counter
from enum import StrEnum
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from realm_cli.choices import TINY_T5, CrowdKind, Precision
from realm_cli.config import Template
from realm_cli.errors import InputError, UsageError

_UNSET = re.compile(r"\$(\w+|\{\w+\})")
PACKAGE = "package:"
"""Begins the name of a model whose files lie in an installed Python package."""


class Method(StrEnum):
    """What is made of noisy labels: a model, or labels alone (from `aggregate` on)."""

    ORACLE = "oracle"
    NAIVE = "naive"
    MAJORITY = "majority"
    DAWID_SKENE = "dawid-skene"
    DAWID_SKENE_SOFT = "dawid-skene-soft"
    CROWD_LAYER = "crowdlayer"
    REALM_PAPER = "realm-paper"
    JOINT = "joint"
    JOINT_CROSS_FIT = "joint-cross-fit"
    MATRIX = "matrix"
    SCALAR = "scalar"
    SIGNED = "signed"
    GUESS = "guess"
    CONFUSION = "confusion"
    REALM = "realm"
    AGGREGATE = "aggregate"
    AGGREGATE_GUESS = "aggregate-guess"
    CROWDKIT_MAJORITY = "crowd-kit-majority"
    CROWDKIT_WAWA = "crowd-kit-wawa"
    CROWDKIT_DAWID_SKENE = "crowd-kit-dawid-skene"
    CROWDKIT_ONE_COIN = "crowd-kit-one-coin"
    CROWDKIT_GLAD = "crowd-kit-glad"
    CROWDKIT_MACE = "crowd-kit-mace"
    CROWDLAB = "crowdlab"


class DataKind(StrEnum):
    """What the files of a data set are."""

    ITEMS = "items"
    ANNOTATIONS = "annotations"
    ARC = "arc"
    OPENBOOKQA = "openbookqa"
    RIDDLESENSE = "riddlesense"
    PIQA = "piqa"
    PUBMEDQA = "pubmedqa"
    TOGETHER = "together"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Column(_Part):
    """Attributes: the name of a column."""

    column: Annotated[str, Field(min_length=1)]


class Data(_Part):
    """A data set.

    Attributes:
        name: What it is called here.
        kind: What its files are; `together` joins other data sets as tasks.
        files: What is trained on; `$NAME` stands for a variable of the environment, and a path
            that is not absolute begins at the plan's folder.
        test_files: Items with gold to test on.
        labels: PIQA's file of answers, one a line, for each of `files`.
        test_labels: The same for each of `test_files`.
        of: The data sets that are joined.
        task: What the task of all its items is called, or the column that names each item's task;
            the name of a published set is that of its task by itself.
        split: Column of one file that says what a row is for.
        train_split: What it says of rows to train on.
        test_split: What it says of rows to test on.
        test: Share of the items to test on, where nothing else says which.
        folds: Every item is tested on once, in so many parts, instead.
        leave_out_bad: Go on without rows of items that cannot be used, and count them.
        n_train: At most so many items to train on.
        n_test: At most so many to test on.
    """

    name: Annotated[str, Field(min_length=1)]
    kind: DataKind = DataKind.ITEMS
    files: tuple[Path, ...] = ()
    test_files: tuple[Path, ...] = ()
    labels: tuple[Path, ...] = ()
    test_labels: tuple[Path, ...] = ()
    of: tuple[str, ...] = ()
    task: Annotated[str, Field(min_length=1)] | Column | None = None
    split: str | None = None
    train_split: str = "train"
    test_split: str = "test"
    test: Annotated[float, Field(gt=0, lt=1)] = 0.2
    folds: Annotated[int, Field(ge=2, le=20)] | None = None
    leave_out_bad: bool = False
    n_train: Annotated[int, Field(ge=1)] | None = None
    n_test: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        together = self.kind is DataKind.TOGETHER
        if together != bool(self.of) or together == bool(self.files):
            raise ValueError("`together` needs `of`, every other kind needs `files`")
        if self.folds and (self.test_files or self.split or together):
            raise ValueError("`folds` excludes test_files, split and of")
        if self.split and self.test_files:
            raise ValueError("`split` excludes test_files")
        piqa = self.kind is DataKind.PIQA
        wanted = (len(self.files), len(self.test_files)) if piqa else (0, 0)
        if (len(self.labels), len(self.test_labels)) != wanted:
            raise ValueError("a file of labels belongs to each file of piqa, and to no other kind")
        if self.kind is DataKind.ANNOTATIONS and (self.test_files or self.split or self.task):
            raise ValueError("annotations have tasks and tests of their own: `folds` or `test`")
        if self.leave_out_bad and self.kind is not DataKind.ITEMS:
            raise ValueError("`leave_out_bad` is for items")
        if together and self.task:
            raise ValueError("the tasks of `together` are those of the sets that it joins")
        if isinstance(self.task, Column) and self.kind is not DataKind.ITEMS:
            raise ValueError("a column of tasks is for items")
        return self


class _Chosen(_Part):
    """Something that need not be taken everywhere.

    Attributes:
        only: Names of the data sets and crowds that it is for; without any, all.
    """

    only: tuple[str, ...] = ()

    def fits(self, *names: str) -> bool:
        """Whether it is for what has one of these names."""
        return not self.only or bool({*self.only} & {*names})


class Crowd(_Chosen):
    """Simulated annotators; see `config.CrowdSettings`."""

    name: Annotated[str, Field(min_length=1)]
    kind: CrowdKind = CrowdKind.HAMMER_SPAMMER
    annotators: Annotated[int, Field(ge=1)] = 40
    labels_per_item: Annotated[int, Field(ge=1)] = 3
    share: Annotated[float, Field(ge=0, le=1)] = 0.5

    @property
    def behaviour(self) -> dict[str, Any]:
        """What decides its labels, as `config.CrowdSettings` takes it."""
        return self.model_dump(mode="json", exclude={"name", "only"})


class Model(_Chosen):
    """A model to fine-tune.

    Attributes:
        name: As `realm train --model` takes it; `package:NAME/FOLDER` for files in a package.
        d_model: Width of tiny-t5.
        frozen: Train the head alone, of an encoder; what the rest says of an input is kept.
        epochs: Passes over the items, in the place of what [training] says.
        learning_rate: The same.
        batch_size: The same.
    """

    name: Annotated[str, Field(min_length=1)]
    d_model: Annotated[int, Field(ge=16, le=1024, multiple_of=16)] | None = None
    frozen: bool = False
    epochs: Annotated[int, Field(ge=1)] | None = None
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    batch_size: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _tiny_t5_differs_from_others(self) -> Self:
        if self.d_model and self.name != TINY_T5:
            raise ValueError("d_model is for tiny-t5; other models have a size of their own")
        if self.frozen and self.name == TINY_T5:
            raise ValueError("tiny-t5 knows nothing yet: frozen, it could learn nothing either")
        return self

    @property
    def label(self) -> str:
        """What it is called in tables."""
        place = self.name.rstrip("/").split("/")
        short = place[0].removeprefix(PACKAGE) if self.name.startswith(PACKAGE) else place[-1]
        if self.frozen:
            return f"{short}, frozen"
        return f"{short}-{self.d_model}" if self.d_model else short


class Entry(_Chosen):
    """A method, and how it differs from what [training] says.

    Attributes:
        method: Which.
        name: What it is called in tables; its method's name by itself.
        epochs: Passes over what it trains on: annotations for `naive`, else items.
    """

    method: Method
    name: str = ""
    epochs: Annotated[int, Field(ge=1)] | None = None

    @property
    def label(self) -> str:
        """What it is called in tables."""
        return self.name or self.method.value

    def stands_for(self, other: Entry) -> bool:
        """Whether both are called the same, and somewhere both are wanted."""
        return self.label == other.label and (not other.only or self.fits(*other.only))


class Training(_Part):
    """How every method trains, unless its entry or the model's says otherwise."""

    epochs: Annotated[int, Field(ge=1)] | None = None
    batch_size: Annotated[int, Field(ge=1)] = 32
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    max_length: Annotated[int, Field(ge=8)] = 512
    template: Template | None = None
    precision: Precision = Precision.AUTO


def _named(value: Any) -> Any:
    """A method that is only named."""
    return {"method": value} if isinstance(value, str) else value


class Plan(_Part):
    """What is compared.

    Attributes:
        name: Of the comparison.
        data: The data sets.
        crowds: Who labels data sets of items; annotations have their own crowd.
        models: What is fine-tuned.
        methods: How.
        seeds: Each decides a crowd, a model's fresh weights and the order of training.
        compare: Pairs of methods whose difference is told.
        training: How all methods train.
    """

    name: Annotated[str, Field(min_length=1)]
    data: Annotated[tuple[Data, ...], Field(min_length=1)]
    crowds: tuple[Crowd, ...] = ()
    models: Annotated[tuple[Model, ...], Field(min_length=1)]
    methods: Annotated[tuple[Annotated[Entry, BeforeValidator(_named)], ...], Field(min_length=1)]
    seeds: Annotated[tuple[Annotated[int, Field(ge=0, lt=2**32)], ...], Field(min_length=1)] = (0,)
    compare: tuple[tuple[str, str], ...] = ()
    training: Training = Training()

    @model_validator(mode="after")
    def _names_are_known_and_single(self) -> Self:
        labels = {one.label for one in self.methods}
        for what, names in (
            ("data set", [one.name for one in self.data]),
            ("crowd", [one.name for one in self.crowds]),
            ("model", [one.label for one in self.models]),
            ("seed", [str(seed) for seed in self.seeds]),
        ):
            twice = [name for name, n in Counter(names).items() if n > 1]
            if twice:
                raise ValueError(f"two entries stand for the {what} {twice[0]}; give one a name")
        for one, other in combinations(self.methods, 2):
            if one.stands_for(other):
                raise ValueError(f"two entries stand for the method {one.label}; give one a name")
        places = {one.name for one in self.data} | {one.name for one in self.crowds}
        chosen = (*self.crowds, *self.models, *self.methods)
        nowhere = [name for one in chosen for name in one.only if name not in places]
        if nowhere:
            raise ValueError(f"`only` names {nowhere[0]}, which is no data set or crowd")
        strange = [name for pair in self.compare for name in pair if name not in labels]
        if strange:
            raise ValueError(f"`compare` names {strange[0]}, which is no method of the plan")
        return self

    @model_validator(mode="after")
    def _data_and_crowds_fit(self) -> Self:
        known = {one.name: one for one in self.data}
        parts = [name for one in self.data for name in one.of]
        unfit = [
            name
            for name in parts
            if name not in known or known[name].folds
            or known[name].kind in {DataKind.TOGETHER, DataKind.ANNOTATIONS}
        ]  # fmt: skip
        if unfit:
            raise ValueError(f"`of` names {unfit[0]}, which is no data set of items without folds")
        items = any(one.kind is not DataKind.ANNOTATIONS for one in self.data)
        if items != bool(self.crowds):
            raise ValueError("data sets of items need `crowds`, and nothing else does")
        return self


def read_plan(path: Path) -> Plan:
    """The plan of a file, its paths ready to be opened.

    Raises:
        InputError: The file cannot be read or is no TOML.
        UsageError: It is no plan, or a path of it names a variable that is not set.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            f"the plan {path} cannot be read: {error}", hint="plans/mini.toml is an example"
        ) from error
    try:
        plan = Plan.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the plan"
        raise UsageError(
            f"{path}: {place}: {first['msg'].removeprefix('Value error, ')}",
            hint="docs/results.md says what a plan holds",
        ) from error
    data = tuple(_located(one, path.parent) for one in plan.data)
    return plan.model_copy(update={"data": data})


def _located(data: Data, folder: Path) -> Data:
    names = ("files", "test_files", "labels", "test_labels")
    found = {name: tuple(_place(p, folder) for p in getattr(data, name)) for name in names}
    return data.model_copy(update=found)


def _place(path: Path, folder: Path) -> Path:
    full = os.path.expandvars(path)
    if missing := _UNSET.search(full):
        raise UsageError(
            f"the plan names {path}, and {missing[1].strip('{}')} is not set",
            hint=f"export {missing[1].strip('{}')}=FOLDER",
        )
    return folder / full
