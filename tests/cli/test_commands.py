"""The command line as a whole: help, versions, reports of runs and files, a light start."""

from __future__ import annotations

import json
import os
import shutil
import sys

import pytest
from harness import contents, python, realm

from realm_cli import __version__
from realm_cli.report.json_file import from_json

COMMANDS = ("train", "report", "predict", "simulate")


@pytest.mark.parametrize("flags", [[], ["--help"], ["-h"]], ids=["bare", "--help", "-h"])
def test_the_list_of_commands(tmp_path, flags):
    process = realm(*flags, cwd=tmp_path)
    assert process.returncode == 0
    assert process.stderr == ""
    assert all(f"\n  {command} " in process.stdout for command in COMMANDS)
    assert "Exit codes: 0 ok · 1 a gate failed · 2 usage" in process.stdout
    assert contents(tmp_path) == {}


def test_the_version(tmp_path):
    process = realm("--version", cwd=tmp_path)
    assert (process.returncode, process.stdout) == (0, f"realm {__version__}\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(tmp_path, command):
    process = realm(command, "-h", cwd=tmp_path)
    assert process.returncode == 0
    assert process.stderr == ""
    assert f"Example: realm {command} " in process.stdout
    assert "REALM_COMMAND_FLAG" in process.stdout
    assert "\x1b" not in process.stdout


def test_a_slip_in_a_commands_name(refused):
    assert "Did you mean 'train'?" in refused(2, "trian")


LOADED = """
import atexit, sys
from realm_cli.__main__ import main

heavy = {"torch", "transformers", "pandas", "pyarrow", "pydantic", "numpy", "scipy", "jinja2"}
atexit.register(lambda: print("loaded:", *sorted(heavy & set(sys.modules)), file=sys.stderr))
main()
"""


@pytest.mark.parametrize(
    ("flags", "loaded"),
    [(["--help"], ""), (["--version"], ""), (["train", "--help"], " pydantic")],
)
def test_help_loads_nothing_heavy(tmp_path, flags, loaded):
    """Typer itself takes pydantic to read the flags of a command."""
    process = python("-c", LOADED, *flags, cwd=tmp_path)
    assert process.returncode == 0
    assert process.stderr == f"loaded:{loaded}\n"


def test_a_report_loads_no_torch(tmp_path, crowd):
    process = python("-c", LOADED, "report", crowd, cwd=tmp_path)
    assert process.returncode == 0
    assert "torch" not in process.stderr
    assert "transformers" not in process.stderr


def test_a_report_straight_from_files(tmp_path, crowd):
    process = realm("report", crowd, "--json", cwd=tmp_path)
    assert (process.returncode, process.stderr) == (0, "")
    report = from_json(process.stdout)
    assert report.estimate.kind == "label-only"
    assert report.summary.n_annotators == len(report.annotators) == 8
    assert contents(tmp_path) == {}


def test_the_same_files_give_the_same_report(tmp_path, crowd):
    first, again = (realm("report", crowd, "--json", cwd=tmp_path).stdout for _ in range(2))
    assert first == again


def test_a_report_of_a_run_is_the_one_it_holds(tmp_path, colours):
    process = realm("report", colours, "--json", cwd=tmp_path)
    assert process.returncode == 0
    assert process.stdout == (colours / "realm" / "report.json").read_text()


def test_the_newest_run_is_reported_on_where_none_is_named(tmp_path, colours, two_tasks):
    for age, (name, run) in enumerate({"b": colours, "a": two_tasks, "c": two_tasks}.items()):
        copy = shutil.copytree(run / "realm", tmp_path / "runs" / name / "realm")
        os.utime(copy / "report.json", (10**9 - age, 10**9 - age))
    process = realm("report", "--json", cwd=tmp_path)
    assert process.returncode == 0
    assert process.stderr == "newest run: runs/b\n"
    assert process.stdout == (colours / "realm" / "report.json").read_text()


def test_views_of_a_run(tmp_path, two_tasks):
    shown = realm("report", two_tasks, "--tasks", "--html", "page.html", cwd=tmp_path)
    assert shown.returncode == 0
    assert shown.stderr == "html: page.html\n"
    assert "is it so" in shown.stdout
    assert "\x1b" not in shown.stdout
    page = (tmp_path / "page.html").read_text()
    assert page.startswith("<!")
    assert "which" in page


def test_a_reader_that_goes_away_is_no_error(tmp_path, crowd):
    command = f"'{sys.executable}' -m realm_cli report '{crowd}' --json | head -c 1"
    done = python(
        "-c",
        "import subprocess, sys; "
        "sys.exit(subprocess.run(['bash', '-o', 'pipefail', '-c', sys.argv[1]]).returncode)",
        command,
        cwd=tmp_path,
    )
    assert done.returncode == 0
    assert done.stdout == "{"
    assert done.stderr == ""


def test_settings_may_come_from_a_file_of_another_name(tmp_path, crowd):
    (tmp_path / "my.toml").write_text("[report]\njson = true\nlabel-col = 'gold'\n")
    process = realm("--config", "my.toml", "report", crowd, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout)["summary"]["agreement"]["percent"] == 1.0
