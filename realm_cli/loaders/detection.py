"""What is this file? By its content, never by its name; `--format` settles it."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from realm_cli.errors import UsageError
from realm_cli.loaders.base import Head, Loader
from realm_cli.loaders.columns import closest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MARKS = {
    b"\x89PNG": "an image (PNG)",
    b"\xff\xd8\xff": "an image (JPEG)",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"SQLite format 3": "an SQLite database",
    b"version https://git-lfs": "a Git LFS pointer, not the data it stands for",
}
"""Well-known first bytes -> what such a file is."""

REMEDIES = {
    "a ZIP archive or an Excel workbook": "unpack the archive, or save the sheet as CSV",
    "an old Excel workbook": "save the sheet as CSV",
    "a gzip archive": "unpack it with gunzip",
    "a Git LFS pointer, not the data it stands for": "fetch the data with `git lfs pull`",
}

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def open_head(path: Path) -> Head:
    """Read a file.

    Raises:
        InputError: It is not there, is a folder, cannot be read or is empty.
    """
    head = Head(path, b"", "")
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise head.refuse("no-file", "there is no such file", hint="check the path") from None
    except IsADirectoryError:
        raise head.refuse(
            "folder", "this is a folder, not a file", hint="name the files in it"
        ) from None
    except OSError as error:
        raise head.refuse("unreadable", f"it cannot be read: {error.strerror}") from None
    text, not_text = _decode(raw)
    if not raw.strip() or (not_text is None and not text.strip()):
        raise head.refuse("empty", "the file is empty", hint="export it again")
    return Head(path, raw, text, not_text)


def choose(
    head: Head, loaders: Mapping[str, Loader], format_name: str | None
) -> tuple[Loader, str]:
    """The loader for a file, and the evidence for it.

    Args:
        head: The file.
        loaders: All of them.
        format_name: The user's word, if any.

    Raises:
        InputError: No loader knows the file, or several do.
    """
    if format_name is not None:
        chosen = named(loaders, format_name), f"--format {format_name}"
    else:
        chosen = _only_claim(head, loaders)
    if chosen[0].reads_text and head.not_text:
        raise head.refuse("no-text", f"the file is no text: {head.not_text}", hint=_remedy(head))
    return chosen


def named(loaders: Mapping[str, Loader], format_name: str) -> Loader:
    """A loader by its name.

    Raises:
        UsageError: There is none of that name.
    """
    if format_name in loaders:
        return loaders[format_name]
    match = closest(format_name, list(loaders))
    raise UsageError(
        f"there is no format {format_name!r}; the formats are: {', '.join(loaders)}",
        hint=f"did you mean --format {match}?" if match else None,
    )


def _only_claim(head: Head, loaders: Mapping[str, Loader]) -> tuple[Loader, str]:
    claims = [(loader, loader.detect(head)) for loader in loaders.values()]
    claimed = [(loader, evidence) for loader, evidence in claims if evidence is not None]
    specific = [claim for claim in claimed if not claim[0].general]
    candidates = specific or claimed
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        several = "; ".join(f"{loader.name} ({evidence})" for loader, evidence in candidates)
        raise head.refuse(
            "ambiguous-format",
            f"ambiguous: the file could be {several}",
            hint=f"choose one with --format, for instance --format {candidates[0][0].name}",
        )
    raise _nothing_known(head, loaders)


def _nothing_known(head: Head, loaders: Mapping[str, Loader]) -> Exception:
    kind = _kind(head)
    begins = head.text.strip()[:40]
    evidence = f"it is {kind}" if kind else head.not_text or f"it begins with {begins!r}"
    known = "; ".join(loader.title for loader in loaders.values())
    return head.refuse(
        "no-export",
        f"this is no annotation export that realm knows: {evidence}",
        hint=_remedy(head) or f"realm reads: {known}; if it is one of these, name it with --format",
    )


def _kind(head: Head) -> str | None:
    return next((kind for mark, kind in MARKS.items() if head.raw.startswith(mark)), None)


def _remedy(head: Head) -> str | None:
    kind = _kind(head)
    if kind is None and head.not_text:
        return "save the file as UTF-8"
    return REMEDIES.get(kind or "")


def _decode(raw: bytes) -> tuple[str, str | None]:
    """The text, and why there is none."""
    try:
        if raw.startswith(UTF_16):
            return raw.decode("utf-16"), None
        return raw.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return "", f"byte 0x{raw[error.start]:02x} in line {line} is not UTF-8"
