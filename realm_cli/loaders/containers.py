"""Folders, patterns, archives, pipes -> exports: the files in which annotations lie.

Nothing is ever unpacked to disk. An archive's members are read through it, in pieces, and an
archive that would grow beyond all measure is refused before it is read.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import sys
import tarfile
import zipfile
import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from realm_cli.errors import InputError
from realm_cli.loaders.base import Export
from realm_cli.schema import Findings, Issue, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

STDIN = Path("-")
START = 1 << 16
PIECE = 1 << 20
ZIP, GZIP = b"PK\x03\x04", b"\x1f\x8b"
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

SMALL = 1 << 26
"""Anything may unpack to 64 MiB."""
MOST_GROWTH = 200
"""Beyond that, unpacked bytes for each packed one. Text packs to a tenth; bombs to a thousandth."""

BESIDE = (".DS_Store", "__MACOSX", "Thumbs.db", "desktop.ini")
SIDECARS = ("-info.json", ".truth.csv", ".lock", ".tmp", ".part", ".crdownload")
"""Names of files that lie beside exports and are none."""

UNDEFINED = frozenset(b"\x81\x8d\x8f\x90\x9d")
"""Bytes that mean nothing in Windows-1252."""
MOST_MEMBERS = 100_000
GLOB = frozenset("*?[")
TAR_MARK, TAR_MARK_AT = b"ustar", 257
UNREADABLE = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, tarfile.TarError)

Opener: TypeAlias = "Callable[[], BinaryIO]"

_Place: TypeAlias = "tuple[Path, Opener, int]"
"""The name of an export, what opens it, and its size as packed."""


def exports(paths: Sequence[Path], problems: Findings) -> Iterator[Export]:
    """Every file that the paths stand for.

    Args:
        paths: Files, folders, patterns, archives, or `-` for standard input.
        problems: Takes what is wrong with files that cannot be read.
    """
    for path, opener, packed in _places(paths, problems):
        try:
            yield _read_through(path, opener, packed)
        except InputError as error:
            problems.extend(error.issues)


def _places(paths: Sequence[Path], problems: Findings) -> Iterator[_Place]:
    """Where the exports lie: files, and members of archives."""
    for path in paths:
        try:
            for file in _files(path):
                try:
                    yield from _unpacked(file, _opener(file))
                except InputError as error:
                    problems.extend(error.issues)
        except InputError as error:
            problems.extend(error.issues)


def _files(path: Path) -> list[Path]:
    """The files that one argument stands for."""
    if path.is_dir():
        inside = [one for one in path.rglob("*") if one.is_file()]
        found = sorted(one for one in inside if _is_export(one.relative_to(path)))
        return found or _none_there(path, "the folder holds no files")
    if not path.is_file() and GLOB.intersection(str(path)):
        anchor = Path(path.anchor or ".")
        pattern = str(path.relative_to(path.anchor) if path.anchor else path)
        found = sorted(one for one in anchor.glob(pattern) if one.is_file())
        return found or _none_there(path, "no file fits this pattern")
    return [path]


def _is_export(path: Path | PurePosixPath) -> bool:
    """Whether a file of a folder or an archive may be data, by how tools name what is none."""
    hidden = any(part.startswith((".", "~$")) or part in BESIDE for part in path.parts)
    return not hidden and not path.name.endswith(SIDECARS)


def _none_there(path: Path, message: str) -> list[Path]:
    raise _refusal(path, "no-file", message, "check the path")


def _refusal(path: Path, code: str, message: str, hint: str | None = None) -> InputError:
    return Export(path, io.BytesIO, b"").refuse(code, message, hint=hint)


def _opener(path: Path) -> Opener:
    if path == STDIN:
        return partial(io.BytesIO, sys.stdin.buffer.read())
    return partial(_open_file, path)


def _open_file(path: Path) -> BinaryIO:
    """A file on disk, or the reason why it cannot be read."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise _refusal(path, "no-file", "there is no such file", "check the path") from None
    except IsADirectoryError:
        message, hint = "this is a folder, not a file", "name the files in it"
        raise _refusal(path, "folder", message, hint) from None
    except OSError as error:
        raise _refusal(path, "unreadable", f"it cannot be read: {error.strerror}") from None


