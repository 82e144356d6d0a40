"""What other libraries make of the same labels: crowd-kit's methods, and cleanlab's CROWDLAB.

Labels are the places of options among those of their item; with several tasks an item is one of
(task, item). Both libraries belong to the extra `bench`.
"""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import numpy as np
import pandas as pd

from realm_cli.annotations import AnnotationTable
from realm_cli.bench.plan import Method
from realm_cli.errors import MissingExtraError
from realm_cli.labels import FloatArray

ROUNDS = 100
"""Passes of EM at most, where crowd-kit's own default stops at 10."""


CROWD_KIT: dict[Method, tuple[str, dict[str, int]]] = {
    Method.CROWDKIT_MAJORITY: ("MajorityVote", {}),
    Method.CROWDKIT_WAWA: ("Wawa", {}),
    Method.CROWDKIT_DAWID_SKENE: ("DawidSkene", {"n_iter": ROUNDS}),
    Method.CROWDKIT_ONE_COIN: ("OneCoinDawidSkene", {"n_iter": ROUNDS}),
    Method.CROWDKIT_GLAD: ("GLAD", {}),
    Method.CROWDKIT_MACE: ("MACE", {}),
}
"""Each as crowd-kit calls it, with its settings; MACE alone draws, and gets the seed."""


def crowd_kit(method: Method, table: AnnotationTable, seed: int) -> FloatArray:
    """`[I, K]` probabilities of labels by one of crowd-kit's methods.

    Args:
        method: A key of `CROWD_KIT`.
        table: The annotations; items that nobody has labelled get zeros.
        seed: For those that draw.

    Raises:
        MissingExtraError: crowd-kit is not installed.
    """
    frame = pd.DataFrame({"task": table.item, "worker": table.annotator, "label": table.label})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = _answers(method, frame, seed)
    q: FloatArray = np.zeros(table.items.has_option.shape)
    q[found.index.to_numpy()[:, None], found.columns.to_numpy()[None, :]] = found.to_numpy()
    return np.round(q, 9)  # shares that are equal but for rounding are a tie


def _answers(method: Method, frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    kit = _package("crowdkit.aggregation")
    name, told = CROWD_KIT[method]
    model = getattr(kit, name)(**{**told, **({"random_state": seed} if name == "MACE" else {})})
    if name != "Wawa":
        found: pd.DataFrame = model.fit_predict_proba(frame)
        return found
    # Its own predict fails beside scikit-learn 1.9; this is what it does.
    weighed: pd.DataFrame = kit.MajorityVote().fit_predict_proba(frame, model.fit(frame).skills_)
    return weighed


def crowdlab(table: AnnotationTable, p: FloatArray) -> FloatArray:
    """`[I, K]` 1 for the consensus of CROWDLAB (Goh et al. 2022, arXiv 2210.06812).

    Args:
        table: The annotations; items that nobody has labelled get zeros.
        p: `[I, K]` predictions of a model that has not seen the item.

    Raises:
        MissingExtraError: cleanlab is not installed.
    """
    multiannotator = _package("cleanlab.multiannotator")
    some = np.flatnonzero(table.labels_per_item)
    answers = np.full((*p.shape[:1], len(table.annotators)), np.nan)
    answers[table.item, table.annotator] = table.label
    answers = answers[some][:, ~np.isnan(answers).all(axis=0)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = multiannotator.get_label_quality_multiannotator(
            answers, p[some], return_detailed_quality=False, return_annotator_stats=False,
            verbose=False,
        )  # fmt: skip
    q: FloatArray = np.zeros(p.shape)
    q[some, found["label_quality"]["consensus_label"].to_numpy()] = 1
    return q


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(
            f"a method of the plan needs {name.partition('.')[0]}, which is not installed",
            hint="pip install 'realm-cli[bench]'",
        ) from error
