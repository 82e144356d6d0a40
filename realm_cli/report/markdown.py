"""The views as Markdown, for a pull request, a job's summary or a wiki.

What people typed is put into code spans: no mention, link or tag comes to life in there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from realm_cli.report import reading
from realm_cli.report.items import DOUBT_ORDER, DoubtfulItem, ItemsView
from realm_cli.report.model import AnnotatorReport, CompetenceReport, TaskCompetence
from realm_cli.report.person import AnnotatorPage, Confusions, person_lines

LIMIT = 200
"""Rows of a table; GitHub refuses summaries of more than a mebibyte."""
LONGEST = 160
"""Characters of a text that are shown."""

NUMBER, WORDS = "---:", "---"


def annotators_markdown(report: CompetenceReport) -> str:
    """Whom to trust: the annotators, worst competence first."""
    people = reading.worst_first(report)
    decided = any(one.decision for one in people)
    head = ["annotator", "labels", "competence", "95%", "expertise", "gold", "agrees", "flags"]
    kinds = [WORDS, *[NUMBER] * 6, WORDS]
    rows = [_person(one) + ([_decision(one)] if decided else []) for one in people[:LIMIT]]
    table = _table(head + ["decision"] * decided, kinds + [WORDS] * decided, rows)
    return _page("Competence report", [*_summary(report), "", *table, *_more(people)])


def tasks_markdown(report: CompetenceReport) -> str:
    """Whom to trust with what: the tasks, then the annotator x task matrix."""
    people = reading.worst_first(report)
    head = ["task", "items", "annotators", "annotations", "mean competence", "alpha"]
    tasks = [
        [
            cell(task.task), f"{task.n_items:,}", f"{task.n_annotators:,}",
            f"{task.n_annotations:,}", reading.percent(task.mean_competence),
            reading.coefficient(task.agreement.alpha)
            if task.agreement and task.agreement.alpha else "–",
        ]
        for task in report.tasks
    ]  # fmt: skip
    matrix = _table(
        ["annotator", "all", *(cell(task.task) for task in report.tasks)],
        [WORDS, *[NUMBER] * (1 + len(report.tasks))],
        [_matrix_row(one, [task.task for task in report.tasks]) for one in people[:LIMIT]],
    )
    key = "Each cell: competence, and how many labels it rests on."
    lines = [*_summary(report), "", *_table(head, [WORDS, *[NUMBER] * 5], tasks), "", key, ""]
    return _page("Competence by task", [*lines, *matrix, *_more(people)])


def items_markdown(view: ItemsView) -> str:
    """The items that people could not settle, most doubtful first."""
    head = ["item", "task", "text", "label", "probability", "entropy", "vote", "gold", "disagree"]
    kinds = [WORDS, WORDS, WORDS, WORDS, NUMBER, NUMBER, WORDS, WORDS, WORDS]
    table = _table(head, kinds, [_item(one) for one in view.first(LIMIT)])
    left = [f"\nand {len(view) - LIMIT:,} more"] if len(view) > LIMIT else []
    intro = f"{reading.counted(len(view), 'item')}, {DOUBT_ORDER}."
    return _page("Doubtful items", [intro, "", *table, *left])


def page_markdown(page: AnnotatorPage) -> str:
    """One page on one person."""
    one = page.annotator
    lines = [f"- {name}: {_plain(words)}" for name, words in person_lines(page)]
    told = [(flag, reading.flag_sentence(flag)) for flag in one.flags]
    lines += [f"- {flag}: {sentence}" for flag, sentence in told if sentence]
    lines += _evidence(one)
    if len(one.by_task) > 1:
        lines += ["", "## By task", "", *_cells(one.by_task)]
    if one.over_time:
        lines += ["", "## Over time", "", *_stretches(one)]
    for confusions in page.confusions:
        lines += ["", f"## Confusions: {code(confusions.task)}", "", *_confusions(confusions)]
    lines += ["", "## Most surprising labels", "", *_surprises(page)]
    return _page(f"Annotator {code(one.annotator_id)}", lines)


def code(text: str) -> str:
    """What people typed, as a code span that it cannot end."""
    shown = " ".join(reading.harmless(text).split()) or " "
    if len(shown) > LONGEST:
        shown = shown[: LONGEST - 1] + "…"
    longest = max(map(len, re.findall("`+", shown)), default=0)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    fence = "`" * (longest + 1)
    return f"{fence}{pad}{shown}{pad}{fence}"


def cell(text: str | None) -> str:
    """The same inside a table, where a bar would end the cell; nothing for None."""
    return "" if text is None else code(text).replace("|", "\\|")


def _page(title: str, lines: Iterable[str]) -> str:
    return "\n".join([f"# {title}", "", *lines]) + "\n"


def _table(head: Sequence[str], kinds: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(line) + " |" for line in (head, kinds, *rows)]


def _summary(report: CompetenceReport) -> Iterator[str]:
    for name, words in reading.summary_lines(report):
        yield f"- {name}: {_plain(words)}"
    for warning in report.warnings:
        yield f"- warning: {code(reading.warning_words(warning))}"


def _plain(words: str) -> str:
    """Our own words; names of models and flags in them may not become Markdown."""
    if re.search("[@<:#]{2}|[@<]", words):
        return code(words)
    return re.sub(r"([\\`*_<>\[\]@|#])", r"\\\1", words)


def _more(people: Sequence[AnnotatorReport]) -> list[str]:
    return [f"\nand {len(people) - LIMIT:,} more"] if len(people) > LIMIT else []


def _person(one: AnnotatorReport) -> list[str]:
    return [
        cell(one.annotator_id),
        f"{one.n_annotations:,}",
        f"**{reading.percent(one.competence)}**",
        reading.interval(one.competence_interval),
        reading.percent(one.expertise),
        f"{reading.percent(one.gold.accuracy)} of {one.gold.n:,}" if one.gold else "",
        reading.percent(one.agreement_with_posterior),
        ", ".join(cell(flag) for flag in one.flags),
    ]


def _decision(one: AnnotatorReport) -> str:
    return "; ".join(cell(part) for part in (one.decision, *one.reasons) if part)


def _matrix_row(one: AnnotatorReport, tasks: Sequence[str]) -> list[str]:
    cells = {part.task: part for part in one.by_task if part.n_annotations}
    found = [cells.get(task) for task in tasks]
    shown = [f"{reading.percent(c.competence)} ({c.n_annotations:,})" if c else "–" for c in found]
    return [cell(one.annotator_id), f"**{reading.percent(one.competence)}**", *shown]


def _item(one: DoubtfulItem) -> list[str]:
    dissent = ", ".join(
        f"{cell(answer.annotator_id)}: {cell(answer.label)}" for answer in one.dissent
    )
    return [
        cell(one.item_id), cell(one.task), cell(one.text), cell(one.label),
        reading.percent(one.probability), f"{one.entropy:.2f}",
        cell(one.majority_label) or "tied", cell(one.gold), dissent,
    ]  # fmt: skip


def _evidence(one: AnnotatorReport) -> list[str]:
    return [
        f"- {code(found.test)}: {code(found.words)}{reading.q_words(found)}"
        for found in one.evidence
        if found.found
    ]


def _cells(cells: Sequence[TaskCompetence]) -> list[str]:
    rows = [
        [cell(part.task), f"{part.n_annotations:,}", f"**{reading.percent(part.competence)}**",
         reading.interval(part.competence_interval)]
        for part in cells
    ]  # fmt: skip
    return _table(["task", "labels", "competence", "95%"], [WORDS, *[NUMBER] * 3], rows)


def _stretches(one: AnnotatorReport) -> list[str]:
    rows = [
        [reading.stretch_words(part), f"{part.n:,}", f"**{reading.percent(part.competence)}**",
         reading.interval(part.competence_interval)]
        for part in one.over_time
    ]  # fmt: skip
    return _table(["when", "labels", "competence", "95%"], [WORDS, *[NUMBER] * 3], rows)


def _confusions(found: Confusions) -> list[str]:
    rows = [
        [cell(name), *(f"{n:,}" if n else "" for n in counts)]
        for name, counts in zip(found.labels, found.counts, strict=True)
    ]
    head = ["posterior label", *(f"said {cell(name)}" for name in found.labels)]
    return _table(head, [WORDS, *[NUMBER] * len(found.labels)], rows)


def _surprises(page: AnnotatorPage) -> list[str]:
    rows = [
        [cell(one.item_id), cell(one.task), cell(one.text), cell(one.label),
         reading.percent(one.probability, 1), cell(one.posterior_label), cell(one.gold)]
        for one in page.surprising[:LIMIT]
    ]  # fmt: skip
    head = ["item", "task", "text", "said", "probability", "posterior label", "gold"]
    return _table(head, [WORDS, WORDS, WORDS, WORDS, NUMBER, WORDS, WORDS], rows)
