"""Items as tensors: one row an item however many annotators it has, texts tokenised once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from realm_cli.annotations import AnnotationTable, Items
    from realm_cli.coding import IntArray

ABSENT = -100
"""Pads labels; transformers counts everything else as an item of the batch."""


@dataclass(frozen=True)
class EncodedItems:
    """Token ids of all texts and of the distinct options.

    Attributes:
        inputs: Token ids of each item's text `[I]`.
        options: Token ids of each distinct option.
        option_rows: Which of them an item offers `[I]`.
        task: Task codes `[I]`.
        n_truncated: How many texts or options were longer than the limit.
    """

    inputs: tuple[list[int], ...]
    options: tuple[list[int], ...]
    option_rows: tuple[tuple[int, ...], ...]
    task: tuple[int, ...]
    n_truncated: int

    def only(self, keep: IntArray) -> EncodedItems:
        """The items of the given codes, in that order."""
        return replace(
            self,
            inputs=tuple(self.inputs[i] for i in keep),
            option_rows=tuple(self.option_rows[i] for i in keep),
            task=tuple(self.task[i] for i in keep),
        )


def template_for(tasks: Sequence[str]) -> str:
    """What the model reads of an item: its text, after the task's name where there are several."""
    return "{text}" if len(tasks) == 1 else "{task}: {text}"


def prompts(items: Items, template: str) -> list[str]:
    """The filled template of each item `[I]`."""
    return [
        template.format(text=text or "", task=items.tasks[task])
        for text, task in zip(items.texts, items.task, strict=True)
    ]


def encode(
    items: Items, tokenizer: PreTrainedTokenizerBase, template: str, max_length: int
) -> EncodedItems:
    """Tokenise texts and options, each distinct option once.

    Args:
        items: What to encode.
        tokenizer: The backbone's tokenizer; it adds the end token.
        template: With `{text}` and, where there are several tasks, `{task}`.
        max_length: Longest text or option in tokens; more is cut off and counted.
    """
    names = list(dict.fromkeys(name for options in items.option_sets for name in options))
    code = {name: k for k, name in enumerate(names)}
    rows = [tuple(code[name] for name in options) for options in items.option_sets]
    inputs, cut_inputs = _tokenise(prompts(items, template), tokenizer, max_length)
    options, cut_options = _tokenise(names, tokenizer, max_length)
    return EncodedItems(
        inputs=inputs,
        options=options,
        option_rows=tuple(rows[k] for k in items.option_set),
        task=tuple(int(t) for t in items.task),
        n_truncated=cut_inputs + cut_options,
    )


def _tokenise(
    texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> tuple[tuple[list[int], ...], int]:
    """Token ids, and how many texts were cut."""
    full = tokenizer(list(texts), truncation=False, verbose=False)["input_ids"]
    cut = sum(len(ids) > max_length for ids in full)
    if cut:
        full = tokenizer(list(texts), truncation=True, max_length=max_length)["input_ids"]
    return tuple(full), cut


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

    def __getitem__(self, item: int) -> dict[str, Any]:
        answers = self.answers[item] if self.answers is not None else Answers((), ())
        return {
            "input_ids": self.encoded.inputs[item],
            "options": [self.encoded.options[k] for k in self.encoded.option_rows[item]],
            "task": self.encoded.task[item],
            "labels": answers.labels,
            "annotators": answers.annotators,
        }


@dataclass(frozen=True)
class Collator:
    """Pads items to a batch.

    The batch is a dict of tensors, as transformers wants it: input_ids and attention_mask
    `[B, L]`; option_ids `[M, S]` (pad ABSENT), one row an option that exists, in item order;
    n_options `[B]`; tasks `[B]`; labels (pad ABSENT) and annotators `[B, R]`.
    """

    pad_token_id: int

    def __call__(self, items: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """The batch of the given items."""
        inputs = _pad([item["input_ids"] for item in items], self.pad_token_id)
        lengths = torch.tensor([len(item["input_ids"]) for item in items])
        return {
            "input_ids": inputs,
            "attention_mask": (torch.arange(inputs.shape[1]) < lengths[:, None]).long(),
            "option_ids": _pad([ids for item in items for ids in item["options"]], ABSENT),
            "n_options": torch.tensor([len(item["options"]) for item in items]),
            "tasks": torch.tensor([item["task"] for item in items]),
            "labels": _pad([item["labels"] for item in items], ABSENT),
            "annotators": _pad([item["annotators"] for item in items], 0),
        }


def _pad(rows: Sequence[Sequence[int]], value: int) -> Tensor:
    width = max(len(row) for row in rows)
    return torch.tensor([[*row, *[value] * (width - len(row))] for row in rows])
