"""What happens between the steps of a training: warm-up, checkpoints, telling."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from transformers import TrainerCallback

from realm_cli import processes
from realm_cli.errors import TrainingError
from realm_cli.metrics import DEV_LOG
from realm_cli.training.module import RealmModule
from realm_cli.training.trainer import RealmTrainer, Unlogged
from realm_cli.unfinished import Saving, Stage, Stop


@dataclass(frozen=True)
class Progress:
    """One step of training, for whoever watches.

    Attributes:
        step: Steps done.
        n_steps: Steps in all.
        loss: Negative log-likelihood per annotation, in nats, over the last steps.
        mean_expertise: Mean expertise of the annotators when that was measured.
        dev: Log-likelihood per annotation on the items kept out of training, when last evaluated.
    """

    step: int
    n_steps: int
    loss: float | None = None
    mean_expertise: float | None = None
    dev: float | None = None


class WarmUp(TrainerCallback):
    """Keeps the model's own opinion out of the mixture for the first share of the steps."""

    def __init__(self, module: RealmModule, share: float) -> None:
        self.module = module
        self.share = share

    def on_step_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Whether the step at hand is one of them."""
        self.module.warming_up = state.global_step < self.share * state.max_steps


class CarryOn(TrainerCallback):
    """Puts into a checkpoint, and takes from it, what the Trainer itself leaves out.

    It forgets the losses since its last log, so that the next one would be a mean over fewer steps;
    and it knows the best checkpoint by a path, which another working directory makes void.

    Args:
        trainer: Whose.
        stage: Where the checkpoints are.
    """

    def __init__(self, trainer: RealmTrainer, stage: Stage) -> None:
        self.trainer = trainer
        self.stage = stage

    def on_train_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Where this goes on from a checkpoint."""
        if state.global_step:
            text = self.stage.unlogged(state.global_step).read_text("utf-8")
            self.trainer.unlogged = Unlogged(**json.loads(text))
        if state.best_global_step:
            state.best_model_checkpoint = str(self.stage.checkpoint(state.best_global_step))

    def on_save(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Beside all else in the checkpoint."""
        if not processes.is_first():
            return
        text = json.dumps(asdict(self.trainer.unlogged))
        self.stage.unlogged(state.global_step).write_text(text, "utf-8")


class Keep(TrainerCallback):
    """Has the Trainer save now and then, and stop when that is asked for.

    Args:
        stage: Where the checkpoints go.
        saving: How often.
        stop: Whether to finish.
    """

    def __init__(self, stage: Stage, saving: Saving, stop: Stop) -> None:
        self.stage = stage
        self.saving = saving
        self.stop = stop
        self.saved_at = time.monotonic()

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """From here on a wish to stop is heard."""
        self.stop.heard = True

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """From here on it is not."""
        self.stop.heard = False

    def on_step_end(self, _args: Any, state: Any, control: Any, **_: Any) -> None:
        """Save where it is time to."""
        # Clocks differ and signals come one by one: what one process does, all have to do.
        due = processes.anywhere(time.monotonic() - self.saved_at >= 60 * self.saving.minutes)
        self.stop.agreed = processes.anywhere(self.stop.asked)
        if self.stop.agreed:
            self.stop.asked = True
        every = self.saving.steps
        if due or self.stop.agreed or (every and state.global_step % every == 0):
            control.should_save = True

    def on_save(self, _args: Any, state: Any, control: Any, **_: Any) -> None:
        """The checkpoint is complete: training may end if that is asked for."""
        processes.wait()
        processes.first(lambda: self.stage.mark_whole(state.global_step))
        self.saved_at = time.monotonic()
        if self.stop.agreed:
            control.should_training_stop = True


class Tell(TrainerCallback):
    """Tells the watcher of each step, and ends a training that has gone astray."""

    def __init__(self, watcher: Callable[[Progress], None] | None) -> None:
        self.watcher = watcher
        self.latest: dict[str, float] = {}

    def on_train_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        """What was logged before this goes on is known already."""
        for logs in state.log_history:
            self.latest.update(logs)

    def on_step_end(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Tell."""
        if self.watcher is not None:
            known = {
                name: self.latest.get(logged)
                for name, logged in (
                    ("loss", "loss"),
                    ("mean_expertise", "mean_expertise"),
                    ("dev", DEV_LOG),
                )
            }
            self.watcher(Progress(state.global_step, state.max_steps, **known))

    def on_log(
        self, _args: Any, state: Any, _control: Any, logs: dict[str, float] | None = None, **_: Any
    ) -> None:
        """Take in what was logged."""
        self.latest.update(logs or {})
        for name, words in (("loss", "the loss"), (DEV_LOG, "the log-likelihood of --dev items")):
            if not np.isfinite(self.latest.get(name, 0.0)):
                raise TrainingError(
                    f"{words} became {self.latest[name]} at step {state.global_step}",
                    hint="lower --learning-rate",
                )
