"""The built-in model: small, made from its seed, and able to spell what it was shown."""

from __future__ import annotations

import torch

from realm_cli.backbones.tiny import build_tiny_t5

TEXTS = ["the cat sat on the mat", "Ärger über 汉字 🙂"]


def weights(backbone):
    return torch.cat([p.detach().flatten() for p in backbone.model.parameters()])


def test_the_seed_decides_the_weights_and_leaves_torchs_own_dice_alone():
    before = torch.random.get_rng_state()
    first, again, other = (weights(build_tiny_t5(TEXTS, seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_it_is_tiny():
    assert 1e4 < len(weights(build_tiny_t5(TEXTS, 0))) < 1e6


def test_its_tokenizer_ends_every_text_and_gives_it_back():
    tokenizer = build_tiny_t5(TEXTS, 0).tokenizer
    for text in TEXTS:
        ids = tokenizer(text)["input_ids"]
        assert ids[-1] == tokenizer.eos_token_id
        assert tokenizer.decode(ids, skip_special_tokens=True).strip() == text


def test_the_same_texts_give_the_same_tokenizer():
    first, again = (build_tiny_t5(TEXTS, 0).tokenizer.get_vocab() for _ in range(2))
    assert first == again
