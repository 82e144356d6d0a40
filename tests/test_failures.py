"""What can go wrong: too little memory, full disks, checkpoints cut short, texts too long."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from backbones.checkpoints import write_checkpoint
from harness import (
    COLOURS,
    QUICK,
    colour_rows,
    contents,
    crowd_file,
    environment,
    expertise_of,
    resumed,
    train,
    write_rows,
)
from transformers import Trainer

from realm_cli import checkpoint, pipeline, prediction
from realm_cli.annotations import build_table
from realm_cli.backbones.seq2seq import Seq2SeqBackbone
from realm_cli.backbones.tiny import build_tiny_t5
from realm_cli.batching import encode
from realm_cli.errors import RealmError, StoppedError, UsageError
from realm_cli.loaders import load
from realm_cli.training import predicting
from realm_cli.unfinished import Saving, Stage, Stop, Unfinished

SHORT = QUICK.model_copy(update={"epochs": 3, "batch_size": 10, "form_weight": 0.3})


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return crowd_file(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def whole(source, tmp_path_factory):
    """The run whose steps are done in one pass each."""
    return train(source, tmp_path_factory.mktemp("whole") / "run", SHORT)


@pytest.fixture
def scarce(monkeypatch):
    """Memory for so many items a pass, from the n-th pass on."""
    calls = []
    score = Seq2SeqBackbone.option_scores

    def limit(items, after=0):
        def option_scores(self, batch):
            calls.append(len(batch["input_ids"]))
            if len(calls) > after and torch.is_grad_enabled() and calls[-1] > items:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return score(self, batch)

        monkeypatch.setattr(Seq2SeqBackbone, "option_scores", option_scores)
        return calls

    return limit


@pytest.mark.parametrize("after", [0, 7])
def test_out_of_memory_halves_the_passes_and_not_the_steps(source, whole, tmp_path, scarce, after):
    scarce(5, after)
    told = []
    run = train(source, tmp_path / "run", SHORT, told=told.append)
    (said,) = [line for line in told if "memory" in line]
    assert said == (
        f"out of memory at step {after + 1}: from here on each step is done in 2 passes; "
        "the steps are the same"
    )
    np.testing.assert_allclose(expertise_of(run), expertise_of(whole), atol=1e-5)


def test_out_of_memory_twice_is_an_error_that_keeps_the_last_checkpoint(
    source, whole, tmp_path, scarce, monkeypatch
):
    scarce(3, 7)
    with pytest.raises(RealmError, match="too little memory for step 8") as failed:
        train(source, tmp_path / "run", SHORT)
    assert failed.value.exit_code == 4
    assert "--accumulate" in failed.value.hint
    assert Unfinished(tmp_path / "run").stage(0).latest().name == "checkpoint-7"
    monkeypatch.undo()
    run = resumed(tmp_path / "run")
    np.testing.assert_allclose(expertise_of(run), expertise_of(whole), atol=1e-5)


def test_a_run_that_ran_out_of_memory_goes_on_in_smaller_passes(source, whole, tmp_path, scarce):
    scarce(3, 7)
    with pytest.raises(RealmError, match="too little memory"):
        train(source, tmp_path / "run", SHORT)
    pipeline.resume(tmp_path / "run", {"accumulate": 4})
    np.testing.assert_allclose(expertise_of(tmp_path / "run"), expertise_of(whole), atol=1e-5)


def test_one_item_that_does_not_fit_is_an_error(source, tmp_path, scarce):
    scarce(0)
    with pytest.raises(RealmError, match="too little memory for step 1"):
        train(source, tmp_path / "run", SHORT.model_copy(update={"batch_size": 1}))
    assert contents(tmp_path) == {}


def test_predictions_halve_what_does_not_fit(source, monkeypatch):
    table, _ = build_table(load([source]))
    backbone = build_tiny_t5([*table.items.texts, *COLOURS], 0)
    encoded = encode(table.items, backbone, ["{text}"], 64)
    plenty = predicting.predict_log_p(backbone, encoded, 16)
    score = Seq2SeqBackbone.option_scores

    def few(self, batch):
        if len(batch["input_ids"]) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return score(self, batch)

    monkeypatch.setattr(Seq2SeqBackbone, "option_scores", few)
    np.testing.assert_allclose(predicting.predict_log_p(backbone, encoded, 16), plenty, atol=1e-5)


def no_space(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_the_checkpoint_before(source, whole, tmp_path, monkeypatch):
    save = Trainer._save_optimizer_and_scheduler

    def sometimes(self, folder):
        save(self, folder)
        if self.state.global_step > 5:
            no_space()

    monkeypatch.setattr(Trainer, "_save_optimizer_and_scheduler", sometimes)
    with pytest.raises(RealmError, match="No space left on device") as failed:
        train(source, tmp_path / "run", SHORT, saving=Saving(steps=3))
    assert "--resume" in failed.value.hint
    stage = Unfinished(tmp_path / "run").stage(0)
    assert [path.name for path in stage.folder.glob("checkpoint-*")] == ["checkpoint-3"]
    monkeypatch.undo()
    assert contents(resumed(tmp_path / "run")) == contents(whole)


def test_a_disk_that_is_full_at_the_end_leaves_the_checkpoint_before(
    source, whole, tmp_path, monkeypatch
):
    monkeypatch.setattr(Seq2SeqBackbone, "save", no_space)
    with pytest.raises(RealmError, match=r"cannot write .*No space left"):
        train(source, tmp_path / "run", SHORT, saving=Saving(steps=3))
    monkeypatch.undo()
    assert contents(resumed(tmp_path / "run")) == contents(whole)


MOUNTED = """
mount -t tmpfs -o {how} tmpfs {folder} || exit 77
cd {folder}
{python} -m realm_cli train {source} --model tiny-t5 --epochs 4 --save-steps 3 --out run
code=$?
ls run/realm/resume/stage-0
exit $code
"""


def on_disk(how, folder, source):
    """`realm train` on a file system of its own, with the checkpoints that it left as output."""
    folder.mkdir()
    script = MOUNTED.format(how=how, folder=folder, python=sys.executable, source=source)
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script], env=environment(), capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip
    if done.returncode in (1, 77) and "error" not in done.stderr:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    assert done.returncode == 4, done.stderr
    assert "internal error" not in done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare")
@pytest.mark.parametrize("size", [300, 900, 2000])
def test_a_real_disk_that_is_full(source, tmp_path, size):
    """Of the sizes one holds no checkpoint, one a part of the first, one the first."""
    done = on_disk(f"size={size}k", tmp_path / "disk", source)
    assert "error: a checkpoint could not be written" in done.stderr
    assert done.stdout.split() == (["checkpoint-3"] if size == 2000 else [])


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare")
def test_a_disk_that_may_not_be_written(source, tmp_path):
    done = on_disk("ro", tmp_path / "disk", source)
    assert "error: cannot write run/realm/resume/plan.json: Read-only file system" in done.stderr


def test_a_checkpoint_that_was_cut_short_is_passed_over(source, whole, tmp_path):
    stop = Stop()

    def ask(step):
        stop.asked = step.step == 8

    with pytest.raises(StoppedError):
        train(source, tmp_path / "run", SHORT, watcher=ask, stop=stop, saving=Saving(steps=4))
    stage = Unfinished(tmp_path / "run").stage(0)
    assert stage.latest().name == "checkpoint-8"
    weights = stage.latest() / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    assert stage.latest().name == "checkpoint-4"
    assert contents(resumed(tmp_path / "run")) == contents(whole)


@pytest.mark.parametrize("damage", ["{", "[1]", '{"gone": 3}', ""])
def test_a_mark_that_cannot_be_read_marks_nothing(tmp_path, damage):
    stage = Stage(tmp_path)
    for step in (1, 2):
        (stage.checkpoint(step) / "deep").mkdir(parents=True)
        (stage.checkpoint(step) / "deep" / "weights").write_text("w" * step)
        stage.mark_whole(step)
    assert stage.latest() == stage.checkpoint(2)
    (stage.checkpoint(2) / "whole").write_text(damage)
    assert stage.latest() == stage.checkpoint(1)


def test_texts_and_options_beyond_the_models_limit_are_cut_and_counted(tmp_path):
    rows = colour_rows(20)
    for row in rows:
        row["options"] = [*COLOURS, "red " * 100]
        if row["item_id"] in ("i0", "i1"):
            row["text"] += " red" * 100
    words = [row["text"] for row in rows] + list(COLOURS)
    for kind in ("bart", "bert"):
        model = write_checkpoint(kind, tmp_path / kind, words)
        crowd = tmp_path / "long.jsonl"
        crowd.write_text("".join(json.dumps(row) + "\n" for row in rows))
        given = QUICK.model_copy(update={"model": str(model), "epochs": 1})
        run = train(crowd, tmp_path / f"run-{kind}", given)
        # A head with a column for each label does not read them.
        assert checkpoint.read_record(run).n_truncated == (3 if kind == "bart" else 2)


@pytest.mark.parametrize("kind", ["t5", "bert"])
def test_options_that_training_has_not_seen(kind, tmp_path):
    """A sequence model can score any text; a head has no column for it and says so."""
    rows = colour_rows(20)
    words = [row["text"] for row in rows] + [*COLOURS, "purple"]
    model = write_checkpoint(kind, tmp_path / "model", words)
    given = QUICK.model_copy(update={"model": str(model), "epochs": 1})
    run = train(write_rows(tmp_path / "crowd.jsonl", rows), tmp_path / "run", given)
    item = {"item_id": "n", "text": "thing 1 has the colour red", "options": ["red", "purple"]}
    source = pipeline.Source((write_rows(tmp_path / "new.jsonl", [item]),))
    if kind == "bert":
        with pytest.raises(UsageError, match="'purple' is none of those that the model knows"):
            prediction.predict(run, source)
    else:
        (row,) = prediction.predict(run, source).to_pylist()
        assert row["options"] == ["red", "purple"]
        assert sum(row["posterior"]) == pytest.approx(1)