def _unpacked(path: Path, opener: Opener) -> Iterator[_Place]:
    """The exports in one file: itself, what is packed in it, or an archive's members."""
    with opener() as file:
        start = file.read(START)
        size = file.seek(0, io.SEEK_END)
    if start.startswith(GZIP):
        opener = partial(_open_gzip, opener)
        with _said(path), opener() as file:
            start = file.read(START)
    if start.startswith(ZIP) and b"xl/" not in start:
        yield from _zip_members(path, opener)
    elif start[TAR_MARK_AT:].startswith(TAR_MARK):
        yield from _tar_members(path, opener, size)
    else:
        yield path, opener, size


class _Inner(io.RawIOBase):
    """A stream that lies in another one, which is closed with it."""

    def __init__(self, stream: Any, *around: Any) -> None:
        super().__init__()
        self._stream = stream
        self._around = around

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._stream.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._stream.seek(offset, whence))

    def tell(self) -> int:
        return int(self._stream.tell())

    def close(self) -> None:
        for stream in () if self.closed else (self._stream, *self._around):
            stream.close()
        super().close()


def _open_gzip(packed: Opener) -> BinaryIO:
    raw = packed()
    return io.BufferedReader(_Inner(gzip.GzipFile(fileobj=raw), raw))


def _open_zipped(packed: Opener, name: str) -> BinaryIO:
    with ExitStack() as around:
        archive = around.enter_context(zipfile.ZipFile(around.enter_context(packed())))
        return io.BufferedReader(_Inner(archive.open(name), around.pop_all()))


def _open_tarred(packed: Opener, name: str) -> BinaryIO:
    with ExitStack() as around:
        raw = around.enter_context(packed())
        archive = around.enter_context(tarfile.open(fileobj=raw))
        return io.BufferedReader(_Inner(archive.extractfile(name), around.pop_all()))


@contextmanager
def _said(path: Path) -> Iterator[None]:
    """Say in our words that something packed cannot be unpacked."""
    try:
        yield
    except UNREADABLE as error:
        cut = isinstance(error, EOFError)
        message = "the archive breaks off before its end" if cut else "the archive is damaged"
        hint = "download or pack it again"
        raise _refusal(path, "broken-archive", f"{message}: {error}", hint) from error
    except (RuntimeError, NotImplementedError) as error:
        message = f"the archive cannot be unpacked: {error}"
        raise _refusal(path, "locked-archive", message, "unpack it yourself") from error


def _zip_members(path: Path, opener: Opener) -> Iterator[_Place]:
    with _said(path), opener() as raw, zipfile.ZipFile(raw) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
    sizes = {info.filename: (info.file_size, info.compress_size) for info in infos}
    for name in _safe_names(path, list(sizes)):
        unpacked, packed = sizes[name]
        _check_growth(path, unpacked, packed)
        yield path / name, partial(_open_zipped, opener, name), packed


def _tar_members(path: Path, opener: Opener, packed: int) -> Iterator[_Place]:
    with _said(path), opener() as raw, tarfile.open(fileobj=raw) as archive:
        sizes = {info.name: info.size for info in archive if info.isfile()}
    _check_growth(path, sum(sizes.values()), packed)
    for name in _safe_names(path, list(sizes)):
        yield path / name, partial(_open_tarred, opener, name), packed


