"""Agreement: published examples, another implementation, and what must not matter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import items_of, table_of

from realm_cli.agreement import FEWEST_RESAMPLES, agreement
from realm_cli.annotations import AnnotationTable
from realm_cli.schema import Scale

# Krippendorff 2011, "Computing Krippendorff's alpha-reliability", example C: four observers, twelve
# units, five values, some missing.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]
# Fleiss 1971 in the form that is worked out most often: ten subjects, fourteen raters.
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def scaled(table: AnnotationTable, scale: Scale, names: tuple[str, ...]) -> AnnotationTable:
    items = replace(table.items, scales=(scale,), option_sets=(names,))
    return replace(table, items=items)


def observed(observers, k: int, scale: Scale = Scale.NOMINAL) -> AnnotationTable:
    """A table from one row an observer, None where missing, values from 1."""
    rows = [
        (i, a, value - 1)
        for a, values in enumerate(observers)
        for i, value in enumerate(values)
        if value is not None
    ]
    table = table_of(rows, items_of([k] * len(observers[0])), len(observers))
    return scaled(table, scale, tuple(str(n + 1) for n in range(k)))


def counted(counts) -> AnnotationTable:
    """A table from label counts by item."""
    rows = []
    for i, row in enumerate(counts):
        labels = [k for k, n in enumerate(row) for _ in range(n)]
        rows += [(i, a, k) for a, k in enumerate(labels)]
    return table_of(rows, items_of([len(counts[0])] * len(counts)))


@pytest.mark.parametrize(
    ("scale", "expected"),
    [(Scale.NOMINAL, 0.743), (Scale.ORDINAL, 0.815), (Scale.INTERVAL, 0.849)],
)
def test_krippendorffs_own_example(scale, expected):
    found = agreement(observed(OBSERVERS, 5, scale), 0).alpha
    assert found.value == pytest.approx(expected, abs=5e-4)
    assert found.low < found.value < found.high


def test_fleiss():
    found = agreement(counted(FLEISS), 0)
    assert found.kappa.value == pytest.approx(0.210, abs=5e-4)
    assert found.percent.value == pytest.approx(0.378, abs=5e-4)


def test_ac1_by_hand():
    # Ten items, two raters: nine times both say 0, once 0 and 1. P = .9; q_1 = .5 / 10 = .05, and
    # Pe = .05 * .95 + .95 * .05 = .095 with K = 2. Kappa has Pe = .95^2 + .05^2 = .905: below 0.
    found = agreement(counted([[2, 0]] * 9 + [[1, 1]]), 0)
    assert found.ac1.value == pytest.approx((0.9 - 0.095) / (1 - 0.095))
    assert found.kappa.value == pytest.approx((0.9 - 0.905) / (1 - 0.905))


def test_ac1_with_missing_labels_by_hand():
    # Items (2, 0), (1, 1) and one label (0, 1): P = 1/2; q_0 = (1 + .5 + 0) / 3 = .5, Pe = .5.
    assert agreement(counted([[2, 0], [1, 1], [0, 1]]), 0).ac1.value == pytest.approx(0)


@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from(list(Scale)))
@settings(deadline=None, max_examples=30)
def test_alpha_is_that_of_the_krippendorff_package(seed, scale):
    theirs = pytest.importorskip("krippendorff")
    rng = np.random.default_rng(seed)
    data = rng.integers(1, 5, (4, 12)).astype(float)
    data[0] = data[1]
    data[rng.random(data.shape) < 0.3] = np.nan
    observers = [[None if np.isnan(v) else int(v) for v in row] for row in data]
    table = observed(observers, 4, scale)
    ours = agreement(table, 0, n_resamples=FEWEST_RESAMPLES)
    try:
        expected = theirs.alpha(data, level_of_measurement=scale.value)
    except ValueError:
        return  # fewer than two values: it refuses
    if ours.alpha is not None:
        assert ours.alpha.value == pytest.approx(expected, abs=1e-9)


def random_table(seed: int, n_items: int = 40) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=n_items)
    item = np.repeat(np.arange(n_items), 3)
    annotator = np.tile(np.arange(3), n_items)
    label = np.where(rng.random(len(item)) < 0.6, truth[item], rng.integers(3, size=len(item)))
    keep = rng.random(len(item)) < 0.8
    return item[keep], annotator[keep], label[keep]


def values(found) -> list[float]:
    return [one.value for one in (found.percent, found.alpha, found.kappa, found.ac1)]


@given(seed=st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=20)
def test_names_do_not_matter(seed):
    item, annotator, label = random_table(seed)
    rng = np.random.default_rng(seed)
    other = (rng.permutation(40)[item], rng.permutation(3)[annotator], rng.permutation(3)[label])
    tables = [
        table_of(list(zip(*codes, strict=True)), items_of([3] * 40), 3)
        for codes in ((item, annotator, label), other)
    ]
    one, two = (agreement(table, 0) for table in tables)
    assert values(one) == pytest.approx(values(two))
    assert (one.n_items, one.n_pairs) == (two.n_items, two.n_pairs)


def test_everyone_alike_is_one_and_guessing_is_nothing():
    alike = agreement(counted([[3, 0], [0, 3]] * 10), 0)
    assert values(alike) == pytest.approx([1, 1, 1, 1])
    rng = np.random.default_rng(0)
    guessed = agreement(counted(rng.multinomial(3, [0.5, 0.5], size=2_000).tolist()), 0)
    for one in (guessed.alpha, guessed.kappa, guessed.ac1):
        assert one.value == pytest.approx(0, abs=0.05)
        assert one.low < 0.02


@pytest.mark.parametrize("n", range(2, 40))
def test_full_agreement_is_never_more_than_one(n):
    found = agreement(counted([[3, 0, 0], [0, 3, 0], [0, 0, 3]] * n + [[0, 2, 0]]), 0)
    for one in (found.percent, found.alpha, found.kappa, found.ac1):
        assert one.low <= one.value <= one.high <= 1


def test_what_is_not_defined_is_none():
    single = agreement(counted([[1, 0], [0, 1]]), 0)
    assert (single.n_items, single.percent, single.alpha) == (0, None, None)
    same = agreement(counted([[2, 0], [2, 0]]), 0)
    assert same.percent.value == 1
    assert (same.alpha, same.kappa) == (None, None)


def test_options_that_differ_have_a_percentage_only():
    table = table_of([(0, 0, 0), (0, 1, 0), (1, 0, 2), (1, 1, 1)], items_of([2, 3]))
    found = agreement(table, 0)
    assert found.percent.value == 0.5
    assert (found.alpha, found.kappa, found.ac1) == (None, None, None)


def test_numbers_are_read_as_numbers_and_words_are_not():
    table = observed(OBSERVERS, 5, Scale.INTERVAL)
    words = scaled(table, Scale.INTERVAL, ("a", "b", "c", "d", "e"))
    found = agreement(words, 0)
    assert found.scale is Scale.NOMINAL
    assert found.alpha.value == pytest.approx(0.743, abs=5e-4)


def test_intervals_follow_the_seed_and_narrow_with_items():
    small, large = (
        table_of(list(zip(*random_table(1, n), strict=True)), items_of([3] * n), 3)
        for n in (40, 400)
    )
    one, again, other = (agreement(small, 0, seed=seed).alpha for seed in (0, 0, 1))
    assert one == again
    assert one != other
    wide = agreement(large, 0).alpha
    assert (wide.high - wide.low) < (one.high - one.low) / 2


def test_intervals_cover():
    """Samples of 60 items from 20,000: 95% intervals hold the alpha of all of them."""
    item, annotator, label = random_table(5, 20_000)
    whole = agreement(
        table_of(list(zip(item, annotator, label, strict=True)), items_of([3] * 20_000), 3), 0
    )
    inside = []
    for start in range(0, 6_000, 60):
        rows = (item >= start) & (item < start + 60)
        codes = zip(item[rows] - start, annotator[rows], label[rows], strict=True)
        found = agreement(table_of(list(codes), items_of([3] * 60), 3), 0, n_resamples=300).alpha
        inside.append(found.low <= whole.alpha.value <= found.high)
    assert 0.88 <= np.mean(inside) <= 1
