"""What a step costs may change, not what it does: passes, memory, disks, and what can go wrong."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from backbones.checkpoints import KINDS, write_checkpoint
from harness import COLOURS, QUICK, colour_rows, contents, crowd_file, environment, train
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file
from transformers import AutoConfig, Trainer

from realm_cli import checkpoint, pipeline
from realm_cli.annotations import build_table
from realm_cli.backbones.adapters import dropout_fields
from realm_cli.backbones.base import Request
from realm_cli.backbones.loading import load_backbone
from realm_cli.backbones.seq2seq import Seq2SeqBackbone
from realm_cli.backbones.tiny import build_tiny_t5
from realm_cli.batching import Collator, EncodedItems, ItemDataset, LengthBatches, Split, encode
from realm_cli.choices import Precision, Schedule
from realm_cli.errors import RealmError, StoppedError, UsageError
from realm_cli.loaders import load
from realm_cli.training import memory, predicting
from realm_cli.training import trainer as training
from realm_cli.training.preparation import prepare
from realm_cli.unfinished import Saving, Stage, Stop, Unfinished

SHORT = QUICK.model_copy(update={"epochs": 3, "batch_size": 10, "form_weight": 0.3})


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return crowd_file(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def whole(source, tmp_path_factory):
    """The run whose steps are done in one pass each."""
    return train(source, tmp_path_factory.mktemp("whole") / "run", SHORT)


def expertise(run):
    return load_file(run / "realm" / "expertise.safetensors")["expertise"]


def resumed(out, **listeners):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        pipeline.resume(out, watch=pipeline.Watch(**listeners))
    return out


def items_of_lengths(lengths):
    encoded = EncodedItems(
        tuple([1] * n for n in lengths), ([1],), ((0,),) * len(lengths), (0,) * len(lengths), 0
    )
    return ItemDataset(encoded)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=60),
    st.integers(1, 9),
    st.sampled_from([None, 60]),
    st.integers(1, 4),
    st.integers(1, 3),
)
def test_a_step_is_the_same_however_it_is_split(lengths, size, tokens, passes, processes):
    dataset = items_of_lengths(lengths)
    steps = list(LengthBatches(dataset, size, tokens, 5))
    shares = [
        list(LengthBatches(dataset, size, tokens, 5, Split(passes, processes, process)))
        for process in range(processes)
    ]
    assert {len(share) for share in shares} == {len(steps) * passes}
    assert len(LengthBatches(dataset, size, tokens, 5, Split(passes, processes))) == len(shares[0])
    for n, step in enumerate(steps):
        batches = [b for share in shares for b in share[n * passes : (n + 1) * passes]]
        assert all(batches)
        assert sorted(i for batch in batches for i in batch if i >= 0) == sorted(step)
        assert all(~i in step for batch in batches for i in batch if i < 0)


def test_a_filler_has_no_annotations():
    dataset = ItemDataset(items_of_lengths([2]).encoded, None)
    assert dataset[~0]["labels"] == ()
    assert dataset[~0]["input_ids"] == dataset[0]["input_ids"]


def test_passes_change_nothing(source, whole, tmp_path):
    split = train(source, tmp_path / "run", SHORT.model_copy(update={"accumulate": 4}))
    np.testing.assert_allclose(expertise(split), expertise(whole), atol=1e-5)
    record = json.loads((split / "realm" / "run.json").read_text())
    assert record["settings"]["accumulate"] == 4


def test_a_training_in_passes_goes_on_with_the_same_bytes(source, tmp_path):
    given = SHORT.model_copy(update={"accumulate": 3, "dropout": 0.1})
    once = contents(train(source, tmp_path / "once", given))
    stop = Stop()

    def ask(step):
        stop.asked = step.step == 5

    with pytest.raises(StoppedError):
        train(source, tmp_path / "twice", given, watcher=ask, stop=stop)
    assert contents(resumed(tmp_path / "twice")) == once


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
    np.testing.assert_allclose(expertise(run), expertise(whole), atol=1e-5)


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
    np.testing.assert_allclose(expertise(run), expertise(whole), atol=1e-5)


def test_a_run_that_ran_out_of_memory_goes_on_in_smaller_passes(source, whole, tmp_path, scarce):
    scarce(3, 7)
    with pytest.raises(RealmError, match="too little memory"):
        train(source, tmp_path / "run", SHORT)
    pipeline.resume(tmp_path / "run", {"accumulate": 4})
    np.testing.assert_allclose(expertise(tmp_path / "run"), expertise(whole), atol=1e-5)


def test_one_item_that_does_not_fit_is_an_error(source, tmp_path, scarce):
    scarce(0)
    with pytest.raises(RealmError, match="too little memory for step 1"):
        train(source, tmp_path / "run", SHORT.model_copy(update={"batch_size": 1}))
    assert contents(tmp_path) == {}


def test_predictions_halve_what_does_not_fit(source, monkeypatch):
    table, _ = build_table(load([source]))
    backbone = build_tiny_t5([*table.items.texts, *COLOURS], 0)
    encoded = encode(table.items, backbone, "{text}", 64)
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


def told(given, tmp_path, backbone=None):
    backbone = backbone or build_tiny_t5(["a b"], 0)
    return training.arguments(QUICK.model_copy(update=given), backbone, tmp_path)


def test_settings_reach_the_trainer(tmp_path):
    given = told(
        {"accumulate": 4, "weight_decay": 0.1, "schedule": Schedule.COSINE,
         "learning_rate_warm_up": 0.25, "precision": Precision.BF16},
        tmp_path,
    )  # fmt: skip
    assert given.gradient_accumulation_steps == 4
    assert given.weight_decay == 0.1
    assert given.lr_scheduler_type == "cosine"
    assert given.get_warmup_steps(100) == 25
    assert given.bf16
    assert not given.fp16
    plain = told({}, tmp_path)
    assert (plain.bf16, plain.fp16) == (torch.cuda.is_available(), False)
    assert plain.lr_scheduler_type == "linear"
    assert told({"schedule": Schedule.CONSTANT}, tmp_path).get_warmup_steps(100) == 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_half_precision_needs_a_gpu(tmp_path):
    with pytest.raises(UsageError, match="fp16 needs a GPU"):
        told({"precision": Precision.FP16}, tmp_path)


def test_bf16_on_a_cpu_learns(source, tmp_path):
    run = train(source, tmp_path / "run", SHORT.model_copy(update={"precision": Precision.BF16}))
    assert np.isfinite(expertise(run)).all()


@pytest.mark.parametrize("schedule", [Schedule.LINEAR, Schedule.COSINE, Schedule.CONSTANT])
def test_smoothing_decay_and_schedules_train(source, whole, tmp_path, schedule):
    given = {"label_smoothing": 0.1, "weight_decay": 0.1, "schedule": schedule,
             "learning_rate_warm_up": 0.2, "epochs": 1}  # fmt: skip
    run = train(source, tmp_path / "run", SHORT.model_copy(update=given))
    assert np.abs(expertise(run) - expertise(whole)).max() > 1e-6
    record = checkpoint.read_record(run).settings
    assert record.model_dump(include=set(given)) == given


def test_dropout_is_every_dropout_of_the_config(tmp_path):
    named = {}
    for kind in KINDS:
        folder = write_checkpoint(kind, tmp_path / kind, ["a b"])
        named[kind] = set(dropout_fields(AutoConfig.from_pretrained(folder)))
    assert named["t5"] >= {"dropout_rate"}
    assert named["bart"] >= {"dropout", "attention_dropout", "activation_dropout"}
    assert named["llama"] == {"attention_dropout"}
    assert named["gpt2"] >= {"resid_pdrop", "embd_pdrop", "attn_pdrop"}
    assert named["bert"] >= {"hidden_dropout_prob", "attention_probs_dropout_prob"}


@pytest.mark.parametrize("kind", ["t5", "bert", "tiny-t5"])
def test_dropout_drops(kind, tmp_path):
    from realm_cli.backbones.adapters import Tuning

    model = kind
    if kind != "tiny-t5":
        model = str(write_checkpoint(kind, tmp_path / "model", ["a b yes no"]))
    request = Request(model, 0, ("yes", "no"), tuning=Tuning(dropout=0.5))
    backbone = load_backbone(request, ["a b yes no"])
    tokens = backbone.encode(["a b"], ["yes", "no"], 20)
    dataset = ItemDataset(EncodedItems(tokens.inputs, tokens.options, ((0, 1),), (0,), 0))
    batch = Collator(backbone)([dataset[0]])
    backbone.model.train()
    assert not torch.equal(backbone.option_scores(batch), backbone.option_scores(batch))
    backbone.model.eval()
    assert torch.equal(backbone.option_scores(batch), backbone.option_scores(batch))


def gradients(backbone):
    tokens = backbone.encode(["a b", "b"], ["yes", "no"], 20)
    dataset = ItemDataset(EncodedItems(tokens.inputs, tokens.options, ((0, 1),) * 2, (0, 0), 0))
    backbone.model.train()
    backbone.option_scores(Collator(backbone)([dataset[0], dataset[1]])).square().sum().backward()
    return {n: p.grad.clone() for n, p in backbone.model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("kind", list(KINDS))
def test_activations_computed_anew_give_the_same_gradients(kind, tmp_path):
    model = str(write_checkpoint(kind, tmp_path / "model", ["a b yes no"]))
    request = Request(model, 0, ("yes", "no"))
    plain, sparing = load_backbone(request), load_backbone(request)
    prepare(sparing, QUICK.model_copy(update={"activation_checkpointing": True}))
    layers = [m for m in sparing.model.modules() if getattr(m, "gradient_checkpointing", False)]
    assert layers
    expected, found = gradients(plain), gradients(sparing)
    assert expected.keys() == found.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-3, rtol=1e-3)


@pytest.mark.slow
def test_a_compiled_model_scores_the_same():
    plain, quick = (build_tiny_t5(["a b yes no"], 0) for _ in range(2))
    prepare(quick, QUICK.model_copy(update={"compile": True}))
    expected, found = gradients(plain), gradients(quick)
    assert expected.keys() == found.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-4, rtol=1e-3)


def test_tokens_that_a_pass_holds(monkeypatch):
    backbone = build_tiny_t5(["a b"], 0)
    assert memory.tokens_of_a_pass(backbone) == memory.ON_CPU


def test_tokens_by_themselves(source, tmp_path):
    run = train(source, tmp_path / "run", SHORT.model_copy(update={"tokens_per_batch": "auto"}))
    assert checkpoint.read_record(run).settings.tokens_per_batch == "auto"


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
