"""REALM against plain fine-tuning on sample_data/, the table of the README.

The baselines are trained as anyone would train them: transformers' own Trainer and token loss, one
row an annotation (naive) or one row an item (majority vote, ties broken by chance), the same
tiny-t5, batch size and learning rate. Each baseline is given the number of epochs, out of three,
that does best on the held-out items, which flatters it; realm runs with its defaults.

    python benchmarks/sample_data.py --write
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from transformers import (
    DataCollatorForSeq2Seq,
    PrinterCallback,
    Trainer,
    TrainingArguments,
    set_seed,
)

from realm_cli import loaders, pipeline, prediction
from realm_cli.aggregate.majority import vote_shares
from realm_cli.annotations import AnnotationTable, Items, build_items, build_table
from realm_cli.backbones.base import Backbone
from realm_cli.backbones.tiny import PRESET, build_tiny_t5
from realm_cli.batching import distinct_options, encode
from realm_cli.config import TrainSettings
from realm_cli.prompts import default_template, prompts
from realm_cli.training.predicting import predict_log_p

ROOT = Path(__file__).parent.parent
DATA = ROOT / "sample_data"
README = ROOT / "README.md"
SEEDS = (0, 1, 2)
EPOCHS = (8, 12, 24)
BATCH_SIZE = 32
START, END = "<!-- benchmarks/sample_data.py -->", "<!-- end -->"


def heldout_items() -> Items:
    """The questions that nobody labelled."""
    (file,) = loaders.load_items([DATA / "heldout.jsonl"])
    return build_items(file.table.combine_chunks())[0]


def accuracy(backbone: Backbone, items: Items) -> float:
    """Share of items on which the model prefers the gold option."""
    encoded = encode(items, backbone, [default_template(items.tasks)], 512)
    log_p = predict_log_p(backbone, encoded, BATCH_SIZE)
    return float((log_p.argmax(axis=1) == items.gold).mean())


def plain(table: AnnotationTable, rows: list[tuple[int, int]], epochs: int, seed: int) -> Backbone:
    """tiny-t5 fine-tuned on (item, label) rows with the usual token loss."""
    items = table.items
    texts = prompts(items, [default_template(items.tasks)])
    backbone = build_tiny_t5([*texts, *distinct_options(items)], seed)  # the tokens of realm
    tokenizer = backbone.tokenizer
    inputs = tokenizer(texts)["input_ids"]
    dataset = [
        {"input_ids": inputs[i], "labels": tokenizer(items.options(i)[k])["input_ids"]}
        for i, k in rows
    ]
    set_seed(seed)
    with tempfile.TemporaryDirectory() as scratch:
        arguments = TrainingArguments(
            output_dir=scratch, seed=seed, num_train_epochs=epochs,
            per_device_train_batch_size=BATCH_SIZE, learning_rate=PRESET.learning_rate,
            save_strategy="no", logging_strategy="no", report_to="none", disable_tqdm=True,
            dataloader_pin_memory=False,
        )  # fmt: skip
        collate = DataCollatorForSeq2Seq(tokenizer, model=backbone.model)
        trainer = Trainer(
            model=backbone.model, args=arguments, train_dataset=dataset, data_collator=collate
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return backbone


def every_label(table: AnnotationTable) -> list[tuple[int, int]]:
    """One row an annotation."""
    return list(zip(table.item.tolist(), table.label.tolist(), strict=True))


def majority_labels(table: AnnotationTable, seed: int) -> list[tuple[int, int]]:
    """One row an item; ties broken by chance."""
    rng = np.random.default_rng(seed)
    shares = vote_shares(table)
    return [(i, int(rng.choice(np.flatnonzero(row == row.max())))) for i, row in enumerate(shares)]


def realm_run(seed: int, heldout: Items) -> tuple[float, float, float]:
    """Held-out accuracy, Pearson correlation and mean error of expertise, with the defaults."""
    source = pipeline.Source((DATA / "crowd.parquet",))
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        report = pipeline.train(source, TrainSettings(model="tiny-t5", seed=seed), run)
        predicted = prediction.predict(run, pipeline.Source((DATA / "heldout.jsonl",)))
    gold = [heldout.options(i)[heldout.gold[i]] for i in range(len(heldout))]
    right = np.mean([a == b for a, b in zip(predicted["label"].to_pylist(), gold, strict=True)])
    lines = (DATA / "crowd.truth.csv").read_text(encoding="utf-8").splitlines()[1:]
    truth = {name: float(w) for name, _, w in (line.split(",") for line in lines)}
    known = np.array([truth[each.annotator_id] for each in report.annotators])
    found = np.array([each.expertise for each in report.annotators])
    return float(right), float(np.corrcoef(known, found)[0, 1]), float(np.abs(known - found).mean())


def measure() -> str:
    """Run everything; the table in Markdown."""
    table, _ = build_table(loaders.load([DATA / "crowd.parquet"]))
    heldout = heldout_items()
    lines = [
        "| seed | every raw label | majority vote | **realm** | expertise: Pearson | mean error |",
        "|---|---|---|---|---|---|",
    ]
    for seed in SEEDS:
        scores = [
            max(accuracy(plain(table, rows, epochs, seed), heldout) for epochs in EPOCHS)
            for rows in (every_label(table), majority_labels(table, seed))
        ]
        right, pearson, error = realm_run(seed, heldout)
        numbers = " | ".join(f"{score:.3f}" for score in scores)
        lines.append(f"| {seed} | {numbers} | **{right:.3f}** | {pearson:.3f} | {error:.3f} |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


def main() -> None:
    """Print the table; with --write also put it into the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    wanted = parser.parse_args()
    table = measure()
    print(table)
    if wanted.write:
        text = README.read_text(encoding="utf-8")
        before, rest = text.split(START)
        after = rest.split(END)[1]
        README.write_text(f"{before}{START}\n{table}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
