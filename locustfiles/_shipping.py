"""Rows on their way from a worker to the master: in order, one parcel at a time, each acknowledged.

A parcel holds whole batches. The master answers each with how many rows it has; the next parcel begins there, whether
it is the next, one that was lost on the way, or one that the master asks for again. A parcel grows while answers come
at once and shrinks when they take long, so that heartbeats are never stuck behind rows on a slow link.

A parcel costs the master as much as some hundred rows in it. So one that is not full waits, the longer the more workers
there are: all of them together send `PARCELS_PER_S`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import gevent
from gevent.event import Event

from locustfiles._recorder import Batch
from locustfiles._roll import READ_MARGIN_S

SMALLEST_BYTES = 8 * 1024
FIRST_BYTES = 64 * 1024
LARGEST_BYTES = 512 * 1024
SWIFT_S, SLOW_S = 0.2, 1.0
AGAIN_S = 5.0
"""A parcel without an answer is sent again after this long."""
PARCELS_PER_S, LONGEST_S = 25, 3.0
"""Of all workers of a run, full ones aside: up to a dozen workers send each flush at once, many send one every
`LONGEST_S`. Beside its last flush a killed worker takes along what all make in a twenty-fifth of a second."""
MEMORY_BYTES = 32 * 1024 * 1024
"""Beyond this, rows that wait to be sent are read from disk again."""

Send = Callable[[Sequence[Batch]], None]


def to_document(batch: Batch, epoch_s: float) -> dict[str, Any]:
    """Give a batch as it is sent; `epoch_s`: the run's epoch by this process's `perf_counter`."""
    return {
        "first": batch.first,
        "count": batch.count,
        "rows": batch.rows.read(),
        "timings": batch.timings.read(),
        "complete_s": batch.flushed_at and batch.flushed_at - epoch_s - READ_MARGIN_S,
    }


class Shipper:
    """Sends batches with `send`, from a greenlet of its own; `receive` takes the master's answers."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._batches: deque[Batch] = deque()
        self._bytes = 0
        self._answered = Event()
        self._given = Event()
        self.received = 0
        """Rows that the master has."""
        self.limit_bytes = FIRST_BYTES
        self.every_s = 0.0
        """From one parcel to the next that is not full."""
        self._sent_at = -math.inf
        self._is_draining = False
        self._greenlet = gevent.spawn(self._ship_forever)

    def share(self, workers: int) -> None:
        """Send as often as one of so many workers may."""
        self.every_s = min(workers / PARCELS_PER_S, LONGEST_S)

    def give(self, batch: Batch) -> None:
        """Take a batch to be sent."""
        self._batches.append(batch)
        self._bytes += batch.size
        if self._bytes > MEMORY_BYTES:
            self._spill()
        self._given.set()

    def receive(self, received: int) -> None:
        """Learn how many rows the master has."""
        if received <= self.received:
            return
        self.received = received
        while self._batches and self._batches[0].first + self._batches[0].count <= self.received:
            self._bytes -= self._batches.popleft().size
        self._answered.set()

    @property
    def is_idle(self) -> bool:
        """Whether the master has all there is."""
        return not self._batches

    def drain(self, timeout_s: float) -> bool:
        """Wait until the master has everything, as long as it goes on taking; tell whether it has."""
        self._is_draining = True
        self._given.set()
        given_up, received = perf_counter() + timeout_s, self.received
        while not self.is_idle and perf_counter() < given_up:
            gevent.sleep(0.05)
            if self.received > received:
                given_up, received = perf_counter() + timeout_s, self.received
        return self.is_idle

    def close(self) -> None:
        """Stop."""
        gevent.kill(self._greenlet)

    def _spill(self) -> None:
        for batch in reversed(self._batches):
            if not batch.in_memory:
                break  # and so are those before it
            if batch.on_disk:
                batch.forget()

    def _ship_forever(self) -> None:
        while True:
            while (rest_s := self._rest_s()) > 0:
                self._given.clear()
                self._given.wait(None if rest_s == math.inf else rest_s)
            self._answered.clear()
            self._sent_at = perf_counter()
            self._send(self._parcel())
            self._answered.wait(AGAIN_S)
            self._adapt(perf_counter() - self._sent_at)

    def _rest_s(self) -> float:
        """Give the seconds until a parcel is due."""
        if self.is_idle:
            return math.inf
        if self._is_draining or self._bytes >= self.limit_bytes:
            return 0.0
        return self._sent_at + self.every_s - perf_counter()

    def _parcel(self) -> Sequence[Batch]:
        parcel: list[Batch] = []
        size = 0
        for batch in self._batches:
            if parcel and size + batch.size > self.limit_bytes:
                break
            parcel.append(batch)
            size += batch.size
        return parcel

    def _adapt(self, took_s: float) -> None:
        if took_s < SWIFT_S:
            self.limit_bytes = min(self.limit_bytes * 2, LARGEST_BYTES)
        elif took_s > SLOW_S:
            self.limit_bytes = max(self.limit_bytes // 2, SMALLEST_BYTES)
