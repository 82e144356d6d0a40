"""Small crowds, trained runs and real `realm` processes, for the tests of training and commands."""

from __future__ import annotations

import functools
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from safetensors.numpy import load_file

from realm_cli import pipeline
from realm_cli.choices import TINY_T5, Objective
from realm_cli.config import TrainSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

ROOT = Path(__file__).parent.parent
COLOURS = ("red", "green", "blue", "yellow")
EPOCH = "1700000000"
"""SOURCE_DATE_EPOCH of all runs here, so that they can be compared byte by byte."""
RUN_FILES = {
    "README.md",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "realm/annotations.parquet",
    "realm/annotators.parquet",
    "realm/expertise.safetensors",
    "realm/labels.parquet",
    "realm/metrics.jsonl",
    "realm/report.json",
    "realm/run.json",
}
QUICK = TrainSettings(model=TINY_T5, seed=3, epochs=2, form_weight=0.2)
"""Settings of the runs that tests look at; two epochs teach nothing and take a second."""

Row = dict[str, Any]


def colour_rows(
    n_items: int = 40, *, n_annotators: int = 8, experts: int = 4, per_item: int = 3, seed: int = 0
) -> list[Row]:
    """Items whose text names their label; annotators below `experts` know it, the rest guess."""
    dice = random.Random(seed)
    rows = []
    for item in range(n_items):
        truth = dice.choice(COLOURS)
        text = f"thing {item} has the colour {truth}"
        for annotator in dice.sample(range(n_annotators), per_item):
            label = truth if annotator < experts else dice.choice(COLOURS)
            rows.append(
                {"item_id": f"i{item}", "annotator_id": f"a{annotator}", "label": label,
                 "text": text, "gold": truth}
            )  # fmt: skip
    return rows


def two_task_rows(n_items: int = 20) -> list[Row]:
    """Multiple choice with options that differ in number and length; yes or no as a second task."""
    dice = random.Random(1)
    rows = []
    for item in range(n_items):
        options = dice.sample(["a cat", "a very old dog", "one", "some blue birds in a tree"], 2)
        options += ["none"] * (item % 2)
        for annotator in dice.sample(range(5), 2):
            who = {"annotator_id": f"a{annotator}"}
            rows.append(
                {"item_id": f"q{item}", "task": "which", "text": f"who is in picture {item}?",
                 "label": dice.choice(options), "options": options, **who}
            )  # fmt: skip
            rows.append(
                {"item_id": f"q{item}", "task": "is it so", "text": f"is there a bird in {item}?",
                 "label": dice.choice(["yes", "no"]), "options": None, **who}
            )  # fmt: skip
    return rows


def write_rows(path: Path, rows: Iterable[Row]) -> Path:
    """A JSONL export."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def train(
    source: Path,
    out: Path,
    settings: TrainSettings = QUICK,
    **listeners: Callable[[Any], None],
) -> Path:
    """`realm train` inside this process."""
    with mock.patch.dict(os.environ, {"SOURCE_DATE_EPOCH": EPOCH}):
        pipeline.train(pipeline.Source((source,)), settings, out, watch=pipeline.Watch(**listeners))
    return out


@functools.cache
def crowd_file(base: Path) -> Path:
    """One file a test session (`base` is its folder): one task, four labels, 40 items."""
    return write_rows(_fresh(base / "crowd") / "crowd.jsonl", colour_rows())


@functools.cache
def colour_run(base: Path) -> Path:
    """A run on it, trained once a session."""
    return train(crowd_file(base), base / "runs" / "colours")


@functools.cache
def two_task_run(base: Path) -> Path:
    """A run on two tasks with the objective of the paper, trained once a session."""
    source = write_rows(_fresh(base / "two-tasks") / "crowd.jsonl", two_task_rows())
    settings = QUICK.model_copy(update={"objective": Objective.INDEPENDENT})
    return train(source, base / "runs" / "two-tasks", settings)


def _fresh(folder: Path) -> Path:
    folder.mkdir()
    return folder


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a process started by tests sees: this checkout, the CPU, no network, no colours."""
    unwanted = ("REALM_", "HF_", "FORCE_COLOR", "COLUMNS", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
        "NO_COLOR": "1",
        "SOURCE_DATE_EPOCH": EPOCH,
        **(extra or {}),
    }


def python(
    *arguments: str | Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    timeout: float = 180,
) -> subprocess.CompletedProcess[str]:
    """A Python process in a folder of its own."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=environment(env),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout,
        check=False,
    )


def realm(
    *arguments: str | Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    timeout: float = 180,
) -> subprocess.CompletedProcess[str]:
    """`realm ARGUMENTS` as a person would run it."""
    return python("-m", "realm_cli", *arguments, cwd=cwd, env=env, timeout=timeout)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under a folder, by its path; folders that are empty count too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
        if path.is_file() or not any(path.iterdir())
    }


def resumed(out: Path, **listeners: Any) -> Path:
    """`realm train --resume` inside this process."""
    with mock.patch.dict(os.environ, {"SOURCE_DATE_EPOCH": EPOCH}):
        pipeline.resume(out, watch=pipeline.Watch(**listeners))
    return out


def expertise_of(run: Path) -> NDArray[np.float64]:
    """What a run's training ended at."""
    found: NDArray[np.float64] = load_file(run / "realm" / "expertise.safetensors")["expertise"]
    return found
