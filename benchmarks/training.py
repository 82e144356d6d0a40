"""What a step of training costs: ratios within one run, models of random weights.

Seconds are those of the processor, on one thread, so that it does not matter what else the machine
does; each pair is measured in turns, and the ratio is that of the medians.

    python benchmarks/training.py --write
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tables import markdown, write
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DataCollatorForSeq2Seq,
    DataCollatorWithPadding,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from realm_cli.aggregate.choice import bind
from realm_cli.backbones.base import Backbone
from realm_cli.backbones.encoder import LabelEncoderBackbone
from realm_cli.backbones.seq2seq import PRETRAINED, Seq2SeqBackbone
from realm_cli.batching import Answers, Collator, EncodedItems, ItemDataset, LengthBatches
from realm_cli.choices import AnnotatorModel
from realm_cli.config import TrainSettings
from realm_cli.labels import Questions, build_labels
from realm_cli.learners import learner
from realm_cli.training.arguments import arguments
from realm_cli.training.module import RealmModule
from realm_cli.training.trainer import RealmTrainer

PAGE = Path(__file__).parent.parent / "docs" / "training.md"
BATCH = 16
STEPS = 4
ROUNDS = 5
ANNOTATORS = 40
WORDS = [f"word{n}" for n in range(4000)]
SEED = 0


@dataclass(frozen=True)
class World:
    """Items to train on.

    Attributes:
        backbone: A fresh model.
        encoded: The items.
        truth: The option that plain training is given `[I]`.
    """

    backbone: Backbone
    encoded: EncodedItems
    truth: np.ndarray


def tokenizer(texts: Sequence[str] | None = None) -> PreTrainedTokenizerFast:
    """One token a word, or byte pairs learned from texts."""
    if texts is None:
        words = {word: n for n, word in enumerate(["<pad>", "</s>", "<unk>", *WORDS])}
        core = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
        core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    else:
        core = Tokenizer(models.BPE(unk_token="<unk>"))
        core.pre_tokenizer = pre_tokenizers.ByteLevel()
        special = ["<pad>", "</s>", "<unk>"]
        learn = trainers.BpeTrainer(vocab_size=4000, special_tokens=special, show_progress=False)
        core.train_from_iterator(texts, learn)
    core.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


def t5(words: PreTrainedTokenizerFast) -> Seq2SeqBackbone:
    """A T5 of 4 + 4 layers, 256 wide."""
    torch.manual_seed(SEED)
    config = T5Config(
        vocab_size=len(words), d_model=256, d_kv=32, d_ff=768, num_heads=8, num_layers=4,
        feed_forward_proj="gated-gelu", dropout_rate=0.0, pad_token_id=0, eos_token_id=1,
        decoder_start_token_id=0,
    )  # fmt: skip
    return Seq2SeqBackbone(T5ForConditionalGeneration(config), words, PRETRAINED)


def bert(words: PreTrainedTokenizerFast, labels: int) -> LabelEncoderBackbone:
    """A BERT of 4 layers, 256 wide, with a head for the labels."""
    torch.manual_seed(SEED)
    config = BertConfig(
        vocab_size=len(words), hidden_size=256, num_hidden_layers=4, num_attention_heads=8,
        intermediate_size=1024, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        pad_token_id=0, num_labels=labels,
    )  # fmt: skip
    return LabelEncoderBackbone(BertForSequenceClassification(config), words)


def world(kind: str, n_items: int, length: int = 128, options: int = 4) -> World:
    """Random texts of a length; options of four words that differ by item, or a fixed label set."""
    rng = np.random.default_rng(SEED)
    words = tokenizer()
    texts = tuple([*rng.integers(3, len(words), length - 1).tolist(), 1] for _ in range(n_items))
    if kind == "encoder":
        names = tuple([k] for k in range(options))
        rows = (tuple(range(options)),) * n_items
        backbone: Backbone = bert(words, options)
    else:
        names = tuple([*rng.integers(3, len(words), 4).tolist(), 1] for _ in range(200))
        rows = tuple(tuple(rng.choice(200, options, replace=False).tolist()) for _ in texts)
        backbone = t5(words)
    encoded = EncodedItems(texts, names, rows, (0,) * n_items, n_truncated=0)
    return World(backbone, encoded, rng.integers(options, size=n_items))


class _Clock(TrainerCallback):
    """Processor time of each step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self.start = time.process_time()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.seconds.append(time.process_time() - self.start)


