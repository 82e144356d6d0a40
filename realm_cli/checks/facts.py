"""What the checks count with: a table's codes, tallied once, and the shape of a warning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from realm_cli.annotations import AnnotationTable
from realm_cli.coding import IntArray, codes, place_of
from realm_cli.schema import MOST_LISTED, Findings, Issue, Severity

BoolArray = npt.NDArray[np.bool_]
LONGEST_SHOWN = 60
"""Longer ids and labels are shortened in messages."""


@dataclass(frozen=True)
class Pairs:
    """The distinct pairs of two codes, in order of appearance: how often, and where first `[P]`."""

    left: IntArray
    right: IntArray
    count: IntArray
    first: IntArray


@dataclass(frozen=True)
class Facts:
    """A table of at least one annotation, and what several checks ask of it."""

    table: AnnotationTable

    @cached_property
    def first_row(self) -> IntArray:
        """The first row of each item `[I]`, -1 where it has none."""
        return first_rows(self.table.item, len(self.table.items))

    @cached_property
    def item_id(self) -> IntArray:
        """One code for each item id, whatever the task `[I]`."""
        return _codes_of(self.table.items.ids)

    @cached_property
    def text(self) -> IntArray:
        """One code for each text `[I]`, -1 where an item has none."""
        return _codes_of(self.table.items.texts)

    @cached_property
    def n_of_annotator(self) -> IntArray:
        """How many annotations each annotator made `[A]`."""
        return np.bincount(self.table.annotator, minlength=len(self.table.annotators))

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The distinct labels, sorted."""
        return self._labels[0]

    @cached_property
    def word(self) -> IntArray:
        """Which of `words` each annotation gives `[N]`."""
        return self._labels[1]

    @cached_property
    def _labels(self) -> tuple[tuple[str, ...], IntArray]:
        return codes(self.table.rows["label"])

    @cached_property
    def labels_by_task(self) -> Pairs:
        """The labels (`right`) that each task (`left`) has seen."""
        return pairs(self.table.task, self.word)

    @cached_property
    def first_of_annotator(self) -> IntArray:
        """The first row of each annotator `[A]`, -1 where there is none."""
        return first_rows(self.table.annotator, len(self.table.annotators))

    @cached_property
    def n_files(self) -> int:
        """How many files the annotations came from."""
        return len(codes(self.table.rows["source_file"])[0])

    def task_name(self, task: int) -> str:
        """A task as messages name it."""
        return shown(self.table.items.tasks[task])

    def annotator_name(self, annotator: int) -> str:
        """An annotator as messages name them."""
        return shown(self.table.annotators[annotator])

    def note(self, code: str, message: str, hint: str | None = None, count: int = 1) -> Issue:
        """What is worth knowing and no problem."""
        return Issue(code=code, message=message, severity=Severity.NOTE, hint=hint, count=count)

    def warning(
        self, code: str, message: str, row: int = -1, hint: str | None = None, count: int = 1
    ) -> Issue:
        """A warning, at a row of the table where there is one to look at."""
        place = place_of(self.table.rows, row) if row >= 0 else {}
        return Issue(
            code=code, message=message, severity=Severity.WARNING, hint=hint, count=count, **place
        )


def _codes_of(values: Sequence[str | None]) -> IntArray:
    boxed = np.empty(len(values), dtype=object)
    boxed[:] = values
    return pd.factorize(boxed)[0].astype(np.int64)


def first_rows(code: IntArray, size: int) -> IntArray:
    """The first row of each code `[size]`, -1 where no row has it."""
    first = np.full(size, -1, dtype=np.int64)
    first[code[::-1]] = np.arange(len(code))[::-1]  # of several, the last write wins: the first row
    return first


def pairs(left: IntArray, right: IntArray) -> Pairs:
    """Tally the pairs of two columns of codes."""
    wide = int(right.max(initial=0)) + 1
    found, keys = pd.factorize(left * wide + right)
    count = np.bincount(found, minlength=len(keys))
    return Pairs(keys // wide, keys % wide, count, first_rows(found, len(keys)))


def constant(group: IntArray, value: npt.NDArray[np.generic], size: int) -> BoolArray:
    """Whether all rows of a group have one value `[size]`; so it is where a group has no row."""
    some = np.zeros(size, dtype=value.dtype)
    some[group] = value
    same = np.ones(size, dtype=bool)
    same[group[value != some[group]]] = False
    return same


def listed(offenders: Sequence[int] | IntArray, tell: Callable[[int], Issue]) -> Iterator[Issue]:
    """An issue each for the first `MOST_LISTED`, and one for all the others."""
    findings = Findings(tell(int(one)) for one in offenders[:MOST_LISTED])
    rest = len(offenders) - MOST_LISTED
    if rest > 0:
        findings.add(tell(int(offenders[-1])).model_copy(update={"count": rest}))
    yield from findings.all()


def folded(words: Sequence[str | None]) -> pa.Array:
    """Texts without their case, the width of their spaces and their Unicode form."""
    text = pc.utf8_normalize(pa.array(words, pa.large_string()), form="NFKC")
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(pc.utf8_lower(text), r"\s+", " "))


def coded(values: pa.Array) -> IntArray:
    """One code for each distinct value, -1 for null."""
    encoded = values.dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.unify_dictionaries().combine_chunks()
    indices = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return np.asarray(indices, dtype=np.int64)


def shown(word: str) -> str:
    """A word from the data, in quotes, in one line and not too long."""
    if len(word) > LONGEST_SHOWN:
        half = LONGEST_SHOWN // 2
        word = f"{word[: half - 1]}…{word[-half:]}"  # long ids differ at their ends
    return repr(word)


def some_of(names: Sequence[str], most: int = 3, total: int = 0) -> str:
    """A few names and how many more there are: `'a', 'b' and 5 more`."""
    more = max(total, len(names)) - most
    if more > 0:
        return f"{', '.join(names[:most])} and {more:,} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def counted(n: int, one: str, many: str | None = None) -> str:
    """A number and its noun: `1 item`, `2 items`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
