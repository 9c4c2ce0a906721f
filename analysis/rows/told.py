"""What servers told of their own time, put to the turns: server_timings.csv, read in pieces, by run, worker and seq."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.rows.attempts import parse, pieces
from analysis.rows.fields import of_texts
from analysis.rows.fixed import filled
from analysis.rows.labels import Labels
from scenarios.server_timings import COLUMNS, LONGEST_S, ServerTimings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from analysis.rows.fields import Fields
    from analysis.rows.fixed import Column

SECONDS = ServerTimings._fields[1:]
SOURCE = "told_source"
"""Column of turns: who told, "" where nobody did."""

TOLD_OF = frozenset({"worker", "seq", "headers_s", "sent_s"})
"""The columns of rows by which lines are known and held against what was seen."""

HEADERS = "headers_ms"
"""Column of turns: sent until the headers came, of the last attempt, as it was seen here."""


def told_as(name: str) -> str:
    """Name the column of turns, in ms, for a field of the file, in seconds: `total_s` is in `told_total_ms`."""
    return f"told_{name.removesuffix('_s')}_ms"


class Told:
    """What was told of each turn's last attempt: `columns` are those of rows, `last` the rows that are last.

    A `run_id` that is not known is "": lines of any run are then taken.
    """

    def __init__(self, columns: Mapping[str, Any], last: NDArray[np.int32], run_id: str) -> None:
        self._workers: pd.Index[Any] = columns["worker"].categories
        keys = _keys(columns["worker"].codes[last], columns["seq"][last])
        self._order = np.argsort(keys).astype(np.int32)
        self._keys = keys[self._order]
        self._run = of_texts([[run_id]], 1).hashes(0)[0]
        self._sources = Labels()
        self._source = np.zeros(len(keys), dtype=np.int32)
        self._found: dict[str, NDArray[np.float64]] = {}
        self._headers: Column | None = None
        if "headers_s" in columns:
            headers, sent = columns["headers_s"], columns["sent_s"]
            self._headers = filled(lambda turns: _ms(headers[last[turns]] - sent[last[turns]]), len(last))

    def mark(self, turns: pd.DataFrame, files: Sequence[Path], notes: list[str]) -> pd.DataFrame:
        """Add the columns to all turns of a run; those of which nothing was told are missing."""
        for path in files:
            self._read(path, notes)
        del self._keys, self._order
        found: dict[str, Any] = {SOURCE: self._sources.categorical(self._source)}
        if self._headers is not None:
            found[HEADERS] = self._headers
        for name in list(self._found):
            found[name] = filled(self._found.pop(name).__getitem__, len(turns))
        return turns.assign(**found)

    def _read(self, path: Path, notes: list[str]) -> None:
        """Add what one file holds; lines of rows that are not there say nothing."""
        left_out = 0
        with path.open("rb") as file:
            header = tuple(file.readline().decode("utf-8", errors="replace").strip().split(","))
            if header != COLUMNS:
                notes.append(f"{path.name}: its columns are not those that this Tailgate knows: it is not read")
                return
            for piece in pieces(file):
                found, broken = parse(piece, len(COLUMNS))
                left_out += broken + sum(self._add(part) for part in found)
        if left_out:
            notes.append(f"{path.name}: {left_out:,} torn or broken lines were left out")

    def _add(self, part: Fields) -> int:
        """Take the whole lines; give the number of those left out."""
        numbers = {name: part.numbers(COLUMNS.index(name)) for name in ("seq", *SECONDS)}
        seq = numbers.pop("seq")[0]
        broken = np.isnan(seq) | np.logical_or.reduce([wrong for _, wrong in numbers.values()])
        turn, line = self._turns(part, seq, ~broken)
        self._source[turn] = self._sources.codes(part, COLUMNS.index("source"))[line]
        for name, (values, _) in numbers.items():
            told = values[line]
            told[~((told >= 0) & (told <= LONGEST_S))] = np.nan
            if not np.isnan(told).all():
                if told_as(name) not in self._found:
                    self._found[told_as(name)] = np.full(len(self._keys), np.nan)
                self._found[told_as(name)][turn] = _ms(told)
        return int(broken.sum())

    def _turns(
        self, part: Fields, seq: NDArray[np.float64], usable: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
        """Give the turns of which lines tell, and these lines."""
        named = Labels()
        codes = named.codes(part, COLUMNS.index("worker"))
        workers = named.categorical(codes)
        worker = self._workers.get_indexer(workers.categories)[workers.codes]
        usable = usable & (worker >= 0)
        if self._run:
            usable = usable & (part.hashes(COLUMNS.index("run_id")) == self._run)
        line = np.flatnonzero(usable)
        key = _keys(worker[line], seq[line])
        place = np.minimum(np.searchsorted(self._keys, key), max(len(self._keys) - 1, 0))
        there = self._keys[place] == key if len(self._keys) else np.zeros(len(key), dtype=bool)
        return self._order[place[there]], line[there]


def _keys(workers: NDArray[Any], seq: NDArray[Any]) -> NDArray[np.float64]:
    """Give a number for each worker and seq, exact below 2^53."""
    return np.asarray(workers.astype(np.float64) * 2.0**34 + seq.astype(np.float64))


def _ms(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert to milliseconds, to the nanosecond."""
    return np.round(seconds * 1000, 6)
