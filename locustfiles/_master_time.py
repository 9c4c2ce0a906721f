"""Locust's statistics by the master's wall clock: a master adds up what its workers stamped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import locust.stats

if TYPE_CHECKING:
    from locustfiles._clock import RunClock


class MasterTime:
    """Stands for the module `time` where only the wall clock is asked for."""

    def __init__(self, clock: RunClock) -> None:
        self._clock = clock

    def time(self) -> float:
        """Give the master's wall clock, whatever ours says."""
        return self._clock.epoch_unix_s + self._clock.now()


def follow_master(clock: RunClock) -> None:
    """Let Locust's statistics on this worker be stamped by the master's clock."""
    locust.stats.time = MasterTime(clock)
