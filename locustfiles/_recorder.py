"""Rows to disk, where they are made and as they are made."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import gevent

from locustfiles._row_file import Lines, RowFile
from scenarios import server_timings
from scenarios.records import Attempt, header_line, to_line
from scenarios.server_timings import ServerTimings

FLUSH_INTERVAL_S = 0.5
BATCH_ROWS = 100
UNWRITTEN_BYTES = 64 * 1024 * 1024
"""Kept in memory while the disk takes no more: some 200,000 rows."""

log = logging.getLogger("tailgate")


@dataclass(slots=True)
class Batch:
    """Successive rows as CSV lines, with what servers said of their own time; `first` counts the rows before it."""

    first: int
    count: int
    rows: Lines
    timings: Lines
    flushed_at: float | None = None
    """On the last batch of a flush, a `perf_counter` stamp: no row of an attempt that was read by then comes later."""

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        return self.rows.size + self.timings.size

    @property
    def in_memory(self) -> bool:
        """Whether its rows are there without the disk."""
        return self.rows.data is not None

    @property
    def on_disk(self) -> bool:
        """Whether its rows are there."""
        return self.rows.place is not None

    def forget(self) -> None:
        """Give up the memory: what is on no disk is lost."""
        self.rows.data = self.timings.data = None


OnBatch = Callable[[Batch], None]


class Recorder:
    """Appends attempts to `attempts-<worker>.csv`, flushed twice a second; each batch also goes to `on_batch`.

    What servers said of their own time goes to `server_timings-<worker>.csv`, each time before the rows that it is of:
    a line without its row says nothing, and is lost with it.
    While the disk is full, rows wait in memory, up to `UNWRITTEN_BYTES`; the oldest beyond that are lost to the file.
    """

    def __init__(
        self,
        folder: Path,
        worker: str,
        on_batch: OnBatch | None = None,
        read_until: Callable[[], float] = perf_counter,
    ) -> None:
        """Open the file; `read_until` gives the stamp up to which all that has arrived was read."""
        self._worker = worker
        self._file = RowFile(folder / f"attempts-{worker}.csv", header_line())
        own_timings = (folder / server_timings.FILE).with_stem(f"server_timings-{worker}")
        self._timings_file = RowFile(own_timings, server_timings.header_line())
        self._on_batch = on_batch
        self._read_until = read_until
        self._pending: list[str] = []
        self._told: dict[int, str] = {}
        self._unwritten: deque[Batch] = deque()
        self._batched = self._written = 0
        self._next_seq = 0
        self.rows_lost = 0
        """Rows that the file will never hold; those on the way to a master may still reach it."""
        self.disk_problem = ""
        """Why rows could not be written, if ever they could not."""
        self._file.append(b"")
        self._greenlet = gevent.spawn(self._flush_forever)

    @property
    def rows(self) -> int:
        """How many rows there are, written or about to be."""
        return self._next_seq

    @property
    def path(self) -> Path:
        """The first of its files."""
        return self._file.paths[0]

    @property
    def paths(self) -> list[Path]:
        """The files, in order."""
        return self._file.paths

    @property
    def timings_paths(self) -> list[Path]:
        """The files of what servers said, in order; none where they said nothing."""
        return self._timings_file.paths

    def append(self, attempt: Attempt, told: ServerTimings | None = None) -> None:
        """Take a finished attempt, number it and make its line, now that all of it is in the processor's cache."""
        self._next_seq += 1
        attempt.seq = self._next_seq
        if told is not None:
            self._told[len(self._pending)] = server_timings.to_line(attempt.run_id, attempt.worker, attempt.seq, told)
        self._pending.append(to_line(attempt))

    def flush(self) -> None:
        """Write what has gathered."""
        pending, self._pending = self._pending, []
        told, self._told = self._told, {}
        flushed_at = self._read_until()
        for start in range(0, len(pending), BATCH_ROWS):
            lines = pending[start : start + BATCH_ROWS]
            of_these = [told[number] for number in range(start, start + len(lines)) if number in told] if told else []
            batch = Batch(self._batched, len(lines), _lines(lines), _lines(of_these))
            self._batched += len(lines)
            batch.flushed_at = flushed_at if self._batched == self._next_seq else None
            self._unwritten.append(batch)
            if self._on_batch:
                self._on_batch(batch)
        self._write()

    def close(self) -> None:
        """Write the rest and close the file; what still can't be written is lost to it."""
        self._greenlet.kill()
        self.flush()
        self.rows_lost += sum(batch.count for batch in self._unwritten)
        self._file.close()
        self._timings_file.close()

    def _write(self) -> None:
        while self._unwritten:
            batch = self._unwritten[0]
            try:
                batch.timings.put(self._timings_file)
                batch.rows.put(self._file)
            except OSError as error:
                self._note_problem(error)
                return
            self._unwritten.popleft()
            self._written += batch.count
            if self._on_batch is None:
                batch.forget()

    def _note_problem(self, error: OSError) -> None:
        if not self.disk_problem:
            self.disk_problem = error.strerror or str(error)
            log.error(
                "worker %s cannot write its rows (%s): they wait in memory; make room", self._worker, self.disk_problem
            )
        while sum(batch.size for batch in self._unwritten) > UNWRITTEN_BYTES:
            batch = self._unwritten.popleft()
            batch.forget()
            self.rows_lost += batch.count

    def _flush_forever(self) -> None:
        while True:
            gevent.sleep(FLUSH_INTERVAL_S)
            self.flush()


def _lines(lines: Sequence[str]) -> Lines:
    data = "".join(lines).encode()
    return Lines(data, len(data))
