"""Gaps between successive content chunks, as mergeable histograms.

Each gap is off by at most 0.1 % (`_bins`); each histogram is of one window of time.
"""

from __future__ import annotations

import contextlib
import csv
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from operator import sub
from pathlib import Path
from typing import TYPE_CHECKING

from locustfiles._bins import Bins
from scenarios.classes import length_class
from scenarios.gaps import COLUMNS, WINDOW_S

if TYPE_CHECKING:
    from scenarios.records import Attempt

Key = tuple[str, str, str, str, str, int]
"""Endpoint, arm, phase, kind of conversation, length class, and the window that the response ended in."""


class Gaps:
    """Counts gaps per `Key`. Of a window that is over, one histogram is made with each response that follows.

    All at once would keep the loop from reading for too long. Each is also written to `path`, so that it is there when
    this process is killed.
    """

    def __init__(self, run_id: str, worker: str, window_s: float = WINDOW_S, path: Path | None = None) -> None:
        self._labels = run_id, worker
        self._path = path
        self._window_s = window_s
        self._window = 0
        self._open: defaultdict[Key, Bins] = defaultdict(Bins)
        self._merged: Counter[Key] = Counter()
        self._over: deque[tuple[Key, Bins]] = deque()
        self._rows: list[list[str]] = []

    def record(
        self, attempt: Attempt, kind: str, end_s: float, arrivals: Sequence[float], merged: int = 0
    ) -> float | None:
        """Count the gaps of one response; give the largest in seconds, None when there is none."""
        if len(arrivals) < 2:
            return None
        window = int(end_s // self._window_s)
        if window != self._window:
            self._close_window()
            self._window = window
        if self._over:
            self._keep(self._row(*self._over.popleft()))
        gaps: list[float] = list(map(sub, arrivals[1:], arrivals))
        length = length_class(attempt.output_tokens)
        key = attempt.endpoint, attempt.arm, attempt.phase, kind, length, window
        self._open[key].add(gaps)
        if merged:
            self._merged[key] += merged
        return max(gaps)

    def rows(self) -> list[list[str]]:
        """Give one row for each histogram, and forget them."""
        self._close_window()
        rows = [*self._rows, *(self._row(*over) for over in self._over)]
        self._over.clear()
        self._rows = []
        return sorted(rows, key=lambda row: (row[2:5], float(row[5]), row[-2:]))

    def _keep(self, row: list[str]) -> None:
        self._rows.append(row)
        if self._path is not None:
            with contextlib.suppress(OSError), self._path.open("a", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows([row] if file.tell() else [COLUMNS, row])

    def _close_window(self) -> None:
        self._over += self._open.items()
        self._open = defaultdict(Bins)

    def _row(self, key: Key, bins: Bins) -> list[str]:
        *where, kind, length, window = key
        window_s = f"{window * self._window_s:g}", f"{self._window_s:g}"
        counts = str(bins.total()), str(self._merged.pop(key, 0))
        encoded: bytes = bins.histogram().encode()
        return [*self._labels, *map(str, where), *window_s, *counts, encoded.decode("ascii"), kind, length]


def write(folder: Path, rows: Mapping[str, Sequence[Sequence[str]]]) -> None:
    """Write `gaps.csv` from what each worker has; its own file, where it lies here, is not needed any more."""
    with (folder / "gaps.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for of_worker in rows.values():
            writer.writerows(of_worker)
    for worker in (worker for worker, of_worker in rows.items() if of_worker):
        own_path(folder, worker).unlink(missing_ok=True)


def own_path(folder: Path, worker: str) -> Path:
    """Name the file of one worker's gaps while they are nowhere else."""
    return folder / f"gaps-{worker}.csv"
