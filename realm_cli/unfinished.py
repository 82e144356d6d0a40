"""What a training leaves on disk while it runs, so that it can go on after whatever stopped it.

`OUT/realm/resume/plan.json` says what was to be done; `stage-K/` holds the checkpoints of the K-th
training (0 is the final one, the others are folds of cross-fitting) or, once it is over, what came
of it. The folder is gone when the run is whole.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from realm_cli.checkpoint import RESUME, SIDE, write_file, write_text
from realm_cli.config import Reading, TrainSettings
from realm_cli.errors import InputError, UsageError

PLAN = "plan.json"
RESULT = "result.safetensors"
METRICS = "metrics.jsonl"
"""What was measured, here of a fold; in a run's folder of all its trainings."""
_WHOLE = "whole"
"""Says that a checkpoint is complete: the sizes of its files."""
MANNER = frozenset({"accumulate", "activation_checkpointing", "compile"})
"""Settings that may change when a run goes on: they decide how steps are done, not what they do."""


@dataclass(frozen=True)
class Saving:
    """How often a training leaves a checkpoint.

    Attributes:
        minutes: After so many minutes.
        steps: And after every so many steps; None for no such rule.
    """

    minutes: float = 5.0
    steps: int | None = None


@dataclass
class Stop:
    """Somebody's wish that training ends after the step at hand.

    Attributes:
        asked: Whether there is one; once asked, it stands.
        agreed: Whether every process knows of it, so that all of them end after the same step: a
            signal may reach one while it saves, and the next only when that has gone on.
        heard: Whether anybody listens: only between steps.
    """

    asked: bool = False
    agreed: bool = False
    heard: bool = False


class Plan(BaseModel):
    """What a run was to do: enough to begin it anew, and to see whether anything has changed.

    Attributes:
        settings: How to train.
        files: The exports, as they were named.
        items: The file of items, if any.
        reading: How to read them.
        inputs: SHA-256 by path.
        versions: Of what computes: realm, torch, transformers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: TrainSettings
    files: tuple[Path, ...]
    items: Path | None
    reading: Reading
    inputs: dict[str, str]
    versions: dict[str, str]


@dataclass(frozen=True)
class Stage:
    """One training of a run.

    Attributes:
        folder: Where it leaves its checkpoints.
    """

    folder: Path

    @property
    def result(self) -> Path:
        """The file of what came of it."""
        return self.folder / RESULT

    @property
    def metrics(self) -> Path:
        """The file of what was measured on the way to it."""
        return self.folder / METRICS

    @property
    def tensorboard(self) -> Path:
        """Where transformers has TensorBoard write, unless TENSORBOARD_LOGGING_DIR is set."""
        return self.folder / "runs"

    def checkpoint(self, step: int) -> Path:
        """The folder of the checkpoint of a step."""
        return self.folder / f"checkpoint-{step}"

    def unlogged(self, step: int) -> Path:
        """The file in it of the losses that no log has told of yet."""
        return self.checkpoint(step) / "unlogged.json"

    def latest(self) -> Path | None:
        """The last checkpoint that was written to its end, and of which nothing is missing."""
        found = [path for path in self.folder.glob("checkpoint-*") if _is_whole(path)]
        return max(found, key=lambda path: int(path.name.split("-")[1]), default=None)

    def mark_whole(self, step: int) -> None:
        """Say that the checkpoint of a step is complete."""
        folder = self.checkpoint(step)
        write_file(folder / _WHOLE, lambda path: write_text(json.dumps(_sizes(folder)), path))

    def clear_checkpoints(self) -> None:
        """Once there is a result they only take space."""
        for path in self.folder.glob("checkpoint-*"):
            shutil.rmtree(path)


def _sizes(folder: Path) -> dict[str, int]:
    """Bytes of each file, by its path; files with a dot before their name do not count."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name[0] != "."]
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}


def _is_whole(folder: Path) -> bool:
    """Whether a checkpoint is complete, and every file as long as it was."""
    try:
        sizes = json.loads((folder / _WHOLE).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    there = _sizes(folder)
    return isinstance(sizes, dict) and all(there.get(name) == size for name, size in sizes.items())


@dataclass(frozen=True)
class Unfinished:
    """The state of a run that is not whole yet.

    Attributes:
        out: The run's folder.
    """

    out: Path

    @property
    def folder(self) -> Path:
        """Where everything of it lies."""
        return self.out / SIDE / RESUME

    @property
    def exists(self) -> bool:
        """Whether there is one."""
        return (self.folder / PLAN).is_file()

    def stage(self, number: int) -> Stage:
        """The n-th training."""
        return Stage(self.folder / f"stage-{number}")

    def begin(self, plan: Plan) -> None:
        """Write down what is to be done; whatever lay here before goes."""
        shutil.rmtree(self.folder, ignore_errors=True)
        write_file(
            self.folder / PLAN, lambda path: write_text(plan.model_dump_json(indent=2), path)
        )

    def plan(self) -> Plan:
        """What was to be done.

        Raises:
            UsageError: Nothing is unfinished here.
            InputError: The plan cannot be read.
        """
        if not self.exists:
            raise UsageError(
                f"{self.out} holds no unfinished run",
                hint="a run that is whole needs no resuming; begin a new one with "
                "realm train FILES --model MODEL --out FOLDER",
            )
        try:
            return Plan.model_validate_json((self.folder / PLAN).read_text("utf-8"))
        except (OSError, UnicodeDecodeError, ValidationError) as error:
            raise InputError(
                f"{self.folder / PLAN} was not written by this version of realm"
            ) from error

    @property
    def has_progress(self) -> bool:
        """Whether anything was done that is worth going on from."""
        stages = [Stage(path) for path in self.folder.glob("stage-*")]
        return any(stage.latest() or stage.result.is_file() for stage in stages)

    def discard(self) -> None:
        """Leave no trace."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for folder in (self.folder.parent, self.out):
            with suppress(OSError):
                folder.rmdir()


def check_unchanged(plan: Plan, now: Plan) -> None:
    """Refuse to go on with other data or software than the run began with.

    Raises:
        UsageError: With every difference.
    """
    before, after = (one.settings.model_dump(exclude=set(MANNER)) for one in (plan, now))
    changed = [
        *_differences(plan.inputs, now.inputs, "the content of "),
        *_differences(plan.versions, now.versions, "the version of "),
        *_differences(before, after, "the setting "),
    ]
    if changed:
        raise UsageError(
            f"the run cannot go on, for it would not be the same: {'; '.join(changed)}",
            hint="put things back as they were, or begin anew with --overwrite",
        )


def _differences(before: Mapping[str, object], now: Mapping[str, object], what: str) -> list[str]:
    names = sorted({*before, *now})
    return [
        f"{what}{name} was {_short(before.get(name))} and is {_short(now.get(name))}"
        for name in names
        if before.get(name) != now.get(name)
    ]


def _short(value: object) -> str:
    text = str(value)
    return f"{text[:12]}…" if len(text) == len("0" * 64) else text
