"""From a table and its posteriors to the CompetenceReport."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from realm_cli import __version__
from realm_cli.aggregate.majority import vote_shares, winning_shares
from realm_cli.agreement import agreement
from realm_cli.annotations import NO_GOLD, AnnotationTable
from realm_cli.clock import now
from realm_cli.dependence import with_one_partner
from realm_cli.doubts import FEW_LABELS, below_chance
from realm_cli.estimation import Estimation
from realm_cli.evidence import Entry, gather
from realm_cli.evidence.case import Case
from realm_cli.evidence.drift import stretches
from realm_cli.labels import FloatArray
from realm_cli.metrics import LoggedStep
from realm_cli.posterior import GRID_SIZE
from realm_cli.posterior import Interval as Posterior
from realm_cli.report.flags import Flag
from realm_cli.report.model import (
    Agreement,
    AnnotatorGold,
    AnnotatorReport,
    CalibrationBin,
    Coefficient,
    CompetenceReport,
    Confidence,
    ConfidenceShare,
    Estimate,
    Evidence,
    GoldAccuracy,
    InputFile,
    Interval,
    Kind,
    MeanCompetence,
    Place,
    Stretch,
    Summary,
    TaskAgreement,
    TaskCompetence,
    TaskReport,
    Tool,
    Warning_,
)
from realm_cli.report.training import training_steps
from realm_cli.schema import Issue

_SHOWN_PLACES = 20
CONFIDENCE_LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Probabilities of posterior labels for which the report says how many items reach them."""
CALIBRATION_BINS = 10
"""Of equal width over 0..1; those without items are left out."""


def build_report(
    found: Estimation,
    estimate: Estimate,
    inputs: Sequence[InputFile],
    issues: Sequence[Issue],
    *,
    log_p: FloatArray | None = None,
    history: Sequence[LoggedStep] = (),
) -> CompetenceReport:
    """The report on an estimate.

    Args:
        found: Table and posteriors.
        estimate: How they were come by.
        inputs: The files.
        issues: Warnings to keep; those of one kind become one entry with its places.
        log_p: `[I, K]` the model's own log-probabilities; None without a model.
        history: What was measured while the model was trained.
    """
    table = found.crowd.table
    people = _People(found)
    matrix = _matrix(found)
    overall, by_task = _mean_competences(found, estimate.kind)
    return CompetenceReport(
        tool=Tool(name="realm", version=__version__),
        created_at=now(),
        inputs=tuple(inputs),
        estimate=estimate,
        summary=_summary(found, log_p, overall),
        annotators=tuple(
            _annotator(a, people, found, tuple(matrix[a])) for a in range(len(table.annotators))
        ),
        tasks=tuple(_task(t, table, matrix, by_task[t]) for t in range(len(table.items.tasks))),
        calibration=_calibration(found),
        warnings=_warnings(issues),
        training=training_steps(history),
    )


def _summary(found: Estimation, log_p: FloatArray | None, competence: MeanCompetence) -> Summary:
    table = found.crowd.table
    return Summary(
        n_items=len(table.items),
        n_annotators=len(table.annotators),
        n_annotations=len(table),
        n_tasks=len(table.items.tasks),
        agreement=_agreement(table),
        accuracy_on_gold=_accuracy_on_gold(found, log_p),
        competence=competence,
        confidence=_confidence(found),
    )


def _mean_competences(
    found: Estimation, kind: Kind
) -> tuple[MeanCompetence, list[MeanCompetence | None]]:
    """Of all labels, and of each task `[T]`; None where tasks were not told apart."""
    table, batch = found.crowd.table, found.judgement.batch
    n_tasks = len(table.items.tasks)
    alone = _unsupported(table) if kind is Kind.LABEL_ONLY else np.zeros(len(table), dtype=bool)
    n = np.bincount(table.task, minlength=n_tasks)
    n_alone = np.bincount(table.task, alone, n_tasks).astype(np.int64)

    def mean(row: int, n: int, n_alone: int) -> MeanCompetence:
        return MeanCompetence(
            value=_mean(batch, row),
            interval=_interval(batch, row),
            n_annotations=n,
            n_unsupported=n_alone,
        )

    told_apart = len(batch.mean) == 1 + n_tasks
    by_task = [mean(1 + t, int(n[t]), int(n_alone[t])) if told_apart else None
               for t in range(n_tasks)]  # fmt: skip
    return mean(0, len(table), int(n_alone.sum())), by_task


def _unsupported(table: AnnotationTable) -> npt.NDArray[np.bool_]:
    """`[N]` labels that only their annotator's prior, or one other person, stands behind.

    Those alone on their item, by annotators who share hardly any item with others; and all labels
    of annotators who share items with one and the same person.
    """
    alone = table.labels_per_item[table.item] < 2
    shared = np.bincount(table.annotator, ~alone, len(table.annotators))
    unsupported: npt.NDArray[np.bool_] = alone & (shared[table.annotator] < FEW_LABELS)
    return unsupported | with_one_partner(table)[table.annotator]


