"""A crowd's file, trained runs and a refusal, for the tests of commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import harness
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


@pytest.fixture(scope="session")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return harness.crowd_file(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with one task and a fixed set of labels."""
    return harness.colour_run(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def two_tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a multiple-choice task and a yes-or-no task."""
    return harness.two_task_run(tmp_path_factory.getbasetemp())


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., str]:
    """Run `realm` and expect a refusal: its code, nothing on stdout, nothing written."""

    def refused(code: int, *arguments: str | Path, env: Mapping[str, str] | None = None) -> str:
        before = harness.contents(tmp_path)
        process = harness.realm(*arguments, cwd=tmp_path, env=env)
        assert process.returncode == code, process.stderr
        assert process.stdout == ""
        assert harness.contents(tmp_path) == before
        assert "internal error" not in process.stderr
        if not (env or {}).get("REALM_DEBUG"):
            assert "Traceback" not in process.stderr
        assert "\x1b" not in process.stderr
        return process.stderr

    return refused
