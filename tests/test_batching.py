"""Items as tensors: one row an item, padded so that nothing is lost or made up."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tables import items_of, table_of

from realm_cli.backbones.layout import ABSENT, one_by_one, options_of, padded_texts
from realm_cli.backbones.tiny import build_tiny_t5
from realm_cli.batching import (
    Answers,
    Collator,
    EncodedItems,
    ItemDataset,
    LengthBatches,
    answers_by_item,
    encode,
)

ENCODED = EncodedItems(
    inputs=([5, 6, 1], [7, 1]),
    options=([8, 1], [9, 9, 1], [4, 1]),
    option_rows=((0, 1), (2, 1, 0)),
    task=(0, 1),
    n_truncated=0,
)


@pytest.fixture(scope="module")
def backbone():
    return build_tiny_t5([f"text {i} L{i}" for i in range(10)], seed=0)


@pytest.fixture
def tokenizer(backbone):
    return backbone.tokenizer


def collated(backbone, *items):
    return Collator(backbone)(items)


def test_a_batch_by_hand(backbone):
    dataset = ItemDataset(ENCODED, (Answers((1,), (3,)), Answers((0, 2, 2), (4, 5, 6))))
    batch = collated(backbone, dataset[0], dataset[1])
    assert {name: tensor.tolist() for name, tensor in batch.items()} == {
        "input_ids": [[5, 6, 1], [7, 1, 0]],
        "attention_mask": [[1, 1, 1], [1, 1, 0]],
        "option_ids": [[8, 1, 9, 9, 1, ABSENT, ABSENT], [4, 1, 9, 9, 1, 8, 1]],
        "option_of": [[0, 0, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 2, 2]],
        "n_options": [2, 3],
        "tasks": [0, 1],
        "labels": [[1, ABSENT, ABSENT], [0, 2, 2]],
        "annotators": [[3, 0, 0], [4, 5, 6]],
    }
    assert all(tensor.dtype == torch.int64 for tensor in batch.values())
    assert dataset.n_annotations == 4


def test_a_pad_token_inside_a_text_is_no_padding():
    assert padded_texts([[5, 6, 1]], 6)["attention_mask"].tolist() == [[1, 1, 1]]


def test_options_of_a_batch_one_by_one():
    packed = options_of([ItemDataset(ENCODED)[i] for i in (0, 1)])
    rows = one_by_one({**packed, "n_options": torch.tensor([2, 3])})
    assert rows.tolist() == [
        [8, 1, ABSENT], [9, 9, 1], [4, 1, ABSENT], [9, 9, 1], [8, 1, ABSENT]
    ]  # fmt: skip


def test_items_without_annotations_make_a_batch(backbone):
    dataset = ItemDataset(ENCODED)
    batch = collated(backbone, dataset[0], dataset[1])
    assert batch["labels"].shape == batch["annotators"].shape == (2, 0)
    assert dataset.n_annotations == 0


def test_answers_are_gathered_by_item_in_table_order():
    table = table_of([(1, 0, 0), (0, 2, 1), (1, 1, 1), (0, 0, 0)], items_of([2, 2, 2]))
    assert answers_by_item(table) == (
        Answers((1, 0), (2, 0)),
        Answers((0, 1), (0, 1)),
        Answers((), ()),
    )


def test_distinct_options_are_encoded_once(backbone, tokenizer):
    items = items_of([3, 2, 3])
    encoded = encode(items, backbone, ["{text}"], max_length=32)
    assert len(encoded.options) == 3
    names = [
        [tokenizer.decode(encoded.options[k], skip_special_tokens=True).strip() for k in row]
        for row in encoded.option_rows
    ]
    assert names == [["L0", "L1", "L2"], ["L0", "L1"], ["L0", "L1", "L2"]]
    assert encoded.n_truncated == 0


def test_what_is_too_long_is_cut_counted_and_still_ends(backbone, tokenizer):
    items = items_of([2, 2])
    items = type(items)(**{**vars(items), "texts": ("text 1", "text 1 " * 50)})
    encoded = encode(items, backbone, ["{text}"], max_length=8)
    assert encoded.n_truncated == 1
    assert len(encoded.inputs[1]) == 8
    assert encoded.inputs[1][-1] == tokenizer.eos_token_id
    assert encoded.inputs[0] == encode(items, backbone, ["{text}"], 512).inputs[0]


def test_tasks_are_the_items_own(backbone):
    items = items_of([2, 2, 2], task=[0, 1, 1])
    assert encode(items, backbone, ["{text}"] * 2, 32).task == (0, 1, 1)
    assert np.array_equal(items.task, [0, 1, 1])


def batches_of(lengths, size=4, seed=0):
    rows = tuple([5] * (length - 2) for length in lengths)
    encoded = EncodedItems(rows, ([9, 1],), ((0,),) * len(rows), (0,) * len(rows), n_truncated=0)
    return LengthBatches(ItemDataset(encoded), size, None, seed)


def test_padding_by_hand():
    """Batches of (4, 4), (4, 4) have none; any two of 10, 10, 10, 40 beside 40 make 100 of 70."""
    assert batches_of([4, 4, 4, 4], size=2)._padding() == 1
    assert batches_of([10, 10, 10, 40], size=2)._padding() == pytest.approx(100 / 70)


def test_items_are_sorted_by_length_only_where_that_saves_much():
    """Items of one length are often of one kind: a step should see many kinds where it can."""
    alike, unlike = [20 + n % 3 for n in range(64)], [10 + 5 * n for n in range(64)]
    together = [np.array(batch) % 3 for batch in batches_of(alike)]
    assert any(len(set(kinds.tolist())) > 1 for kinds in together)
    spans = [np.ptp(batch) for batch in map(np.array, batches_of(unlike))]
    assert max(spans) <= 3
