"""Whether all the users there should be are there; where not, Locust is asked to send them anew."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from locustfiles._silence import TICK_S

if TYPE_CHECKING:
    from locust.runners import MasterRunner

PATIENCE_S = 4.0
"""Workers tell how many users they have once a second; Locust's own redistribution takes about as long."""

log = logging.getLogger("tailgate")


class Muster:
    """Locust moves a lost worker's users at once, but not those it lost in the ramp, nor orders lost on the way."""

    def __init__(self) -> None:
        self._short_s = 0.0

    def tick(self, runner: MasterRunner, users: int) -> None:
        """Let `TICK_S` pass; `users` are there now."""
        complete = runner.state != "running" or not runner.spawning_completed or users >= runner.target_user_count
        self._short_s = 0.0 if complete else self._short_s + TICK_S
        if self._short_s >= PATIENCE_S and runner.worker_count:
            self._short_s = 0.0
            log.warning("%d of %d users are there: sending the others", users, runner.target_user_count)
            runner.start(runner.target_user_count, runner.spawn_rate)
