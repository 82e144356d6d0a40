"""realm doctor: what this machine has for realm, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from realm_cli.cli import console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from realm_cli.doctor import Device, Diagnosis, Hub


def doctor(
    online: Annotated[
        bool, typer.Option("--online", help="Ask the Hugging Face hub whether it can be reached.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Everything on stdout as JSON.")] = False,
) -> None:
    """Say what is installed, what is missing, and what there is to compute with.

    Example: realm doctor --online
    """
    from realm_cli import doctor as facts

    with console.working("looking"):
        found = facts.diagnose(online=online)
    if json:
        console.data(found.model_dump_json(indent=2))
        return
    console.data("\n".join(f"{name:<16}{value}".rstrip() for name, value in _lines(found)))


def _lines(found: Diagnosis) -> Iterator[tuple[str, str]]:
    yield "realm", found.realm
    yield "python", f"{found.python} on {found.platform}"
    for name, version in found.packages.items():
        yield name, version or "not installed"
    for extra in found.extras:
        missing = f"lacks {', '.join(extra.missing)}: {extra.command}"
        yield f"extra {extra.name}", missing if extra.missing else "installed"
    for device in found.devices:
        yield device.kind, _device(device)
    if not found.devices:
        yield "devices", "not known without torch"
    there = "" if found.cache.exists else " (not there yet)"
    yield "cache", f"{found.cache.folder}{there}, {_size(found.cache.free)} free"
    yield "hub", _hub(found.hub)


def _device(device: Device) -> str:
    kinds = [word for word, can in (("bf16", device.bf16), ("fp16", device.fp16)) if can]
    memory = f"{_size(device.memory)}, {_size(device.free)} free"
    return f"{device.name}, {memory}, trains in {' or '.join([*kinds, 'fp32'])}"


def _hub(hub: Hub) -> str:
    parts = [hub.endpoint, "a token is set" if hub.token else "no token"]
    parts += [f"{name} is set" for name in hub.offline]
    if hub.reachable is not None:
        parts.append("can be reached" if hub.reachable else f"cannot be reached: {hub.reason}")
    return ", ".join(parts)


def _size(value: int | None) -> str:
    return "unknown memory" if value is None else f"{value / 2**30:,.1f} GiB"
