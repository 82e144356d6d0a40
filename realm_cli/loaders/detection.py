"""What is this file? By its content, never by its name; `--format` settles it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from realm_cli.errors import UsageError
from realm_cli.loaders.base import CERTAIN, Claim, Export, Loader
from realm_cli.loaders.columns import closest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from realm_cli.config import Reading

MARKS = {
    b"\x89PNG": "an image (PNG)",
    b"\xff\xd8\xff": "an image (JPEG)",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "an Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"SQLite format 3": "an SQLite database",
    b"version https://git-lfs": "a Git LFS pointer, not the data it stands for",
}
"""Well-known first bytes -> what such a file is."""

REMEDIES = {
    "an Excel workbook": "save the sheet as CSV",
    "an old Excel workbook": "save the sheet as CSV",
    "a gzip archive": "it was packed twice: unpack it with gunzip",
    "a Git LFS pointer, not the data it stands for": "fetch the data with `git lfs pull`",
}

CLOSE = 0.15
"""Claims that differ by less are as good as one another."""


def choose(export: Export, loaders: Mapping[str, Loader], reading: Reading) -> tuple[Loader, Claim]:
    """The loader for a file, and its claim.

    Args:
        export: The file.
        loaders: All of them.
        reading: What the user has said.

    Raises:
        InputError: No loader knows the file, or several do.
    """
    if reading.format is not None:
        chosen = named(loaders, reading.format), Claim(f"--format {reading.format}", CERTAIN)
    else:
        chosen = _surest(export, loaders, reading)
    if chosen[0].reads_text and export.not_text:
        why = f"the file is no text: {export.not_text}"
        raise export.refuse("no-text", why, hint=_remedy(export))
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


def claims(
    export: Export, loaders: Mapping[str, Loader], reading: Reading
) -> list[tuple[Loader, Claim]]:
    """What every loader says about a file, the surest first."""
    said = reading.columns.annotator is not None or reading.columns.label is not None
    asked = [loader for loader in loaders.values() if not (said and loader.by_shape)]
    made = [(loader, loader.detect(export)) for loader in asked]
    found = [(loader, claim) for loader, claim in made if claim is not None]
    return sorted(found, key=lambda made: -made[1].confidence)


def _surest(
    export: Export, loaders: Mapping[str, Loader], reading: Reading
) -> tuple[Loader, Claim]:
    made = claims(export, loaders, reading)
    if not made:
        raise _nothing_known(export, loaders)
    best = made[0][1].confidence
    candidates = [made for made in made if best - made[1].confidence < CLOSE]
    if len(candidates) == 1:
        return candidates[0]
    several = "; ".join(f"{loader.name} ({claim.evidence})" for loader, claim in candidates)
    raise export.refuse(
        "ambiguous-format",
        f"ambiguous: the file could be {several}",
        hint=f"choose one with --format, for instance --format {candidates[0][0].name}",
    )


def _nothing_known(export: Export, loaders: Mapping[str, Loader]) -> Exception:
    kind = _kind(export)
    begins = export.head.strip()[:40]
    evidence = f"it is {kind}" if kind else export.not_text or f"it begins with {begins!r}"
    known = "; ".join(loader.title for loader in loaders.values())
    return export.refuse(
        "no-export",
        f"this is no annotation export that realm knows: {evidence}",
        hint=_remedy(export)
        or f"realm reads: {known}; if it is one of these, name it with --format",
    )


def _kind(export: Export) -> str | None:
    return next((kind for mark, kind in MARKS.items() if export.start.startswith(mark)), None)


def _remedy(export: Export) -> str | None:
    kind = _kind(export)
    if kind is None and export.not_text:
        return "save the file as UTF-8"
    return REMEDIES.get(kind or "")
