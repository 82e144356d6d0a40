"""What a step costs may change, not what it does: passes, memory, disks, and what can go wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from backbones.checkpoints import KINDS, write_checkpoint
from harness import QUICK, contents, crowd_file, expertise_of, resumed, train
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoConfig

from realm_cli import checkpoint
from realm_cli.backbones.adapters import dropout_fields
from realm_cli.backbones.base import Request
from realm_cli.backbones.loading import load_backbone
from realm_cli.backbones.tiny import build_tiny_t5
from realm_cli.batching import Collator, EncodedItems, ItemDataset, LengthBatches, Split
from realm_cli.choices import Precision, Schedule
from realm_cli.errors import StoppedError, UsageError
from realm_cli.training import arguments as training
from realm_cli.training import memory
from realm_cli.training.preparation import prepare
from realm_cli.unfinished import Stop

SHORT = QUICK.model_copy(update={"epochs": 3, "batch_size": 10, "form_weight": 0.3})


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return crowd_file(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def whole(source, tmp_path_factory):
    """The run whose steps are done in one pass each."""
    return train(source, tmp_path_factory.mktemp("whole") / "run", SHORT)


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
    np.testing.assert_allclose(expertise_of(split), expertise_of(whole), atol=1e-5)
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
    assert np.isfinite(expertise_of(run)).all()


@pytest.mark.parametrize("schedule", [Schedule.LINEAR, Schedule.COSINE, Schedule.CONSTANT])
def test_smoothing_decay_and_schedules_train(source, whole, tmp_path, schedule):
    given = {"label_smoothing": 0.1, "weight_decay": 0.1, "schedule": schedule,
             "learning_rate_warm_up": 0.2, "epochs": 1}  # fmt: skip
    run = train(source, tmp_path / "run", SHORT.model_copy(update=given))
    assert np.abs(expertise_of(run) - expertise_of(whole)).max() > 1e-6
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
@pytest.mark.filterwarnings("ignore")
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
