"""A checkpoint's files before they are loaded: which there are, and whether they are whole.

transformers says of a file that is cut short what its parser stumbled over; this says which file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from realm_cli import hub
from realm_cli.errors import ModelNotFoundError

LENGTH = 8
"""Bytes at the start of a safetensors file that say how long its header is."""


def read_config(folder: Path, model: str) -> dict[str, Any]:
    """The content of config.json.

    Raises:
        ModelNotFoundError: There is none.
    """
    try:
        found = json.loads((folder / "config.json").read_text("utf-8"))
    except OSError as error:
        raise _no_checkpoint(model, "config.json is missing") from error
    except ValueError as error:
        raise _no_checkpoint(model, "config.json is no JSON") from error
    if not isinstance(found, dict):
        raise _no_checkpoint(model, "config.json is no config")
    return found


def check_weights(folder: Path, model: str) -> None:
    """Refuse weights that are not all there.

    Args:
        folder: Where the files lie.
        model: What the user calls it.

    Raises:
        ModelNotFoundError: With the file that is missing or broken.
    """
    for name in hub.missing_weights(folder):
        raise _no_checkpoint(model, f"{name} is missing")
    for path in sorted(folder.glob("*.safetensors")):
        whole, found = _whole_size(path), path.stat().st_size
        if whole is None:
            raise _no_checkpoint(model, f"{path.name} is no safetensors file, or it is cut short")
        if found < whole:
            raise _no_checkpoint(
                model, f"{path.name} is cut short: {found:,} bytes of {whole:,} are there"
            )


def broken(model: str) -> ModelNotFoundError:
    """What to say where transformers cannot make sense of the files."""
    return _no_checkpoint(model, "its files are damaged or do not fit together")


def without_tokenizer(model: str) -> ModelNotFoundError:
    """What to say where the tokenizer cannot be had."""
    return ModelNotFoundError(
        f"the checkpoint {model} has no tokenizer that transformers can load",
        hint="save it beside the model: tokenizer.save_pretrained(FOLDER)",
    )


def with_own_code(model: str) -> ModelNotFoundError:
    """What to say of a model that comes with Python code."""
    return ModelNotFoundError(
        f"the model {model} needs code of its own, which realm never runs",
        hint="choose a model that transformers knows by itself",
    )


def _whole_size(path: Path) -> int | None:
    """Bytes that a safetensors file must have by its own header; None where there is none."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(LENGTH), "little")
            if not 0 < length <= path.stat().st_size - LENGTH:
                return None
            tensors = json.loads(file.read(length))
        ends = [one["data_offsets"][1] for name, one in tensors.items() if name != "__metadata__"]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    return LENGTH + length + max(ends, default=0)


def _no_checkpoint(model: str, why: str) -> ModelNotFoundError:
    return ModelNotFoundError(
        f"{model} holds no checkpoint that transformers can load: {why}",
        hint="it needs config.json, model.safetensors and the tokenizer's files",
    )
