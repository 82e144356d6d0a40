"""Items in; what a simulated crowd says of them out, with the truth beside."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from realm_cli import checkpoint, loaders
from realm_cli.annotations import build_items, join
from realm_cli.config import CrowdSettings
from realm_cli.errors import InputError
from realm_cli.intake import Source
from realm_cli.schema import Severity, plain
from realm_cli.simulate.crowd import simulate
from realm_cli.simulate.files import annotation_rows, truth_files


def simulate_crowd(source: Source, settings: CrowdSettings, out: Path) -> list[Path]:
    """Let simulated annotators label items; write their labels, and the truth beside.

    Args:
        source: Items with text, options and gold.
        settings: The crowd.
        out: Parquet file of canonical annotations.

    Returns:
        The files with the truth: `NAME.truth.csv` about the annotators, and `NAME.items.csv` where
        items differ in difficulty.
    """
    files = loaders.load_items(source.files, source.reading)
    rows = join([file.table for file in files])
    items, item_of_row, issues = build_items(rows)
    errors = [issue for issue in issues if issue.severity is Severity.ERROR]
    if errors:
        raise InputError("the items contradict one another", issues=errors)
    crowd = simulate(items, settings)
    first = np.unique(item_of_row, return_index=True)[1]
    annotations = annotation_rows(plain(rows).take(first), items, crowd)
    checkpoint.write_file(out, lambda path: checkpoint.write_parquet(annotations, path))
    known = {
        out.with_name(f"{out.stem}.{name}.csv"): text
        for name, text in truth_files(items, crowd).items()
    }
    for path, text in known.items():
        checkpoint.write_file(path, partial(checkpoint.write_text, text))
    return list(known)
