"""A worker's users as a whole: stopped and brought back without a word of the master."""

from __future__ import annotations

import logging
from time import perf_counter
from typing import TYPE_CHECKING

import gevent

if TYPE_CHECKING:
    from locust.env import Environment
    from locust.runners import WorkerRunner

    from locustfiles._clock import RunClock

RETURN_S = 2.5
"""A master that had missed us sends our users anew within this time; one that had not does not know they are gone."""

log = logging.getLogger("tailgate")


class Load:
    """Stops all users of this worker, and starts as many again."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.pauses: list[tuple[float, float | None]] = []
        """From and to, as `perf_counter` stamps; None while it lasts."""
        self._wanted: dict[str, int] = {}

    @property
    def _runner(self) -> WorkerRunner:
        return self._environment.runner

    @property
    def is_paused(self) -> bool:
        """Whether the users were sent away for a while."""
        return bool(self.pauses) and self.pauses[-1][1] is None

    def stop(self) -> None:
        """Stop all users now; what they had under way is recorded as in flight."""
        if self._runner.spawning_greenlet is not None:
            self._runner.spawning_greenlet.kill(block=True)
        self._runner.stop_users(self._runner.user_classes_count)

    def pause(self) -> None:
        """Stop all users for a while."""
        users = self._runner.user_classes_count
        if self.is_paused or not sum(users.values()):
            return
        log.error("the master is silent: the load stops here until it is back")
        self._wanted = users
        self.pauses.append((perf_counter(), None))
        self.stop()

    def resume(self) -> None:
        """Bring the users back, unless the master sends others."""
        if not self.is_paused:
            return
        log.warning("the master is back: the load goes on")
        self.pauses[-1] = self.pauses[-1][0], perf_counter()
        gevent.spawn_later(RETURN_S, self._restore, self._runner.last_received_spawn_timestamp)

    def _restore(self, last_order: float) -> None:
        if self._runner.last_received_spawn_timestamp == last_order and not self.is_paused:
            self._runner.start_worker(self._wanted)

    def pauses_by(self, clock: RunClock) -> list[tuple[float, float]]:
        """Give the pauses in seconds since the run's epoch."""
        return [(clock.at(start) or 0.0, clock.at(end) or clock.now()) for start, end in self.pauses]
