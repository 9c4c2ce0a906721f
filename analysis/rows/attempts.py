"""Rows of attempts: CSV files to typed columns, piece by piece, with torn and broken lines left out and counted."""

from __future__ import annotations

import csv
from itertools import pairwise
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.rows.fields import Fields, fields, of_texts
from analysis.rows.labels import Labels
from scenarios.errors import TailgateError
from scenarios.records import SCHEMA_VERSION, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

IDS = ("user_id", "conversation_id", "turn_id")
"""Read as 64-bit hashes: they are only ever compared, and ten million strings would not fit."""

LABELS = ("worker", "case_id", "endpoint", "arm", "phase", "outcome", "usage_source")
"""Read as categories."""

STAMPS = ("seq", "intended_s", "sent_s", "first_token_s", "first_output_s", "last_token_s", "end_s", "waited_s")
"""Read as 64-bit floats, for microseconds within hours."""

TIMES = ("intended_s", "sent_s", "first_token_s", "first_output_s", "last_token_s", "end_s")
"""May be negative: before the run's epoch. A negative count or wait is no measurement but missing."""

SMALL = (
    "attempt_no",
    "http_status",
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
)
"""Read as 32-bit floats: counts below 16.7 million are exact."""

USED = (*IDS, *LABELS, *STAMPS, *SMALL)
SELDOM = ("headers_s",)
"""Read like stamps, for those who ask."""
SHORT = np.iinfo(np.int16).max
DTYPES = {
    **dict.fromkeys(IDS, "uint64"),
    "user_id": "uint32",  # only ever counted
    **dict.fromkeys(LABELS, "int16"),
    **dict.fromkeys((*STAMPS, *SELDOM), "float64"),
    **dict.fromkeys(SMALL, "float32"),
}
NUMBERS = (*STAMPS, *SMALL, *SELDOM)
NEEDED = ("worker", "seq", "turn_id", "endpoint", "phase", "attempt_no", "intended_s", "sent_s", "end_s", "outcome")
"""Without these columns there is nothing to say; any other may be missing."""

IMPOSSIBLE = 1e9
"""Thirty years in seconds, or a billion tokens in one answer: such a number is no measurement but missing."""

PIECE_BYTES = 4 << 20
"""Small enough that a piece's columns stay in the processor's cache."""


class Rows:
    """The columns of all rows read so far: those `USED`, and of those asked for `SELDOM` the ones in `also`."""

    def __init__(self, also: Sequence[str] = ()) -> None:
        self._used = (*USED, *also)
        self.count = 0
        self.broken = 0
        self._expected = 0
        self._columns: dict[str, NDArray[Any]] = {}
        self._labels = {name: Labels() for name in LABELS}

    def read(self, path: Path, notes: list[str], tell: Callable[[int], None]) -> None:
        """Add the rows of one file; `tell` hears of the bytes read.

        Raises TailgateError when it is no such file or of another schema.
        """
        left_out = 0
        size = path.stat().st_size
        with path.open("rb") as file:
            header = _header(path, file)
            for piece in pieces(file) if header else ():
                found, broken = parse(piece, len(header))
                self._expected = self.count + sum(part.lines for part in found) * size // len(piece)
                left_out += broken + sum(self._add(path, part, header) for part in found)
                size -= len(piece)
                tell(len(piece))
        self.broken += left_out
        if left_out:
            notes.append(f"{path.name}: {left_out:,} torn or broken lines were left out")

    def _add(self, path: Path, part: Fields, header: list[str]) -> int:
        """Add the whole rows of a piece; give the number of those left out."""
        place = {name: header.index(name) for name in ("schema", *self._used) if name in header}
        numbers, whole = _numbers(part, place)
        _check_schema(path, numbers.pop("schema", np.zeros(0)), whole)
        columns: dict[str, NDArray[Any]] = {**numbers}
        columns |= {name: part.hashes(place[name]) for name in IDS if name in place}
        columns |= {name: self._labels[name].codes(part, place[name]) for name in LABELS if name in place}
        _name_turns(columns["turn_id"], columns["seq"])
        whole &= self._labels["outcome"].marked(OUTCOMES)[columns["outcome"]]
        for name in ("worker", "endpoint", "phase"):
            whole &= columns[name] != 0
        rows = np.flatnonzero(whole)
        for name in self._used:
            self._put(name, columns.get(name), rows)
        self.count += len(rows)
        return part.lines - len(rows)

    def _put(self, name: str, values: NDArray[Any] | None, rows: NDArray[np.intp]) -> None:
        """Append some rows: with room for as many as the file seems to hold, none while all is missing."""
        column = self._columns.get(name)
        needed = self.count + len(rows)
        if values is None or (column is None and not _known(values).any()):
            if column is None:
                return
            values = _room(name, None, len(rows), len(rows))
        if column is None or len(column) < needed:
            column = _room(name, column, self.count, max(needed, self._expected, 2 * self.count))
        if column.dtype == np.int16 and values.max(initial=0) > SHORT:
            column = column.astype(np.int32)
        self._columns[name] = column
        column[self.count : needed] = values if len(rows) == len(values) else values[rows]

    def take(self) -> dict[str, Any]:
        """Give the columns, and forget them."""
        columns: dict[str, Any] = {}
        for name in self._used:
            column = self._columns.pop(name, None)
            # One missing value seen as many.
            column = np.broadcast_to(_room(name, None, 1, 1), self.count) if column is None else column[: self.count]
            columns[name] = self._labels[name].categorical(column) if name in LABELS else column
        return columns


