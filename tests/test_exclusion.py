"""What becomes of labels without some annotators; and who confuses two of them."""

from __future__ import annotations

import numpy as np
import pytest
from tables import items_of, table_of

from realm_cli.aggregate.choice import fit_model
from realm_cli.choices import AnnotatorModel
from realm_cli.config import JudgeSettings
from realm_cli.confusions import confusions
from realm_cli.estimation import crowd_of
from realm_cli.exclusion import exclusion, mean_confidence

MODEL = AnnotatorModel.EXPERTISE


def found(annotations, items, who, **settings):
    crowd = crowd_of(table_of(annotations, items), JudgeSettings(**settings))
    return exclusion(crowd, fit_model(MODEL, crowd.labels), MODEL, frozenset(who))


def three_against_two():
    """Two who are right about 40 items, and three who are wrong together."""
    items = items_of([2] * 40, gold=[i % 2 for i in range(40)])
    says = [0, 0, 1, 1, 1]
    return [(i, a, (i + says[a]) % 2) for i in range(40) for a in range(5)], items


def test_labels_that_change_and_gold():
    annotations, items = three_against_two()
    told = found(annotations, items, {"a002", "a003", "a004"})
    assert (told.n_annotators, told.n_annotations, told.n_items) == (3, 120, 40)
    assert (told.n_changed, told.n_unlabelled) == (40, 0)
    assert told.gold.n == 40
    assert told.gold.before == pytest.approx(0)
    assert told.gold.after == pytest.approx(1)
    assert told.expected_accuracy_after > 0.95


def test_items_without_a_label_count_at_chance_and_are_counted():
    items = items_of([2] * 20)
    annotations = [(i, a, 0) for i in range(10) for a in (0, 1)]
    annotations += [(i, 2, 1) for i in range(10, 20)]
    told = found(annotations, items, {"a002"})
    assert (told.n_changed, told.n_unlabelled, told.gold) == (0, 10, None)
    assert told.expected_accuracy_after < told.expected_accuracy_before


def test_nobody_left():
    annotations, items = three_against_two()
    told = found(annotations, items, {f"a{n:03d}" for n in range(5)})
    assert (told.n_unlabelled, told.n_changed) == (40, 0)
    assert told.expected_accuracy_after == pytest.approx(0.5)
    assert told.gold.after == pytest.approx(0.5)


def test_gold_that_is_used_measures_nothing():
    annotations, items = three_against_two()
    assert found(annotations, items, {"a002"}, use_gold=True).gold is None


def test_mean_confidence_by_hand():
    assert mean_confidence(np.log([[0.9, 0.1], [0.4, 0.6]])) == pytest.approx(0.75)


def answers(says, truths=60, k=3):
    """One person's labels on items whose truth is known for sure, and log_q."""
    truth = np.arange(truths) % k
    items = items_of([k] * truths)
    table = table_of([(i, 0, says(i, int(t))) for i, t in enumerate(truth)], items)
    return table, np.log(np.where(np.arange(k) == truth[:, None], 0.98, 0.01))


def test_one_label_in_the_place_of_another():
    table, log_q = answers(lambda i, t: 1 if t == 0 else t)
    (one,) = confusions(table, log_q).values()
    assert (one.truth, one.label, one.n, one.of) == ("L0", "L1", 20, 20)


@pytest.mark.parametrize(
    "says",
    [
        lambda i, t: t,  # right
        lambda i, t: 1,  # always the same
        lambda i, t: (i * 7 + i // 5) % 3,  # anything
        lambda i, t: (t + 1) % 3,  # wrong throughout
        lambda i, t: 1 if t == 0 and i % 2 else t,  # half of the time
    ],
)
def test_no_confusion(says):
    assert confusions(*answers(says)) == {}


def test_two_options_and_unsure_items_say_nothing():
    assert confusions(*answers(lambda i, t: 1 - t, k=2)) == {}
    table, log_q = answers(lambda i, t: 1 if t == 0 else t)
    assert confusions(table, np.log(0.3 * np.exp(log_q) + 0.7 / 3)) == {}
