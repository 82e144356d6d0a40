from __future__ import annotations

import io
import json
import re
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import gate_samples
import pytest
import report_samples as samples
from rich.cells import cell_len
from rich.console import Console

from realm_cli.report.gate_github import relative, to_annotations, to_outputs
from realm_cli.report.gate_gitlab import to_gitlab
from realm_cli.report.gate_markdown import code, to_markdown
from realm_cli.report.gate_terminal import gate_view
from realm_cli.report.junit import to_junit
from realm_cli.report.model import Example, GateStatus
from realm_cli.report.verdicts import decision_of

ROOT = Path("/builds/project")
WHEN = datetime(2026, 3, 14, 9, 26, tzinfo=samples.WHEN.tzinfo)
SAMPLES = gate_samples.SAMPLES


def terminal(decision, width=80, **console):
    out = io.StringIO()
    settings = {"color_system": None, "highlight": False, "_environ": {}, **console}
    Console(file=out, width=width, **settings).print(gate_view(decision, width))
    return re.sub(r" +$", "", out.getvalue(), flags=re.MULTILINE)


RENDERERS = {
    "80.txt": terminal,
    "120.txt": lambda decision: terminal(decision, 120),
    "junit.xml": lambda decision: to_junit(decision, WHEN),
    "github.txt": lambda decision: to_annotations(decision, ROOT) + to_outputs(decision),
    "gitlab.json": lambda decision: to_gitlab(decision, ROOT),
    "md": to_markdown,
}


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("form", RENDERERS)
def test_golden(golden, sample, form):
    golden(f"gate-{sample}.{form}", RENDERERS[form](SAMPLES[sample]()))


@pytest.mark.parametrize("form", RENDERERS)
def test_no_text_acts_on_a_terminal(form):
    text = RENDERERS[form](gate_samples.hostile())
    assert not [char for char in text if not char.isprintable() and char != "\n"]


@pytest.mark.parametrize("width", [60, 80, 133])
@pytest.mark.parametrize("sample", SAMPLES)
def test_no_line_is_wider_than_asked(sample, width):
    assert max(map(cell_len, terminal(SAMPLES[sample](), width).splitlines())) <= width


def test_colour_adds_nothing_that_words_do_not_say():
    colourful = terminal(gate_samples.mixed(), color_system="truecolor", force_terminal=True)
    plain = re.sub(r"\x1b\[[\d;]*m", "", colourful)
    assert re.sub(r" +$", "", plain, flags=re.M) == terminal(gate_samples.mixed())
    assert colourful != plain


def test_what_a_ci_log_obeys_is_not_in_the_terminal_view():
    text = terminal(gate_samples.hostile(), 200)
    assert "::error" not in text
    assert "##[" not in text


# What Jenkins, GitLab and the GitHub actions that read JUnit XML take: elements, their attributes
# (an exclamation mark for those that must be there), and their children in order.
JUNIT = {
    "testsuites": ("name time tests failures errors skipped", ["testsuite*"]),
    "testsuite": (
        "name! tests! failures errors skipped time timestamp hostname id package",
        ["properties?", "testcase*", "system-out?", "system-err?"],
    ),
    "testcase": (
        "name! classname! time! assertions status",
        ["skipped?", "error*", "failure*", "system-out?", "system-err?"],
    ),
    "skipped": ("message", []),
    "error": ("type message", []),
    "failure": ("type message", []),
    "system-out": ("", []),
}


def check_junit(node):
    attributes, children = JUNIT[node.tag]
    names = attributes.split()
    assert set(node.attrib) <= {name.rstrip("!") for name in names}
    assert {name.rstrip("!") for name in names if name.endswith("!")} <= set(node.attrib)
    for name in ("tests", "failures", "errors", "skipped"):
        if name in node.attrib:
            assert re.fullmatch(r"\d+", node.attrib[name])
    if "time" in node.attrib:
        assert float(node.attrib["time"]) >= 0
    if "timestamp" in node.attrib:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", node.attrib["timestamp"])
    order = "".join(f"{child.tag} " for child in node)
    assert re.fullmatch("".join(rf"(?:{c[:-1]} ){c[-1]}" for c in children), order)
    for child in node:
        check_junit(child)


@pytest.mark.parametrize("sample", SAMPLES)
def test_junit_is_as_ci_systems_read_it(sample):
    decision = SAMPLES[sample]()
    root = ET.fromstring(to_junit(decision, WHEN))
    check_junit(root)
    cases = root.findall(".//testcase")
    assert len(cases) == len(decision.verdicts) == int(root.attrib["tests"])
    for tag, counter in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert len(root.findall(f".//{tag}")) == int(root.attrib[counter])
    names = [(case.attrib["classname"], case.attrib["name"]) for case in cases]
    assert sample == "hostile" or len(set(names)) == len(names)


