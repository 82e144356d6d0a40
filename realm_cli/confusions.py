"""Who gives one label in the place of another, and gets the rest right: a misunderstanding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from scipy.stats import binom

from realm_cli.annotations import AnnotationTable
from realm_cli.labels import FloatArray
from realm_cli.report.model import Confusion

SURE = 0.8
"""Posterior probability from which an item's label counts as its truth here."""
BY_CHANCE = 1e-3
"""How rarely somebody who gives the other label half of the time would give it so often."""
FEWEST_OTHERS = 10
"""Labels on other truths that must show that the rest is understood."""


def confusions(table: AnnotationTable, log_q: FloatArray) -> dict[str, Confusion]:
    """Annotator id -> the label that they give in the place of another.

    Somebody confuses k with y if most of their labels on items of truth k are y, beyond chance, and
    most of those on items whose truth is neither are right. So three options are the least.

    Args:
        table: The annotations.
        log_q: `[I, K]` log-posterior of the truth.
    """
    truth = log_q.argmax(axis=1)[table.item]
    sure = np.exp(log_q.max(axis=1)) >= SURE
    use = (sure & (table.items.n_options > 2))[table.item]
    codes = np.stack([table.annotator, table.items.option_set[table.item], truth, table.label])
    rows, n = np.unique(codes[:, use], axis=1, return_counts=True)
    counts = _Counts(
        {tuple(row): times for row, times in zip(rows.T.tolist(), n.tolist(), strict=True)}
    )
    found: dict[str, Confusion] = {}
    for who, options, k, y in counts.confused():
        before, times = found.get(table.annotators[who]), counts.n[who, options, k, y]
        if before is None or times > before.n:
            names = table.items.option_sets[options]
            found[table.annotators[who]] = Confusion(
                truth=names[k], label=names[y], n=times, of=counts.of[who, options, k]
            )
    return found


class _Counts:
    """How often each annotator gave which label to which truth, by list of options.

    Args:
        n: (annotator, options, truth, label) -> labels.
    """

    def __init__(self, n: dict[tuple[int, ...], int]) -> None:
        self.n = n
        self.of: Counter[tuple[int, ...]] = Counter()
        self.total: Counter[tuple[int, ...]] = Counter()
        self.right: Counter[tuple[int, ...]] = Counter()
        for (who, options, k, y), times in n.items():
            self.of[who, options, k] += times
            self.total[who, options] += times
            self.right[who, options] += times * (k == y)

    def confused(self) -> Iterator[tuple[int, int, int, int]]:
        """The (annotator, options, truth, label) that are confused."""
        for (who, options, k, y), times in self.n.items():
            rarely = k != y and binom.sf(times - 1, self.of[who, options, k], 0.5) < BY_CHANCE
            if rarely and self._knows_the_rest(who, options, (k, y)):
                yield who, options, k, y

    def _knows_the_rest(self, who: int, options: int, but: tuple[int, int]) -> bool:
        """Whether most labels on other truths are right."""
        others = self.total[who, options] - sum(self.of[who, options, k] for k in but)
        right = self.right[who, options] - sum(self.n.get((who, options, k, k), 0) for k in but)
        return others >= FEWEST_OTHERS and 2 * right > others
