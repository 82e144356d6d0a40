"""Agreement by task reaches the report, the terminal and JSON."""

from __future__ import annotations

import json

import pytest
from harness import realm, write_rows


@pytest.fixture
def crowd(tmp_path):
    labels = {"x": "aab", "y": "bbb", "z": "aaa", "u": "abb"}
    rows = [
        {"item_id": item, "annotator_id": f"w{n}", "label": label, "text": f"text {item}"}
        for item, given in labels.items()
        for n, label in enumerate(given)
    ]
    return write_rows(tmp_path / "crowd.jsonl", rows)


def test_alpha_by_hand_in_every_form(crowd, tmp_path):
    # Labels a 6, b 6 of 12. Pairs that differ: two each in x and u, of 12 ordered pairs weighed by
    # 1/2: Do = (4 / 2 + 4 / 2) / 12 = 1/3. De = 2 * 36 / (12 * 11) = 6/11. alpha = 1 - 11/18.
    done = realm("report", crowd, "--json", cwd=tmp_path)
    (task,) = json.loads(done.stdout)["tasks"]
    found = task["agreement"]
    assert found["alpha"]["value"] == pytest.approx(1 - 11 / 18)
    assert (found["n_items"], found["n_pairs"], found["scale"]) == (4, 12, "nominal")
    assert found["percent"]["value"] == pytest.approx(8 / 12)
    shown = realm("report", crowd, "--tasks", cwd=tmp_path).stdout
    assert "alpha 0.39" in " ".join(shown.split())
    assert "0.39" in shown.split("alpha", 2)[2]
