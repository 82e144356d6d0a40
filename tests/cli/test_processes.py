"""Several processes train what one would have trained; one of them speaks and writes."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from harness import contents, environment, realm
from hub_server import TOKEN, serving
from safetensors.numpy import load_file

from realm_cli.runs import read_report

FLAGS = ("--model", "tiny-t5", "--epochs", "4", "--batch-size", "9", "--out", "run")
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
SHARDING = """
import os
from accelerate.state import AcceleratorState, DistributedType
from realm_cli.training import sharding

begin, gather = AcceleratorState.__init__, sharding._gather

def on_cpu(self, *arguments, fsdp_plugin=None, **more):
    begin(self, *arguments, fsdp_plugin=fsdp_plugin, **more)
    if fsdp_plugin is not None:
        self.distributed_type, self.fsdp_plugin = DistributedType.FSDP, fsdp_plugin

def counted(copy, module):
    parts = [isinstance(p, sharding.DTensor) for p in copy.parameters()]
    os.write(1, f"sharded {sum(parts)} of {len(parts)}\\n".encode())  # whole, whoever else writes
    gather(copy, module)

AcceleratorState.__init__, sharding._gather = on_cpu, counted
from realm_cli.__main__ import main
main()
"""
ASKED_WHILE_SAVING = """
import os
from realm_cli.__main__ import main
from realm_cli.training.callbacks import Keep

on_save = Keep.on_save

def late(self, arguments, state, *more, **others):
    self.stop.asked |= state.global_step == 7 and os.environ["RANK"] == "1"
    on_save(self, arguments, state, *more, **others)

Keep.on_save = late
main()
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(torch.cuda.is_available(), reason="compares with runs on the CPU"),
]


def together(*arguments, cwd, program=("-m", "realm_cli"), launcher=TORCHRUN, env=None):
    return subprocess.run(
        [*launcher, *program, *map(str, arguments)],
        cwd=cwd, env=environment({"OMP_NUM_THREADS": "1", **(env or {})}), capture_output=True,
        text=True, timeout=300, check=False,
    )  # fmt: skip


def same(one, other):
    """Expertise, labels and report of two runs, but for rounding."""
    np.testing.assert_allclose(
        *(load_file(run / "realm/expertise.safetensors")["expertise"] for run in (one, other)),
        atol=1e-5,
    )
    a, b = (pq.read_table(run / "realm/labels.parquet").to_pandas() for run in (one, other))
    assert a["label"].tolist() == b["label"].tolist()
    np.testing.assert_allclose(np.stack(a["posterior"]), np.stack(b["posterior"]), atol=1e-4)
    mine, others = (read_report(run) for run in (one, other))
    assert mine.summary.accuracy_on_gold == others.summary.accuracy_on_gold
    assert mine.estimate.kind == others.estimate.kind
    for who, again in zip(mine.annotators, others.annotators, strict=True):
        assert who.competence == pytest.approx(again.competence, abs=1e-3)
        assert (who.annotator_id, who.flags) == (again.annotator_id, again.flags)
    assert set(contents(one)) == set(contents(other))


@pytest.fixture(scope="module")
def alone(tmp_path_factory, crowd):
    folder = tmp_path_factory.mktemp("alone")
    done = realm("train", crowd, *FLAGS, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "run"


def test_two_processes_are_as_one(crowd, alone, tmp_path):
    """A step of nine makes shares of two and three; the last step has four items for four."""
    done = together("train", crowd, *FLAGS, "--accumulate", "2", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (tmp_path / "run/realm/report.json").read_text()
    assert done.stderr.count("run: run\n") == 1
    same(alone, tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_accelerate_launches_it_too(crowd, alone, tmp_path):
    with socket.socket() as free:
        free.bind(("", 0))
        port = str(free.getsockname()[1])
    launcher = (sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu",
                "--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no",
                "--dynamo_backend", "no", "--main_process_port", port, "-m")  # fmt: skip
    done = together("train", crowd, *FLAGS, cwd=tmp_path, program=("realm_cli",), launcher=launcher)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("run: run\n") == 1
    same(alone, tmp_path / "run")


def test_folds_are_trained_one_after_the_other(crowd, tmp_path):
    for name, start in (("one", realm), ("two", together)):
        (tmp_path / name).mkdir()
        done = start("train", crowd, *FLAGS, "--cross-fit", "2", cwd=tmp_path / name)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("cross-fitting: training 2 of 3") == 1
    same(tmp_path / "one/run", tmp_path / "two/run")


def test_a_signal_stops_all_of_them_at_the_same_step(crowd, tmp_path):
    given = (*FLAGS, "--epochs", "60", "--save-steps", "7")
    process = subprocess.Popen(
        [*TORCHRUN, "-m", "realm_cli", "train", str(crowd), *given],
        cwd=tmp_path, env=environment({"OMP_NUM_THREADS": "1"}),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("run/realm/resume/stage-0/checkpoint-*/whole")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode != 0
    assert stderr.count("next: realm train --resume run") == 1, stderr
    done = together("train", "--resume", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    whole = tmp_path / "whole"
    whole.mkdir()
    once = together("train", crowd, *given, cwd=whole)
    assert once.returncode == 0, once.stderr
    same(whole / "run", tmp_path / "run")


def test_a_signal_that_reaches_one_of_them_while_it_saves_is_heard_by_all(crowd, tmp_path):
    (tmp_path / "late.py").write_text(ASKED_WHILE_SAVING)
    done = together("train", crowd, *FLAGS, "--epochs", "60", "--save-steps", "7", cwd=tmp_path,
                    program=("late.py",))  # fmt: skip
    assert done.returncode != 0
    assert done.stderr.count("stopped after step 8 of 300") == 1, done.stderr
    assert done.stderr.count("next: realm train --resume run") == 1


def test_weights_spread_over_processes_come_together_again(crowd, alone, tmp_path):
    """Accelerate spreads nothing on a CPU; told to, it does, and all else here is as on GPUs."""
    (tmp_path / "sharding.py").write_text(SHARDING)
    done = together("train", crowd, *FLAGS, "--fsdp", "--save-steps", "3", cwd=tmp_path,
                    program=("sharding.py",))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0].split()[0] == "sharded"
    _, parts, _, everything = done.stdout.split("\n")[0].split()
    assert parts == everything
    same(alone, tmp_path / "run")


def test_spreading_weights_on_a_cpu_is_refused(crowd, tmp_path):
    done = together("train", crowd, *FLAGS, "--fsdp", cwd=tmp_path)
    assert done.returncode != 0
    assert done.stderr.count("error: --fsdp needs GPUs") == 1
    assert not (tmp_path / "run").exists()


def test_several_processes_need_a_folder_and_say_so_once(crowd, tmp_path):
    done = together("train", crowd, *FLAGS[:-2], cwd=tmp_path)
    assert done.returncode != 0
    assert done.stderr.count("error: several processes have to agree on a folder") == 1
    assert list(tmp_path.iterdir()) == []


def test_one_of_them_pushes(crowd, tmp_path):
    with serving() as hub:
        env = hub.env(tmp_path / "home", HF_TOKEN=TOKEN)
        done = together(
            "train", crowd, *FLAGS, "--push-to-hub", "tester/mine", cwd=tmp_path, env=env
        )
        asked = [path for method, path in hub.requests if method == "POST"]
    assert done.returncode == 0, done.stderr
    assert sum("/commit/" in path for path in asked) == 1
    assert sum(path.endswith("/repos/create") for path in asked) == 1
