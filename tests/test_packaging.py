"""The wheel: all that realm needs to run, and nothing else."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import zipfile

import pytest
from harness import ROOT, environment, python

from realm_cli import __version__

pytestmark = pytest.mark.slow
NEEDED = ("pyproject.toml", "README.md", "LICENSE")
NO_INDEX = ("No matching distribution", "Could not find a version", "Connection", "Network")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy; with the installed hatchling, else with one from the package index."""
    if importlib.util.find_spec("build") is None:
        pytest.skip("the package `build` is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(ROOT / "realm_cli", source / "realm_cli")
    for name in NEEDED:
        shutil.copy(ROOT / name, source)
    isolated = importlib.util.find_spec("hatchling") is None
    process = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(source)]
        + ([] if isolated else ["--no-isolation"]),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    told = process.stdout + process.stderr
    if process.returncode and isolated and any(sign in told for sign in NO_INDEX):
        pytest.skip("hatchling is neither installed nor to be had from a package index")
    assert process.returncode == 0, told
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_it_is_named_after_its_version(wheel):
    assert wheel.name == f"realm_cli-{__version__}-py3-none-any.whl"


def test_it_holds_every_file_of_the_package(names):
    files = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "realm_cli").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = {name for name in names if name.startswith("realm_cli/")}
    assert packed == files
    assert {"realm_cli/py.typed", "realm_cli/report/report.schema.json"} <= packed
    assert any(name.endswith((".html", ".j2", ".jinja")) for name in packed)


def test_it_holds_nothing_else(names):
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"realm_cli", f"realm_cli-{__version__}.dist-info"}
    assert any(name.endswith("/LICENSE") for name in names)


def test_it_runs_from_the_wheel(wheel, tmp_path):
    """A wheel of Python alone can be imported as it is; the working tree is not on the path."""
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from realm_cli.__main__ import main"
    assert environment()["PYTHONPATH"] == str(ROOT)
    process = python(
        "-c", f"{code}; print(main.__code__.co_filename); main()", wheel, "--help",
        cwd=tmp_path, env={"PYTHONPATH": ""},
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    assert "realm_cli-" in process.stdout.splitlines()[0]
    assert "  train " in process.stdout
