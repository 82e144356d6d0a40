"""An encoder whose head alone is trained."""

from __future__ import annotations

import pytest
import torch
from backbones.checkpoints import write_checkpoint

from realm_cli.backbones.base import Request
from realm_cli.backbones.loading import load_backbone
from realm_cli.backbones.tiny import build_tiny_t5
from realm_cli.bench.frozen import freeze
from realm_cli.errors import UsageError


@pytest.fixture
def backbone(tmp_path):
    folder = write_checkpoint("bert", tmp_path / "bert", ["red thing", "blue thing"])
    found = load_backbone(Request(str(folder), labels=("red", "blue")), [])
    freeze(found, str(folder))
    return found


def scores(backbone, texts):
    tokens = backbone.encode(texts, ("red", "blue"), 16)
    rows = [{"input_ids": ids, "options": list(tokens.options)} for ids in tokens.inputs]
    return backbone.option_scores(backbone.lay_out(rows))


def test_only_the_head_learns(backbone):
    learning = {name for name, p in backbone.model.named_parameters() if p.requires_grad}
    assert learning == {"classifier.weight", "classifier.bias"}
    scores(backbone, ["red thing"]).sum().backward()
    assert backbone.model.classifier.weight.grad is not None


def test_an_input_is_read_once_whatever_stands_beside_it(backbone):
    body = backbone.model.base_model
    alone = scores(backbone, ["red thing"])
    asked = []
    body.body.register_forward_hook(lambda _, __, found: asked.append(len(found[0])))
    beside = scores(backbone, ["red thing", "blue thing thing thing"])
    assert asked == [1]
    torch.testing.assert_close(beside[:1], alone)
    again = scores(backbone, ["blue thing thing thing", "red thing"])
    assert asked == [1]
    torch.testing.assert_close(again, beside.flip(0))


def test_a_model_that_writes_has_no_head():
    with pytest.raises(UsageError, match=r"frozen.*t5"):
        freeze(build_tiny_t5(["a b"], 0, d_model=16), "tiny")
