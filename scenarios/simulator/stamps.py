"""The kernel's own times of what a socket receives and sends, on CLOCK_MONOTONIC.

A process can be held up between reading the clock and the system call beside it; the kernel's stamps cannot.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Iterable

SO_TIMESTAMPNS = 35
SO_TIMESTAMPING = 37
MSG_ERRQUEUE = 0x2000
"""Linux. Python 3.11 has no names for them."""

SENT, SOFTWARE, STAMP_ONLY = 1 << 1, 1 << 4, 1 << 11
SPACE = socket.CMSG_SPACE(64)
STEADY_NS = 20_000
"""How long reading both clocks may take for them to count as read together."""

_STAMP = struct.Struct("qq")
_WITH_STAMP = [(socket.SOL_SOCKET, SO_TIMESTAMPING, struct.pack("I", SENT))]

Notes = Iterable[tuple[int, int, bytes]]


def stamp_arrivals(sock: socket.socket) -> None:
    """Ask for the time of each read, and for that of sends by `send_stamped`, where the system has them."""
    for option, value in ((SO_TIMESTAMPNS, 1), (SO_TIMESTAMPING, SOFTWARE | STAMP_ONLY)):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, option, value)


def arrival(notes: Notes) -> float:
    """Give the arrival of what was read with `notes`; now, where the kernel says nothing."""
    stamp = _find(notes, SO_TIMESTAMPNS)
    return time.monotonic() if stamp is None else stamp


def send_stamped(sock: socket.socket, data: bytes) -> tuple[int, float]:
    """Send; give how much went out, and when the kernel sent it or, where it does not say, the time just before.

    Raises OSError as `send` does.
    """
    before = time.monotonic()
    sent = sock.sendmsg([data], _WITH_STAMP)
    stamp = None
    with contextlib.suppress(OSError):
        stamp = _find(sock.recvmsg(0, SPACE, MSG_ERRQUEUE)[1], SO_TIMESTAMPING)
    return sent, before if stamp is None else max(before, stamp)


def drop_stamps(sock: socket.socket) -> None:
    """Take stamps that came late off the socket: as long as one is there, the socket polls as broken."""
    with contextlib.suppress(OSError):
        while True:
            sock.recvmsg(0, SPACE, MSG_ERRQUEUE)


def _find(notes: Notes, kind: int) -> float | None:
    for level, found, data in notes:
        if level == socket.SOL_SOCKET and found == kind:
            seconds, nanoseconds = _STAMP.unpack(data[: _STAMP.size])
            return monotonic(seconds * 1_000_000_000 + nanoseconds)
    return None


def monotonic(wall_ns: int) -> float:
    """Give the time on CLOCK_MONOTONIC, not after now, at which the wall clock showed `wall_ns`."""
    before = now_ns = 0
    for _ in range(5):
        before, now_ns = time.monotonic_ns(), time.time_ns()
        if time.monotonic_ns() - before < STEADY_NS:
            break
    return (before - max(0, now_ns - wall_ns)) / 1e9
