"""What every backbone must do, whatever kind of model it is."""

from __future__ import annotations

import pytest
import torch
from backbones.checkpoints import KINDS, SEQUENCE, write_checkpoint
from harness import COLOURS, QUICK, colour_rows, train, two_task_rows, write_rows
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

from realm_cli import checkpoint, pipeline, prediction
from realm_cli.backbones.base import Request
from realm_cli.backbones.causal import CausalBackbone
from realm_cli.backbones.encoder import LabelEncoderBackbone, PairEncoderBackbone
from realm_cli.backbones.loading import load_backbone
from realm_cli.backbones.seq2seq import Seq2SeqBackbone
from realm_cli.batching import Answers, Collator, EncodedItems, ItemDataset
from realm_cli.choices import BackboneKind
from realm_cli.errors import UsageError
from realm_cli.report import json_file

TEXTS = ("what is red", "a much longer text about a bird that sat in a tree", "cat")
OPTIONS = ("yes", "no", "a bird in a tree", "some long answer about a red cat", "red")
OFFERED = ((0, 1), (2, 3, 4), (4, 0, 1, 2))
ENCODERS = [kind for kind in KINDS if kind not in SEQUENCE]
PAIRS = [f"{kind} pairs" for kind in ENCODERS]
EVERY = ["tiny-t5", *KINDS, *PAIRS]
TRAINED = ["t5", "bart", "llama", "gpt2", "bert"]
CLASSES = {
    **dict.fromkeys(("tiny-t5", "t5", "bart", "byt5"), Seq2SeqBackbone),
    **dict.fromkeys(("llama", "gpt2", "qwen2"), CausalBackbone),
    **dict.fromkeys(ENCODERS, LabelEncoderBackbone),
    **dict.fromkeys(PAIRS, PairEncoderBackbone),
}


def built(kind, folder):
    labels = OPTIONS if kind in ENCODERS else None
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


@pytest.mark.parametrize("kind", [kind for kind in EVERY if kind not in PAIRS])
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


@pytest.mark.parametrize("kind", ["tiny-t5", *ENCODERS, *PAIRS])
def test_a_fresh_head_has_no_opinion_yet(kind, backbone):
    """A confident start takes every label against its whim for a guess, and learns from none.

    tiny-t5's logits spread by 1, so that of three words one has .69 on average; the warm-up takes
    care of it.
    """
    texts = [f"{a} {b}" for a in ("what", "red", "bird", "tree") for b in ("cat", "text", "sat")]
    options_of_one_token = (0, 1, 4)
    p = scores_of(backbone, texts, [options_of_one_token] * len(texts)).softmax(dim=1)
    assert p.max(dim=1).values.mean() < (0.8 if kind == "tiny-t5" else 1 / 3 + 0.05)


def test_what_is_saved_is_what_is_loaded(kind, backbone, tmp_path):
    backbone.save(tmp_path)
    again = load_backbone(Request(str(tmp_path), seed=9))
    again.model.cpu().eval()
    assert type(again) is CLASSES[kind]
    torch.testing.assert_close(
        scores_of(backbone, TEXTS, OFFERED), scores_of(again, TEXTS, OFFERED), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("kind", ["tiny-t5", *SEQUENCE])
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
                target = [*words(f" {OPTIONS[option]}", add_special_tokens=False)["input_ids"], end]
                labels = torch.tensor([[-100] * ids.shape[1] + target])
                ids = torch.cat([ids, torch.tensor([target])], dim=1)
                n = len(target)
            with torch.inference_mode():
                loss = model(input_ids=ids, labels=labels).loss.item()
            assert scores[i, k].item() == pytest.approx(-loss * n, abs=2e-4)


@pytest.mark.parametrize("kind", ["tiny-t5", *SEQUENCE])
def test_an_answer_is_the_same_alone_and_in_a_batch(backbone):
    offered = [(0,)] * len(TEXTS)
    together = backbone.write(batch_of(backbone, TEXTS, offered))
    alone = [backbone.write(batch_of(backbone, [text], [(0,)]))[0] for text in TEXTS]
    assert together == alone
    assert all(" ".join(text.split()) == text for text in together)


def test_only_the_prompt_of_a_decoder_has_a_cue():
    assert CausalBackbone.cue == "\nAnswer:"
    assert Seq2SeqBackbone.cue == LabelEncoderBackbone.cue == PairEncoderBackbone.cue == ""


@pytest.mark.parametrize("kind", TRAINED)
def test_a_run_learns_and_predicts(kind, tmp_path):
    rows = colour_rows(60, experts=8)
    texts = [row["text"] for row in rows] + [row["label"] for row in rows]
    model = write_checkpoint(kind, tmp_path / "model", texts)
    source = write_rows(tmp_path / "crowd.jsonl", rows)
    settings = QUICK.model_copy(
        update={"model": str(model), "epochs": 24, "learning_rate": 5e-3, "batch_size": 8}
    )
    run = train(source, tmp_path / "run", settings)
    items = [
        {"item_id": f"n{n}", "text": f"thing {n} has the colour {COLOURS[n % 4]}"} for n in range(8)
    ]
    predicted = prediction.predict(
        run, pipeline.Source((write_rows(tmp_path / "new.jsonl", items),))
    )
    assert predicted["label"].to_pylist() == [*COLOURS, *COLOURS]
    (task,) = checkpoint.read_record(run).tasks
    assert task.template == "{text}" + CLASSES[kind].cue
    report = json_file.from_json(run / checkpoint.SIDE / checkpoint.REPORT_FILE)
    assert report.estimate.model == str(model)


@pytest.mark.parametrize("kind", TRAINED)
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
    limit = 40
    tokens = backbone.encode(["bird " * 200, "cat"], OPTIONS, limit)
    assert tokens.n_truncated == 1
    rows = tuple(range(len(OPTIONS)))
    encoded = EncodedItems(tokens.inputs, tokens.options, (rows, rows), (0, 0), 1)
    dataset = ItemDataset(encoded)
    batch = Collator(backbone)([dataset[0], dataset[1]])
    assert batch["input_ids"].shape[1] <= limit
    scores = backbone.option_scores(batch)
    assert scores.isfinite().all()


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_a_decoder_with_a_classification_head(kind, tmp_path):
    model = write_checkpoint(kind, tmp_path / "model", [*TEXTS, *OPTIONS])
    request = Request(str(model), 0, OPTIONS, BackboneKind.ENCODER)
    backbone = load_backbone(request)
    backbone.model.cpu().eval()
    assert type(backbone) is LabelEncoderBackbone
    together = scores_of(backbone, TEXTS, OFFERED)
    for i, text in enumerate(TEXTS):
        alone = scores_of(backbone, [text], [OFFERED[i]])[0]
        torch.testing.assert_close(together[i, : len(alone)], alone, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("t5", "encoder"), ("t5", "causal"), ("bert", "seq2seq"), ("bert", "causal"),
        ("llama", "seq2seq"),
    ],
)  # fmt: skip
def test_a_kind_that_the_checkpoint_cannot_be(kind, wanted, tmp_path):
    model = write_checkpoint(kind, tmp_path / "model", TEXTS)
    with pytest.raises(UsageError, match=f"--backbone {wanted} does not fit .* a {kind} model"):
        load_backbone(Request(str(model), kind=BackboneKind(wanted)))
    with pytest.raises(UsageError, match="--backbone encoder does not fit tiny-t5"):
        load_backbone(Request("tiny-t5", kind=BackboneKind.ENCODER))