def realm_trainer(made: World, folder: str, labels_per_item: int) -> Trainer:
    """As `realm train` trains."""
    rng = np.random.default_rng(SEED)
    n = len(made.encoded.inputs)
    who = np.array([rng.permutation(ANNOTATORS)[:labels_per_item] for _ in range(n)])
    options = np.array([len(row) for row in made.encoded.option_rows])
    label = (rng.random(who.shape) * options[:, None]).astype(np.int64)
    item = np.repeat(np.arange(n), labels_per_item)
    codes = build_labels(
        item, who.ravel(), label.ravel(), Questions(options), n_annotators=ANNOTATORS
    )
    model = bind(AnnotatorModel.EXPERTISE, codes)
    answers = [
        Answers(tuple(y), tuple(a)) for y, a in zip(label.tolist(), who.tolist(), strict=True)
    ]
    dataset = ItemDataset(made.encoded, answers)
    settings = TrainSettings(model="random", batch_size=BATCH, epochs=1, seed=SEED)
    module = RealmModule(made.backbone, learner(model, model.start()), settings, len(item))
    return RealmTrainer(
        model=module,
        args=arguments(settings, made.backbone, Path(folder)),
        train_dataset=dataset,
        data_collator=Collator(made.backbone),
        batches=LengthBatches(dataset, BATCH, None, SEED),
        expertise_learning_rate=1e-3,
    )


def plain_trainer(made: World, folder: str, times: int = 1) -> Trainer:
    """Transformers' Trainer on the same items, one option of each as the answer, in rows."""
    seq2seq = isinstance(made.backbone, Seq2SeqBackbone)
    words = made.backbone.tokenizer
    rows = []
    for text, offered, k in zip(
        made.encoded.inputs, made.encoded.option_rows, made.truth, strict=True
    ):
        target = made.encoded.options[offered[k]]
        rows.append({"input_ids": text, "labels": target if seq2seq else target[0]})
    collator = DataCollatorForSeq2Seq(words) if seq2seq else DataCollatorWithPadding(words)
    return Trainer(
        model=made.backbone.model,
        args=TrainingArguments(
            output_dir=folder, per_device_train_batch_size=BATCH, num_train_epochs=1,
            save_strategy="no", report_to="none", disable_tqdm=True, log_level="error",
            logging_steps=10, seed=SEED,
        ),
        train_dataset=rows * times,
        data_collator=collator,
    )  # fmt: skip


def seconds(trainer: Trainer) -> list[float]:
    """Of each step of an epoch, the first left out."""
    clock = _Clock()
    trainer.add_callback(clock)
    trainer.train()
    return clock.seconds[1:]


Maker = Callable[[str], Trainer]


def medians(makers: dict[str, Maker]) -> dict[str, float]:
    """Median seconds of a step of each, measured in turns."""
    found: dict[str, list[float]] = {name: [] for name in makers}
    for _ in range(ROUNDS):
        for name, make in makers.items():
            with tempfile.TemporaryDirectory() as folder:
                found[name] += seconds(make(folder))
    return {name: float(np.median(all_)) for name, all_ in found.items()}


def against_plain(kind: str, options: int) -> list[str]:
    """A step of realm over one of plain fine-tuning on the same items."""
    made = world(kind, BATCH * (STEPS + 1), options=options)
    found = medians({
        "plain": lambda folder: plain_trainer(made, folder),
        "realm": lambda folder: realm_trainer(made, folder, 3),
    })  # fmt: skip
    ratio = found["realm"] / found["plain"]
    what = f"{kind}, K = {options}, texts of 128 tokens, three labels an item"
    return [what, f"{found['plain']:.3f} s", f"{found['realm']:.3f} s", f"{ratio:.2f}"]


