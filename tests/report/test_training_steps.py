"""The course of a training in the report and on the model card."""

from __future__ import annotations

import pytest
import report_samples as samples
from hypothesis import given, settings
from hypothesis import strategies as st

from realm_cli.metrics import LoggedStep
from realm_cli.report.model_card import model_card
from realm_cli.report.training import MOST_OF_A_KIND, best_step, training_steps


def step(number, *, stage="final", loss=None, dev=None):
    return LoggedStep(stage=stage, step=number, epoch=number / 10, loss=loss, dev=dev)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1_000), st.integers(1, 50), st.integers(0, 2**32))
def test_the_report_keeps_at_most_200_entries_a_stage_and_the_best(n, every, shift):
    def dev(i):
        return -float((i * 7919 + shift) % 997) if i % every == 0 else None

    history = [
        step(i, stage=stage, loss=1.0, dev=dev(i))
        for stage in ("fold 1", "final")
        for i in range(1, n + 1)
    ]  # fmt: skip
    kept = training_steps(history)
    for stage in ("fold 1", "final"):
        whole = [one for one in history if one.stage == stage]
        mine = [one.step for one in kept if one.stage == stage]
        assert len(mine) <= 200
        assert mine == sorted(set(mine))
        if len(whole) <= MOST_OF_A_KIND:
            assert len(mine) == len(whole)
        if whole:
            assert {whole[0].step, whole[-1].step} <= set(mine)
        evaluated = [one for one in whole if one.dev is not None]
        if evaluated:
            best = max(evaluated, key=lambda one: one.dev)
            assert best.step in mine


def test_the_card_names_the_checkpoint_that_was_chosen():
    history = [
        step(10, stage="fold 1", dev=-0.1),
        step(10, dev=-0.75),
        step(20, dev=-0.5),
        step(30, dev=-0.5),
        step(40, dev=-0.625),
    ]
    report = samples.crowd(3).model_copy(update={"training": training_steps(history)})
    assert best_step(report).step == 20
    card = " ".join(model_card(report, samples.trained_model(report)).split())
    assert "this is the one after step 20:" in card
    assert "highest log-likelihood, -0.500 nats each." in card


@pytest.mark.parametrize("history", [[], [step(10, loss=1.0)]])
def test_the_card_of_the_last_checkpoint_says_nothing_of_it(history):
    report = samples.crowd(3).model_copy(update={"training": training_steps(history)})
    assert best_step(report) is None
    assert "checkpoint" not in model_card(report, samples.trained_model(report))
