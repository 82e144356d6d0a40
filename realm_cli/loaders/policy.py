"""What the user wants done with rows once they are read, whatever format they came from.

Personal columns go, models' answers are kept apart, spellings are brought together, names are
hashed: always in this order, over all files together, on the distinct values of a column.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from realm_cli.choices import AnnotatorFrom
from realm_cli.errors import UsageError
from realm_cli.loaders.columns import fold
from realm_cli.loaders.models import looks_like_model
from realm_cli.schema import (
    CANONICAL_SCHEMA,
    Issue,
    Origin,
    Severity,
    Status,
    with_column,
)

if TYPE_CHECKING:
    from realm_cli.config import Reading
    from realm_cli.loaders.base import LoadedFile

KEY = "REALM_ANONYMIZE_KEY"
HASHED = 12
"""Hexadecimal digits of a hashed name: 48 bits tell millions of people apart."""

# fmt: off
PERSONAL = frozenset(
    {
        "ip", "ipaddress", "ipaddr", "remoteaddr", "remoteip", "email", "emailaddress", "mail",
        "city", "town", "postcode", "postalcode", "zip", "zipcode", "latitude", "longitude",
        "phone", "phonenumber", "mobile", "telephone", "firstname", "lastname", "fullname",
        "surname", "givenname", "familyname", "birthdate", "birthday", "dateofbirth", "dob",
        "streetaddress", "homeaddress", "locationlatitude", "locationlongitude",
        "recipientfirstname", "recipientlastname", "recipientemail",
    }
)
# fmt: on
"""Folded names of columns that hold personal data."""

ABOUT_SOMEBODY = re.compile(
    r"(annotator|worker|rater|coder|user|participant|labell?er)s?"
    r"(name|age|gender|sex|country|region|nationality|ethnicity|education|email|ip|city|phone)"
)
"""Folded names of columns that describe the annotator."""

VENDORS = frozenset({"_country", "_region", "_city", "_ip"})
"""Names under which platforms tell where an annotator was."""


def apply(files: Sequence[LoadedFile], reading: Reading) -> tuple[LoadedFile, ...]:
    """Do with the rows of all files what the user wants done.

    Args:
        files: What the loaders read.
        reading: What the user wants.

    Raises:
        UsageError: Names are to be hashed, and there is no key.
    """
    done = list(files)
    if not reading.keep_personal:
        done = [_without_personal(file) for file in done]
    done = [_models_apart(file, include=reading.include_models) for file in done]
    if reading.normalize_labels:
        done = _one_spelling(done)
    if reading.anonymize:
        by_name = reading.annotator_from is AnnotatorFrom.FILENAME
        hashed = hasher()
        done = [_anonymous(file, hashed, named_after_people=by_name) for file in done]
    return tuple(done)


def is_personal(column: str) -> bool:
    """Whether a column's name says that it holds personal data."""
    name = fold(column)
    return column in VENDORS or name in PERSONAL or ABOUT_SOMEBODY.fullmatch(name) is not None


def _without_personal(file: LoadedFile) -> LoadedFile:
    own = set(CANONICAL_SCHEMA.names)
    found = [name for name in file.table.column_names if name not in own and is_personal(name)]
    if not found:
        return file
    issue = Issue(
        code="personal-columns",
        severity=Severity.NOTE,
        message=f"left out, because they may hold personal data: {', '.join(found)}",
        file=str(file.path),
        hint="keep them with --keep-personal",
    )
    return replace(file, table=file.table.drop_columns(found), issues=(*file.issues, issue))


def _models_apart(file: LoadedFile, *, include: bool) -> LoadedFile:
    """Mark the answers of models; they count only where the user wants them to."""
    rows = file.table
    names = [name for name in _distinct(rows["annotator_id"]) if looks_like_model(name)]
    if not names and not (include and Status.MODEL.value in file.dropped):
        return file
    answered = pc.equal(rows["status"], Status.OK.value).fill_null(False)
    by_model = pc.is_in(rows["annotator_id"], pa.array(names, pa.string()))
    found = pc.and_(by_model, answered)
    count = pc.sum(found).as_py() or 0
    issues = file.issues
    if count and not include:
        issues = (*issues, _models_found(file, names, count))
    status, origin = (
        pc.if_else(found, word, rows[name].cast(pa.string()))
        for name, word in (("status", Status.MODEL.value), ("origin", Origin.MODEL.value))
    )
    dropped = Counter(file.dropped)
    dropped[Status.MODEL.value] += count
    if include:
        status = pc.if_else(pc.equal(status, Status.MODEL.value), Status.OK.value, status)
        del dropped[Status.MODEL.value]
    rows = with_column(rows, "status", _encoded(status))
    rows = with_column(rows, "origin", _encoded(origin))
    return replace(file, table=rows, issues=issues, dropped=dict(+dropped))


