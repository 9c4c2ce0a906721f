"""Locust's wall clock, read once and then carried on by the monotonic clock: no step of the machine's reaches it.

Locust times its ticks, and numbers its orders to workers, by the wall clock: one that is set back by two minutes in
the middle of a run would stop the ticks, and let workers discard orders, for as long. A master also adds up
statistics by the seconds that its workers stamped.
"""

from __future__ import annotations

import time
from time import perf_counter
from typing import TYPE_CHECKING

import locust.runners
import locust.stats

if TYPE_CHECKING:
    from locustfiles._clock import RunClock


class SteadyTime:
    """Stands for the module `time` where only the wall clock is asked for."""

    def __init__(self) -> None:
        self._offset_s = time.time() - perf_counter()

    def time(self) -> float:
        """Give the wall clock as it would be without a step since."""
        return self._offset_s + perf_counter()

    def follow(self, clock: RunClock) -> None:
        """Go by the wall clock of the process that gave the run's epoch."""
        self._offset_s = clock.epoch_unix_s - clock.epoch_monotonic_s


STEADY_TIME = SteadyTime()


def install() -> None:
    """Let Locust's runners and statistics go by it."""
    locust.runners.time = STEADY_TIME
    locust.stats.time = STEADY_TIME
