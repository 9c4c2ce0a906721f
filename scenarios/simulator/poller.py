"""Waiting for many sockets at once: epoll, or poll where there is none."""

from __future__ import annotations

import math
import select

READABLE, WRITABLE, BROKEN = 0x001, 0x004, 0x008
"""POLLIN, POLLOUT and POLLERR, which epoll shares."""

SHORTEST_SLEEP_S = 0.0005
"""Waking for each of many close deadlines by itself costs more than it is worth."""


class Poller:
    """A set of file descriptors and what is awaited of each."""

    def __init__(self) -> None:
        self._epoll = select.epoll() if hasattr(select, "epoll") else None
        self._set = self._epoll or select.poll()

    def register(self, fd: int) -> None:
        """Wait for `fd` to be readable. Raises PermissionError for files, which always are."""
        self._set.register(fd, READABLE)

    def expect(self, fd: int, *, room: bool) -> None:
        """Wait for `fd` to be readable and, with `room`, also to be writable."""
        self._set.modify(fd, READABLE | WRITABLE if room else READABLE)

    def unregister(self, fd: int) -> None:
        """Wait for `fd` no more."""
        self._set.unregister(fd)

    def wait(self, timeout_s: float) -> list[tuple[int, int]]:
        """Sleep until something happens or the time is over; give who is ready, and for what."""
        if self._epoll is None:
            return self._set.poll(max(0, math.ceil(timeout_s * 1000)))
        if timeout_s > 0:
            # epoll counts in whole milliseconds; select, which can wait for an epoll, in microseconds.
            select.select([self._epoll], [], [], max(timeout_s, SHORTEST_SLEEP_S))
        return self._epoll.poll(0)

    def close(self) -> None:
        """Forget all."""
        if self._epoll is not None:
            self._epoll.close()
