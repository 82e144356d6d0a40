"""realm gate as CI runs it: exit codes, what is written where, and how quickly."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from xml.etree import ElementTree as ET

import harness
import pytest
from harness import realm

from realm_cli.report.json_file import SCHEMA_FILE, from_json


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """A good batch, a bad one and a tiny one, as exports and as reports."""
    folder = tmp_path_factory.mktemp("batches")
    made = {
        "good": harness.colour_rows(200, n_annotators=8, experts=7),
        "bad": harness.colour_rows(200, n_annotators=8, experts=2, seed=1),
        "tiny": harness.colour_rows(8, n_annotators=8, experts=8, seed=2),
    }
    for name, rows in made.items():
        harness.write_rows(folder / f"{name}.jsonl", rows)
        process = realm("report", f"{name}.jsonl", "--json", cwd=folder)
        (folder / f"{name}.json").write_text(process.stdout, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("batch", "flags", "code", "word"),
    [
        ("good.json", (), 0, "accepted: 1 pass"),
        ("good.jsonl", (), 0, "accepted: 1 pass"),
        ("bad.json", ("--inconclusive", "pass"), 1, "refused: 1 fail"),
        ("bad.jsonl", (), 1, "refused: 1 fail"),
        ("bad.json", ("--advisory", "competence"), 0, "accepted: 1 warn"),
        ("tiny.json", (), 5, "inconclusive: 1 inconclusive"),
        ("tiny.json", ("--inconclusive", "fail"), 1, "inconclusive: 1 inconclusive"),
        ("tiny.json", ("--inconclusive", "pass"), 0, "accepted: 1 inconclusive"),
    ],
)
def test_exit_codes(reports, tmp_path, batch, flags, code, word):
    process = realm("gate", reports / batch, "--min-competence", "0.7", *flags, cwd=tmp_path)
    assert process.returncode == code, process.stderr
    assert process.stdout.startswith(word)
    assert process.stderr == ""


def test_every_output_at_once(reports, tmp_path):
    summary, results = tmp_path / "summary.md", tmp_path / "results"
    summary.write_text("before\n")
    process = realm(
        *("gate", reports / "bad.json", "--min-competence", "0.7", "--max-flagged", "0.9"),
        *("--json", "--github", "--junit", "out/j.xml", "--gitlab", "g.json", "--markdown", "m.md"),
        cwd=tmp_path,
        env={"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(results)},
    )
    assert process.returncode == 1
    report = from_json(process.stdout)
    assert [one.id for one in report.gates] == ["competence", "flagged"]
    assert process.stderr.startswith("::error title=competence >= 0.700::")
    assert ET.parse(tmp_path / "out" / "j.xml").getroot().attrib["failures"] == "1"
    (entry,) = json.loads((tmp_path / "g.json").read_text("utf-8"))
    assert entry["check_name"] == "realm-competence"
    table = (tmp_path / "m.md").read_text("utf-8")
    assert table.startswith("### realm gate: refused")
    assert summary.read_text("utf-8") == "before\n" + table
    assert results.read_text("utf-8") == "decision=refused\nexit-code=1\n"


def test_the_json_is_as_the_schema_says(reports, tmp_path):
    process = realm(
        "gate", reports / "good.json", "--min-competence", "0.7", "--json", cwd=tmp_path
    )
    schema = json.loads(SCHEMA_FILE.read_text("utf-8"))
    verdict = schema["$defs"]["Verdict"]
    (gate,) = json.loads(process.stdout)["gates"]
    assert set(verdict["required"]) <= set(gate) <= set(verdict["properties"])
    assert gate["status"] in schema["$defs"]["GateStatus"]["enum"]


def test_input_that_cannot_be_used_is_in_every_output(tmp_path):
    rows = harness.colour_rows(20)
    harness.write_rows(tmp_path / "broken.jsonl", [*rows, rows[0] | {"annotator_id": ""}])
    process = realm(
        *("gate", "broken.jsonl", "--min-competence", "0.7", "--json", "--github"),
        *("--junit", "j.xml", "--gitlab", "g.json", "--markdown", "m.md"),
        cwd=tmp_path,
    )
    assert process.returncode == 3
    assert process.stdout == ""
    assert "::error file=broken.jsonl,line=61,title=input" in process.stderr
    assert "error: " in process.stderr
    assert int(ET.parse(tmp_path / "j.xml").getroot().attrib["errors"]) >= 1
    assert json.loads((tmp_path / "g.json").read_text())[0]["location"]["path"] == "broken.jsonl"
    assert (tmp_path / "m.md").read_text().startswith("### realm gate: unreadable")


def test_thresholds_from_the_configuration_file(reports, tmp_path):
    (tmp_path / "realm.toml").write_text(
        '[gate]\nmin-competence = 0.7\nmax-warnings = 0\nadvisory = ["warnings"]\n'
        'ignore = ["no-such-code"]\njunit = "j.xml"\n'
    )
    process = realm("gate", reports / "good.json", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert ET.parse(tmp_path / "j.xml").getroot().attrib["tests"] == "2"
    assert realm(
        "gate", reports / "good.json", "--min-competence", "0.999", cwd=tmp_path
    ).returncode


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "no gate has a threshold"),
        (("--min-competence", "1.5"), "--min-competence is 1.5"),
        (
            ("--min-competence", "0.5", "--baseline", "BASE"),
            "there is a baseline, and no threshold",
        ),
        (("--min-confident-share", "0.5", "--confident-at", "0.77"), "--confident-at is 0.77"),
    ],
)
def test_slips_are_refused(reports, refused, flags, message):
    flags = tuple(str(reports / "bad.json") if flag == "BASE" else flag for flag in flags)
    assert message in refused(2, "gate", reports / "good.json", *flags)


def test_a_report_among_other_inputs_is_refused(reports, refused):
    told = refused(
        2, "gate", reports / "good.json", reports / "good.jsonl", "--min-competence", "0"
    )
    assert "is a report among other inputs" in told


def test_a_baseline_from_batch_to_batch(reports, tmp_path):
    first = ("gate", reports / "good.json", "--min-competence", "0.7", "--write-baseline", "b.json")
    assert realm(*first, cwd=tmp_path).returncode == 0
    kept = (tmp_path / "b.json").read_text("utf-8")
    assert len(from_json(kept).annotators) == 8
    held = ("--baseline", "b.json", "--max-drop", "0.2", "--write-baseline", "b.json")
    worse = realm("gate", reports / "bad.json", *held, cwd=tmp_path)
    assert worse.returncode == 1, worse.stdout
    assert (tmp_path / "b.json").read_text("utf-8") == kept
    assert "b.json is not written" in worse.stderr
    same = realm("gate", reports / "good.json", *held, cwd=tmp_path)
    assert same.returncode == 5
    assert "the baseline holds" in same.stdout


def test_a_baseline_is_a_prior_too(reports, tmp_path):
    gate = ("gate", reports / "good.json", "--min-competence", "0.7", "--write-baseline", "b.json")
    assert realm(*gate, cwd=tmp_path).returncode == 0
    process = realm("report", reports / "tiny.jsonl", "--prior", "b.json", "--json", cwd=tmp_path)
    assert process.returncode == 0, process.stderr


def test_the_summary_of_a_step_is_not_outgrown(reports, tmp_path):
    summary = tmp_path / "summary.md"
    summary.write_bytes(b"x" * 999_800)
    process = realm(
        *("gate", reports / "bad.json", "--min-annotator-competence", "0.7", "--github"),
        cwd=tmp_path,
        env={"GITHUB_STEP_SUMMARY": str(summary)},
    )
    assert process.returncode == 1, process.stderr
    assert summary.stat().st_size <= 1 << 20


def test_a_report_is_gated_in_less_than_a_second_of_processor_time(reports, tmp_path):
    command = [sys.executable, "-m", "realm_cli", "gate", str(reports / "good.json")]
    flags = ["--min-competence", "0.7", "--min-control-accuracy", "0.5", "--junit", "j.xml"]

    def seconds():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [*command, *flags],
            cwd=tmp_path,
            env=harness.environment({"OMP_NUM_THREADS": "1"}) | {"HOME": os.environ["HOME"]},
            check=True,
            capture_output=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == 0
        return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)

    assert min(seconds() for _ in range(3)) < 1.0


def test_neither_torch_nor_tables_are_loaded_for_a_report(reports, tmp_path):
    script = (
        "import sys; from realm_cli.cli.app import app\n"
        "try: app(['gate', sys.argv[1], '--min-competence', '0.7'])\n"
        "except SystemExit as end: code = end.code\n"
        "print(code, [name for name in ('torch', 'pandas', 'realm_cli.pipeline')"
        " if name in sys.modules])\n"
    )
    process = harness.python("-c", script, reports / "good.json", cwd=tmp_path)
    assert process.stdout.splitlines()[-1] == "0 []", process.stderr
