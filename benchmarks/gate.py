"""What `realm gate` decides on deliveries whose true share of right labels is known.

500 simulated ones of every kind that `realm simulate` knows, judged by labels alone; a tenth of the
items are control items, left out where a gate is to do without. Then real crowds, of $REALM_DATA.

    python benchmarks/gate.py --write
"""

from __future__ import annotations

import argparse
import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from tables import markdown, write

from realm_cli import estimation, pipeline
from realm_cli.annotations import NO_GOLD, AnnotationTable, Items
from realm_cli.choices import CrowdKind
from realm_cli.config import CrowdSettings, GateSettings, JudgeSettings
from realm_cli.doubts import doubts
from realm_cli.gates.evidence import control_labels
from realm_cli.gates.run import exit_code, run_gates
from realm_cli.intake import Source
from realm_cli.report.build import build_report
from realm_cli.report.model import CompetenceReport, Estimate, Kind
from realm_cli.schema import ROW_SCHEMA
from realm_cli.simulate.crowd import simulate

THRESHOLD = 0.75
MARGIN = 0.05
"""A delivery is good where so much more than the threshold of its labels is right."""
TINY = 25
"""Items of the largest delivery that is called tiny."""
CONTROL = 0.1
"""Share of the items whose truth is known."""
DELIVERIES = 500
SEED = 0
PAGE = Path(__file__).parent.parent / "docs" / "ci.md"
CODES = {0: "accepted", 1: "refused", 5: "inconclusive"}
QUALITIES = ("good", "just above", "just below", "bad", "tiny")
REAL = (
    *(f"labels_only/{name}" for name in ("bluebird", "face", "music_ms", "product", "rte")),
    *("labels_only/sentiment_sp", "labels_only/weather_cf"),
    *("crowd/nyu_mcqa", "crowd/pubmedqa_two_annotators", "crowd/snow_rte_temp"),
)
COMPETENCE = GateSettings(min_competence=THRESHOLD)
POLICIES = {
    "labels alone: `--min-competence 0.75`": (COMPETENCE, False),
    "with control items: `--min-competence 0.75`": (COMPETENCE, True),
    "with control items: `--min-competence 0.75 --min-control-accuracy 0.75`": (
        COMPETENCE.model_copy(update={"min_control_accuracy": THRESHOLD}),
        True,
    ),
}
"""Settings, and whether gold is there."""


@dataclass(frozen=True)
class Delivery:
    """A simulated batch.

    Attributes:
        kind: What its annotators are like.
        right: The true share of right labels.
        n_items: How many items it has.
        report: What realm makes of it by labels alone.
    """

    kind: CrowdKind
    right: float
    n_items: int
    report: CompetenceReport

    @property
    def quality(self) -> str:
        """What became of it should depend on this."""
        if self.n_items <= TINY:
            return "tiny"
        if self.right < THRESHOLD:
            return "bad" if self.right < THRESHOLD - MARGIN else "just below"
        return "good" if self.right >= THRESHOLD + MARGIN else "just above"


def delivery(seed: int) -> Delivery:
    """One delivery; the seed decides its kind, its size and all answers."""
    rng = np.random.default_rng([SEED, seed])
    kind = list(CrowdKind)[seed % len(CrowdKind)]
    tiny = rng.random() < 0.15
    n_items = int(rng.integers(3, TINY + 1) if tiny else rng.integers(150, 401))
    k, per_item = int(rng.integers(2, 6)), int(rng.integers(2, 6))
    most = 0.5 if kind is CrowdKind.COLLUDING else 1.0
    settings = CrowdSettings(
        kind=kind,
        annotators=int(rng.integers(6, 31)),
        labels_per_item=per_item,
        share=float(rng.uniform(0, most)),
        seed=int(rng.integers(2**32)),
    )
    items = items_of(n_items, k, rng)
    crowd = simulate(items, settings)
    answers = crowd.answers
    right = float((answers.label == items.gold[crowd.item]).mean())
    table = table_of(items, crowd.item, answers.annotator, answers.label, crowd.annotators, rng)
    return Delivery(kind, right, n_items, report_on(table))


