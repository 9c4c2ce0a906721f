"""Up to when a busy event loop has read what came."""

from __future__ import annotations

import time
from time import perf_counter

import gevent

from locustfiles._health import Health


def test_what_came_while_the_loop_was_busy_does_not_count_as_read() -> None:
    """Right after a stall nobody knows what lies in the sockets since it began; soon after, all is read."""
    health = Health(lambda: None)
    try:
        gevent.sleep(0.1)
        began = perf_counter()
        time.sleep(0.3)
        gevent.sleep(0)  # first thing after the stall
        during = health.read_until
        gevent.sleep(0.1)
        assert (during <= began, health.read_until > began + 0.3) == (True, True)
    finally:
        health.close()
