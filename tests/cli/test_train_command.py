"""realm train as a process: who decides a setting, what goes where, the same bytes again."""

from __future__ import annotations

import json

import pytest
from harness import EPOCH, QUICK, contents, realm

from realm_cli.config import TrainSettings

CONFIGURATION = """
[train]
seed = 1
epochs = 1
form-weight = 0.2
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("train")


@pytest.fixture(scope="module")
def process(crowd, folder):
    """One run; its seed is set three times, its epochs twice, its form weight once."""
    (folder / "realm.toml").write_text(CONFIGURATION)
    return realm(
        "train", crowd, "--model", "tiny-t5", "--out", "runs/first", "--seed", "3", "--json",
        cwd=folder,
        env={"REALM_TRAIN_SEED": "2", "REALM_TRAIN_EPOCHS": "2"},
    )  # fmt: skip


def test_it_ends_well(process):
    assert process.returncode == 0, process.stderr


def test_flags_go_before_the_environment_before_the_file_before_defaults(process, folder):
    record = json.loads((folder / "runs" / "first" / "realm" / "run.json").read_text())
    settings = TrainSettings.model_validate(record["settings"])
    assert settings.seed == 3
    assert settings.epochs == 2
    assert settings.form_weight == 0.2
    assert settings == TrainSettings(model="tiny-t5", seed=3, epochs=2, form_weight=0.2)


def test_the_same_seed_gives_the_same_bytes_in_another_process(process, folder, colours):
    """Report and record too, as SOURCE_DATE_EPOCH stands still."""
    assert process.returncode == 0
    first, again = contents(colours), contents(folder / "runs" / "first")
    assert TrainSettings(model="tiny-t5", seed=3, epochs=2, form_weight=0.2) == QUICK
    assert first.keys() == again.keys()
    assert [name for name in first if first[name] != again[name]] == []
    assert json.loads(first["realm/run.json"])["created_at"] == "2023-11-14T22:13:20+00:00"
    assert EPOCH == "1700000000"


def test_stdout_is_the_report_and_nothing_else(process, folder):
    assert process.stdout == (folder / "runs/first/realm/report.json").read_text()
    assert json.loads(process.stdout)["estimate"]["kind"] == "in-sample"


def test_stderr_is_plain_lines_without_a_terminal(process):
    assert "\x1b" not in process.stderr
    assert "\r" not in process.stderr
    lines = process.stderr.splitlines()
    assert lines[0].startswith("step 1/4 · loss ")
    assert lines[-4].startswith("step 4/4 · loss ")
    assert lines[-3:] == [
        "run: runs/first",
        "report: runs/first/realm/report.json",
        "next: realm report runs/first --annotators",
    ]


def test_the_run_that_it_names_next_can_be_reported_on(process, folder):
    shown = realm("report", "runs/first", "--annotators", cwd=folder)
    assert shown.returncode == 0
    assert shown.stderr == ""
    assert "8 annotators" in shown.stdout
    assert "\x1b" not in shown.stdout


@pytest.mark.slow
def test_an_earlier_run_is_replaced_when_asked_to(process, folder, crowd):
    before = contents(folder / "runs" / "first")
    (folder / "runs" / "first" / "stray").touch()
    again = realm(
        "train", crowd, "--model", "tiny-t5", "--out", "runs/first", "--epochs", "1",
        "--overwrite", cwd=folder,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert again.stdout == ""
    after = contents(folder / "runs" / "first")
    assert after.keys() == before.keys()
    assert after["model.safetensors"] != before["model.safetensors"]
    assert [path.name for path in (folder / "runs").iterdir()] == ["first"]
