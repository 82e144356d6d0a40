"""Token ids as tensors: texts padded, an item's options side by side in one row.

Shapes: `[B]` items, `[L]` tokens of the longest text, `[P]` tokens of all options of the item that
has most, `[K]` options, `[M]` options of all items together, `[S]` tokens of the longest option.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedTokenizerBase

ABSENT = -100
"""Pads what is to be predicted; transformers leaves it out of every count."""


def tokenise(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], limit: int, *, special: bool = True
) -> tuple[tuple[list[int], ...], tuple[int, ...]]:
    """Token ids, and which texts were longer than the limit and cut."""
    how = {"add_special_tokens": special, "verbose": False}
    full = tokenizer(list(texts), truncation=False, **how)["input_ids"] if texts else []
    cut = tuple(n for n, ids in enumerate(full) if len(ids) > limit)
    if cut:
        full = tokenizer(list(texts), truncation=True, max_length=limit, **how)["input_ids"]
    return tuple(full), cut


def padded(rows: Sequence[Sequence[int]], value: int, *, left: bool = False) -> Tensor:
    """Rows of different lengths as one tensor."""
    width = max(len(row) for row in rows)
    fill = [[value] * (width - len(row)) for row in rows]
    pairs = zip(rows, fill, strict=True)
    both = [[*more, *row] if left else [*row, *more] for row, more in pairs]
    return torch.tensor(both, dtype=torch.long)


def texts_of(items: Sequence[dict[str, Any]], pad: int) -> dict[str, Tensor]:
    """input_ids and attention_mask `[B, L]`."""
    return padded_texts([item["input_ids"] for item in items], pad)


def padded_texts(
    rows: Sequence[Sequence[int]], pad: int, *, left: bool = False
) -> dict[str, Tensor]:
    """input_ids and attention_mask `[B, L]` of token ids."""
    mask = padded([[1] * len(row) for row in rows], 0, left=left)
    return {"input_ids": padded(rows, pad, left=left), "attention_mask": mask}


def options_of(items: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
    """option_ids `[B, P]` (pad ABSENT) and option_of `[B, P]`: whose token each is (pad 0)."""
    ids = [list(chain.from_iterable(item["options"])) for item in items]
    whose = [[k for k, option in enumerate(item["options"]) for _ in option] for item in items]
    return {"option_ids": padded(ids, ABSENT), "option_of": padded(whose, 0)}


def is_first(option_of: Tensor) -> Tensor:
    """`[B, P]` whether a token is the first of its option."""
    before = F.pad(option_of[:, :-1], (1, 0), value=-1)
    return option_of != before


def own_block(option_of: Tensor) -> Tensor:
    """`[B, P, P]` whether a token (row) may look at another: of its own option, and not later."""
    place = torch.arange(option_of.shape[1], device=option_of.device)
    return (option_of[:, :, None] == option_of[:, None, :]) & (place[:, None] >= place[None, :])


def as_bias(allowed: Tensor, dtype: torch.dtype) -> Tensor:
    """`[B, 1, Q, K]` 0 where attention is allowed, and as little as the type holds elsewhere."""
    return torch.zeros(allowed.shape, dtype=dtype, device=allowed.device).masked_fill(
        ~allowed, torch.finfo(dtype).min
    )[:, None]


def scores_of_tokens(logits: Tensor, batch: dict[str, Tensor]) -> Tensor:
    """Sum over each option's tokens of log p(token).

    Args:
        logits: `[B, P, V]` for the tokens of `option_ids`.
        batch: With option_ids, option_of, n_options.

    Returns:
        `[B, K]` in nats, -inf where an item has no k-th option.
    """
    n_options = batch["n_options"]
    width = int(n_options.max())
    losses = F.cross_entropy(
        logits.float().flatten(0, 1), batch["option_ids"].flatten(), ignore_index=ABSENT,
        reduction="none",
    ).view(batch["option_ids"].shape)  # fmt: skip
    scores = -losses.new_zeros(len(losses), width).scatter_add(1, batch["option_of"], losses)
    missing = torch.arange(width, device=scores.device) >= n_options[:, None]
    return scores.masked_fill(missing, -torch.inf)


def one_by_one(batch: dict[str, Tensor]) -> Tensor:
    """`[M, S]` the token ids of each option in a row of its own, pad ABSENT."""
    ids, whose = batch["option_ids"], batch["option_of"]
    real = ids != ABSENT
    counts = whose.new_zeros(len(ids), int(batch["n_options"].max()))
    counts = counts.scatter_add(1, whose, real.long())
    lengths = counts[counts > 0]
    rows = ids.new_full((len(lengths), int(lengths.max())), ABSENT)
    inside = torch.arange(rows.shape[1], device=ids.device) < lengths[:, None]
    return rows.masked_scatter(inside, ids[real])


def by_item(scores: Tensor, n_options: Tensor) -> Tensor:
    """Scores of the options that exist `[M]`, laid out by item `[B, max K]`, -inf elsewhere."""
    width = int(n_options.max())
    exists = torch.arange(width, device=scores.device) < n_options[:, None]
    return scores.new_full(exists.shape, -torch.inf).masked_scatter(exists, scores)
