"""What every backbone must do, whatever kind of model it is."""

from __future__ import annotations

import pytest
import torch
from backbones.checkpoints import KINDS, write_checkpoint
from harness import COLOURS, QUICK, colour_rows, train, two_task_rows, write_rows
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

from realm_cli import checkpoint, pipeline, prediction
from realm_cli.backbones.base import Request
from realm_cli.backbones.causal import CausalBackbone
from realm_cli.backbones.encoder import LabelEncoderBackbone, PairEncoderBackbone
from realm_cli.backbones.loading import load_backbone
from realm_cli.backbones.seq2seq import Seq2SeqBackbone
from realm_cli.batching import Answers, Collator, EncodedItems, ItemDataset
from realm_cli.errors import UsageError
from realm_cli.report import json_file

TEXTS = ("what is red", "a much longer text about a bird that sat in a tree", "cat")
OPTIONS = ("yes", "no", "a bird in a tree", "some long answer about a red cat", "red")
OFFERED = ((0, 1), (2, 3, 4), (4, 0, 1, 2))
EVERY = ["tiny-t5", *KINDS, "bert pairs"]
CLASSES = {
    "tiny-t5": Seq2SeqBackbone, "t5": Seq2SeqBackbone, "bart": Seq2SeqBackbone,
    "llama": CausalBackbone, "gpt2": CausalBackbone, "bert": LabelEncoderBackbone,
    "bert pairs": PairEncoderBackbone,
}  # fmt: skip


def built(kind, folder):
    labels = OPTIONS if kind == "bert" else None
    model = kind
    if kind != "tiny-t5":
        model = str(write_checkpoint(kind.split()[0], folder / "model", [*TEXTS, *OPTIONS]))
    backbone = load_backbone(Request(model, 0, labels), [*TEXTS, *OPTIONS])
    backbone.model.cpu().eval()
    return backbone


@pytest.fixture(params=EVERY)
def kind(request):
    return request.param


@pytest.fixture
def backbone(kind, tmp_path):
    return built(kind, tmp_path)


def batch_of(backbone, texts, offered, annotations=0):
    tokens = backbone.encode(texts, OPTIONS, 60)
    assert tokens.n_truncated == 0
    answers = Answers((0,) * annotations, tuple(range(annotations)))
    encoded = EncodedItems(
        tokens.inputs, tokens.options, tuple(offered), (0,) * len(texts), n_truncated=0
    )
    dataset = ItemDataset(encoded, (answers,) * len(texts))
    return Collator(backbone)([dataset[i] for i in range(len(texts))])


@torch.inference_mode()
def scores_of(backbone, texts, offered):
    return backbone.option_scores(batch_of(backbone, texts, offered))


def test_the_checkpoint_says_what_it_is(kind, backbone):
    assert type(backbone) is CLASSES[kind]


def test_scores_are_log_probabilities_where_there_are_options(backbone):
    scores = scores_of(backbone, TEXTS, OFFERED)
    assert scores.shape == (3, 4)
    for row, options in zip(scores, OFFERED, strict=True):
        assert row[: len(options)].isfinite().all()
        assert (row[: len(options)] <= 0).all()
        assert row[len(options) :].eq(-torch.inf).all()
        assert row.exp().sum() <= 1 + 1e-5


