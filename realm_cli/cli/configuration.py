"""realm.toml: a table for each command, its keys the command's flags."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from realm_cli.errors import UsageError

DEFAULT_FILE = Path("realm.toml")


def read_configuration(path: Path | None, root: Any) -> dict[str, dict[str, Any]]:
    """Defaults for each command, from a file of tables such as `[train]` with `epochs = 3`.

    Raises:
        UsageError: The file is missing, is no TOML, or has a key that no command knows.
    """
    if path is None:
        if not DEFAULT_FILE.is_file():
            return {}
        path = DEFAULT_FILE
    tables = _read_toml(path)
    for command, values in tables.items():
        _check_key(path, "table", command, root.commands)
        if not isinstance(values, dict):
            raise UsageError(f"{path}: {command} must be a table, as in [{command}]")
        known = {parameter.name or "" for parameter in root.commands[command].params}
        for key in values:
            _check_key(path, f"key in [{command}]", key.replace("-", "_"), known)
    return {
        command: {key.replace("-", "_"): value for key, value in values.items()}
        for command, values in tables.items()
    }


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from error


def _check_key(path: Path, kind: str, key: str, known: Iterable[str]) -> None:
    names = sorted(known)
    if key in names:
        return
    close = difflib.get_close_matches(key, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names)}"
    raise UsageError(f"{path}: unknown {kind}: {key!r}", hint=hint)
