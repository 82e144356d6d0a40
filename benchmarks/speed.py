"""How fast labels are aggregated, and how much memory it takes: ratios within one run.

Dawid-Skene on a million labels beside crowd-kit 1.4.2, 20 iterations each, from one and the same
frame of names, as exports have them, and of codes; and `expertise` on ever more labels. Each
measurement is a process of its own, so that its peak memory is its own.

    python benchmarks/speed.py --write
    python benchmarks/speed.py --sizes 1000000 10000000 100000000
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from tables import markdown, write

ITERATIONS = 20
SIZES = (1_000_000, 3_000_000, 10_000_000)
OPTIONS = 5
PER_ITEM = 5
ANNOTATORS = 2_000


def crowd(n: int, annotators: int = ANNOTATORS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Items, annotators and labels as codes; expertise uniform."""
    rng = np.random.default_rng(0)
    n_items = n // PER_ITEM
    item = np.repeat(np.arange(n_items, dtype=np.int32), PER_ITEM)
    annotator = rng.integers(annotators, size=n, dtype=np.int32)
    truth = rng.integers(OPTIONS, size=n_items, dtype=np.int8)
    w = rng.random(annotators).astype(np.float32)
    knows = rng.random(n, dtype=np.float32) < w[annotator]
    guess = rng.integers(OPTIONS, size=n, dtype=np.int8)
    return item, annotator, np.where(knows, truth[item], guess)


def memory() -> float:
    """Peak of this process in MiB."""
    told = Path("/proc/self/status").read_text().split("VmHWM:")[1]
    return int(told.split()[0]) / 1024


def start_anew() -> float:
    """The peak counts from here on: MiB in use."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory()


def frame(n: int, names: bool) -> pd.DataFrame:
    """A crowd of 500 as a table, by names or by codes."""
    columns = dict(zip(("task", "worker", "label"), crowd(n, 500), strict=True))
    if names:
        columns = {name: [f"{name}-{code}" for code in codes] for name, codes in columns.items()}
    return pd.DataFrame(columns)


def dawid_skene_ours(n: int, names: bool) -> dict[str, float]:
    """Realm, so many passes and no more."""
    from realm_cli import coding
    from realm_cli.aggregate import em
    from realm_cli.aggregate.choice import bind, truth_for
    from realm_cli.choices import AnnotatorModel
    from realm_cli.labels import Questions, build_labels

    data = frame(n, names)
    before = start_anew()
    start = time.perf_counter()
    columns = [data[name] for name in data]
    if names:
        columns = [pa.chunked_array(pa.array(column)) for column in columns]
        columns = [code for _, code in coding.distinct_each(columns)]
    codes = [np.asarray(column) for column in columns]
    labels = build_labels(*codes, Questions(np.full(n // PER_ITEM, OPTIONS)))
    model = bind(AnnotatorModel.CONFUSION, labels)
    em.MAX_ITERATIONS, em.TOLERANCE = ITERATIONS, -1.0
    found = em.fit(labels, model, truth_for(model, labels, None), restarts=0)
    assert found.n_iterations == ITERATIONS
    return {"seconds": time.perf_counter() - start, "mib": memory() - before}


def dawid_skene_theirs(n: int, names: bool) -> dict[str, float]:
    """crowd-kit."""
    from crowdkit.aggregation import DawidSkene

    data = frame(n, names)
    before = start_anew()
    start = time.perf_counter()
    DawidSkene(n_iter=ITERATIONS, tol=0).fit(data)
    return {"seconds": time.perf_counter() - start, "mib": memory() - before}


def expertise(n: int) -> dict[str, float]:
    """A whole fit until it has converged."""
    from realm_cli.aggregate.choice import fit_model
    from realm_cli.choices import AnnotatorModel
    from realm_cli.labels import Questions, build_labels

    codes = crowd(n)
    start = time.perf_counter()
    labels = build_labels(*codes, Questions(np.full(n // PER_ITEM, OPTIONS)))
    found = fit_model(AnnotatorModel.EXPERTISE, labels, restarts=0)
    return {
        "seconds": time.perf_counter() - start,
        "mib": memory(),
        "passes": found.n_iterations,
    }


TASKS = {
    "ours names": partial(dawid_skene_ours, names=True),
    "theirs names": partial(dawid_skene_theirs, names=True),
    "ours codes": partial(dawid_skene_ours, names=False),
    "theirs codes": partial(dawid_skene_theirs, names=False),
    "expertise": expertise,
}


def measured(task: str, n: int) -> dict[str, float]:
    """A task in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--task", task, "--n", str(n)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(task, n, found, flush=True)
    return found


def dawid_skene_row(n: int, kind: str) -> list[str]:
    """Both on the same frame, the memory beyond it."""
    ours, theirs = measured(f"ours {kind}", n), measured(f"theirs {kind}", n)
    return [
        kind,
        *(f"{one['seconds']:.2f} s, {one['mib']:,.0f} MiB" for one in (ours, theirs)),
        f"{theirs['seconds'] / ours['seconds']:.0f}",
        f"{ours['mib'] / theirs['mib']:.2f}",
    ]


def main() -> None:
    """Print what was measured, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/aggregation.md")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--task", choices=TASKS)
    parser.add_argument("--n", type=int, default=1_000_000)
    options = parser.parse_args()
    if options.task:
        print(json.dumps(TASKS[options.task](options.n)))
        return
    rows = [dawid_skene_row(options.n, kind) for kind in ("names", "codes")]
    head = [f"{options.n:,} labels", "realm", "crowd-kit", "times as fast", "share of its memory"]
    text = markdown(head, rows) + "\n"
    rows = []
    for n in options.sizes:
        one = measured("expertise", n)
        per = one["seconds"] / n * 1e6
        rows.append(
            [f"{n:,}", f"{one['seconds']:.1f} s", f"{one['passes']:.0f}", f"{per:.2f} s",
             f"{per / one['passes'] * 1e3:.0f} ms", f"{one['mib']:,.0f} MiB"]
        )  # fmt: skip
    head = ["labels", "time", "passes", "per million", "per million and pass", "peak memory"]
    text += markdown(head, rows)
    print(text)
    if options.write:
        write("benchmarks/speed.py", text + "\n")


if __name__ == "__main__":
    main()
