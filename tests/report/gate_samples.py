"""Decisions to look at and to keep as golden files."""

from __future__ import annotations

import report_samples as samples

from realm_cli.errors import InputError
from realm_cli.gates.labels import of_unusable
from realm_cli.report.model import Example, GateStatus, Verdict
from realm_cli.report.verdicts import Decision, decision_of
from realm_cli.schema import Issue


def verdict(
    metric: str,
    status: GateStatus,
    value: float | None = 0.7123,
    *,
    annotator_id: str | None = None,
    task: str | None = None,
    words: str = "4,500 labels",
    examples: tuple[Example, ...] = (),
) -> Verdict:
    about = annotator_id if annotator_id is not None else task
    counts = metric == "warnings"
    return Verdict(
        id=metric if about is None else f"{metric}:{about}",
        metric=metric,
        op="<=" if metric in ("flagged", "warnings", "drop") else ">=",
        threshold=0 if counts else 0.75,
        value=value,
        interval=None if value is None or counts else (value - 0.05, value + 0.05),
        n=4500,
        status=status,
        annotator_id=annotator_id,
        task=task,
        words=words,
        examples=examples,
    )


def mixed() -> Decision:
    """A bit of everything: a gate of each status, places, annotators."""
    places = (
        Example(file="exports/batch-02.csv", line=17, message="label 'yes' and 'Yes'"),
        Example(file="exports/batch-02.csv", line=None, message="label 'yes' and 'Yes'"),
        Example(file=None, line=None, message="no item has a text"),
        Example(file="exports/batch-01.json", line=4711, message="answered twice"),
    )
    found = (
        verdict("competence", GateStatus.FAIL, words="below the threshold (4,500 labels)"),
        verdict("task-competence", GateStatus.PASS, 0.87, task="topic"),
        verdict("flagged", GateStatus.PASS, 0.025, words="40 annotators"),
        verdict(
            "alpha", GateStatus.INCONCLUSIVE, None, task="topic",
            words="12 items with two labels, and 30 are needed",
        ),
        verdict("warnings", GateStatus.FAIL, 17, words="above the threshold (2 kinds)",
                examples=places),
        *(
            verdict("annotator-competence", GateStatus.FAIL, 0.3 + i / 100, annotator_id=f"A{i:02}",
                    words="below the threshold (112 labels)")
            for i in range(12)
        ),
        *(
            verdict("annotator-competence", GateStatus.PASS, 0.8 + i / 100, annotator_id=f"B{i:02}")
            for i in range(5)
        ),
        verdict("annotator-competence", GateStatus.WARN, 0.7, annotator_id="person3@example.org",
                words="on either side of the threshold (14 labels)"),
    )  # fmt: skip
    return decision_of(found, 1, samples.crowd(3))


def accepted() -> Decision:
    return decision_of((verdict("competence", GateStatus.PASS, 0.87),), 0, samples.label_only())


def inconclusive() -> Decision:
    words = "4 items with two labels, and 30 are needed"
    found = verdict("competence", GateStatus.INCONCLUSIVE, None, words=words)
    return decision_of((found,), 5, samples.label_only())


def unreadable() -> Decision:
    error = InputError(
        "the annotations cannot be used as they are",
        [
            Issue(code="broken-json", message="Expecting ',' delimiter", file="a, b.json", line=3),
            Issue(code="broken-json", message="9 more of the same kind", file="a, b.json", count=9),
            Issue(code="no-annotator", message="no column names the annotator"),
        ],
    )
    return decision_of(of_unusable(error), 3, None)


def hostile() -> Decision:
    """Every text that people could have typed tries to break out."""
    texts = (*samples.HOSTILE, "a|b`c``d", "@octocat see #1", "`", "]]>&<!--", "50% : a, b")
    found = [
        verdict("annotator-competence", status, annotator_id=text)
        for text in texts
        for status in (GateStatus.FAIL, GateStatus.WARN)
    ]
    found += [
        verdict("alpha", GateStatus.INCONCLUSIVE, None, task=text, words="too few")
        for text in texts
    ]
    examples = tuple(Example(file=text, line=1, message=text) for text in texts)
    found.append(verdict("warnings", GateStatus.FAIL, 9, examples=examples))
    return decision_of(found, 1, samples.hostile())


SAMPLES = {
    "mixed": mixed,
    "accepted": accepted,
    "inconclusive": inconclusive,
    "unreadable": unreadable,
    "hostile": hostile,
}
