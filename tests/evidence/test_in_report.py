"""From a file to the report: findings are flags, names are names, stretches are in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from odd_people import crowd

from realm_cli.intake import Source
from realm_cli.pipeline import estimate
from realm_cli.report.json_file import from_json, to_json


def csv_of(people) -> str:
    start = datetime(2026, 1, 5, tzinfo=UTC)
    lines = ["item_id,annotator_id,label,submitted_at"]
    for n, (i, a, y) in enumerate(zip(people.item, people.annotator, people.label, strict=True)):
        when = (start + timedelta(seconds=20 * n)).isoformat()
        lines.append(f"item-{i},person-{a},L{y},{when}")
    return "\n".join(lines) + "\n"


def test_who_gives_one_label_is_flagged(tmp_path):
    people = crowd()
    path = tmp_path / "votes.csv"
    path.write_text(csv_of(people.saying(people.of(4), 1)), encoding="utf-8")
    report = estimate(Source((path,)))
    by_name = {one.annotator_id: one for one in report.annotators}
    odd = by_name["person-4"]
    assert odd.flags[-2:] == ("one-label", "constant-answers")
    entry = next(one for one in odd.evidence if one.test == "constant-answers")
    assert (entry.task, entry.n, entry.found) == ("label", 100, True)
    assert entry.q_value < 1e-6
    assert entry.words.startswith("gave the label 'L1' to 100 of 100 items")
    assert [part.n for part in odd.over_time] == [25] * 4
    times = [when for part in odd.over_time for when in (part.start, part.end)]
    assert times == sorted(times)
    assert all(not one.flags for name, one in by_name.items() if name != "person-4")
    assert from_json(to_json(report)) == report
