from __future__ import annotations

import difflib
import json

from batches import annotator, report, statuses

from realm_cli.gates.baseline import baseline_of, to_text
from realm_cli.report.json_file import from_json

PEOPLE = tuple(annotator(f"w{i}", 0.8 + i / 123457) for i in range(4))


def test_a_baseline_is_a_report_that_the_gate_takes():
    kept = from_json(to_text(baseline_of(report(PEOPLE[::-1], sha256="b"))))
    assert [one.annotator_id for one in kept.annotators] == ["w0", "w1", "w2", "w3"]
    assert statuses(report(PEOPLE), baseline=kept, max_drop=0.06) == ["pass"]


def test_only_what_is_needed_is_kept():
    full = report((annotator("w", flags=("guesser",), gold=(3, 4)),), warnings=("label-variants",))
    kept = baseline_of(full)
    assert (kept.tasks, kept.warnings, kept.gates) == ((), (), ())
    assert (kept.annotators[0].flags, kept.annotators[0].gold) == ((), None)
    doubted = baseline_of(report(warnings=("two-annotators", "label-variants")))
    assert [one.code for one in doubted.warnings] == ["two-annotators"]


def test_one_annotator_who_changed_is_one_line_that_changed():
    changed = (PEOPLE[0], annotator("w1", 0.7), *PEOPLE[2:])
    texts = [to_text(baseline_of(report(people))) for people in (PEOPLE, changed)]
    lines = list(difflib.ndiff(*(text.splitlines() for text in texts)))
    assert [line[:2] for line in lines if line[0] in "+-"] == ["- ", "+ "]
    # the first: too small a change for four digits
    again = to_text(baseline_of(report((annotator("w0", 0.80001), *PEOPLE[1:]))))
    assert again == texts[0]


def test_what_people_typed_does_nothing_to_a_terminal():
    text = to_text(baseline_of(report((annotator("a\x1b[31m\u202e二"),))))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert json.loads(text)["annotators"][0]["annotator_id"] == "a\x1b[31m\u202e二"


def test_nobody():
    empty = report().model_copy(update={"annotators": ()})
    assert from_json(to_text(baseline_of(empty))).annotators == ()
