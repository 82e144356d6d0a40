"""What the warm-up and the weight of the form term buy, the table of docs/method.md.

tiny-t5 on the questions of sample_data/, labelled by crowds that are drawn here; accuracy on the
held-out questions and mean error of the expertise, one seed.

    python benchmarks/warm_up.py --write
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from realm_cli import pipeline, prediction, simulation
from realm_cli.choices import CrowdKind
from realm_cli.config import CrowdSettings, TrainSettings

ROOT = Path(__file__).parent.parent
DATA = ROOT / "sample_data"
PAGE = ROOT / "docs" / "method.md"
START, END = "<!-- benchmarks/warm_up.py -->", "<!-- end -->"
SEED = 0
CROWDS = {
    "a fifth know": CrowdSettings(kind=CrowdKind.HAMMER_SPAMMER, share=0.2, seed=SEED),
    "uniform": CrowdSettings(kind=CrowdKind.UNIFORM, seed=SEED),
    "30% always wrong": CrowdSettings(kind=CrowdKind.ADVERSARIAL, share=0.3, seed=SEED),
    "three in ten know, one label an item": CrowdSettings(
        kind=CrowdKind.HAMMER_SPAMMER, share=0.3, labels_per_item=1, seed=SEED
    ),
}
SETTINGS = [(warm_up, form) for warm_up in (0.0, 0.2) for form in (0.1, 0.3)]


def cell(crowd: Path, truth: Path, warm_up: float, form: float) -> str:
    """Held-out accuracy and mean error of expertise of one run."""
    settings = TrainSettings(model="tiny-t5", seed=SEED, warm_up=warm_up, form_weight=form)
    heldout = pipeline.Source((DATA / "heldout.jsonl",))
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        report = pipeline.train(pipeline.Source((crowd,)), settings, run)
        predicted = prediction.predict(run, heldout)
    gold = pipeline.loaders.load_items(heldout.files)[0].table["gold"].to_pylist()
    right = [a == b for a, b in zip(predicted["label"].to_pylist(), gold, strict=True)]
    rows = [line.split(",") for line in truth.read_text(encoding="utf-8").splitlines()[1:]]
    # An annotator who is always wrong has no expertise; w cannot say less than 0.
    known = {name: max(float(w), 0.0) for name, _, w in rows}
    errors = [abs(known[each.annotator_id] - each.expertise) for each in report.annotators]
    return f"{np.mean(right):.3f} / {np.mean(errors):.3f}"


def measure() -> str:
    """Run everything; the table in Markdown."""
    heads = [f"warm-up {warm_up:g}, form {form:g}" for warm_up, form in SETTINGS]
    lines = [f"| crowd | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
    for name, settings in CROWDS.items():
        with tempfile.TemporaryDirectory() as scratch:
            crowd = Path(scratch) / "crowd.parquet"
            items = pipeline.Source((DATA / "items.jsonl",))
            truth, *_ = simulation.simulate_crowd(items, settings, crowd)
            cells = [cell(crowd, truth, *setting) for setting in SETTINGS]
        lines.append(f"| {name} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


def main() -> None:
    """Print the table; with --write also put it into docs/method.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/method.md")
    wanted = parser.parse_args()
    table = measure()
    if wanted.write:
        text = PAGE.read_text(encoding="utf-8")
        before, rest = text.split(START)
        after = rest.split(END)[1]
        PAGE.write_text(f"{before}{START}\n{table}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
