"""Mechanical Turk's times: `Wed May 06 11:46:36 PDT 2020`, in English whatever the locale."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from realm_cli.loaders.values import iso_time

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

HOURS_FROM_UTC = {
    "UTC": 0,
    "GMT": 0,
    "PDT": -7,
    "PST": -8,
    "MDT": -6,
    "MST": -7,
    "CDT": -5,
    "CST": -6,
    "EDT": -4,
    "EST": -5,
    "BST": 1,
    "CET": 1,
    "CEST": 2,
}
"""Zones that such files name. Others are not guessed: an abbreviation can mean several."""

PATTERN = re.compile(r"\w{3} (\w{3}) (\d{1,2}) (\d\d):(\d\d):(\d\d) (\w+) (\d{4})")


def parse(text: str) -> datetime | None:
    """A time in UTC; None where it or its zone is not known."""
    match = PATTERN.fullmatch(text.strip())
    if match is None:
        return iso_time(text)
    month, day, hour, minute, second, zone, year = match.groups()
    if zone not in HOURS_FROM_UTC or month not in MONTHS:
        return None
    numbers = (int(year), MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second))
    try:
        return datetime(*numbers, tzinfo=UTC) - timedelta(hours=HOURS_FROM_UTC[zone])
    except (ValueError, OverflowError):
        return None