def test_an_item_scores_the_same_alone_and_in_a_batch(backbone):
    together = scores_of(backbone, TEXTS, OFFERED)
    for i, text in enumerate(TEXTS):
        alone = scores_of(backbone, [text], [OFFERED[i]])[0]
        torch.testing.assert_close(together[i, : len(alone)], alone, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", [kind for kind in EVERY if kind != "bert pairs"])
def test_an_option_scores_the_same_beside_any_others(backbone):
    one = scores_of(backbone, TEXTS[:1], [(0, 2, 3)])
    other = scores_of(backbone, TEXTS[:1], [(4, 3, 1, 0)])
    torch.testing.assert_close(one[0, 0], other[0, 3], atol=1e-4, rtol=0)
    torch.testing.assert_close(one[0, 2], other[0, 1], atol=1e-4, rtol=0)


def test_the_order_of_options_only_reorders_the_scores(backbone):
    there = scores_of(backbone, TEXTS[:1], [(0, 2, 3)])
    back = scores_of(backbone, TEXTS[:1], [(3, 2, 0)])
    torch.testing.assert_close(there.flip(1), back, atol=1e-4, rtol=0)


def test_different_texts_and_options_have_different_scores(backbone):
    scores = scores_of(backbone, TEXTS, [(0, 1, 2)] * 3)
    assert len(set(scores.flatten().tolist())) == 9


def test_gradients_are_finite_and_reach_every_layer(backbone):
    batch_scores = backbone.option_scores(batch_of(backbone, TEXTS, OFFERED))
    batch_scores[batch_scores.isfinite()].square().sum().backward()
    gradients = [p.grad for p in backbone.model.parameters() if p.grad is not None]
    embedding = backbone.model.get_input_embeddings().weight.grad.clone()
    backbone.model.zero_grad()
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert embedding.abs().sum() > 0


@pytest.mark.parametrize("annotations", [1, 10])
def test_a_text_is_read_once_however_many_annotators_it_has(backbone, annotations):
    few, many = (batch_of(backbone, TEXTS, OFFERED, n) for n in (1, annotations))
    assert few["input_ids"].shape == many["input_ids"].shape


def test_what_is_saved_is_what_is_loaded(kind, backbone, tmp_path):
    backbone.save(tmp_path)
    again = load_backbone(Request(str(tmp_path), seed=9))
    again.model.cpu().eval()
    assert type(again) is CLASSES[kind]
    torch.testing.assert_close(
        scores_of(backbone, TEXTS, OFFERED), scores_of(again, TEXTS, OFFERED), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("kind", ["tiny-t5", "t5", "bart", "llama", "gpt2"])
def test_sequence_scores_are_the_models_own_loss(kind, tmp_path):
    backbone = built(kind, tmp_path)
    backbone.save(tmp_path / "saved")
    scores = scores_of(backbone, TEXTS, OFFERED)
    sequence = AutoModelForSeq2SeqLM if CLASSES[kind] is Seq2SeqBackbone else AutoModelForCausalLM
    model = sequence.from_pretrained(tmp_path / "saved").eval()
    words, end = backbone.tokenizer, backbone.tokenizer.eos_token_id
    for i, text in enumerate(TEXTS):
        for k, option in enumerate(OFFERED[i]):
            ids = torch.tensor([words(text)["input_ids"]])
            if sequence is AutoModelForSeq2SeqLM:
                labels = torch.tensor([words(OPTIONS[option])["input_ids"]])
                n = labels.shape[1]
            else:
                target = [*words(OPTIONS[option], add_special_tokens=False)["input_ids"], end]
                labels = torch.tensor([[-100] * ids.shape[1] + target])
                ids = torch.cat([ids, torch.tensor([target])], dim=1)
                n = len(target)
            with torch.inference_mode():
                loss = model(input_ids=ids, labels=labels).loss.item()
            assert scores[i, k].item() == pytest.approx(-loss * n, abs=2e-4)


@pytest.mark.parametrize("kind", ["t5", "bart", "llama", "gpt2", "bert"])
def test_a_run_learns_and_predicts(kind, tmp_path):
    rows = colour_rows(60, experts=8)
    texts = [row["text"] for row in rows] + [row["label"] for row in rows]
    model = write_checkpoint(kind, tmp_path / "model", texts)
    source = write_rows(tmp_path / "crowd.jsonl", rows)
    settings = QUICK.model_copy(
        update={"model": str(model), "epochs": 12, "learning_rate": 5e-3, "batch_size": 8}
    )
    run = train(source, tmp_path / "run", settings)
    items = [
        {"item_id": f"n{n}", "text": f"thing {n} has the colour {COLOURS[n % 4]}"} for n in range(8)
    ]
    predicted = prediction.predict(
        run, pipeline.Source((write_rows(tmp_path / "new.jsonl", items),))
    )
    assert predicted["label"].to_pylist() == [*COLOURS, *COLOURS]
    report = json_file.from_json(run / checkpoint.SIDE / checkpoint.REPORT_FILE)
    assert report.estimate.model == str(model)


@pytest.mark.parametrize("kind", ["t5", "bart", "llama", "gpt2", "bert"])
def test_a_run_on_options_of_every_items_own(kind, tmp_path):
    rows = two_task_rows()
    texts = [row["text"] for row in rows] + [row["label"] for row in rows]
    texts += [name for row in rows for name in row["options"] or ()]
    model = write_checkpoint(kind, tmp_path / "model", texts)
    settings = QUICK.model_copy(update={"model": str(model)})
    run = train(write_rows(tmp_path / "crowd.jsonl", rows), tmp_path / "run", settings)
    assert checkpoint.read_record(run).settings.model == str(model)


def test_a_label_that_the_head_does_not_know(tmp_path):
    backbone = built("bert", tmp_path)
    with pytest.raises(UsageError, match="'maybe' is none of those that the model knows"):
        backbone.encode(["text"], ["yes", "maybe"], 60)


def test_long_texts_are_cut_so_that_options_fit(kind, backbone):
    limit = 24
    tokens = backbone.encode(["bird " * 200, "cat"], OPTIONS, limit)
    assert tokens.n_truncated == 1
    rows = tuple(range(len(OPTIONS)))
    encoded = EncodedItems(tokens.inputs, tokens.options, (rows, rows), (0, 0), 1)
    dataset = ItemDataset(encoded)
    batch = Collator(backbone)([dataset[0], dataset[1]])
    assert batch["input_ids"].shape[1] <= limit
    scores = backbone.option_scores(batch)
    assert scores.isfinite().all()
