"""Rows to disk, where they are made and as they are made."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import gevent

from scenarios.records import Attempt, to_row, write_header

FLUSH_INTERVAL_S = 0.5

OnBatch = Callable[[int, list[list[str]]], None]


class Recorder:
    """Appends attempts to `attempts-<worker>.csv`, flushed twice a second; each batch also goes to `on_batch`."""

    def __init__(
        self, folder: Path, worker: str, on_batch: Callable[[int, list[list[str]]], None] | None = None
    ) -> None:
        self.path = folder / f"attempts-{worker}.csv"
        self._file = self.path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._pending: list[Attempt] = []
        self._on_batch = on_batch
        self._written = 0
        self._next_seq = 0
        write_header(self._file)
        self._file.flush()
        self._greenlet = gevent.spawn(self._flush_forever)

    @property
    def rows(self) -> int:
        """How many rows there are, written or about to be."""
        return self._written + len(self._pending)

    def append(self, attempt: Attempt) -> None:
        """Take a finished attempt and number it."""
        self._next_seq += 1
        attempt.seq = self._next_seq
        self._pending.append(attempt)

    def flush(self) -> None:
        """Write what has gathered."""
        if not self._pending:
            return
        batch, self._pending = self._pending, []
        rows = [to_row(attempt) for attempt in batch]
        self._writer.writerows(rows)
        self._file.flush()
        first, self._written = self._written, self._written + len(rows)
        if self._on_batch:
            self._on_batch(first, rows)

    def close(self) -> None:
        """Write the rest and close the file."""
        gevent.kill(self._greenlet)
        self.flush()
        self._file.close()

    def _flush_forever(self) -> None:
        while True:
            gevent.sleep(FLUSH_INTERVAL_S)
            self.flush()