def per_annotation() -> list[list[str]]:
    """An epoch of realm against one that trains on every annotation by itself."""
    made = world("seq2seq", BATCH * (STEPS + 1))
    makers: dict[str, Maker] = {"plain": lambda folder: plain_trainer(made, folder)}
    for r in (3, 5, 10):
        makers[str(r)] = lambda folder, r=r: realm_trainer(made, folder, r)
    found = medians(makers)
    rows = [
        [
            f"{r} labels an item", f"{found[str(r)]:.3f} s", f"{r * found['plain']:.3f} s",
            f"{r * found['plain'] / found[str(r)]:.2f}", f"{r / 1.3:.2f}",
        ]
        for r in (3, 5, 10)
    ]  # fmt: skip
    return [*rows, ["ten labels over three", "", "", f"{found['10'] / found['3']:.3f}", "1.05"]]


def bucketing() -> list[str] | None:
    """An epoch over nyu_mcqa in batches of like lengths, and padded to the longest text."""
    folder = os.environ.get("REALM_DATA")
    if folder is None:
        return None
    frame = pd.read_parquet(Path(folder) / "crowd" / "nyu_mcqa.parquet")
    items = frame.drop_duplicates("item_id").sample(320, random_state=SEED)
    words = tokenizer(items["text"].tolist())
    texts = [words(text, truncation=True, max_length=512)["input_ids"] for text in items["text"]]
    names = list(dict.fromkeys(name for row in items["options"] for name in row))
    code = {name: k for k, name in enumerate(names)}
    encoded = EncodedItems(
        tuple(texts), tuple(words(names)["input_ids"]),
        tuple(tuple(code[name] for name in row) for row in items["options"]),
        (0,) * len(items), n_truncated=0,
    )  # fmt: skip
    made = World(t5(words), encoded, np.zeros(len(items), dtype=int))
    longest = max(len(text) for text in texts)
    padded = _Padded(longest)
    by_length, fixed = [], []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as scratch:
            trainer = realm_trainer(made, scratch, 3)
            by_length.append(sum(seconds(trainer)))
            trainer = realm_trainer(made, scratch, 3)
            trainer.data_collator = padded.around(trainer.data_collator)
            trainer.batches = _Shuffled(trainer.batches)
            fixed.append(sum(seconds(trainer)))
    ratio = np.median(fixed) / np.median(by_length)
    return [
        f"nyu_mcqa, {len(items)} items", f"{np.median(by_length):.1f} s",
        f"{np.median(fixed):.1f} s ({longest} tokens)", f"{ratio:.2f}",
    ]  # fmt: skip


@dataclass(frozen=True)
class _Padded:
    """Texts of a batch filled up to one length."""

    length: int

    def around(self, collate: Callable[..., dict[str, torch.Tensor]]) -> Callable[..., Any]:
        """A collator that does as another and then fills up."""

        def padded(items: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
            batch = collate(items)
            more = self.length - batch["input_ids"].shape[1]
            for name in ("input_ids", "attention_mask"):
                batch[name] = torch.nn.functional.pad(batch[name], (0, more))
            return batch

        return padded


class _Shuffled(LengthBatches):
    """Batches of items as they come."""

    def __init__(self, batches: LengthBatches) -> None:
        self.__dict__.update(vars(batches))
        self.lengths = np.zeros_like(batches.lengths)


def report(which: Sequence[str]) -> Iterator[str]:
    """The tables."""
    torch.set_num_threads(1)
    yield f"One thread of {platform.machine()}, torch {torch.__version__}, seed {SEED}.\n\n"
    if "plain" in which:
        rows = [against_plain("encoder", 4), against_plain("seq2seq", 4)]
        yield markdown(["a step of", "plain Trainer", "realm", "ratio"], rows) + "\n"
    if "annotations" in which:
        head = ["epoch per step's items", "realm", "a row an annotation", "ratio", "asked"]
        yield markdown(head, per_annotation()) + "\n"
    row = bucketing() if "lengths" in which else None
    if row:
        yield markdown(["an epoch of", "by length", "padded to the longest", "ratio"], [row]) + "\n"


def main() -> None:
    """Print the tables, or write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/training.md")
    parts = ["plain", "annotations", "lengths"]
    parser.add_argument("--only", nargs="*", choices=parts, default=parts)
    options = parser.parse_args()
    text = "".join(report(options.only))
    print(text)
    if options.write:
        write("benchmarks/training.py", text, PAGE)


if __name__ == "__main__":
    main()
