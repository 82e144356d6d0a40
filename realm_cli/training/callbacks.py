"""What happens between the steps of a training: warm-up, checkpoints, telling."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from transformers import TrainerCallback

from realm_cli import processes
from realm_cli.errors import TrainingError
from realm_cli.training.module import RealmModule
from realm_cli.unfinished import Saving, Stage, Stop


@dataclass(frozen=True)
class Progress:
    """One step of training, for whoever watches.

    Attributes:
        step: Steps done.
        n_steps: Steps in all.
        loss: Negative log-likelihood per annotation, in nats, over the last steps.
    """

    step: int
    n_steps: int
    loss: float | None


class WarmUp(TrainerCallback):
    """Keeps the model's own opinion out of the mixture for the first share of the steps."""

    def __init__(self, module: RealmModule, share: float) -> None:
        self.module = module
        self.share = share

    def on_step_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Whether the step at hand is one of them."""
        self.module.warming_up = state.global_step < self.share * state.max_steps


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
        """Save where it is time to, and end where that is asked for."""
        # Clocks differ and signals come one by one: what one process does, all have to do.
        due = processes.anywhere(time.monotonic() - self.saved_at >= 60 * self.saving.minutes)
        self.stop.asked = processes.anywhere(self.stop.asked)
        every = self.saving.steps
        if due or self.stop.asked or (every and state.global_step % every == 0):
            control.should_save = True
        if self.stop.asked:
            control.should_training_stop = True

    def on_save(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        """The checkpoint is complete."""
        processes.wait()
        processes.first(lambda: self.stage.mark_whole(state.global_step))
        self.saved_at = time.monotonic()


class Tell(TrainerCallback):
    """Tells the watcher of each step and keeps what was logged."""

    def __init__(self, watcher: Callable[[Progress], None] | None) -> None:
        self.watcher = watcher
        self.loss: float | None = None
        self.history: list[Progress] = []

    def _progress(self, state: Any) -> Progress:
        return Progress(state.global_step, state.max_steps, self.loss)

    def on_step_end(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Tell."""
        if self.watcher is not None:
            self.watcher(self._progress(state))

    def on_log(
        self, _args: Any, state: Any, _control: Any, logs: dict[str, float] | None = None, **_: Any
    ) -> None:
        """Keep what was logged, and end a training that has gone astray."""
        if logs and "loss" in logs:
            self.loss = logs["loss"]
            if not np.isfinite(self.loss):
                raise TrainingError(
                    f"the loss became {self.loss} at step {state.global_step}",
                    hint="lower --learning-rate",
                )
            self.history.append(self._progress(state))
