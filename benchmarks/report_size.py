"""How much a large report takes: a million annotations by five thousand annotators, from Parquet.

Makes the export in a temporary folder, lets `realm report` write each view in a process of its own,
prints what the operating system says of those processes, and opens the page in a browser:

    python benchmarks/report_size.py
    python benchmarks/report_size.py --annotations 100000 --annotators 500
    python benchmarks/report_size.py --write    # and puts the table into docs/aggregation.md
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tables import markdown, write

ROOT = Path(__file__).parent.parent
PER_ITEM, SEED = 4, 0
LABELS = np.array(["politics", "sports", "science", "business", "culture"])
TASKS = np.array(["topic", "tone"])


def export(path: Path, n: int, annotators: int) -> None:
    """Two tasks, five options, four labels an item, gold for a twentieth; a tenth are guessers."""
    dice = np.random.default_rng(SEED)
    item = np.arange(n) // PER_ITEM
    group = annotators // PER_ITEM  # an annotator meets an item once
    who = (np.arange(n) % PER_ITEM) * group + dice.integers(0, group, n)
    truth = dice.integers(len(LABELS), size=n // PER_ITEM)
    w = np.where(dice.random(annotators) < 0.1, 0.02, dice.beta(4, 2, annotators))
    knows = dice.random(n) < w[who]
    label = np.where(knows, truth[item], dice.integers(len(LABELS), size=n))
    gold = np.where(item % 20 == 0, LABELS[truth[item]], None)
    columns = {
        "item_id": [f"item-{i:07d}" for i in item.tolist()],
        "annotator_id": [f"worker-{a:05d}" for a in who.tolist()],
        "task": TASKS[(item % 3 == 0).astype(int)],
        "label": LABELS[label],
        "text": [f"Article {i}: what happened today and why" for i in item.tolist()],
        "gold": pa.array(gold.tolist(), pa.string()),
        "submitted_at": pa.array(np.arange(n) * 1_000_000, pa.timestamp("us", tz="UTC")),
    }
    pq.write_table(pa.table(columns), path, compression="zstd")


def measured(*command: str) -> tuple[float, float]:
    """CPU seconds and peak MiB of `realm ...`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "realm_cli", *command], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"realm {' '.join(command)} failed")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def in_browser(page: Path) -> str:
    """Seconds until a page is there, and until a sort of its largest table is drawn."""
    sys.path.insert(0, str(ROOT / "tests" / "report"))
    import report_browser

    if report_browser.CHROMIUM is None:
        return "no browser here"
    drawn = "new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
    sort = "document.querySelectorAll('#annotators ~ .panel thead button')[1].click()"
    with (
        tempfile.TemporaryDirectory() as profile,
        report_browser.browser(Path(profile)) as tab,
    ):
        start = time.perf_counter()
        tab.open(page, width=1280)
        tab.run(drawn)
        opened = time.perf_counter()
        tab.run(sort)
        tab.run(drawn)
        sorted_ = time.perf_counter()
    return f"open {opened - start:.1f} s, sort {sorted_ - opened:.1f} s"


def rows(folder: Path, annotations: int, annotators: int) -> list[list[str]]:
    """A row a view."""
    source = folder / "annotations.parquet"
    export(source, annotations, annotators)
    views = {
        "page of annotators": ("--html", "report.html"),
        "items as CSV": ("--items", "--csv", "items.csv"),
        "page of one annotator": ("--annotator", "worker-00042", "--html", "person.html"),
    }
    found = []
    for name, flags in views.items():
        file = folder / flags[-1]
        cpu, peak = measured("report", str(source), *flags[:-1], str(file))
        seen = in_browser(file) if name == "page of annotators" else ""
        size = f"{file.stat().st_size / 1e6:.1f} MB"
        found.append([name, f"{cpu:.0f} s", f"{peak:,.0f} MiB", size, seen])
        print(found[-1], flush=True)
    return found


def main() -> None:
    """Print what was measured, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/aggregation.md")
    parser.add_argument("--annotations", type=int, default=1_000_000)
    parser.add_argument("--annotators", type=int, default=5_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = rows(Path(folder), given.annotations, given.annotators)
    head = [f"{given.annotations:,} annotations, {given.annotators:,} annotators", "CPU",
            "peak memory", "file", "in headless Chromium"]  # fmt: skip
    text = markdown(head, found)
    print(text)
    if given.write:
        write("benchmarks/report_size.py", text + "\n")


if __name__ == "__main__":
    main()
