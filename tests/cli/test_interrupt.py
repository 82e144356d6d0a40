"""A training that is stopped, or killed, goes on where it was and ends as if nothing had been."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time

import pytest
from harness import contents, environment, realm, write_rows

FLAGS = ("--model", "tiny-t5", "--epochs", "40", "--batch-size", "8", "--save-steps", "7")
CHOOSING = (*FLAGS, "--dev", "0.3", "--evaluate-every", "3", "--patience", "40")
FOLDS = (*FLAGS, "--cross-fit", "2", "--epochs", "15")
MAIN = """
import signal
from realm_cli.__main__ import main

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
main()
"""


def started(folder, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, "train", *map(str, arguments)],
        cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for(folder, pattern):
    """Until a file of that name is there."""
    deadline = time.monotonic() + 60
    while not list(folder.glob(pattern)):
        assert time.monotonic() < deadline, f"no {pattern} in {folder}"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, crowd):
    """The run that nobody stopped."""
    folder = tmp_path_factory.mktemp("whole")
    done = realm("train", crowd, *FLAGS, "--out", "run", cwd=folder)
    assert done.returncode == 0, done.stderr
    return contents(folder / "run")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_step_and_saves(crowd, whole, tmp_path, number, code):
    process = started(tmp_path, crowd, *FLAGS, "--out", "run")
    wait_for(tmp_path, "run/realm/resume/stage-0/checkpoint-*/whole")
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == code, stderr
    assert stdout == ""
    assert "finishing the step and saving" in stderr
    assert "next: realm train --resume run" in stderr
    assert "Traceback" not in stderr
    for command in (("report", "run"), ("predict", "run", crowd, "-o", "x.parquet")):
        told = realm(*command, cwd=tmp_path)
        assert told.returncode == 3
        assert "the run in run is not finished" in told.stderr
    again = realm("train", crowd, *FLAGS, "--out", "run", cwd=tmp_path)
    assert again.returncode == 2
    assert "realm train --resume run" in again.stderr
    done = realm("train", "--resume", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "run") == whole


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_killed_run_ends_as_if_it_had_not_been(crowd, whole, tmp_path, seed):
    dice = random.Random(seed)
    process = started(tmp_path, crowd, *FLAGS, "--out", "run")
    wait_for(tmp_path, f"run/realm/resume/stage-0/checkpoint-{7 * dice.randrange(1, 15)}")
    time.sleep(dice.random() * 0.1)
    process.kill()
    process.communicate()
    done = realm("train", "--resume", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "run") == whole
    assert set(contents(tmp_path)) == {f"run/{name}" for name in whole}


@pytest.fixture(scope="module")
def chosen(tmp_path_factory, crowd):
    """The run that nobody stopped, with its checkpoint chosen by items kept out of training."""
    folder = tmp_path_factory.mktemp("chosen")
    done = realm("train", crowd, *CHOOSING, "--out", "run", cwd=folder)
    assert done.returncode == 0, done.stderr
    return contents(folder / "run")


def evaluated(files):
    lines = [json.loads(line) for line in files["realm/metrics.jsonl"].splitlines()]
    return [line for line in lines if line["dev"] is not None]


def test_patience_ended_it_before_the_last_step(chosen):
    found = evaluated(chosen)
    best = max(found, key=lambda line: line["dev"])
    assert found.index(best) == len(found) - 41
    assert found[-1]["step"] < 160


@pytest.mark.parametrize(("seed", "number"), [(1, "kill"), (2, "kill"), (3, "term")])
def test_evaluations_and_the_best_so_far_outlive_it(crowd, chosen, tmp_path, seed, number):
    """Also from another working directory, where the checkpoints have another path."""
    dice = random.Random(seed)
    process = started(tmp_path, crowd, *CHOOSING, "--out", "run")
    wait_for(tmp_path, f"run/realm/resume/stage-0/checkpoint-{7 * dice.randrange(6, 14)}")
    time.sleep(dice.random() * 0.1)
    process.send_signal(signal.SIGKILL if number == "kill" else signal.SIGTERM)
    process.communicate(timeout=60)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = realm("train", "--resume", tmp_path / "run", cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    made = contents(tmp_path / "run")
    assert [name for name in chosen if made[name] != chosen[name]] == []
    assert made.keys() == chosen.keys()


def test_folds_that_are_done_are_not_done_again(crowd, tmp_path):
    whole = realm("train", crowd, *FOLDS, "--out", "whole", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    process = started(tmp_path, crowd, *FOLDS, "--out", "run")
    wait_for(tmp_path, "run/realm/resume/stage-2/checkpoint-*/whole")
    process.kill()
    process.communicate()
    done = realm("train", "--resume", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "training 1 of 3" not in done.stderr
    assert "training 2 of 3" in done.stderr
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")


@pytest.fixture
def cut_off(crowd, tmp_path):
    """The folder of a run that was killed, with its data in it."""
    (tmp_path / "crowd.jsonl").write_bytes(crowd.read_bytes())
    process = started(tmp_path, "crowd.jsonl", *FLAGS, "--out", "run")
    wait_for(tmp_path, "run/realm/resume/stage-0/checkpoint-*/whole")
    process.kill()
    process.communicate()
    return tmp_path


def test_what_has_changed_is_named(cut_off):
    plan = cut_off / "run/realm/resume/plan.json"
    before = plan.read_bytes()
    told = realm("train", "--resume", "run", "--epochs", "7", cwd=cut_off)
    assert told.returncode == 2
    assert "the setting epochs was 40 and is 7" in " ".join(told.stderr.split())
    told = realm("train", "--resume", "run", "crowd.jsonl", cwd=cut_off)
    assert "--resume takes no files" in told.stderr
    plan.write_bytes(before.replace(b'"torch": "', b'"torch": "0.'))
    told = realm("train", "--resume", "run", cwd=cut_off)
    assert "the version of torch was 0." in " ".join(told.stderr.split())
    plan.write_bytes(before)
    rows = [json.loads(line) for line in (cut_off / "crowd.jsonl").read_text().splitlines()]
    write_rows(cut_off / "crowd.jsonl", rows[:-1])
    told = realm("train", "--resume", "run", cwd=cut_off)
    assert told.returncode == 2
    assert "the content of crowd.jsonl was" in " ".join(told.stderr.split())
    assert list(cut_off.glob("run/realm/resume/stage-0/checkpoint-*/whole"))


def test_a_checkpoint_that_was_being_written_is_passed_over(cut_off, whole):
    stage = cut_off / "run/realm/resume/stage-0"
    half = stage / "checkpoint-199"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"\x00" * 10)
    done = realm("train", "--resume", "run", cwd=cut_off)
    assert done.returncode == 0, done.stderr
    made = contents(cut_off / "run")
    assert made["model.safetensors"] == whole["model.safetensors"]


def test_an_unfinished_run_can_be_replaced(cut_off):
    done = realm(
        "train", "crowd.jsonl", "--model", "tiny-t5", "--epochs", "1",
        "--out", "run", "--overwrite", cwd=cut_off,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not (cut_off / "run/realm/resume").exists()


def test_nothing_to_resume(crowd, tmp_path, refused):
    assert "holds no unfinished run" in refused(2, "train", "--resume", "nowhere")
    assert "training needs annotations and a model" in refused(2, "train", crowd)


def test_a_run_interrupted_before_it_has_anything_leaves_nothing(crowd, tmp_path):
    process = started(tmp_path, crowd, "--model", "tiny-t5", "--epochs", "9", "--out", "runs/first")
    wait_for(tmp_path, "runs/first/realm/resume/plan.json")
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 143, stderr
    assert "Traceback" not in stderr
    assert not list((tmp_path / "runs").glob("first/realm/resume/stage-*/checkpoint-*/whole")) or (
        "finishing the step" in stderr
    )
