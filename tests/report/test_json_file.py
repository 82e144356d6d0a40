from __future__ import annotations

import json
from typing import Any

import pytest
import report_samples as samples

from realm_cli.errors import InputError
from realm_cli.report.json_file import SCHEMA_FILE, from_json, json_schema, schema_text, to_json
from realm_cli.report.model import CompetenceReport


def changed(**fields: Any) -> str:
    return json.dumps(json.loads(to_json(samples.crowd(3))) | fields)


@pytest.mark.parametrize("report", ["crowd", "label_only", "hostile"])
def test_reading_gives_back_what_was_written(report, tmp_path):
    written = getattr(samples, report)()
    path = tmp_path / "report.json"
    path.write_text(to_json(written), encoding="utf-8")
    assert from_json(to_json(written)) == written
    assert from_json(path) == written


def test_golden(golden):
    golden("report.json", to_json(samples.crowd(4)))
    golden("hostile.json", to_json(samples.hostile()))


def test_the_text_is_stable_and_harmless():
    text = to_json(samples.hostile())
    assert text.endswith("}\n")
    assert not [char for char in text if not char.isprintable() and char != "\n"]
    assert "二" in text
    assert list(json.loads(text)) == list(CompetenceReport.model_fields)


def test_the_shipped_schema_is_fresh(golden):
    golden(SCHEMA_FILE, schema_text())


def test_the_schema_lets_a_minor_version_add_fields():
    assert '"additionalProperties": false' not in schema_text()
    assert json_schema()["properties"]["format_version"]["pattern"] == r"^1\.[0-9]+$"


def test_a_newer_minor_version_may_have_fields_we_do_not_know():
    value = json.loads(changed(format_version="1.7", something={"new": 1}))
    value["annotators"][0]["shoe_size"] = 43
    value["summary"]["agreement"]["alpha"] = 0.5
    read = from_json(json.dumps(value))
    assert read.format_version == "1.7"
    assert read.annotators == samples.crowd(3).annotators


def test_an_unknown_field_of_our_own_version_is_a_slip():
    with pytest.raises(InputError) as caught:
        from_json(changed(something=1))
    assert [issue.message for issue in caught.value.issues] == [
        "something: Extra inputs are not permitted"
    ]
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the report is not JSON: "),
        ("[1]", "the report is no competence report: no format_version"),
        ('{"a": 1}', "the report is no competence report: no format_version"),
        ("[" * 100_000, "the report is not JSON: "),
        (changed(format_version="2.0"), "has format_version 2.0; this realm reads 1.x"),
        (changed(format_version="0.9"), "has format_version 0.9; this realm reads 1.x"),
        (changed(format_version="one"), "format_version 'one' is not MAJOR.MINOR"),
        (changed(format_version=1), "format_version 1 is not MAJOR.MINOR"),
        (changed(summary=None), "the report is not a valid competence report"),
        ('{"format_version": "1.0"}', "the report is not a valid competence report"),
    ],
)
def test_refusals_say_what_is_wrong(text, message):
    with pytest.raises(InputError) as caught:
        from_json(text)
    assert message in caught.value.message
    assert caught.value.hint


def test_a_refusal_names_the_field_and_the_file(tmp_path):
    value = json.loads(changed())
    value["annotators"][2]["competence"] = 1.5
    value["annotators"][1]["expertise"] = float("nan")
    path = tmp_path / "r.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        from_json(path)
    assert [issue.message.split(":")[0] for issue in caught.value.issues] == [
        "annotators.1.expertise",
        "annotators.2.competence",
    ]
    assert {issue.file for issue in caught.value.issues} == {str(path)}


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*gone\.json: No such file"):
        from_json(tmp_path / "gone.json")
    (tmp_path / "latin.json").write_bytes(b'{"format_version": "\xe9"}')
    with pytest.raises(InputError, match="is not UTF-8 text"):
        from_json(tmp_path / "latin.json")
