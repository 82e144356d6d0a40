"""What can be loaded, and what is refused in plain words."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from realm_cli.backbones.base import Request
from realm_cli.backbones.loading import load_backbone
from realm_cli.backbones.seq2seq import PRETRAINED
from realm_cli.choices import TINY_T5
from realm_cli.errors import ModelNotFoundError, UsageError


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "good"
    load_backbone(Request(TINY_T5), ["a cat", "a dog"]).save(folder)
    return folder


@pytest.fixture
def copy(good, tmp_path):
    return shutil.copytree(good, tmp_path / "copy")


def test_a_folder_loads_as_it_was_saved(good):
    built, loaded = (
        load_backbone(Request(TINY_T5), ["a cat", "a dog"]),
        load_backbone(Request(str(good), 9)),
    )
    assert loaded.preset == PRETRAINED
    assert loaded.tokenizer("a cat")["input_ids"] == built.tokenizer("a cat")["input_ids"]
    saved, read = built.model.state_dict(), loaded.model.state_dict()
    assert saved.keys() == read.keys()
    assert all(torch.equal(saved[name].cpu(), read[name].cpu()) for name in saved)


def cut(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])


def cut_late(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])


def reshape(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "d_model": 32}))


def drop_tokenizer(folder):
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()


BROKEN = {
    "weights cut short": (cut, r"model.safetensors is .* cut short"),
    "weights cut in a tensor": (cut_late, r"model.safetensors is cut short: [\d,]+ bytes of"),
    "weights empty": (lambda f: (f / "model.safetensors").write_bytes(b""), "cut short"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "model.safetensors is missing"),
    "weights of another shape": (reshape, "do not fit together"),
    "no config": (lambda f: (f / "config.json").unlink(), "config.json is missing"),
    "config is no JSON": (lambda f: (f / "config.json").write_text("{"), "config.json is no JSON"),
    "config of an unknown kind": (lambda f: (f / "config.json").write_text("{}"), "damaged"),
}


@pytest.mark.parametrize(("damage", "why"), BROKEN.values(), ids=BROKEN)
def test_a_broken_checkpoint_is_refused(copy, damage, why):
    damage(copy)
    match = f"no checkpoint that transformers can load: .*{why}"
    with pytest.raises(ModelNotFoundError, match=match) as no:
        load_backbone(Request(str(copy)))
    assert no.value.exit_code == 2
    assert str(copy) in no.value.message
    assert "config.json" in no.value.hint


def break_tokenizer(folder):
    (folder / "tokenizer.json").write_text("{}")


@pytest.mark.parametrize("damage", [drop_tokenizer, break_tokenizer])
def test_a_checkpoint_without_a_tokenizer_is_refused(copy, damage):
    damage(copy)
    with pytest.raises(ModelNotFoundError, match="has no tokenizer that transformers can") as no:
        load_backbone(Request(str(copy)))
    assert "tokenizer.save_pretrained" in no.value.hint


def test_a_model_with_code_of_its_own_is_refused(copy):
    (copy / "config.json").write_text(
        json.dumps({"model_type": "own", "auto_map": {"AutoConfig": "configuration.Own"}})
    )
    (copy / "configuration.py").write_text("raise SystemExit('the code was run')")
    with pytest.raises(ModelNotFoundError, match="needs code of its own, which realm never runs"):
        load_backbone(Request(str(copy)))


def test_weights_that_are_a_pickle_are_refused(copy):
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(ModelNotFoundError, match=r"a pickle \(pytorch_model.bin\)"):
        load_backbone(Request(str(copy)))


def test_a_checkpoint_that_lacks_a_layer_is_refused(copy):
    weights = load_file(copy / "model.safetensors")
    del weights["decoder.final_layer_norm.weight"]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelNotFoundError, match=r"lacks 1 of its model's weights.*final_layer"):
        load_backbone(Request(str(copy)))


def test_a_model_that_reads_no_text_is_refused_by_its_config(tmp_path, copy):
    copy.rename(tmp_path / "images")
    (tmp_path / "images" / "config.json").write_text('{"model_type": "vit"}')
    with pytest.raises(UsageError, match="is a vit model") as refused:
        load_backbone(Request(str(tmp_path / "images")))
    assert "google/flan-t5-base" in refused.value.hint


@pytest.mark.parametrize("name", ["./nowhere", "no/such/path/at/all", "with a space"])
def test_a_path_to_nothing_is_never_replaced_by_another_model(name):
    with pytest.raises(ModelNotFoundError, match="neither a folder here nor"):
        load_backbone(Request(name), ["text"])