def test_the_check_of_junit_finds_slips():
    for slip in (
        "<testsuites><testcase name='a' classname='b' time='0'/></testsuites>",
        "<testsuites><testsuite name='a'/></testsuites>",
        "<testsuites><testsuite name='a' tests='x'/></testsuites>",
        "<testsuites tests='1' colour='red'/>",
    ):
        with pytest.raises(AssertionError):
            check_junit(ET.fromstring(slip))


ANNOTATION = re.compile(r"::(error|warning|notice) ((?:[a-z]+=[^,:\r\n]*,?)+)::([^\r\n]*)")


@pytest.mark.parametrize("sample", SAMPLES)
def test_github_commands_are_escaped(sample):
    text = to_annotations(SAMPLES[sample](), ROOT)
    for line in text.splitlines():
        assert ANNOTATION.fullmatch(line), line
        assert not re.search(r"%(?!25|0A|0D|3A|2C)", line)
    for kind in ("error", "warning"):
        assert len(re.findall(rf"^::{kind} ", text, re.M)) <= 10


def test_github_properties_and_data_by_hand():
    example = Example(file="a,b:c%.csv", line=7, message="50%: x, y")
    one = gate_samples.verdict("warnings", GateStatus.FAIL, 3, words="w", examples=(example,))
    assert to_annotations(decision_of([one], 1, None), ROOT) == (
        "::error file=a%2Cb%3Ac%25.csv,line=7,title=warnings <= 0::3: w - 50%25: x, y\n"
    )


def test_github_has_the_worst_ten_and_a_count():
    text = to_annotations(gate_samples.mixed(), ROOT)
    errors = [line for line in text.splitlines() if line.startswith("::error")]
    assert len(errors) == 10
    # 1 of competence, 4 places of warnings, 12 annotators
    assert "::notice title=realm gate::+7 more errors: see the summary of this step" in text
    assert "title=competence" in "".join(errors)
    assert "A00" in errors[2]


@pytest.mark.parametrize(
    ("file", "shown"),
    [
        ("data/a.csv", "data/a.csv"),
        ("./data/../a.csv", "a.csv"),
        ("/builds/project/data/a.csv", "data/a.csv"),
        ("/elsewhere/a.csv", "/elsewhere/a.csv"),
        ("../a.csv", "../a.csv"),
        ("export.zip!a.csv", "export.zip!a.csv"),
    ],
)
def test_files_are_named_from_the_root_of_the_repository(file, shown):
    assert relative(file, ROOT) == shown


@pytest.mark.parametrize("sample", SAMPLES)
def test_gitlab_entries_have_what_gitlab_asks_for(sample):
    decision = SAMPLES[sample]()
    entries = json.loads(to_gitlab(decision, ROOT))
    assert len(entries) == len(decision.troubles)
    for entry in entries:
        assert set(entry) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert entry["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert entry["location"]["lines"]["begin"] >= 1
        assert entry["location"]["path"]
    prints = [entry["fingerprint"] for entry in entries]
    ids = {verdict.id for verdict in decision.troubles}
    assert len(set(prints)) == len(ids)


def test_markdown_stays_inside_its_table():
    text = to_markdown(gate_samples.hostile())
    rows = [line for line in text.splitlines() if line.startswith("|")]
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 5, row
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    for text_of_people in ("<script>", "@octocat", "<img", "[bold", "#1", "<!--", "]]>"):
        assert text_of_people in text
        assert text_of_people not in outside


@pytest.mark.parametrize(
    ("text", "span"),
    [("a", "`a`"), ("a`b", "``a`b``"), ("`", "`` ` ``"), ("a|b", r"`a\|b`"), ("", "` `"),
     ("a\nb", r"`a\nb`")],
)  # fmt: skip
def test_code_spans_by_hand(text, span):
    assert code(text) == span


@pytest.mark.parametrize("room", [400, 2_000, 60_000])
def test_markdown_is_cut_to_fit(room):
    verdicts = [
        gate_samples.verdict("annotator-competence", GateStatus.FAIL, annotator_id=f"二{i}" * 9)
        for i in range(3000)
    ]
    text = to_markdown(decision_of(verdicts, 1, samples.crowd(3)), room)
    assert len(text.encode()) <= room
    shown = text.count("❌ fail")
    assert f"and {3000 - shown:,} more" in text


def test_words_of_decisions():
    words = {name: make().word for name, make in SAMPLES.items()}
    assert words == {
        "mixed": "refused",
        "accepted": "accepted",
        "inconclusive": "inconclusive",
        "unreadable": "unreadable",
        "hostile": "refused",
    }
