"""metrics.jsonl: what is kept of the Trainer's log."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from realm_cli.metrics import LoggedStep, from_lines, logged_steps, stage_name, to_lines

LOG = [
    {"loss": 2.0, "learning_rate": 0.1, "mean_expertise": 0.5, "epoch": 0.5, "step": 10},
    {"loss": 1.5, "learning_rate": 0.05, "mean_expertise": 0.6, "epoch": 1.0, "step": 20},
    {"eval_dev": -0.9, "eval_runtime": 3.21, "mean_expertise": 0.6, "epoch": 1.0, "step": 20},
    {"eval_dev": -0.8, "eval_runtime": 2.1, "mean_expertise": 0.7, "epoch": 1.2, "step": 24},
    {"train_runtime": 9.9, "train_loss": 1.7, "epoch": 1.2, "step": 24},
]  # fmt: skip


def test_a_line_a_step_without_times():
    lines = to_lines(logged_steps("final", LOG)).splitlines()
    assert [json.loads(line) for line in lines] == [
        {"stage": "final", "step": 10, "epoch": 0.5, "loss": 2.0, "learning_rate": 0.1,
         "mean_expertise": 0.5, "dev": None},
        {"stage": "final", "step": 20, "epoch": 1.0, "loss": 1.5, "learning_rate": 0.05,
         "mean_expertise": 0.6, "dev": -0.9},
        {"stage": "final", "step": 24, "epoch": 1.2, "loss": None, "learning_rate": None,
         "mean_expertise": 0.7, "dev": -0.8},
    ]  # fmt: skip


def test_names_of_stages():
    assert [stage_name(n) for n in range(3)] == ["final", "fold 1", "fold 2"]


numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(st.integers(1, 10**6), st.none() | numbers, st.none() | numbers)))
def test_lines_give_back_what_was_written(values):
    steps = tuple(
        LoggedStep(stage="final", step=n, epoch=n / 10, loss=loss, dev=dev)
        for n, loss, dev in values
    )
    assert from_lines(to_lines(steps)) == steps