def _safe_names(path: Path, names: Sequence[str]) -> list[str]:
    """The members that may be data; an archive that points outside itself is refused."""
    if len(names) > MOST_MEMBERS:
        raise _refusal(path, "too-many-members", f"the archive has {len(names):,} members")
    for name in names:
        parts = PurePosixPath(name.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or (name[1:2] == ":"):
            raise _refusal(
                path,
                "path-traversal",
                f"the archive has a member that lies outside it: {name!r}",
                "do not use this archive; ask for another",
            )
    found = sorted(name for name in names if _is_export(PurePosixPath(name)))
    if not found:
        raise _refusal(path, "empty", "the archive holds no files", "export it again")
    return found


def _check_growth(path: Path, unpacked: int, packed: int) -> None:
    if unpacked > max(SMALL, MOST_GROWTH * packed):
        raise _refusal(
            path,
            "archive-bomb",
            f"the archive would unpack to {unpacked:,} bytes or more out of {packed:,}; that is "
            "no data",
            "if it is, unpack it yourself",
        )


@dataclass
class _Digest:
    """What one reading of a file's bytes tells about them."""

    sha256: Any = field(default_factory=hashlib.sha256)
    size: int = 0
    blank: bool = True
    n_lines: int = 0
    nul_line: int | None = None
    odd: tuple[int, int] | None = None
    cp1252: bool = True
    utf8: codecs.IncrementalDecoder = field(default_factory=codecs.getincrementaldecoder("utf-8"))

    def add(self, piece: bytes, *, final: bool = False) -> None:
        self.sha256.update(piece)
        self.size += len(piece)
        self.blank = self.blank and not piece.strip()
        if self.nul_line is None and b"\0" in piece:
            self.nul_line = self.n_lines + piece.count(b"\n", 0, piece.index(b"\0")) + 1
        if self.odd is None:
            self._decode(piece, final)
        if self.odd is not None:
            self.cp1252 = self.cp1252 and not UNDEFINED.intersection(piece)
        self.n_lines += piece.count(b"\n")

    def _decode(self, piece: bytes, final: bool) -> None:
        held = self.utf8.getstate()[0]
        try:
            self.utf8.decode(piece, final)
        except UnicodeDecodeError as error:
            line = self.n_lines + (held + piece).count(b"\n", 0, error.start) + 1
            self.odd = error.object[error.start], line


def _read_through(path: Path, opener: Opener, packed: int) -> Export:
    """Read a file once, for its digest and its encoding."""
    digest = _Digest()
    start = b""
    with _said(path), opener() as file:
        while piece := file.read(PIECE):
            start = start or piece[:START]
            digest.add(piece)
            _check_growth(path, digest.size, packed)
    digest.add(b"", final=True)
    if digest.blank:
        raise _refusal(path, "empty", "the file is empty", "export it again")
    encoding, not_text = _encoding(start, digest)
    issues = (_assumed(path, digest),) if encoding == "cp1252" else ()
    export = Export(
        path, opener, start, digest.sha256.hexdigest(), encoding, not_text, tuple(issues)
    )
    if not_text is None and not export.head.strip() and digest.size <= START:
        raise _refusal(path, "empty", "the file is empty", "export it again")
    return export


def _encoding(start: bytes, digest: _Digest) -> tuple[str | None, str | None]:
    """What the text is written in, or why it is none."""
    if start.startswith(UTF_16):
        return "utf-16", None
    if digest.nul_line is not None:
        return None, f"it holds NUL bytes, the first in line {digest.nul_line:,}"
    if digest.odd is None:
        return "utf-8-sig", None
    if digest.cp1252:
        return "cp1252", None
    byte, line = digest.odd
    return None, f"byte 0x{byte:02x} in line {line:,} is neither UTF-8 nor Windows-1252"


def _assumed(path: Path, digest: _Digest) -> Issue:
    byte, line = digest.odd or (0, 0)
    return Issue(
        code="encoding",
        severity=Severity.WARNING,
        message=f"byte 0x{byte:02x} is not UTF-8, so the file is read as Windows-1252",
        file=str(path),
        line=line,
        hint="look whether letters with accents are right, and save it as UTF-8",
    )
