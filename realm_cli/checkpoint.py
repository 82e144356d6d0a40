"""A run's folder: a checkpoint that loads without realm, realm/ beside it; whole or not at all."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from realm_cli.config import TrainSettings
from realm_cli.errors import InputError, MissingExtraError, OutputExistsError, RealmError

if TYPE_CHECKING:
    import pyarrow as pa

SIDE = "realm"
RUN_FILE = "run.json"
REPORT_FILE = "report.json"
ANNOTATIONS_FILE = "annotations.parquet"
LABELS_FILE = "labels.parquet"
RESUME = "resume"
"""Where an unfinished run keeps what is done; see `unfinished.py`."""


class TaskLabels(BaseModel):
    """A task as the model learned it.

    Attributes:
        task: Its name.
        labels: What there is to choose from; None where each item brings its own options.
        template: What the model reads of an item.
        open: Whether answers are free text: the model writes them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    labels: tuple[str, ...] | None
    template: str
    open: bool = False


class RunRecord(BaseModel):
    """run.json: what it takes to repeat the run and to use its model.

    `commit` is that of the model on the hub, where it came from there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    realm_version: str
    created_at: str
    settings: TrainSettings
    tasks: tuple[TaskLabels, ...]
    inputs: dict[str, str]
    versions: dict[str, str]
    n_truncated: int
    commit: str | None = None


def require_training_extra() -> None:
    """Say how to get torch and transformers where they are missing."""
    missing = [
        name
        for name in ("torch", "transformers", "accelerate", "safetensors")
        if importlib.util.find_spec(name) is None
    ]
    if missing:
        raise MissingExtraError(
            f"this command needs {', '.join(missing)}", hint="pip install 'realm-cli[train]'"
        )


def read_record(run: Path) -> RunRecord:
    """The run.json of a run's folder.

    Raises:
        InputError: The folder is no run, or its record cannot be read.
    """
    path = run / SIDE / RUN_FILE
    try:
        return RunRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise no_run(run, path) from error
    except (UnicodeDecodeError, ValidationError) as error:
        raise InputError(f"{path} was not written by this version of realm") from error


def no_run(run: Path, missing: Path) -> InputError:
    """What to say of a folder without one of a run's files."""
    if (run / SIDE / RESUME).is_dir():
        return InputError(
            f"the run in {run} is not finished", hint=f"go on with it: realm train --resume {run}"
        )
    return InputError(
        f"{run} is not a run's folder: {missing} is missing",
        hint="name a folder that `realm train --out` wrote, or export files",
    )


def check_output(out: Path, *, overwrite: bool) -> None:
    """Refuse an output folder that holds something, before any work is done.

    Raises:
        OutputExistsError: It is not empty and may not be overwritten.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if (out / SIDE / RESUME).is_dir():
        if overwrite:
            return
        raise OutputExistsError(
            f"the output folder {out} holds a run that is not finished",
            hint=f"go on with it: realm train --resume {out}; or begin anew with --overwrite",
        )
    if not (out / SIDE / RUN_FILE).is_file():
        raise OutputExistsError(
            f"the output folder {out} is not empty, and what it holds is no run of realm"
            if out.is_dir()
            else f"the output folder {out} is a file",
            hint="choose another --out; only a run is ever overwritten",
        )
    if not overwrite:
        raise OutputExistsError(
            f"the output folder {out} is not empty: it holds a run",
            hint="choose another --out, or replace the run there with --overwrite",
        )


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A folder beside `out` that takes its place when the block ends well, and else vanishes.

    Raises:
        RealmError: The folder cannot be written.
    """
    stage = out.with_name(f"{out.name}.tmp-{os.getpid()}")
    try:
        for left in out.parent.glob(f"{out.name}.tmp-*"):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        (stage / SIDE).mkdir(parents=True)
        yield stage
        _replace(stage, out)
    except OSError as error:
        raise RealmError(f"cannot write {out}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def put_back(out: Path) -> None:
    """Undo a replacement that was cut off between its two steps."""
    left = list(out.parent.glob(f"{out.name}.old-*"))
    if not out.exists() and len(left) == 1:
        left[0].rename(out)


def _replace(stage: Path, out: Path) -> None:
    if not out.exists():
        stage.rename(out)
        return
    old = out.with_name(f"{out.name}.old-{os.getpid()}")
    out.rename(old)
    stage.rename(out)
    shutil.rmtree(old)


def write_file(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file under another name first, so that nobody ever sees half of it."""
    stage = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(stage)
        stage.replace(path)
    except OSError as error:
        raise RealmError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            stage.unlink(missing_ok=True)


def write_parquet(table: pa.Table, path: Path) -> None:
    """One Parquet file."""
    import pyarrow.parquet as pq  # a gate on a report writes files and needs no tables

    pq.write_table(table, path, compression="zstd")


def write_text(text: str, path: Path) -> None:
    """One UTF-8 text file."""
    path.write_text(text, encoding="utf-8")
