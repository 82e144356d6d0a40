"""Do 95% intervals hold the truth? Crowds of known expertise, by labels alone and cross-fitted.

A linear model stands in for the language model: trained with realm's own objective, on four fifths
of the items at a time, so that hundreds of crowds can be judged in minutes.

    python benchmarks/coverage.py --write
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context

import numpy as np
import torch
from tables import markdown, write
from torch.nn.functional import logsigmoid

from realm_cli.aggregate.choice import asked_for, fit_model
from realm_cli.annotator_models.base import History
from realm_cli.choices import AnnotatorModel
from realm_cli.config import JudgeSettings
from realm_cli.estimation import Crowd
from realm_cli.held_out import judge_by_predictions
from realm_cli.labels import Labels, Questions, build_labels
from realm_cli.likelihood import independent, log_expertise_answers
from realm_cli.posterior import Interval, judge

ANNOTATORS = (10, 40, 200)
LABELS = (1, 3, 5)
OPTIONS = (2, 4)
KINDS = ("uniform", "beta", "hammer-spammer")
PER_ANNOTATOR = 40
FEATURES = 8
SIGNAL = 1.5
FOLDS = 5
JUDGED = 400
"""Annotators judged in each cell: as many crowds as that takes."""


def expertise(kind: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """As `realm simulate` draws it."""
    if kind == "uniform":
        return rng.random(n)
    if kind == "beta":
        return rng.beta(2, 1, n)
    return np.where(rng.permutation(n) < n / 2, 0.95, 0.0)


@dataclass(frozen=True)
class World:
    """A crowd's labels, and what a model could know of the items.

    Attributes:
        w: True expertise `[A]`.
        labels: Of people who guess uniformly where they do not know.
        x: `[I, D]` features; the truth is drawn from a softmax that is linear in them.
    """

    w: np.ndarray
    labels: Labels
    x: np.ndarray


def world(kind: str, n: int, per_item: int, k: int, seed: int) -> World:
    """One of the crowds of a cell."""
    rng = np.random.default_rng([n, per_item, k, KINDS.index(kind), seed])
    w = expertise(kind, n, rng)
    n_items = n * PER_ANNOTATOR // per_item
    annotator = np.argsort(rng.random((n_items, n)), axis=1)[:, :per_item].ravel()
    item = np.repeat(np.arange(n_items), per_item)
    x = rng.normal(size=(n_items, FEATURES))
    scores = x @ rng.normal(scale=SIGNAL, size=(FEATURES, k))
    truth = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)[item]
    knows = rng.random(len(item)) < w[annotator]
    label = np.where(knows, truth, rng.integers(k, size=len(item)))
    about = Questions(np.full(n_items, k))
    return World(w, build_labels(item, annotator, label, about, n_annotators=n), x)


def label_only(crowd: World, seed: int) -> tuple[Interval, bool]:
    """By one another's labels."""
    choice = asked_for(AnnotatorModel.EXPERTISE, crowd.labels)
    fit = fit_model(choice.model, crowd.labels).to_the(choice.power)
    return judge(crowd.labels, fit, History.none(len(crowd.w)), seed=seed).expertise, True


def cross_fitted(crowd: World, seed: int) -> tuple[Interval, bool]:
    """By a linear model that has not seen the item, where it helps; and whether it did."""
    settings = JudgeSettings(annotator_model=AnnotatorModel.EXPERTISE, seed=seed)
    history = History.none(len(crowd.w))
    fold = np.random.default_rng(seed).permutation(len(crowd.x)) % FOLDS
    log_p = np.empty((len(crowd.x), crowd.labels.width))
    for held in range(FOLDS):
        log_p[fold == held] = predicted(crowd, fold != held)[fold == held]
    judged = judge_by_predictions(Crowd(None, crowd.labels, history), settings, log_p)
    return judged.found.judgement.expertise, judged.fallback is None


def predicted(crowd: World, seen: np.ndarray) -> np.ndarray:
    """`[I, K]` of a linear model trained with realm's objective on the items seen."""
    labels = crowd.labels
    mine = seen[labels.item]
    x = torch.tensor(crowd.x)
    item, label, who = (
        torch.tensor(a[mine]).long()
        for a in (labels.item, labels.label, labels.groups.annotator[labels.group])
    )
    k = labels.width
    weight = torch.zeros(FEATURES, k, dtype=torch.double, requires_grad=True)
    logit = torch.full((len(crowd.w),), 0.5, dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, logit], max_iter=60, line_search_fn="strong_wolfe")
    n_options = torch.full((len(item),), k)
    present = torch.ones(len(item), 1, dtype=torch.bool)

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        log_p = (x[item] @ weight).log_softmax(dim=-1)
        log_a = log_expertise_answers(logit[who][:, None], label[:, None], n_options, k)
        prior = (logsigmoid(logit) + logsigmoid(-logit)).sum() - weight.square().sum() / 2
        value = -(independent(log_p, log_a, present).sum() + prior)
        value.backward()
        return value

    optimizer.step(loss)
    return (x @ weight).log_softmax(dim=-1).detach().numpy()


ESTIMATORS = {"label-only": label_only, "cross-fitted": cross_fitted}


def cell(name: str, kind: str, n: int, per_item: int, k: int) -> tuple[float, float, float, float]:
    """Coverage, mean error, bias over all crowds of a cell; share of crowds judged as named."""
    inside, error, done = [], [], []
    for seed in range(max(JUDGED // n, 1)):
        crowd = world(kind, n, per_item, k, seed)
        found, as_named = ESTIMATORS[name](crowd, seed)
        inside.append((found.low <= crowd.w) & (crowd.w <= found.high))
        error.append(found.mean - crowd.w)
        done.append(as_named)
    gap = np.concatenate(error)
    cover = np.concatenate(inside).mean()
    return float(cover), float(np.abs(gap).mean()), float(gap.mean()), float(np.mean(done))


def table(name: str) -> str:
    """All cells of an estimator."""
    torch.set_num_threads(1)
    rows, good = [], 0
    for kind, k, per_item in product(KINDS, OPTIONS, LABELS):
        found = [cell(name, kind, n, per_item, k) for n in ANNOTATORS]
        good += sum(0.92 <= cover <= 0.98 for cover, *_ in found)
        figures = [
            f"{cover:.3f} / {error:.3f} / {bias:+.3f}{'' if done == 1 else f' ({done:.0%})'}"
            for cover, error, bias, done in found
        ]
        rows.append([kind, str(k), str(per_item), *figures])
        print(name, rows[-1], flush=True)
    head = [name, "K", "labels an item", *(f"{n} annotators" for n in ANNOTATORS)]
    total = len(rows) * len(ANNOTATORS)
    return f"{markdown(head, rows)}\nCoverage between .92 and .98 in {good} of {total} cells.\n\n"


def main() -> None:
    """Print the tables, or write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/aggregation.md")
    options = parser.parse_args()
    with ProcessPoolExecutor(len(ESTIMATORS), get_context("spawn")) as pool:
        text = "".join(pool.map(table, ESTIMATORS))
    print(text)
    if options.write:
        write("benchmarks/coverage.py", text)


if __name__ == "__main__":
    main()