def items_of(n: int, k: int, rng: np.random.Generator) -> Items:
    """Items of one task with k options each."""
    return Items(
        ids=tuple(f"i{i:03d}" for i in range(n)),
        task=np.zeros(n, np.int64),
        tasks=("label",),
        texts=(None,) * n,
        option_sets=(tuple(f"L{option}" for option in range(k)),),
        option_set=np.zeros(n, np.int64),
        gold=rng.integers(k, size=n),
    )


def table_of(
    items: Items,
    item: np.ndarray,
    annotator: np.ndarray,
    label: np.ndarray,
    names: Sequence[str],
    rng: np.random.Generator,
) -> AnnotationTable:
    """The annotations as realm would read them, gold left on the control items alone."""
    control = rng.random(len(items)) < CONTROL
    known = replace(items, gold=np.where(control, items.gold, NO_GOLD))
    present, codes = np.unique(annotator, return_inverse=True)
    columns = {
        "item_id": [items.ids[i] for i in item],
        "annotator_id": [names[a] for a in annotator],
        "label": [items.options(0)[y] for y in label],
    }
    rows = pa.table(
        {
            column.name: pa.array(columns.get(column.name, [None] * len(item)), column.type)
            for column in ROW_SCHEMA
        }
    )
    return AnnotationTable(rows, known, tuple(names[a] for a in present), item, codes, label)


def report_on(table: AnnotationTable) -> CompetenceReport:
    """As `realm report FILES` makes it."""
    settings = JudgeSettings()
    found = estimation.estimate(estimation.crowd_of(table, settings), settings)
    how = Estimate(kind=Kind.LABEL_ONLY, annotator_model=found.choice.model.value, objective=None)
    return build_report(found, how, (), doubts(found, held_out=False))


def decided(report: CompetenceReport, settings: GateSettings, *, gold: bool) -> str:
    """What becomes of a delivery."""
    if not gold:
        people = tuple(one.model_copy(update={"gold": None}) for one in report.annotators)
        report = report.model_copy(update={"annotators": people})
    return CODES[exit_code(run_gates(report, settings))]


def simulated(found: Sequence[Delivery]) -> str:
    """A row for each policy and quality."""
    rows = []
    for name, (settings, gold) in POLICIES.items():
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for one in found:
            counts[one.quality][decided(one.report, settings, gold=gold)] += 1
        for quality in QUALITIES:
            n = counts[quality]
            label = name if quality == QUALITIES[0] else ""
            figures = (n.total(), *(n[word] for word in CODES.values()))
            rows.append([label, quality, *map(str, figures)])
    return markdown(["gate", "true quality", "deliveries", *CODES.values()], rows)


def real(data: Path) -> str:
    """Crowds of people, whose share of right labels on gold is known."""
    rows = []
    for name in REAL:
        report = pipeline.estimate(Source((data / f"{name}.parquet",)))
        right, n = control_labels(report)
        mean = report.summary.competence
        words = [decided(report, settings, gold=gold) for settings, gold in POLICIES.values()]
        low, high = mean.interval
        rows.append([name.split("/")[1], f"{right / n:.3f}",
                     f"{mean.value:.3f} ({low:.3f} to {high:.3f})", *words])  # fmt: skip
    head = ["crowd", "labels right on gold", "competence by labels alone", *POLICIES]
    return markdown(head, rows)


def main() -> None:
    """Print the tables, or write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/ci.md")
    options = parser.parse_args()
    text = simulated([delivery(seed) for seed in range(DELIVERIES)])
    if "REALM_DATA" in os.environ:
        text += "\n" + real(Path(os.environ["REALM_DATA"]))
    print(text)
    if options.write:
        write("benchmarks/gate.py", text, PAGE)


if __name__ == "__main__":
    main()
