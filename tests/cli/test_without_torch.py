"""Without the extra `train`: everything but training and predicting works."""

from __future__ import annotations

import json

import pytest
from harness import ROOT, realm

HIDE = """
import sys
from importlib.machinery import PathFinder

HIDDEN = {"torch", "transformers", "accelerate", "safetensors", "tokenizers", "huggingface_hub"}


class Hiding(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        hidden = name.partition(".")[0] in HIDDEN
        return None if hidden else PathFinder.find_spec(name, path, target)


sys.meta_path[sys.meta_path.index(PathFinder)] = Hiding
"""


@pytest.fixture
def bare(tmp_path_factory):
    """An environment in which torch and its friends are not installed."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "sitecustomize.py").write_text(HIDE)
    return {"PYTHONPATH": f"{folder}:{ROOT}"}


def test_reports_need_no_torch(tmp_path, crowd, colours, bare):
    for source, kind in ((crowd, "label-only"), (colours, "in-sample")):
        process = realm("report", source, "--json", "--html", "page.html", cwd=tmp_path, env=bare)
        assert process.returncode == 0, process.stderr
        assert json.loads(process.stdout)["estimate"]["kind"] == kind
        assert (tmp_path / "page.html").stat().st_size > 1000


def test_a_crowd_is_simulated_without_torch(tmp_path, crowd, bare):
    process = realm("simulate", crowd, "--out", "x.parquet", cwd=tmp_path, env=bare)
    assert process.returncode == 0, process.stderr


def test_training_and_predicting_say_what_to_install(refused, crowd, colours, bare):
    train = ("train", crowd, "--model", "tiny-t5", "--out", "run")
    bench = ("bench", ROOT / "plans" / "mini.toml", "--out", "bench")
    for arguments in (train, ("predict", colours, crowd), bench):
        assert refused(2, *arguments, env=bare).splitlines() == [
            "error: this command needs torch, transformers, accelerate, safetensors",
            "hint: pip install 'realm-cli[train]'",
        ]
