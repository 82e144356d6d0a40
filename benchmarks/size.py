"""How much memory and time large files take: a Label Studio export and a Parquet file.

Makes both files in a temporary folder, runs realm on each in a process of its own, and prints
what the operating system says of those processes:

    python benchmarks/size.py            # a million annotations as JSON, ten million as Parquet
    python benchmarks/size.py --scale 0.1
    python benchmarks/size.py --write    # and puts the table into docs/formats.md
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

JSON_ANNOTATIONS, PARQUET_ANNOTATIONS = 1_000_000, 10_000_000
PER_ITEM = 4
ANNOTATORS = 5_000
LABELS = ("politics", "sports", "science", "business", "culture")
MIB = 1 << 20
PAGE = Path(__file__).parent.parent / "docs" / "formats.md"
START, END = "<!-- benchmarks/size.py -->", "<!-- end -->"


@dataclass(frozen=True)
class Run:
    """One command on one file."""

    what: str
    annotations: int
    file_mib: float
    cpu_s: float
    peak_mib: float


def label_studio(path: Path, annotations: int, seed: int) -> None:
    """An export as the tool writes it: a list of tasks, each with its annotations."""
    dice = np.random.default_rng(seed)
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for item in range(annotations // PER_ITEM):
            people = dice.choice(ANNOTATORS, PER_ITEM, replace=False).tolist()
            task = {
                "id": item,
                "data": {"text": f"Article {item}: " + "what happened today and why " * 6},
                "annotations": [
                    _annotation(item * PER_ITEM + n, who, LABELS[int(dice.integers(len(LABELS)))])
                    for n, who in enumerate(people)
                ],
                "predictions": [],
            }
            file.write((",\n" if item else "\n") + json.dumps(task))
        file.write("\n]\n")


def _annotation(number: int, who: int, label: str) -> dict[str, object]:
    result = {
        "id": f"r{number}",
        "type": "choices",
        "value": {"choices": [label]},
        "origin": "manual",
        "to_name": "text",
        "from_name": "topic",
    }
    return {
        "id": number,
        "completed_by": {"id": who, "email": f"coder{who}@example.com"},
        "result": [result],
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": f"2026-05-{1 + number % 28:02d}T10:{number % 60:02d}:00Z",
        "lead_time": 3 + number % 40,
    }


def parquet(path: Path, annotations: int, seed: int) -> None:
    """A long table with texts, options, times and durations."""
    dice = np.random.default_rng(seed)
    chunk = 1_000_000
    with pq.ParquetWriter(path, _parquet_chunk(0, 0, dice).schema, compression="zstd") as writer:
        for start in range(0, annotations, chunk):
            end = min(start + chunk, annotations)
            writer.write_table(_parquet_chunk(start, end, dice))


def _parquet_chunk(start: int, end: int, dice: np.random.Generator) -> pa.Table:
    numbers = np.arange(start, end)
    items = (numbers // PER_ITEM).tolist()
    # an annotator meets an item once: the n-th label of an item is by somebody of the n-th group
    group = ANNOTATORS // PER_ITEM
    people = (numbers % PER_ITEM) * group + dice.integers(0, group, len(numbers))
    labels = np.array(LABELS)[dice.integers(0, len(LABELS), len(numbers))]
    return pa.table(
        {
            "item_id": pa.array([f"item-{item:08d}" for item in items], pa.string()),
            "annotator_id": pa.array([f"worker-{who:05d}" for who in people], pa.string()),
            "label": pa.array(labels.tolist(), pa.string()),
            "text": pa.array(
                [f"Article {item}: what happened today" for item in items], pa.string()
            ),
            "options": pa.array([list(LABELS)] * len(items), pa.list_(pa.string())),
            "submitted_at": pa.array(numbers * 1_000_000, pa.timestamp("us", tz="UTC")),
            "duration_s": pa.array(dice.uniform(2, 60, len(numbers))),
        }
    )


def measured(what: str, path: Path, annotations: int, *command: str) -> Run:
    """Run realm, and ask the system what that took."""
    process = subprocess.Popen([sys.executable, "-m", "realm_cli", *command])
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"{' '.join(command)} failed")
    return Run(
        what=what,
        annotations=annotations,
        file_mib=path.stat().st_size / MIB,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mib=usage.ru_maxrss / 1024,
    )


def runs(folder: Path, scale: float, seed: int) -> list[Run]:
    """All commands on both files."""
    export, table = folder / "export.json", folder / "annotations.parquet"
    n_json, n_parquet = int(JSON_ANNOTATIONS * scale), int(PARQUET_ANNOTATIONS * scale)
    label_studio(export, n_json, seed)
    out = str(folder / "out.parquet")
    done = [
        measured("Label Studio JSON: validate", export, n_json, "validate", str(export)),
        measured("Label Studio JSON: convert", export, n_json, "convert", str(export), "-o", out),
    ]
    export.unlink()
    Path(out).unlink()
    parquet(table, n_parquet, seed)
    return [
        *done,
        measured("Parquet: validate", table, n_parquet, "validate", str(table)),
        measured("Parquet: convert", table, n_parquet, "convert", str(table), "-o", out),
    ]


def markdown(done: list[Run], command: str) -> str:
    """The table for the docs."""
    lines = [
        "| what | annotations | file, MiB | CPU, s | peak memory, MiB |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {run.what} | {run.annotations:,} | {run.file_mib:,.0f} | {run.cpu_s:.0f} "
        f"| {run.peak_mib:,.0f} |"
        for run in done
    ]
    return "\n".join([*lines, "", f"`{command}`, on {os.cpu_count()} CPU cores."])


def main() -> None:
    """Measure, print, and write into the docs if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full sizes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="put the table into docs/formats.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        done = runs(Path(folder), given.scale, given.seed)
    table = markdown(done, f"python benchmarks/size.py --seed {given.seed}")
    print(table)
    if given.write:
        text = PAGE.read_text(encoding="utf-8")
        before, rest = text.split(START)
        after = rest.split(END, maxsplit=1)[1]
        PAGE.write_text(f"{before}{START}\n{table}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
