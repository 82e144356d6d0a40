"""Golden files: `REALM_UPDATE_GOLDEN=1 pytest tests/report` writes them anew; read the diff."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def golden() -> Callable[[str | Path, str], None]:
    """Compare a text with a golden file, by its name or an absolute path."""

    def compare(name: str | Path, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get("REALM_UPDATE_GOLDEN"):
            path.write_text(text, encoding="utf-8", newline="\n")
        assert text == path.read_text(encoding="utf-8"), (
            f"{path.name}: see tests/report/conftest.py"
        )

    return compare
