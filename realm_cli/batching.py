"""Items as tensors: one row an item however many annotators it has, texts tokenised once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from realm_cli.backbones.layout import ABSENT, padded
from realm_cli.prompts import prompts

if TYPE_CHECKING:
    from realm_cli.annotations import AnnotationTable, Items
    from realm_cli.backbones.base import Backbone
    from realm_cli.coding import IntArray

MEGABATCH = 16
"""Batches whose items are sorted by length together."""
PADDING = 1.25
"""Tokens with padding over tokens, in batches drawn by lot, from which on sorting is worth it.

It costs variety: items of one length are often of one kind, and a step then sees that kind only.
"""


@dataclass(frozen=True)
class EncodedItems:
    """Token ids of all texts and of the distinct options.

    Attributes:
        inputs: Token ids of each item's text `[I]`.
        options: Token ids of each distinct option.
        option_rows: Which of them an item offers `[I]`.
        task: Task codes `[I]`.
        n_truncated: How many texts or options were longer than the limit.
        n_cut_texts: How many items lost a part of their text.
        n_cut_options: How many items have an option that lost a part.
    """

    inputs: tuple[list[int], ...]
    options: tuple[list[int], ...]
    option_rows: tuple[tuple[int, ...], ...]
    task: tuple[int, ...]
    n_truncated: int
    n_cut_texts: int = 0
    n_cut_options: int = 0

    def only(self, keep: IntArray) -> EncodedItems:
        """The items of the given codes, in that order."""
        return replace(
            self,
            inputs=tuple(self.inputs[i] for i in keep),
            option_rows=tuple(self.option_rows[i] for i in keep),
            task=tuple(self.task[i] for i in keep),
        )


def encode(
    items: Items, backbone: Backbone, templates: Sequence[str], max_length: int
) -> EncodedItems:
    """Tokenise texts and options, each distinct option once.

    Args:
        items: What to encode.
        backbone: Whose tokens.
        templates: What the model reads of an item, by task `[T]`.
        max_length: Longest text or option in tokens; more is cut off and counted.
    """
    names = distinct_options(items)
    code = {name: k for k, name in enumerate(names)}
    rows = [tuple(code[name] for name in options) for options in items.option_sets]
    limit = min(max_length, backbone.longest or max_length)
    tokens = backbone.encode(prompts(items, templates), names, limit)
    cut = set(tokens.cut_options)
    option_rows = tuple(rows[k] for k in items.option_set)
    return EncodedItems(
        inputs=tokens.inputs,
        options=tokens.options,
        option_rows=option_rows,
        task=tuple(int(t) for t in items.task),
        n_truncated=tokens.n_truncated,
        n_cut_texts=len(tokens.cut_inputs),
        n_cut_options=sum(not cut.isdisjoint(row) for row in option_rows) if cut else 0,
    )


def distinct_options(items: Items) -> list[str]:
    """Every option once, in the order in which they are first offered."""
    return list(dict.fromkeys(name for options in items.option_sets for name in options))


@dataclass(frozen=True)
class Answers:
    """The annotations of one item: label codes and annotator codes, `[R]` each."""

    labels: tuple[int, ...]
    annotators: tuple[int, ...]


def answers_by_item(
    table: AnnotationTable, keep: npt.NDArray[np.bool_] | None = None
) -> tuple[Answers, ...]:
    """The annotations gathered by item `[I]`, in table order within an item.

    Args:
        table: The annotations.
        keep: Which of them to take `[N]`; all where None.
    """
    order = np.argsort(table.item, kind="stable")
    order = order if keep is None else order[keep[order]]
    bounds = np.searchsorted(table.item[order], np.arange(len(table.items) + 1))
    labels, annotators = table.label[order].tolist(), table.annotator[order].tolist()
    return tuple(
        Answers(tuple(labels[start:end]), tuple(annotators[start:end]))
        for start, end in pairwise(bounds)
    )


class ItemDataset(Dataset[dict[str, Any]]):
    """Items one by one, as plain lists; `collate` makes tensors of them.

    Args:
        encoded: The tokenised items.
        answers: Their annotations; None where only predictions are wanted.
    """

    def __init__(self, encoded: EncodedItems, answers: Sequence[Answers] | None = None) -> None:
        self.encoded = encoded
        self.answers = answers

    def __len__(self) -> int:
        return len(self.encoded.inputs)

    @property
    def n_annotations(self) -> int:
        """How many annotations all its items have."""
        return sum(len(answers.labels) for answers in self.answers or ())

    @property
    def lengths(self) -> IntArray:
        """Tokens of each item `[I]`, its options with it."""
        of_options = [len(ids) for ids in self.encoded.options]
        rows = zip(self.encoded.inputs, self.encoded.option_rows, strict=True)
        return np.array([len(text) + sum(of_options[k] for k in row) for text, row in rows])

    def __getitem__(self, item: int) -> dict[str, Any]:
        """An item; `~item` is the same without its annotations, to fill a batch."""
        answers = Answers((), ())
        if item < 0:
            item = ~item
        elif self.answers is not None:
            answers = self.answers[item]
        return {
            "input_ids": self.encoded.inputs[item],
            "options": [self.encoded.options[k] for k in self.encoded.option_rows[item]],
            "task": self.encoded.task[item],
            "labels": answers.labels,
            "annotators": answers.annotators,
        }


@dataclass(frozen=True)
class Collator:
    """Makes a batch of items.

    The batch is a dict of tensors, as transformers wants it: what the backbone lays out of texts
    and options; n_options `[B]`; tasks `[B]`; labels (pad ABSENT) and annotators `[B, R]`.
    """

    backbone: Backbone

    def __call__(self, items: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """The batch of the given items."""
        return {
            **self.backbone.lay_out(items),
            "n_options": torch.tensor([len(item["options"]) for item in items]),
            "tasks": torch.tensor([item["task"] for item in items]),
            "labels": padded([item["labels"] for item in items], ABSENT),
            "annotators": padded([item["annotators"] for item in items], 0),
        }


@dataclass(frozen=True)
class Split:
    """How the items of a step are split.

    Attributes:
        passes: Batches that a process works off for a step.
        processes: How many processes share a step.
        process: Which of them this is, from 0.
    """

    passes: int = 1
    processes: int = 1
    process: int = 0


class LengthBatches(Sampler[list[int]]):
    """Batches of items of about the same length, in another order in each epoch.

    The order follows from seed and epoch alone, so that a training that was cut off goes on with
    the batches that it would have seen. A step holds so many items, or tokens with padding; it is
    the same step however many passes and processes it is split into. A share without items is
    filled with one that has no annotations, for every process has to work off as many batches.

    Args:
        dataset: The items.
        size: Items a step.
        tokens: Tokens a step instead, prompt and options together.
        seed: Decides the order.
        split: The share of this process.
    """

    def __init__(
        self,
        dataset: ItemDataset,
        size: int,
        tokens: int | None,
        seed: int,
        split: Split = Split(),
    ) -> None:
        self.lengths = dataset.lengths
        self.batch_size = size
        self.tokens = tokens
        self.seed = seed
        self.split = split
        self.epoch = 0
        self.drop_last = False
        self.megabatch = MEGABATCH if self._padding() > PADDING else 1

    def set_epoch(self, epoch: int) -> None:
        """The epoch whose order comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self._steps()) * self.split.passes

    def __iter__(self) -> Iterator[list[int]]:
        return (batch for step in self._steps() for batch in self._share(step))

    def _steps(self) -> list[IntArray]:
        rng = np.random.default_rng([self.seed, self.epoch])
        order = rng.permutation(len(self.lengths))
        steps = self._by_tokens(order) if self.tokens else self._by_size(order)
        rng.shuffle(steps)
        return steps

    def _share(self, step: IntArray) -> Iterator[list[int]]:
        """What this process has to do of a step, its batches one by one."""
        parts = np.array_split(step, self.split.passes * self.split.processes)
        filler = [~int(step[-1])]
        for part in parts[self.split.process :: self.split.processes]:
            yield part.tolist() or filler

    def _padding(self) -> float:
        """Tokens with padding over tokens without, in batches drawn by lot."""
        lengths = np.random.default_rng(self.seed).permutation(self.lengths)
        starts = np.arange(0, len(lengths), self.batch_size)
        widths = np.maximum.reduceat(lengths, starts) if len(lengths) else lengths
        sizes = np.minimum(len(lengths) - starts, self.batch_size)
        return float((widths * sizes).sum() / max(lengths.sum(), 1))

    def _by_size(self, order: IntArray) -> list[IntArray]:
        """Sorted within stretches of some batches: length alike, company not always the same."""
        stretch = self.megabatch * self.batch_size
        stretches = [order[at : at + stretch] for at in range(0, len(order), stretch)]
        ordered = [part[np.argsort(-self.lengths[part], kind="stable")] for part in stretches]
        size = self.batch_size
        return [part[at : at + size] for part in ordered for at in range(0, len(part), size)]

    def _by_tokens(self, order: IntArray) -> list[IntArray]:
        """Sorted throughout, so that every epoch has as many batches."""
        ordered = order[np.argsort(-self.lengths[order], kind="stable")]
        groups, at = [], 0
        while at < len(ordered):
            size = max(int((self.tokens or 0) // self.lengths[ordered[at]]), 1)
            groups.append(ordered[at : at + size])
            at += size
        return groups