def _name_turns(turns: NDArray[np.uint64], seq: NDArray[np.float64]) -> None:
    """Make a row without a turn_id a turn of its own, in place."""
    nameless = turns == 0
    turns[nameless] = seq[nameless].view(np.uint64) | np.uint64(1)


def _room(name: str, column: NDArray[Any] | None, used: int, size: int) -> NDArray[Any]:
    """Give an array for `size` rows that begins with the `used` ones of `column`, or as many missing."""
    dtype = DTYPES[name] if column is None else column.dtype
    found: NDArray[Any] = np.empty(size, dtype=dtype)
    found[:used] = (np.nan if name in NUMBERS else 0) if column is None else column[:used]
    return found


def _known(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(~np.isnan(values) if values.dtype.kind == "f" else values != 0)


OUTCOMES = frozenset(outcome.value for outcome in Outcome)


def _numbers(part: Fields, place: dict[str, int]) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.bool_]]:
    """Read the columns of numbers; mark the lines without a word where a number belongs, and with those all need."""
    found = {}
    whole = np.ones(part.lines, dtype=bool)
    for name in ("schema", *NUMBERS):
        if name in place:
            values, wrong = part.numbers(place[name])
            whole &= ~wrong
            least = -IMPOSSIBLE if name in TIMES else -0.5
            values[~((values > least) & (values < IMPOSSIBLE))] = np.nan
            found[name] = values
    for name in ("seq", "attempt_no", "intended_s"):
        whole &= ~np.isnan(found[name])
    return found, whole


def _check_schema(path: Path, versions: NDArray[np.float64], whole: NDArray[np.bool_]) -> None:
    if not len(versions):
        return
    odd = versions[whole & (versions != SCHEMA_VERSION) & ~np.isnan(versions)]
    if len(odd):
        raise TailgateError(f"{path}: rows of schema {odd[0]:g}, this Tailgate reads {SCHEMA_VERSION}")


def _header(path: Path, file: IO[bytes]) -> list[str]:
    line = file.readline().decode("utf-8-sig", errors="replace").strip()
    names = _row([line]) if line else []
    missing = [name for name in NEEDED if name not in names]
    if names and missing:
        raise TailgateError(f"{path}:1: not a file of attempts: the columns {', '.join(missing)} are missing")
    return names


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """Give whole lines, some megabytes at a time; a last line without its line end comes as it is."""
    while block := file.read(PIECE_BYTES):
        yield block + file.readline()


def parse(piece: bytes, width: int) -> tuple[list[Fields], int]:
    """Find the fields of whole lines; the fast path is for pieces in which every line is plain."""
    found = fields(piece, width) or fields(piece.replace(b"\r\n", b"\n"), width)
    if found is not None:
        return [found], 0
    plain, odd = _split(piece.replace(b"\r\n", b"\n"), width)
    rows, broken = mend(odd, width)
    parts = [fields(plain, width) if plain else None, of_texts(rows, width) if rows else None]
    return [part for part in parts if part is not None], broken


def _split(piece: bytes, width: int) -> tuple[bytes, bytes]:
    """Part the plain lines, of `width` fields, from the others."""
    raw = np.frombuffer(piece, dtype=np.uint8)
    ends = np.flatnonzero(raw == ord("\n")) + 1
    ends = ends if piece.endswith(b"\n") else np.append(ends, len(piece))
    commas = np.searchsorted(np.flatnonzero(raw == ord(",")), ends)
    bad = np.diff(commas, prepend=0) != width - 1
    strange = np.flatnonzero(np.isin(raw, np.frombuffer(b'"\r\0', dtype=np.uint8)))
    bad[np.searchsorted(ends, strange, side="right")] = True
    bad[-1] |= not piece.endswith(b"\n")
    turns = np.flatnonzero(np.diff(bad, prepend=not bad[0]))
    edges = [0, *(ends[turns[1:] - 1].tolist()), len(piece)]
    runs = [piece[low:high] for low, high in pairwise(edges)]
    first, second = b"".join(runs[::2]), b"".join(runs[1::2])
    return (second, first) if bad[0] else (first, second)


LONGEST_FIELD = 50
"""Lines of one quoted field beyond which its quote is taken for a stray one."""


def mend(lines: bytes, width: int) -> tuple[list[list[str]], int]:
    """Give the fields of the rows that have `width` of them and a line end, and the number of the other lines.

    A row has several lines where a quoted field holds line ends.
    """
    texts = [line.decode("utf-8", errors="replace").replace("\0", "") for line in lines.splitlines(keepends=True)]
    kept, broken, at = [], 0, 0
    while at < len(texts):
        size = _quoted_lines(texts, at, width)
        row = _row(texts[at : at + size])
        if len(row) != width and size > 1:
            size, row = 1, _row(texts[at : at + 1])
        if len(row) == width and texts[at + size - 1].endswith("\n"):
            kept.append(row)
        elif texts[at].strip():
            broken += 1
        at += size
    return kept, broken


def _quoted_lines(texts: list[str], at: int, width: int) -> int:
    """Count the lines from one on until each quote is closed; 1 where none closes it.

    A line with commas enough for a row of its own is no part of another: its quote is a stray one.
    """
    quotes = 0
    for size, text in enumerate(texts[at : at + LONGEST_FIELD], start=1):
        quotes += text.count('"')
        if quotes % 2 == 0 or text.count(",") >= width - 1:
            return size if quotes % 2 == 0 else 1
    return 1


def _row(texts: list[str]) -> list[str]:
    try:
        return next(csv.reader(texts), [])
    except csv.Error:  # a field beyond all measure
        return []


def empty_attempts() -> pd.DataFrame:
    """Give an attempts frame without rows."""
    return pd.DataFrame(Rows().take())
