"""realm doctor: what is there and what is missing, with torch and without."""

from __future__ import annotations

import importlib.metadata
import json
import tomllib

import pytest
from cli.test_without_torch import HIDE
from harness import ROOT, python, realm
from hub_server import TOKEN, serving

from realm_cli import __version__
from realm_cli.doctor import EXTRAS, diagnose


@pytest.fixture
def bare(tmp_path):
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "sitecustomize.py").write_text(HIDE)
    return {"PYTHONPATH": f"{tmp_path / 'bare'}:{ROOT}"}


def diagnosis(tmp_path, *flags, env=None):
    process = realm("doctor", "--json", *flags, cwd=tmp_path, env=env)
    assert process.returncode == 0, process.stderr
    assert process.stderr == ""
    return json.loads(process.stdout)


def test_versions_devices_cache_and_no_hub_unasked(tmp_path):
    found = diagnosis(tmp_path, env={"HF_HOME": str(tmp_path / "home"), "HF_TOKEN": TOKEN})
    assert found["realm"] == __version__
    assert found["packages"]["torch"]
    assert [device["kind"] for device in found["devices"]] == ["cpu"]
    assert found["devices"][0]["memory"] > found["devices"][0]["free"] > 0
    train = next(extra for extra in found["extras"] if extra["name"] == "train")
    assert train["missing"] == []
    assert found["cache"]["folder"] == str(tmp_path / "home" / "hub")
    assert found["cache"]["exists"] is False
    assert found["hub"]["offline"] == ["HF_HUB_OFFLINE"]
    assert found["hub"]["reachable"] is None
    assert found["hub"]["token"] is True
    assert TOKEN not in json.dumps(found)


def test_the_hub_is_asked_where_somebody_asks(tmp_path):
    with serving() as hub:
        env = hub.env(tmp_path / "home")
        assert diagnosis(tmp_path, "--online", env=env)["hub"]["reachable"] is True
        assert hub.requests
    gone = diagnosis(tmp_path, "--online", env=env)["hub"]
    assert gone["reachable"] is False
    assert gone["reason"]
    assert gone["endpoint"] == hub.url


def test_without_torch_it_says_what_to_install(tmp_path, bare):
    process = realm("doctor", cwd=tmp_path, env=bare)
    assert process.returncode == 0, process.stderr
    lines = dict(line.split(maxsplit=1) for line in process.stdout.splitlines())
    assert lines["torch"] == "not installed"
    assert lines["devices"] == "not known without torch"
    assert "lacks torch, transformers, accelerate, safetensors" in process.stdout
    assert "pip install 'realm-cli[train]'" in process.stdout


def test_it_imports_nothing_heavy_that_is_not_there(tmp_path, bare):
    code = "import sys; from realm_cli.doctor import diagnose; diagnose(); print(*sys.modules)"
    process = python("-c", code, cwd=tmp_path, env=bare)
    assert process.returncode == 0, process.stderr
    loaded = set(process.stdout.split())
    assert not loaded & {"torch", "transformers", "pandas", "pyarrow", "scipy"}


def test_the_extras_are_those_of_the_package():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    names = {
        extra: tuple(name.split(">=")[0].split("==")[0] for name in extras[extra])
        for extra in EXTRAS
    }
    assert names == EXTRAS


@pytest.mark.parametrize("name", [name for names in EXTRAS.values() for name in names])
def test_what_pip_has_installed_is_not_missing(name):
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{name} is not installed")
    told = [extra.missing for extra in diagnose().extras]
    assert version
    assert not any(name in missing for missing in told)
