"""Waiting times as servers write them: Go durations, words, HTTP dates, epochs. Garbage gives None, never an exception.

All results are seconds from now, larger than 0 and at most `LONGEST_S`; -1, 0 and moments gone by mean nothing.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

LONGEST_S = 1e9
"""About 31 years: what is larger is given as this, so that every wait is a printable number."""

_UNITS_S = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_GO_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|μs|ms|h|m|s)", re.ASCII)
_GO = re.compile(rf"(?:{_GO_PART.pattern})+", re.ASCII)
_WORD_PART = re.compile(
    r"((?:\d{1,3}(?:,\d{3})++|\d+)(?:\.\d+)?)\s{0,3}"
    r"(ms|milliseconds?|us|µs|μs|ns|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)(?![a-zA-Z])",
    re.ASCII | re.IGNORECASE,
)
_BARE = re.compile(r"(?:\d{1,3}(?:,\d{3})++|\d++)(?:\.\d++)?(?![\w:/-]|,\d)", re.ASCII)
_BETWEEN = re.compile(r"(?:\s|,|and\b){0,8}", re.IGNORECASE)
_TEXT = re.compile(
    r"(?:try|trying|retry|retrying)(?:\s+(?:again|your request))?\s+(?:in|after)\s+"
    r"(?:(?:about|approximately|around|at least|another)\s+)?",
    re.IGNORECASE,
)
_HTTP_DATES = (
    re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d\d) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT", re.ASCII),
    re.compile(r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (\d\d)-(\w{3})-(\d\d) (\d\d):(\d\d):(\d\d) GMT", re.ASCII),
)
_ASCTIME = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (\w{3}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def useful(seconds: float) -> float | None:
    """Give a wait that can be obeyed: None unless it is above 0, `LONGEST_S` if it is larger."""
    return min(seconds, LONGEST_S) if seconds > 0 else None


def plain_number(text: str, per_second: int = 1) -> float | None:
    """Read digits with or without a fraction, counting `per_second` to a second. No sign, no exponent."""
    return useful(float(text) / per_second) if _NUMBER.fullmatch(text) else None


def go_duration(text: str) -> float | None:
    """Read `1h16m0.667s`, `6m0s`, `12ms`: what Go's `time.Duration` prints."""
    return useful(_sum(_GO_PART.findall(text))) if _GO.fullmatch(text) else None


def wait_in_text(text: str) -> float | None:
    """Find `try again in 1m9.696s`, `retry after 26 seconds`, `Please retry in 57.2s.`; the longest, if several.

    A number without a unit after such words is seconds.
    """
    waits = [wait for match in _TEXT.finditer(text) if (wait := _worded(text, match.end()))]
    return max(waits, default=None)


def moment(text: str, now: datetime) -> float | None:
    """Read one of the three HTTP dates of RFC 9110, section 5.6.7, as seconds after `now`."""
    when = http_date(text, now)
    return useful((when - now).total_seconds()) if when else None


def http_date(text: str, now: datetime) -> datetime | None:
    """Read an HTTP date. A two-digit year that would lie more than 50 years after `now` is of the past century."""
    for pattern in _HTTP_DATES:
        if match := pattern.fullmatch(text):
            day, month, year, *clock = match.groups()
            return _date(_century(year, now) if len(year) == 2 else int(year), month, day, clock)
    if match := _ASCTIME.fullmatch(text):
        month, day, *clock, year = match.groups()
        return _date(int(year), month, day, clock)
    return None


SAME_CLOCK_S = 2.0
"""`Date` is cut to whole seconds and often a second old: up to here behind our clock, the server's may be the same."""


def clocks(date: str, now: datetime) -> tuple[datetime, datetime]:
    """Give the server's time in whole seconds, by its `Date`, and as finely as it is known.

    That is by our clock, `now`, unless `Date` shows another; without a `Date` both are.
    """
    dated = http_date(date, now) or now
    return dated, now if 0 <= (now - dated).total_seconds() <= SAME_CLOCK_S else dated


def reset_time(text: str, now: datetime) -> float | None:
    """Read a rate-limit reset by its shape.

    Go duration; RFC 3339; below 1e6 seconds; from 1e9 Unix time in seconds, from 1e12 in milliseconds. Between: None.
    """
    number = plain_number(text)
    if number is None:
        return go_duration(text) or _rfc3339(text, now)
    if number < 1e6:
        return number
    value = float(text)
    if not 1e9 <= value < 1e14:
        return None
    return useful((value / 1000 if value >= 1e12 else value) - now.timestamp())


def _rfc3339(text: str, now: datetime) -> float | None:
    if len(text) < len("2026-01-01T00:00:00Z") or "T" not in text.upper():
        return None
    try:
        when = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return useful((when - now).total_seconds()) if when.tzinfo else None


def _century(year: str, now: datetime) -> int:
    full = now.year - now.year % 100 + int(year)
    return full - 100 if full > now.year + 50 else full


def _date(year: int, month: str, day: str, clock: list[str]) -> datetime | None:
    hour, minute, second = map(int, clock)
    try:
        base = datetime(year, _MONTHS.index(month) + 1, int(day), hour, minute, min(second, 59), tzinfo=UTC)
        return base + timedelta(seconds=1) if second == 60 else base if second < 60 else None  # 60: a leap second
    except (ValueError, OverflowError):
        return None


def _worded(text: str, start: int) -> float | None:
    parts: list[tuple[str, str]] = []
    at = start
    while match := _WORD_PART.match(text, at):
        parts.append((match[1], match[2]))
        between = _BETWEEN.match(text, match.end())
        at = between.end() if between else match.end()
    if parts:
        return useful(_sum(parts))
    bare = _BARE.match(text, start)
    return plain_number(bare[0].replace(",", "")) if bare else None


def _sum(parts: list[tuple[str, str]]) -> float:
    return sum(float(number.replace(",", "")) * _unit_s(unit) for number, unit in parts)


def _unit_s(unit: str) -> float:
    """Give seconds per unit, whether written `ms`, `milliseconds` or `min`."""
    text = unit.lower().replace("µ", "u").replace("μ", "u")
    if text in _UNITS_S:
        return _UNITS_S[text]
    return _UNITS_S["ms"] if text.startswith("milli") else _UNITS_S[text[0]]
