"""The time that goes into files: now, or a fixed moment for output that can be compared."""

from __future__ import annotations

import os
from datetime import UTC, datetime


def now() -> datetime:
    """The present, or the moment that SOURCE_DATE_EPOCH names, for output that can be compared."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH")
    if fixed is not None:
        return datetime.fromtimestamp(int(fixed), UTC)
    return datetime.now(UTC).replace(microsecond=0)
