"""The run's time: seconds since its epoch, by the monotonic clock."""

from __future__ import annotations

import time
from time import perf_counter


class RunClock:
    """Turns `perf_counter` readings into seconds since the epoch.

    A worker is told when that was by its own monotonic clock; elsewhere wall time is read once, here.
    """

    def __init__(self, epoch_unix_s: float, epoch_monotonic_s: float | None = None) -> None:
        self.epoch_unix_s = epoch_unix_s
        self._base = perf_counter() - (time.time() - epoch_unix_s) if epoch_monotonic_s is None else epoch_monotonic_s

    @property
    def epoch_monotonic_s(self) -> float:
        """The epoch on this machine's monotonic clock."""
        return self._base

    def now(self) -> float:
        """Give the seconds since the epoch."""
        return perf_counter() - self._base

    def at(self, stamp: float | None) -> float | None:
        """Give a `perf_counter` stamp in seconds since the epoch."""
        return None if stamp is None else stamp - self._base