def _confidence(found: Estimation) -> Confidence:
    highest = np.minimum(np.exp(found.fit.log_q.max(axis=1)), 1.0)
    return Confidence(
        n_items=len(highest),
        mean=float(highest.mean()),
        shares=tuple(
            ConfidenceShare(at_least=level, share=float((highest >= level).mean()))
            for level in CONFIDENCE_LEVELS
        ),
    )


def _agreement(table: AnnotationTable) -> Agreement:
    """Eq. (14): the share of pairs of labels on one item that are the same."""
    width = table.items.has_option.shape[1]
    votes = np.bincount(table.item * width + table.label)
    same = int((votes * (votes - 1) // 2).sum())
    pairs = int((table.labels_per_item * (table.labels_per_item - 1) // 2).sum())
    return Agreement(n_pairs=pairs, percent=same / pairs if pairs else None)


def _accuracy_on_gold(found: Estimation, log_p: FloatArray | None) -> GoldAccuracy | None:
    """Ties count at their expected share; free text is judged by the best answer given."""
    table = found.crowd.table
    gold = table.items.gold
    known = np.flatnonzero(gold != NO_GOLD)
    if not len(known):
        return None

    def accuracy(scores: FloatArray) -> float:
        scores = np.where(table.choosable, scores, 0)
        return float(winning_shares(scores)[known, gold[known]].mean())

    return GoldAccuracy(
        n=len(known),
        model=None if log_p is None else accuracy(np.exp(log_p)),
        posterior=accuracy(np.exp(found.fit.log_q)),
        majority=accuracy(vote_shares(table)),
    )


def _calibration(found: Estimation) -> tuple[CalibrationBin, ...]:
    """How often posterior labels are right that are so and so probable; ties at their share.

    Nothing where gold took part in the fit: it would be held against itself.
    """
    gold = found.crowd.table.items.gold
    known = np.flatnonzero(gold != NO_GOLD)
    if not len(known) or found.crowd.labels.known is not None:
        return ()
    q = np.exp(found.fit.log_q[known])
    right = winning_shares(q)[np.arange(len(known)), gold[known]]
    return calibration_bins(np.minimum(q.max(axis=1), 1.0), right)


def calibration_bins(confidence: FloatArray, right: FloatArray) -> tuple[CalibrationBin, ...]:
    """How often what is so and so sure is right, in ten bins of confidence less the empty ones.

    Args:
        confidence: `[N]` the probability of each answer.
        right: `[N]` whether it is right: 1, 0, or a share at a tie.
    """
    place = np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    return tuple(
        CalibrationBin(
            low=b / CALIBRATION_BINS,
            high=(b + 1) / CALIBRATION_BINS,
            n=int((place == b).sum()),
            confidence=float(confidence[place == b].mean()),
            accuracy=float(right[place == b].mean()),
        )
        for b in np.unique(place).tolist()
    )


class _People:
    """Sums over each annotator's labels, all `[A]`."""

    def __init__(self, found: Estimation) -> None:
        table = found.crowd.table
        gold = table.items.gold[table.item]
        known = (gold != NO_GOLD) & ~table.is_gold  # nobody is scored on their own word
        self.table = table
        case = Case.of(found)
        self.evidence = gather(case)
        self.over_time = stretches(case)
        self.n = self._sum(np.ones(len(table)))
        self.agreement = self._sum(found.judgement.agreement) / self.n
        self.below_chance = below_chance(found)
        self.n_gold = self._sum(known)
        self.n_right = self._sum(known & (table.label == gold))
        names, _ = pd.factorize(table.rows["label"].to_numpy())
        answers = pd.Series(names).groupby(table.annotator).nunique()
        self.one_label = (answers.to_numpy() == 1) & (names.max(initial=0) > 0)

    def _sum(self, values: npt.NDArray[np.generic]) -> FloatArray:
        n_annotators = len(self.table.annotators)
        return np.bincount(self.table.annotator, values, n_annotators).astype(np.float64)


def _annotator(
    a: int, people: _People, found: Estimation, by_task: tuple[TaskCompetence, ...]
) -> AnnotatorReport:
    judged = found.judgement
    n_gold = int(people.n_gold[a])
    return AnnotatorReport(
        annotator_id=people.table.annotators[a],
        n_annotations=int(people.n[a]),
        expertise=_mean(judged.expertise, a),
        expertise_interval=_interval(judged.expertise, a),
        competence=_mean(judged.competence, a),
        competence_interval=_interval(judged.competence, a),
        gold=AnnotatorGold(n=n_gold, accuracy=people.n_right[a] / n_gold) if n_gold else None,
        agreement_with_posterior=min(float(people.agreement[a]), 1.0),
        flags=tuple(_flags(a, people, _interval(judged.expertise, a))),
        by_task=by_task,
        evidence=tuple(_evidence(entry, people.table) for entry in people.evidence[a]),
        over_time=tuple(
            Stretch(
                start=part.start,
                end=part.end,
                n=part.n,
                competence=part.competence,
                competence_interval=part.interval,
            )
            for part in people.over_time[a]
        ),
    )


def _evidence(entry: Entry, table: AnnotationTable) -> Evidence:
    return Evidence(
        test=entry.test,
        task=None if entry.task is None else table.items.tasks[entry.task],
        n=entry.n,
        effect=entry.effect,
        p_value=entry.p_value,
        q_value=entry.q_value,
        found=entry.found,
        words=entry.words,
        others=tuple(table.annotators[other] for other in entry.others),
    )


def _flags(a: int, people: _People, bounds: Interval) -> list[Flag]:
    """What stands out; with few labels nothing else is said of a person."""
    if people.n[a] < FEW_LABELS:
        return [Flag.FEW_LABELS]
    found = {
        Flag.GUESSER: bounds[0] <= 1 / GRID_SIZE,
        Flag.BELOW_CHANCE: people.below_chance[a],
        Flag.ONE_LABEL: people.one_label[a],
    }
    told = [flag for flag, holds in found.items() if holds]
    seen = {entry.test for entry in people.evidence[a] if entry.found}
    return told + [flag for flag in Flag if flag.value in seen]


def _matrix(found: Estimation) -> list[list[TaskCompetence]]:
    """The matrix: each annotator's tasks `[A][...]`."""
    table, judged = found.crowd.table, found.judgement
    groups = found.crowd.labels.groups
    place = {
        (int(a), int(t)): c
        for c, (a, t) in enumerate(zip(groups.cell_annotator, groups.cell_task, strict=True))
    }
    n_tasks = len(table.items.tasks)
    keys, counts = np.unique(table.annotator * n_tasks + table.task, return_counts=True)
    rows: list[list[TaskCompetence]] = [[] for _ in table.annotators]
    for key, n in zip(keys.tolist(), counts.tolist(), strict=True):
        a, t = divmod(key, n_tasks)
        c = place.get((a, t), place.get((a, 0)))  # one cell an annotator under full pooling
        assert c is not None
        rows[a].append(
            TaskCompetence(
                task=table.items.tasks[t],
                n_annotations=n,
                expertise=_mean(judged.cell_expertise, c),
                expertise_interval=_interval(judged.cell_expertise, c),
                competence=_mean(judged.cell_competence, c),
                competence_interval=_interval(judged.cell_competence, c),
            )
        )
    return rows


def _task(
    t: int,
    table: AnnotationTable,
    matrix: Sequence[Sequence[TaskCompetence]],
    competence: MeanCompetence | None,
) -> TaskReport:
    name = table.items.tasks[t]
    column = [cell for row in matrix for cell in row if cell.task == name]
    option_sets = np.unique(table.items.option_set[table.items.task == t])
    fixed = len(option_sets) == 1 and t not in table.items.open_tasks
    n = sum(cell.n_annotations for cell in column)
    total = sum(cell.n_annotations * cell.competence for cell in column)
    return TaskReport(
        task=name,
        n_items=int((table.items.task == t).sum()),
        n_annotators=len(column),
        n_annotations=n,
        labels=table.items.option_sets[option_sets[0]] if fixed else None,
        mean_competence=total / n,
        agreement=_task_agreement(t, table),
        competence=competence,
    )


def _task_agreement(t: int, table: AnnotationTable) -> TaskAgreement:
    found = agreement(table, t)
    parts = {
        name: None if one is None else Coefficient(value=one.value, low=one.low, high=one.high)
        for name, one in (
            ("percent", found.percent),
            ("alpha", found.alpha),
            ("kappa", found.kappa),
            ("ac1", found.ac1),
        )
    }
    return TaskAgreement(
        n_items=found.n_items, n_pairs=found.n_pairs, scale=found.scale.value, **parts
    )


def _mean(posterior: Posterior, which: int) -> float:
    return float(np.clip(posterior.mean[which], 0, 1))


def _interval(posterior: Posterior, which: int) -> Interval:
    return float(posterior.low[which]), float(posterior.high[which])


def _warnings(issues: Sequence[Issue]) -> tuple[Warning_, ...]:
    by_code: dict[str, list[Issue]] = {}
    for issue in issues:
        by_code.setdefault(issue.code, []).append(issue)
    return tuple(_warning(code, found) for code, found in by_code.items())


def _warning(code: str, found: Sequence[Issue]) -> Warning_:
    places = [Place(file=issue.file, line=issue.line) for issue in found if issue.file]
    return Warning_(
        code=code,
        message=found[0].message,
        count=sum(issue.count for issue in found),
        examples=tuple(places[:_SHOWN_PLACES]),
    )
