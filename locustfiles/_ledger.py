"""The master's copy of all rows: each worker's in order, without a hole, none twice."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from scenarios.records import write_header

log = logging.getLogger("tailgate")


class Ledger:
    """Appends workers' batches to `attempts.csv`; `received` says how many rows of each worker it holds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("w", encoding="utf-8", newline="") as file:
            write_header(file)
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self.received: dict[str, int] = {}
        self.lost: dict[str, int] = {}
        """Those among them that the worker itself had lost: it numbered them, but their lines are gone."""
        self.disk_problem = ""

    def take(self, worker: str, batches: Iterable[Mapping[str, Any]]) -> int:
        """Write what is new and has no hole before it; give how many rows of the worker there are."""
        known = self.received.get(worker, 0)
        for batch in batches:
            if batch["first"] == known and self._write(batch["rows"]):
                known += batch["count"]
                if not batch["rows"]:
                    self.lost[worker] = self.lost.get(worker, 0) + batch["count"]
        self.received[worker] = known
        return known

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def _write(self, data: bytes) -> bool:
        size = os.fstat(self._fd).st_size
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError as error:
            os.ftruncate(self._fd, size)
            if not self.disk_problem:
                self.disk_problem = error.strerror or str(error)
                log.error("%s: cannot be written (%s): the workers keep their rows; make room", self._path,  # noqa: TRY400
                          self.disk_problem)  # fmt: skip
            return False
        return True
