"""Option scores are full log-likelihoods, whatever else is in the batch."""

from __future__ import annotations

import json
import math

import pytest
import torch
from harness import colour_run, python

from realm_cli.backbones.base import Request
from realm_cli.backbones.layout import ABSENT, by_item
from realm_cli.backbones.loading import load_backbone
from realm_cli.backbones.seq2seq import sequence_log_likelihood
from realm_cli.backbones.tiny import build_tiny_t5
from realm_cli.batching import Answers, Collator, EncodedItems, ItemDataset

TEXTS = ("what is red", "a much longer text about a bird that sat in a tree", "cat")
OPTIONS = ("yes", "no", "a bird in a tree", "some long answer about a red cat", "red")
OFFERED = ((0, 1), (2, 3, 4), (4, 0, 1, 2))


@pytest.fixture(scope="module")
def backbone():
    built = build_tiny_t5([*TEXTS, *OPTIONS], seed=0)
    built.model.eval()
    return built


def batch_of(backbone, texts, offered, annotations=0):
    ids = backbone.tokenizer
    answers = Answers((0,) * annotations, tuple(range(annotations)))
    encoded = EncodedItems(
        inputs=tuple(ids(list(texts))["input_ids"]),
        options=tuple(ids(list(OPTIONS))["input_ids"]),
        option_rows=tuple(offered),
        task=(0,) * len(texts),
        n_truncated=0,
    )
    dataset = ItemDataset(encoded, (answers,) * len(texts))
    return Collator(backbone)([dataset[i] for i in range(len(texts))])


@torch.inference_mode()
def scores_of(backbone, texts, offered):
    return backbone.option_scores(batch_of(backbone, texts, offered))


def test_scores_are_minus_the_models_own_summed_loss(backbone):
    scores = scores_of(backbone, TEXTS, OFFERED)
    for i, text in enumerate(TEXTS):
        for k, option in enumerate(OFFERED[i]):
            labels = backbone.tokenizer([OPTIONS[option]], return_tensors="pt").input_ids
            with torch.inference_mode():
                inputs = backbone.tokenizer([text], return_tensors="pt")
                mean_loss = backbone.model(**inputs, labels=labels).loss.item()
            assert scores[i, k].item() == pytest.approx(-mean_loss * labels.shape[1], abs=1e-4)


def test_an_item_scores_the_same_alone_and_in_a_batch(backbone):
    together = scores_of(backbone, TEXTS, OFFERED)
    assert together.shape == (3, 4)
    for i, text in enumerate(TEXTS):
        alone = scores_of(backbone, [text], [OFFERED[i]])[0]
        torch.testing.assert_close(together[i, : len(alone)], alone, atol=1e-4, rtol=0)
        assert together[i, len(alone) :].eq(-torch.inf).all()


def test_the_order_of_options_only_reorders_the_scores(backbone):
    there = scores_of(backbone, TEXTS[:1], [(0, 2, 3)])
    back = scores_of(backbone, TEXTS[:1], [(3, 2, 0)])
    torch.testing.assert_close(there.flip(1), back, atol=1e-4, rtol=0)


@pytest.mark.parametrize("annotations", [1, 10])
def test_the_encoder_reads_each_item_once(backbone, annotations):
    rows = []
    hook = backbone.model.get_encoder().register_forward_hook(
        lambda _module, _inputs, output: rows.append(len(output.last_hidden_state))
    )
    backbone.option_scores(batch_of(backbone, TEXTS, OFFERED, annotations))
    hook.remove()
    assert rows == [len(TEXTS)]


def test_log_likelihood_of_a_sequence_by_hand():
    probabilities = torch.tensor([[[0.5, 0.5], [0.1, 0.9], [0.3, 0.7]]])
    targets = torch.tensor([[0, 1, ABSENT]])
    found = sequence_log_likelihood(probabilities.log(), targets)
    assert found.item() == pytest.approx(math.log(0.5 * 0.9), abs=1e-6)


def test_scores_are_laid_out_by_item_by_hand():
    laid = by_item(torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([1, 3]))
    assert laid.tolist() == [[1.0, -math.inf, -math.inf], [2.0, 3.0, 4.0]]


def test_gradients_reach_the_encoder_and_no_absent_option_spoils_them(backbone):
    scores = backbone.option_scores(batch_of(backbone, TEXTS, OFFERED))
    torch.logsumexp(scores, dim=1).sum().backward()
    gradients = [p.grad for p in backbone.model.parameters() if p.grad is not None]
    backbone.model.zero_grad()
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert backbone.model.get_encoder().get_input_embeddings().weight.requires_grad


WITHOUT_REALM = """
import json, sys
sys.modules["realm_cli"] = None
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
folder, text, options = sys.argv[1], sys.argv[2], sys.argv[3:]
model = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
tokenizer = AutoTokenizer.from_pretrained(folder)
scores = []
for option in options:
    labels = tokenizer([option], return_tensors="pt").input_ids
    with torch.inference_mode():
        loss = model(**tokenizer([text], return_tensors="pt"), labels=labels).loss
    scores.append(-loss.item() * labels.shape[1])
print(json.dumps(scores))
"""


def test_a_trained_checkpoint_scores_the_same_where_there_is_no_realm(tmp_path, tmp_path_factory):
    run = colour_run(tmp_path_factory.getbasetemp())
    text = "thing 4 has the colour red"
    process = python("-c", WITHOUT_REALM, run, text, *OPTIONS, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    backbone = load_backbone(Request(str(run)))
    backbone.model.cpu().eval()
    ours = scores_of(backbone, [text], [range(len(OPTIONS))])[0]
    assert ours.tolist() == pytest.approx(json.loads(process.stdout), abs=1e-4)
