"""Low-rank adapters: what is trained, what is saved, and who can load it."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest
import torch
from backbones.checkpoints import write_checkpoint
from harness import COLOURS, QUICK, colour_rows, contents, train, write_rows
from peft import (
    AutoPeftModelForCausalLM,
    AutoPeftModelForSeq2SeqLM,
    AutoPeftModelForSequenceClassification,
)
from safetensors.numpy import load_file
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
)

from realm_cli import checkpoint, pipeline, prediction
from realm_cli.backbones.adapters import Tuning
from realm_cli.backbones.base import Request
from realm_cli.backbones.loading import load_backbone
from realm_cli.errors import MissingExtraError, StoppedError, UsageError
from realm_cli.unfinished import Stop, Unfinished

AUTO = {
    "t5": (AutoPeftModelForSeq2SeqLM, AutoModelForSeq2SeqLM),
    "bart": (AutoPeftModelForSeq2SeqLM, AutoModelForSeq2SeqLM),
    "llama": (AutoPeftModelForCausalLM, AutoModelForCausalLM),
    "gpt2": (AutoPeftModelForCausalLM, AutoModelForCausalLM),
    "bert": (AutoPeftModelForSequenceClassification, AutoModelForSequenceClassification),
}
ITEMS = [
    {"item_id": f"n{n}", "text": f"thing {n} has the colour {COLOURS[n % 4]}"} for n in range(8)
]


@pytest.fixture
def crowd(tmp_path):
    return write_rows(tmp_path / "crowd.jsonl", colour_rows(40))


def base(kind, folder):
    rows = colour_rows(40)
    return write_checkpoint(kind, folder / kind, [row["text"] for row in rows] + list(COLOURS))


def settings(model, **more):
    return QUICK.model_copy(
        update={"model": str(model), "lora": 4, "batch_size": 8, "learning_rate": 1e-2, **more}
    )


def predicted(run, folder):
    source = pipeline.Source((write_rows(folder / "new.jsonl", ITEMS),))
    return prediction.predict(run, source)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
@pytest.mark.parametrize("kind", list(AUTO))
def test_an_adapter_is_saved_alone_and_loads_without_realm(kind, crowd, tmp_path):
    model = base(kind, tmp_path)
    before = load_file(model / "model.safetensors")
    run = train(crowd, tmp_path / "run", settings(model))
    files = {path.name for path in run.iterdir()}
    assert files >= {"adapter_config.json", "adapter_model.safetensors", "config.json",
                     "tokenizer.json", "README.md", "realm"}  # fmt: skip
    assert "model.safetensors" not in files
    told = json.loads((run / "adapter_config.json").read_text())
    assert (told["r"], told["base_model_name_or_path"]) == (4, str(model))
    labels = {"num_labels": 4} if kind == "bert" else {}
    loaded = AUTO[kind][0].from_pretrained(run, **labels).merge_and_unload().state_dict()
    shared = before.keys() & loaded.keys()
    moved = [name for name in shared if not np.array_equal(before[name], loaded[name].numpy())]
    assert moved
    assert all("layer" in name or ".h." in name for name in moved)
    expertise = load_file(run / "realm" / "expertise.safetensors")["expertise"]
    assert (expertise != 0.5).all()
    labels = predicted(run, tmp_path)
    assert labels["probability"].to_pylist() != [0.25] * 8
    # What was reported of the items of training is what the saved model says of them again.
    assert prediction.predict(run, pipeline.Source((crowd,))).num_rows == 40


@pytest.mark.parametrize("kind", ["t5", "bert"])
def test_a_merged_adapter_is_a_checkpoint_like_any_other(kind, crowd, tmp_path):
    model = base(kind, tmp_path)
    alone = train(crowd, tmp_path / "alone", settings(model))
    merged = train(crowd, tmp_path / "merged", settings(model, merge_adapter=True))
    assert "model.safetensors" in {path.name for path in merged.iterdir()}
    assert not list(merged.glob("adapter*"))
    AUTO[kind][1].from_pretrained(merged)
    assert checkpoint.read_record(merged).settings.merge_adapter
    one, other = predicted(alone, tmp_path), predicted(merged, tmp_path)
    assert one["label"].to_pylist() == other["label"].to_pylist()
    np.testing.assert_allclose(
        one["probability"].to_pylist(), other["probability"].to_pylist(), atol=1e-4
    )


def test_only_adapters_and_a_fresh_head_learn(tmp_path):
    model = str(base("bert", tmp_path))
    request = Request(model, 0, COLOURS, tuning=Tuning(lora=4))
    backbone = load_backbone(request)
    learning = {n for n, p in backbone.model.named_parameters() if p.requires_grad}
    assert learning
    parts = ("lora_", "classifier", "pooler")
    assert all(any(part in name for part in parts) for name in learning)
    assert all(any(part in name for name in learning) for part in parts)
    assert backbone.trained_state().keys() == learning


def test_a_model_that_peft_does_not_know_gets_adapters_on_every_linear_layer(tmp_path, monkeypatch):
    from realm_cli.backbones import adapters

    monkeypatch.setattr(adapters, "TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING", {})
    backbone = load_backbone(Request(str(base("llama", tmp_path)), tuning=Tuning(lora=2)))
    touched = {n.split(".")[-4] for n, p in backbone.model.named_parameters() if p.requires_grad}
    assert touched >= {"q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj"}


@pytest.mark.parametrize("given", [{}, {"accumulate": 3}, {"merge_adapter": True}])
def test_adapters_go_on_with_the_same_bytes(crowd, tmp_path, given):
    how = settings(base("t5", tmp_path), epochs=3, **given)
    once = contents(train(crowd, tmp_path / "once", how))
    stop = Stop()

    def ask(step):
        stop.asked = step.step == 7

    with pytest.raises(StoppedError):
        train(crowd, tmp_path / "twice", how, watcher=ask, stop=stop)
    saved = load_file(Unfinished(tmp_path / "twice").stage(0).latest() / "model.safetensors")
    assert all("lora_" in name or name.startswith("annotators.") for name in saved)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        pipeline.resume(tmp_path / "twice")
    assert contents(tmp_path / "twice") == once


def test_adapters_are_cross_fitted_from_the_same_start(crowd, tmp_path, monkeypatch):
    from realm_cli import fitting

    starts = []
    fit = fitting.train

    def seen(backbone, *arguments):
        starts.append({n: t.clone() for n, t in backbone.trained_state().items()})
        return fit(backbone, *arguments)

    monkeypatch.setattr(fitting, "train", seen)
    train(crowd, tmp_path / "run", settings(base("t5", tmp_path), cross_fit=2, epochs=1))
    assert len(starts) == 3
    for start in starts[1:]:
        assert all(torch.equal(start[name], starts[0][name]) for name in starts[0])


def test_adapters_spare_activations_too(crowd, tmp_path):
    given = settings(base("t5", tmp_path), epochs=1)
    plain = train(crowd, tmp_path / "plain", given)
    given = given.model_copy(update={"activation_checkpointing": True})
    sparing = train(crowd, tmp_path / "sparing", given)
    one, other = (load_file(run / "adapter_model.safetensors") for run in (plain, sparing))
    for name, weights in one.items():
        np.testing.assert_allclose(other[name], weights, atol=2e-3)


@pytest.mark.skipif(importlib.util.find_spec("bitsandbytes") is not None, reason="it is installed")
def test_quantizing_says_what_it_needs(crowd, tmp_path):
    with pytest.raises(MissingExtraError, match="needs bitsandbytes") as refused:
        train(crowd, tmp_path / "run", settings(base("t5", tmp_path), quantize=4))
    assert refused.value.hint == "pip install bitsandbytes"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lora": None, "quantize": 4}, "something else has to learn"),
        ({"lora": None, "merge_adapter": True}, "no adapter to merge"),
        ({"model": "tiny-t5"}, "weights are made anew"),
        ({"model": "tiny-t5", "merge_adapter": True, "quantize": 8}, "cannot be quantized"),
        ({"fsdp": True}, "this is one"),
    ],
)
def test_settings_that_exclude_one_another(crowd, tmp_path, given, message):
    with pytest.raises(UsageError, match=message):
        train(crowd, tmp_path / "run", settings("nowhere").model_copy(update=given))
    assert not (tmp_path / "run").exists()


def test_tiny_t5_takes_adapters_that_are_merged(crowd, tmp_path):
    run = train(crowd, tmp_path / "run", settings("tiny-t5", merge_adapter=True, epochs=1))
    AutoModelForSeq2SeqLM.from_pretrained(run)
