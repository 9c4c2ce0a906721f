"""The master's copy of all rows: each worker's in order, without a hole, none twice."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from locustfiles._row_file import RowFile
from scenarios import server_timings
from scenarios.records import header_line

log = logging.getLogger("tailgate")


class Ledger:
    """Appends workers' batches to `attempts.csv`; `received` says how many rows of each worker it holds.

    What servers said of their own time comes with the rows that it is of, and goes into a file beside theirs.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = RowFile(path, header_line(), rotates=False)
        self._timings = RowFile(path.with_name(server_timings.FILE), server_timings.header_line(), rotates=False)
        self._rows.append(b"")
        self.received: dict[str, int] = {}
        self.lost: dict[str, int] = {}
        """Those among them that the worker itself had lost: it numbered them, but their lines are gone."""
        self.disk_problem = ""

    def take(self, worker: str, batches: Iterable[Mapping[str, Any]]) -> int:
        """Write what is new and has no hole before it, in one piece; give how many rows of the worker there are."""
        known = end = self.received.get(worker, 0)
        new = []
        for batch in batches:
            if batch["first"] == end:
                new.append(batch)
                end += batch["count"]
        rows, timings = (b"".join([batch.get(lines, b"") for batch in new]) for lines in ("rows", "timings"))
        if new and self._write(rows, timings):
            known = end
            if lost := sum(batch["count"] for batch in new if not batch["rows"]):
                self.lost[worker] = self.lost.get(worker, 0) + lost
        self.received[worker] = known
        return known

    def close(self) -> None:
        """Close the files."""
        self._rows.close()
        self._timings.close()

    def _write(self, rows: bytes, timings: bytes) -> bool:
        """Write all or nothing; tell which."""
        begun = None
        try:
            if timings:
                _, begun = self._timings.append(timings)
            self._rows.append(rows)
        except OSError as error:
            if begun is not None:
                self._timings.cut(begun)
            if not self.disk_problem:
                self.disk_problem = error.strerror or str(error)
                log.error("%s: cannot be written (%s): the workers keep their rows; make room", self._path,  # noqa: TRY400
                          self.disk_problem)  # fmt: skip
            return False
        return True
