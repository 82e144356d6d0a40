"""Problems that only the whole table shows. Never prints, never raises: gives back issues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from realm_cli.checks.annotators import check_annotators
from realm_cli.checks.facts import Facts
from realm_cli.checks.labels import check_labels
from realm_cli.checks.origins import check_origins
from realm_cli.checks.overlap import check_between_annotators
from realm_cli.checks.texts import check_overlap, repeated_texts, splits_overlap, without_text
from realm_cli.checks.times import check_times
from realm_cli.schema import Issue, Severity

if TYPE_CHECKING:
    from realm_cli.annotations import AnnotationTable

__all__ = ["check_estimable", "check_overlap", "check_trainable"]


def check_estimable(table: AnnotationTable) -> list[Issue]:
    """What keeps annotators from being judged, or makes the judgement weak; errors first."""
    return _estimable(Facts(table)) if len(table) else []


def check_trainable(table: AnnotationTable) -> list[Issue]:
    """The same, and what keeps a language model from being trained; errors first."""
    if not len(table):
        return []
    facts = Facts(table)
    return _errors_first([*without_text(facts), *_estimable(facts), *splits_overlap(facts)])


def _estimable(facts: Facts) -> list[Issue]:
    return _errors_first(
        [
            *check_between_annotators(facts),
            *check_annotators(facts),
            *check_labels(facts),
            *repeated_texts(facts),
            *check_origins(facts),
            *check_times(facts),
        ]
    )


def _errors_first(issues: list[Issue]) -> list[Issue]:
    return sorted(issues, key=lambda issue: issue.severity is not Severity.ERROR)