def _models_found(file: LoadedFile, names: Sequence[str], count: int) -> Issue:
    shown = ", ".join(repr(name) for name in names[:5]) + (", …" if len(names) > 5 else "")
    return Issue(
        code="model-annotators",
        severity=Severity.WARNING,
        message=f"{count:,} answer{' comes' if count == 1 else 's come'} from models ({shown}) and "
        f"do{'es' if count == 1 else ''} not count",
        file=str(file.path),
        hint="count them with --include-models",
        count=count,
    )


def _one_spelling(files: Sequence[LoadedFile]) -> list[LoadedFile]:
    """Labels that differ only in case, spaces or Unicode form get their commonest spelling."""
    counts: Counter[str] = Counter()
    for file in files:
        for found in file.table["label"].value_counts().to_pylist():
            if found["values"] is not None:
                counts[found["values"]] += found["counts"]
    commonest: dict[str, str] = {}
    for label, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        commonest.setdefault(folded_label(label), label)

    def spelled(label: str) -> str:
        return commonest.get(folded_label(label), label)

    done = []
    for file in files:
        rows = file.table
        for name in ("label", "gold"):
            rows = with_column(rows, name, _mapped(rows[name], spelled))
        options = _mapped_lists(rows["options"], spelled)
        done.append(replace(file, table=with_column(rows, "options", options)))
    return done


def folded_label(label: str) -> str:
    """What stays of a label when case, spaces, Unicode forms and invisible signs do not count."""
    text = unicodedata.normalize("NFKC", label).casefold()
    visible = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    return " ".join(visible.split())


def hasher() -> Callable[[str], str]:
    """A name -> the same short hash each time, for as long as the key stays the same.

    Raises:
        UsageError: The environment holds no key.
    """
    key = os.environ.get(KEY)
    if not key:
        raise UsageError(
            f"--anonymize needs a key in {KEY}: without one anybody could hash the names they know",
            hint=f"make one and keep it: export {KEY}=$(openssl rand -hex 32)",
        )

    def hashed(name: str) -> str:
        return "a-" + hmac.new(key.encode(), name.encode(), hashlib.sha256).hexdigest()[:HASHED]

    return hashed


def _anonymous(
    file: LoadedFile, hashed: Callable[[str], str], *, named_after_people: bool
) -> LoadedFile:
    """Hash the annotators' names wherever the rows have them."""
    people = set(_distinct(file.table["annotator_id"]))

    def renamed(text: str) -> str:
        return hashed(text) if text in people else text

    rows = with_column(file.table, "annotator_id", _mapped(file.table["annotator_id"], hashed))
    for name in rows.column_names:
        if name not in CANONICAL_SCHEMA.names or name == "group":
            rows = with_column(rows, name, _mapped(rows[name], renamed))
    if not named_after_people and file.path.name.split(".")[0] not in people:
        return replace(file, table=rows)
    path = _hashed_name(file.path, hashed)
    rows = with_column(rows, "source_file", _mapped(rows["source_file"], lambda _: str(path)))
    told = [issue.model_copy(update={"file": str(path)}) for issue in file.issues]
    return replace(file, table=rows, path=path, issues=tuple(told))


def _hashed_name(path: Path, hashed: Callable[[str], str]) -> Path:
    """A file that is named after an annotator, hashed too."""
    stem, dot, rest = path.name.partition(".")
    return path.with_name(hashed(stem) + dot + rest)


def _distinct(column: pa.ChunkedArray) -> list[str]:
    return [word for word in pc.unique(column).to_pylist() if word is not None]


def _encoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.dictionary_encode()


def _mapped(column: pa.ChunkedArray, change: Callable[[str], str]) -> pa.ChunkedArray:
    """A text column with each distinct value changed once."""
    words = _distinct(column)
    return _looked_up(column, {word: change(word) for word in words})


def _looked_up(column: pa.ChunkedArray, known: Mapping[str, str]) -> pa.ChunkedArray:
    places = pc.index_in(column.cast(pa.string()), pa.array(list(known), pa.string()))
    return pa.array(list(known.values()), pa.string()).take(places).dictionary_encode()


def _mapped_lists(column: pa.ChunkedArray, change: Callable[[str], str]) -> pa.ChunkedArray:
    known: dict[tuple[str, ...], list[str]] = {}
    lists: list[list[str] | None] = []
    for options in column.to_pylist():
        if options is None:
            lists.append(None)
            continue
        key = tuple(options)
        if key not in known:
            known[key] = list(dict.fromkeys(map(change, options)))
        lists.append(known[key])
    return pa.chunked_array([pa.array(lists, column.type)])
