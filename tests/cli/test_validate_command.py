"""realm validate, as a process: what it accepts, what it tells, and its exit codes."""

from __future__ import annotations

import json

from harness import colour_rows, realm


def written(tmp_path, rows):
    path = tmp_path / "crowd.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path.name


def test_good_files_are_accepted_and_described(tmp_path):
    rows = colour_rows()
    process = realm("validate", written(tmp_path, rows), "--strict", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert process.stdout == f"crowd.jsonl: jsonl, {len(rows)} rows\n"
    assert process.stderr == "0 errors, 0 warnings\n"


def test_every_error_is_told_with_its_place(tmp_path):
    rows = colour_rows()
    options = sorted({row["label"] for row in rows})
    rows = [{**row, "options": options} for row in rows]
    rows[2] = {**rows[2], "label": "nonsense"}
    rows[5] = {**rows[5], "label": None}
    process = realm("validate", written(tmp_path, rows), cwd=tmp_path)
    assert process.returncode == 3
    assert "crowd.jsonl:3: the label 'nonsense' is not among the options" in process.stderr
    assert "crowd.jsonl:6: the label is missing" in process.stderr
    assert process.stderr.endswith("2 errors, 0 warnings\n")


def test_a_warning_fails_only_where_asked_to(tmp_path):
    first = {row["item_id"]: row for row in colour_rows()}
    names = ("ann", "bob")
    alone = [{**row, "annotator_id": names[i % 2]} for i, row in enumerate(first.values())]
    name = written(tmp_path, alone)
    assert realm("validate", name, cwd=tmp_path).returncode == 0
    assert realm("validate", name, "--strict", cwd=tmp_path).returncode == 3
    found = json.loads(realm("validate", name, "--json", cwd=tmp_path).stdout)
    assert (found["errors"], found["warnings"]) == (0, 1)
    assert [issue["code"] for issue in found["issues"]] == ["no-overlap"]
    assert found["inputs"][0]["format"] == "jsonl"
