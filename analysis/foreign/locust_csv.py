"""Plain Locust CSV files of any version, as typed rows: what they say, and how coarsely."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scenarios.errors import TailgateError

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)%")
_NAMES = {
    "# requests": "request count",
    "# failures": "failure count",
    "method": "type",
    "total max response time": "max response time",
    "requests failed": "failure count",
}
"""Names of columns before Locust 1.0, and what they are called since."""

TOTALS = ("aggregated", "total")
TEXTS = ("type", "name", "error")
"""Columns that hold words; all others hold numbers."""


@dataclass(frozen=True)
class Row:
    """One line of `_stats.csv`: the requests of one type and name. Times in ms; None = not in the file.

    `percentiles` are bucketed times by share, such as 0.95; minimum, maximum and mean are exact.
    """

    kind: str
    name: str
    requests: int
    failures: int
    percentiles: Mapping[float, float]
    median_ms: float | None
    mean_ms: float | None
    min_ms: float | None
    max_ms: float | None
    requests_per_second: float | None

    @property
    def label(self) -> str:
        """Type and name, as Locust prints them."""
        return f"{self.kind} {self.name}".strip()

    @property
    def is_total(self) -> bool:
        """Whether this is the line that sums up all others."""
        return self.name.lower() in TOTALS and self.kind in ("", "None")


@dataclass(frozen=True)
class Moment:
    """One line of `_stats_history.csv`; `label` is "" for the sum of all requests."""

    at_s: float
    label: str
    users: int
    requests_per_second: float
    failures_per_second: float
    percentiles: Mapping[float, float]
    requests: int


@dataclass(frozen=True)
class Failure:
    """One line of `_failures.csv`."""

    label: str
    error: str
    occurrences: int


def read_stats(path: Path, notes: list[str]) -> list[Row]:
    """Read `_stats.csv` (`_requests.csv` of old). Raises TailgateError when it is none."""
    records = _records(path, notes)
    if not records or not {"name", "request count"} <= records[0].keys():
        raise TailgateError(f"{path}: not a statistics file of Locust's: it has no Name and Request Count")
    return [row for record in records if (row := _row(record)) is not None]


def _row(record: Mapping[str, str]) -> Row | None:
    requests = _number(record.get("request count"))
    if requests is None:
        return None
    return Row(
        kind=record.get("type", ""),
        name=record["name"],
        requests=int(requests),
        failures=int(_number(record.get("failure count")) or 0),
        percentiles=percentiles(record),
        median_ms=_number(record.get("median response time")),
        mean_ms=_number(record.get("average response time")),
        min_ms=_number(record.get("min response time")),
        max_ms=_number(record.get("max response time")),
        requests_per_second=_number(record.get("requests/s")),
    )


def percentiles(record: Mapping[str, str]) -> dict[float, float]:
    """Give the columns such as `95%` by share; `N/A` and empty ones are left out."""
    found = {}
    for name, text in record.items():
        match, number = _PERCENT.fullmatch(name), _number(text)
        if match and number is not None:
            found[round(float(match[1]) / 100, 9)] = number
    return dict(sorted(found.items()))


def read_history(path: Path, notes: list[str]) -> list[Moment]:
    """Read `_stats_history.csv`, in the order of time; a missing one is empty."""
    found = []
    for record in _records(path, notes) if path.is_file() else []:
        at_s, name = _number(record.get("timestamp")), record.get("name", "")
        if at_s is None:
            continue
        total = name.lower() in TOTALS
        found.append(
            Moment(
                at_s=at_s,
                label="" if total else f"{record.get('type', '')} {name}".strip(),
                users=int(_number(record.get("user count")) or 0),
                requests_per_second=_number(record.get("requests/s")) or 0.0,
                failures_per_second=_number(record.get("failures/s")) or 0.0,
                percentiles=percentiles(record),
                requests=int(_number(record.get("total request count")) or 0),
            )
        )
    return sorted(found, key=lambda moment: moment.at_s)


def read_failures(path: Path, notes: list[str]) -> list[Failure]:
    """Read `_failures.csv`; a missing one is empty."""
    return [
        Failure(
            f"{record.get('type', '')} {record.get('name', '')}".strip(),
            record.get("error", ""),
            int(_number(record.get("occurrences")) or 0),
        )
        for record in (_records(path, notes) if path.is_file() else [])
    ]


def exceptions(path: Path, notes: list[str]) -> int:
    """Count the exceptions in `_exceptions.csv`; a missing one has none."""
    return sum(int(_number(record.get("count")) or 0) for record in (_records(path, notes) if path.is_file() else []))


def _records(path: Path, notes: list[str]) -> list[dict[str, str]]:
    """Read a file's lines by its header, names in small letters; lines of another width are left out and counted."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            lines = list(_lines(file))
    except OSError as error:
        raise TailgateError(f"{path}: cannot be read: {error.strerror}") from error
    if not lines:
        return []
    header = [_NAMES.get(name.strip().lower(), name.strip().lower()) for name in lines[0]]
    if any(len(line) != len(header) for line in lines):
        lines = _unescaped(path, header) or lines
    whole = [line for line in lines[1:] if len(line) == len(header)]
    if len(whole) < len(lines) - 1:
        notes.append(f"{path.name}: {len(lines) - 1 - len(whole):,} torn lines were left out")
    return [dict(zip(header, (value.strip() for value in line), strict=True)) for line in whole]


def _unescaped(path: Path, header: Sequence[str]) -> list[Sequence[str]]:
    """Read lines as Locust wrote them up to 1.0, quoted but with nothing escaped; none where it is not such a file.

    A name may hold quotes, commas and line ends: texts are what stands between quotes that commas follow, the numbers
    behind them hold neither.
    """
    texts = [name for name in header if name in TEXTS]
    numbers = len(header) - len(texts)
    text = path.read_text(encoding="utf-8-sig", errors="replace").partition("\n")[2].replace("\0", "")
    if not text.startswith('"') or header[: len(texts)] != texts or not numbers:
        return []
    quoted = ",".join(['"([^"\n]*)"', *['"(.*?)"'] * (len(texts) - 1)])
    tail = ",".join([r'"?([-+.0-9NA/]*)"?'] * numbers)
    return [header, *re.findall(rf"^{quoted},{tail}$", text, re.DOTALL | re.MULTILINE)]


def _lines(file: Iterator[str]) -> Iterator[Sequence[str]]:
    """Read the lines that can be read."""
    reader = csv.reader(line.replace("\0", "") for line in file)
    while True:
        try:
            line = next(reader)
        except StopIteration:
            return
        except csv.Error:
            continue
        if line:
            yield line


def _number(text: str | None) -> float | None:
    """Read a number; `N/A`, words and what is not finite are None."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def are_fine(rows: Sequence[Row]) -> bool:
    """Tell whether the buckets are finer than Locust's own, of two digits: some time has a third."""
    return any(value >= 100 and value % _width(value) for row in rows for value in row.percentiles.values())


def _width(value: float) -> int:
    return 1 if value < 100 else 10 if value < 1000 else 100 if value < 10_000 else 1000


def bucket(value: float, *, fine: bool) -> tuple[float, float]:
    """Give the times that are shown as `value`: rounded to two digits, whole ms below 100 (locust/stats.py).

    Finer buckets are cut to whole ms when they are written.
    """
    if fine:
        return value - 0.5, value + 1.0
    # 100, 1,000 and 10,000 are also what the last times of the decade below are rounded to.
    below = _width(value - 0.5)
    return max(value - below / 2, 0.0), value + _width(value) / 2
