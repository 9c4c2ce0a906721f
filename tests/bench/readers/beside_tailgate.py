"""A second locustfile beside Tailgate's: says when the test starts, and blocks the event loop if asked to.

`BENCH_BLOCK_S`: how long of every `BENCH_BLOCK_EVERY_S` a greenlet keeps the loop from running.
"""

from __future__ import annotations

import os
from pathlib import Path
from time import perf_counter
from typing import Any

import gevent
from locust import events

BLOCK_S = float(os.environ.get("BENCH_BLOCK_S", "0"))
EVERY_S = float(os.environ.get("BENCH_BLOCK_EVERY_S", "0"))


@events.test_start.add_listener
def on_start(**_: Any) -> None:
    """Tell the benchmark."""
    Path(os.environ["BENCH_STARTED"]).write_text(repr(perf_counter()), encoding="ascii")
    if BLOCK_S:
        gevent.spawn(block_for_ever)


def block_for_ever() -> None:
    """Take the loop away as a heavy computation would."""
    due = perf_counter()
    while True:
        due = max(due + EVERY_S, perf_counter())
        end = perf_counter() + BLOCK_S
        while perf_counter() < end:
            pass
        gevent.sleep(max(due - perf_counter(), 0.0))
