"""The words for what stands out about an annotator."""

from __future__ import annotations

from enum import StrEnum


class Flag(StrEnum):
    """What stands out about an annotator.

    `AnnotatorReport.flags` holds them as text, so that an older realm can read a newer word.
    """

    GUESSER = "guesser"
    FEW_LABELS = "few-labels"
    BELOW_CHANCE = "below-chance"
    ONE_LABEL = "one-label"
    CONSTANT_ANSWERS = "constant-answers"
    POSITION_BIAS = "position-bias"
    TOO_FAST = "too-fast"
    COPYING = "copying"
    DRIFT = "drift"
    MINORITY = "minority"
    INCONSISTENT = "inconsistent"
    ACCEPTS_PRELABELS = "accepts-prelabels"

    @property
    def sentence(self) -> str:
        """The same for a layman."""
        return _FLAG_SENTENCES[self]


_FLAG_SENTENCES = {
    Flag.GUESSER: "nothing in the data tells these labels from guesses",
    Flag.FEW_LABELS: "too few labels to judge this annotator by",
    Flag.BELOW_CHANCE: "right less often than someone who guesses",
    Flag.ONE_LABEL: "gave the same answer every time",
    Flag.CONSTANT_ANSWERS: "gives one label far more often than these items explain",
    Flag.POSITION_BIAS: "picks one place among the options far more often than these items explain",
    Flag.TOO_FAST: "far faster than others on the same items, and right less often than most",
    Flag.COPYING: "agrees with one other annotator on wrong answers, too: one of the two may copy",
    Flag.DRIFT: "was right clearly more often, or less, in one part of the work than in the rest",
    Flag.MINORITY: "disagrees with most the same way as some others: perhaps another view",
    Flag.INCONSISTENT: "answers the same item differently the next time, more often than others",
    Flag.ACCEPTS_PRELABELS: "leaves suggested labels as they are far more often than others",
}
