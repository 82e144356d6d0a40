"""Small helpers for loader tests: write a file, load it, collect the problems of a refusal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from realm_cli.config import Columns, Reading
from realm_cli.errors import InputError
from realm_cli.loaders import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from realm_cli.schema import Issue

FIXTURES = Path(__file__).parent.parent / "fixtures" / "loaders"


@pytest.fixture
def sample() -> Callable[[str], Path]:
    """The path of a hand-written export."""
    return lambda name: FIXTURES / name


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a file: text as UTF-8 with its line ends as they are, bytes as they are."""

    def write(content: str | bytes, name: str = "export") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def rows() -> Callable[..., list[dict[str, Any]]]:
    """The rows of one loaded file."""

    def rows(path: Path, format_name: str | None = None, **columns: str) -> list[dict[str, Any]]:
        (file,) = load([path], Reading(format=format_name, columns=Columns(**columns)))
        listed: list[dict[str, Any]] = file.table.to_pylist()
        return listed

    return rows


@pytest.fixture
def refusal() -> Callable[..., list[Issue]]:
    """The issues with which one file is refused."""

    def refusal(path: Path, format_name: str | None = None, **columns: str) -> list[Issue]:
        with pytest.raises(InputError) as caught:
            load([path], Reading(format=format_name, columns=Columns(**columns)))
        assert caught.value.exit_code == 3
        assert "cannot be used" in caught.value.message
        assert all(issue.file == str(path) for issue in caught.value.issues)
        return list(caught.value.issues)

    return refusal
