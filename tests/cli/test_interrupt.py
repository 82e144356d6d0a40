"""Ctrl-C while a model trains: exit code 130, and no trace of the run."""

from __future__ import annotations

import signal
import subprocess
import sys

from harness import contents, environment

MAIN = """
import signal
from realm_cli.__main__ import main

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
main()
"""


def test_an_interrupted_run_leaves_nothing(crowd, tmp_path):
    (tmp_path / "scratch").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "train", crowd, "--model", "tiny-t5", "--epochs", "5000",
         "--out", "runs/first"],
        cwd=tmp_path,
        env=environment({"TMPDIR": str(tmp_path / "scratch")}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    first = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert first.startswith("step 1/10000 · ")
    assert process.returncode == 130
    assert stdout == ""
    assert "Traceback" not in stderr
    assert contents(tmp_path) in ({"runs": b"", "scratch": b""}, {"scratch": b""})
