"""The recipes of docs/ci.md and action.yml, run as they stand by a shell."""

from __future__ import annotations

import csv
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import harness
import pytest

yaml = pytest.importorskip("yaml", reason="PyYAML comes with the extra `train`")
ROOT = harness.ROOT
PAGE = (ROOT / "docs" / "ci.md").read_text("utf-8")
TAKEN = {"yaml 0": ("gate.md",), "yaml 2": ("gate.xml", "gate.json")}
"""Files that the steps after a recipe's commands take."""


def recipes(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.M)


def steps(node):
    """Shell commands under `run:` and `script:`, wherever they are."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("run", "script"):
                yield from [value] if isinstance(value, str) else value
            else:
                yield from steps(value)
    elif isinstance(node, list):
        for value in node:
            yield from steps(value)


def commands():
    """Every shell command of the recipes by where it stands, `pip` left to the machine."""
    named = {"action.yml": yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))}
    named |= {f"yaml {n}": yaml.safe_load(text) for n, text in enumerate(recipes("yaml"))}
    for name, content in named.items():
        for command in steps(content):
            if not command.startswith("pip install "):
                yield name, command


def entries():
    for text in recipes("yaml"):
        for repo in yaml.safe_load(text).get("repos", []):
            yield from (hook["entry"] for hook in repo["hooks"])


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with deliveries, and a `realm` on the path."""
    folder = tmp_path_factory.mktemp("recipes")
    (folder / "bin").mkdir()
    realm = folder / "bin" / "realm"
    realm.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m realm_cli "$@"\n')
    realm.chmod(0o755)
    for name, experts, n in (("good", 8, 150), ("bad", 1, 150), ("tiny", 8, 9)):
        (folder / name / "deliveries").mkdir(parents=True)
        rows = harness.colour_rows(n, n_annotators=9, experts=experts, seed=3)
        with (folder / name / "deliveries" / "batch.csv").open("w", newline="") as file:
            writer = csv.DictWriter(
                file, ["item_id", "annotator_id", "label"], extrasaction="ignore"
            )
            writer.writeheader()
            writer.writerows(rows)
    return folder


def shell(command, folder: Path, **env):
    path = f"{folder.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-e", "-c", command],
        cwd=folder,
        env=harness.environment({"PATH": path, **env}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_there_is_a_recipe_of_each_kind():
    assert [name for name, _ in commands()] == ["action.yml", "yaml 0", "yaml 2"]
    assert len(list(entries())) == 1


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_steps_decide_and_leave_what_later_steps_take(workplace, name, command):
    inputs = {"FILES": "deliveries/batch.csv", "ARGUMENTS": "--min-competence 0.7"}
    for quality, code in {"good": 0, "bad": 1}.items():
        process = shell(command, workplace / quality, **(inputs if name == "action.yml" else {}))
        assert process.returncode == code, process.stderr
        assert "internal error" not in process.stderr
    for file in TAKEN.get(name, ()):
        assert (workplace / "bad" / file).stat().st_size


def test_what_later_steps_take_is_checked():
    taken = re.findall(r"^ +(?:path|junit|codequality): (\S+)$", PAGE, re.M)
    assert taken == [file for files in TAKEN.values() for file in files]


def test_the_hook_takes_the_files_that_changed(workplace):
    for quality, code in {"bad": 1, "tiny": 0}.items():
        (entry,) = entries()
        process = shell(f"{entry} deliveries/batch.csv", workplace / quality)
        assert process.returncode == code, process.stderr


def test_the_shell_says_what_became_of_it(workplace):
    (script,) = [text for text in recipes("sh") if "case" in text]
    said = {"good": "accepted", "bad": "refused", "tiny": "inconclusive: ask for more labels"}
    for quality, words in said.items():
        process = shell(script, workplace / quality)
        assert process.stdout.splitlines()[-1] == words, process.stderr
