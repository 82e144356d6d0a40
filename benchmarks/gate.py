"""What `realm gate` decides on simulated deliveries whose true share of right labels is known.

Every kind of crowd that `realm simulate` knows, judged by labels alone and held against one
threshold; a tenth of the items of each delivery are control items.

    python benchmarks/gate.py --write
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from tables import write

from realm_cli import estimation
from realm_cli.annotations import NO_GOLD, AnnotationTable, Items
from realm_cli.choices import CrowdKind
from realm_cli.config import CrowdSettings, GateSettings, JudgeSettings
from realm_cli.doubts import doubts
from realm_cli.gates.run import exit_code, run_gates
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
POLICIES = {
    "--min-competence 0.75": GateSettings(min_competence=THRESHOLD),
    "--min-competence 0.75 --max-flagged 0.2": GateSettings(
        min_competence=THRESHOLD, max_flagged=0.2
    ),
    "--min-competence 0.75 --min-control-accuracy 0.75": GateSettings(
        min_competence=THRESHOLD, min_control_accuracy=THRESHOLD
    ),
}


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


def deliveries() -> Iterator[Delivery]:
    """All of them."""
    for seed in range(DELIVERIES):
        yield delivery(seed)


def main() -> None:
    """Print the tables, or write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/ci.md")
    options = parser.parse_args()
    found = list(deliveries())
    text = ""
    for name, settings in POLICIES.items():
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for one in found:
            counts[one.quality][CODES[exit_code(run_gates(one.report, settings))]] += 1
            if one.right < THRESHOLD and exit_code(run_gates(one.report, settings)) == 0:
                print(
                    name,
                    one.kind,
                    round(one.right, 3),
                    one.n_items,
                    one.report.summary.competence,
                    one.report.estimate.annotator_model,
                    one.report.summary.n_annotators,
                    one.report.summary.n_annotations,
                )
        print(name, dict(counts))
    if options.write:
        write("benchmarks/gate.py", text, PAGE)


if __name__ == "__main__":
    main()
