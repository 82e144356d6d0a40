"""Profiles: how to read one vendor's exports, written down once and pinned in CI, as TOML."""

from __future__ import annotations

import difflib
import json
import tomllib
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from realm_cli.config import Columns, Reading
from realm_cli.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "# How to read this vendor's exports: realm COMMAND FILES --profile THIS_FILE\n"


def read_profile(path: Path) -> Reading:
    """The settings in a profile.

    Raises:
        UsageError: The file is missing, is no TOML, or holds what is no setting of reading.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        return Reading.model_validate(values)
    except OSError as error:
        raise UsageError(f"cannot read the profile {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"the profile {path} is not valid TOML: {error}") from error
    except ValidationError as error:
        raise _refusal(path, error.errors()[0]) from error


def profile_text(reading: Reading) -> str:
    """A profile as TOML: all that differs from what realm does by itself."""
    values = reading.model_dump(mode="json", exclude_defaults=True)
    columns = values.pop("columns", {})
    lines = [f"{name} = {_toml(value)}" for name, value in values.items()]
    if columns:
        lines += ["", "[columns]"] if lines else ["[columns]"]
        lines += [f"{name} = {_toml(value)}" for name, value in columns.items()]
    return HEAD + "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """A text, a number or a truth value; JSON writes each of them as TOML does."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _refusal(path: Path, detail: Any) -> UsageError:
    key = ".".join(str(part) for part in detail["loc"])
    if detail["type"] != "extra_forbidden":
        return UsageError(f"the profile {path}: {key} is {detail['input']!r}: {detail['msg']}")
    names = Columns.model_fields if key.startswith("columns.") else Reading.model_fields
    match = difflib.get_close_matches(key.rpartition(".")[2], names, n=1)
    hint = f"did you mean {match[0]}?" if match else f"known: {', '.join(names)}"
    return UsageError(f"the profile {path} has an unknown key {key!r}", hint=hint)
