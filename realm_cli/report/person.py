"""One page on one person: competence, by task, over time, confusions, most surprising labels."""

from __future__ import annotations

import difflib
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from realm_cli.errors import UsageError
from realm_cli.report.items import Labelled, words
from realm_cli.report.json_file import escaped
from realm_cli.report.model import AnnotatorReport, CompetenceReport, Estimate, Probability
from realm_cli.report.reading import KIND_WORDS, chance_level, counted, interval, percent, visible

MOST_CONFUSED = 12
"""Labels in a table of confusions: those the person met most often."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class PersonalLabel(_Part):
    """A label that somebody gave, and what all labels together make of it.

    Attributes:
        item_id: Of which item.
        task: What was asked.
        text: The item's text, where there is one.
        label: What they said.
        probability: Of that, by the posterior; their own label has had its say in it.
        posterior_label: The most probable label.
        gold: What gold says, where there is any.
    """

    item_id: str
    task: str
    text: str | None
    label: str
    probability: Probability
    posterior_label: str
    gold: str | None


class Confusions(_Part):
    """What somebody said where the posterior label is this or that.

    Attributes:
        task: Of which task.
        labels: The labels met most often `[L]`.
        counts: `[L][L]` how often, by posterior label and by what they said.
        left_out: Answers with other labels.
    """

    task: str
    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    left_out: int

    @property
    def slips(self) -> list[tuple[int, str, str]]:
        """Number, posterior label, what was said instead; most frequent first."""
        found = [
            (n, self.labels[row], self.labels[column])
            for row, counts in enumerate(self.counts)
            for column, n in enumerate(counts)
            if n and row != column
        ]
        return sorted(found, key=lambda slip: (-slip[0], *slip[1:]))


class AnnotatorPage(_Part):
    """What is known of one person, and how that compares.

    Attributes:
        estimate: How annotators were judged.
        annotator: What the report says.
        n_annotators: How many people the report is about.
        median_competence: Of all of them.
        chance: What a guesser would reach, where one number holds for the whole report.
        confusions: One table for each task whose items share their labels.
        labels: All that they said, most surprising first.
    """

    estimate: Estimate
    annotator: AnnotatorReport
    n_annotators: int
    median_competence: Probability
    chance: Probability | None
    confusions: tuple[Confusions, ...]
    labels: tuple[PersonalLabel, ...]

    @property
    def surprising(self) -> tuple[PersonalLabel, ...]:
        """Those labels that are not the posterior label."""
        return tuple(one for one in self.labels if one.label != one.posterior_label)


def annotator_page(report: CompetenceReport, found: Labelled, annotator_id: str) -> AnnotatorPage:
    """The page on one person.

    Raises:
        UsageError: The report does not know them.
    """
    one = annotator(report, annotator_id)
    labels = sorted(_labels(found, annotator_id), key=lambda one: one.probability)
    fixed = {task.task for task in report.tasks if task.labels is not None}
    return AnnotatorPage(
        estimate=report.estimate,
        annotator=one,
        n_annotators=len(report.annotators),
        median_competence=statistics.median(one.competence for one in report.annotators),
        chance=chance_level(report),
        confusions=tuple(
            _confusions(task, [one for one in labels if one.task == task])
            for task in sorted(fixed & {one.task for one in labels})
        ),
        labels=tuple(labels),
    )


def annotator(report: CompetenceReport, annotator_id: str) -> AnnotatorReport:
    """What a report says of one annotator.

    Raises:
        UsageError: It does not know them.
    """
    known = {one.annotator_id: one for one in report.annotators}
    if annotator_id not in known:
        near = difflib.get_close_matches(annotator_id, known, n=3)
        raise UsageError(
            f"the report knows no annotator {annotator_id!r}",
            hint=f"did you mean {' or '.join(map(repr, near))}?"
            if near
            else "`realm report --annotators --all` lists them",
        )
    return known[annotator_id]


def person_lines(page: AnnotatorPage) -> list[tuple[str, str]]:
    """What a page begins with: a word, and what there is to say of it."""
    one = page.annotator
    chance = "" if page.chance is None else f"; chance is {percent(page.chance)}"
    competence = (
        f"{percent(one.competence)}, 95% interval {interval(one.competence_interval)}; half of "
        f"{counted(page.n_annotators, 'annotator')} are above {percent(page.median_competence)}"
    )
    gold = one.gold
    return [
        ("labels", f"{one.n_annotations:,} in {counted(len(one.by_task), 'task')}"),
        ("competence", competence + chance),
        ("expertise", f"{percent(one.expertise)}, {interval(one.expertise_interval)}"),
        *([("gold", f"right on {percent(gold.accuracy)} of {gold.n:,} items")] if gold else []),
        ("agrees", f"{percent(one.agreement_with_posterior)} with the posterior labels"),
        *([("flags", ", ".join(map(visible, one.flags)))] if one.flags else []),
        *([("decision", visible(one.decision))] if one.decision else []),
        *(("because", visible(reason)) for reason in one.reasons),
        ("estimate", f"{page.estimate.kind.value}: {KIND_WORDS[page.estimate.kind]}"),
    ]


def page_json(page: AnnotatorPage) -> str:
    """The page as JSON."""
    return escaped(page.model_dump_json(indent=2)) + "\n"


def page_table(page: AnnotatorPage) -> pa.Table:
    """All labels of the person, most surprising first, as Arrow."""
    names = ("item_id", "task", "text", "label", "posterior_label", "gold")
    schema = pa.schema([(name, pa.string()) for name in names])
    schema = schema.insert(4, pa.field("probability", pa.float64()))
    return pa.Table.from_pylist([one.model_dump() for one in page.labels], schema=schema)


def _labels(found: Labelled, annotator_id: str) -> Iterable[PersonalLabel]:
    item = found.item_of_annotation()
    mine = np.flatnonzero((words(found.annotations, "annotator_id") == annotator_id) & (item >= 0))
    columns = ["item_id", "task", "text", "label"]
    said = found.annotations.select(columns).take(pa.array(mine)).to_pylist()
    about = found.labels.take(pa.array(item[mine])).to_pylist()
    for own, posterior in zip(said, about, strict=True):
        chances = dict(zip(posterior["options"], posterior["posterior"], strict=True))
        yield PersonalLabel(
            **own,
            probability=min(chances.get(own["label"], 0.0), 1.0),
            posterior_label=posterior["label"],
            gold=posterior["gold"],
        )


def _confusions(task: str, labels: Sequence[PersonalLabel]) -> Confusions:
    met = Counter(name for one in labels for name in (one.label, one.posterior_label))
    names = sorted(name for name, _ in met.most_common(MOST_CONFUSED))
    pairs = Counter((one.posterior_label, one.label) for one in labels)
    counts = tuple(tuple(pairs[row, column] for column in names) for row in names)
    return Confusions(
        task=task,
        labels=tuple(names),
        counts=counts,
        left_out=len(labels) - sum(map(sum, counts)),
    )
