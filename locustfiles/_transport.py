"""A connected byte stream: a raw non-blocking socket, plain or TLS, whose reads carry the kernel's arrival time.

`SO_TIMESTAMPNS` makes the kernel stamp each segment as it arrives (CLOCK_REALTIME, nanoseconds; socket(7)). Segments
that wait together are merged by TCP and carry the last one's stamp.
"""

from __future__ import annotations

import _socket
import ssl
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from fcntl import ioctl
from termios import FIONREAD
from typing import Any

from gevent import get_hub
from gevent.socket import wait_read, wait_write

from locustfiles._kernel_clock import KERNEL_CLOCK, TIMESPEC

RECEIVE_BYTES = 65536
TLS_HEAD_BYTES = 5
READ = 1
"""libev's EV_READ."""

_NO_COUNT = bytes(4)
_ANCILLARY_BYTES = _socket.CMSG_SPACE(TIMESPEC.size)


BACKLOG_FADES = 0.9
"""With each read. What waited for a loop that was late came over the whole of that time, some of it just now."""

_NO_BIO = ssl.MemoryBIO()
"""Stands where a plain connection has no TLS buffers."""


@dataclass(slots=True)
class Backlog:
    """How far behind the process is: how long bytes had waited in the kernel, on any connection, as it fades."""

    lag_s: float = 0.0


BACKLOG = Backlog()


class Connection:
    """A connected socket. `read` never blocks; `send` and `handshake` give way to other greenlets."""

    __slots__ = (
        "_incoming",
        "_outgoing",
        "_sock",
        "_stale",
        "_tls",
        "_watcher",
        "ended",
        "fd",
        "kernel_stamps",
        "lag_s",
        "used",
    )  # fmt: skip

    def __init__(self, sock: _socket.socket) -> None:
        self._sock = sock
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = _NO_BIO, _NO_BIO
        self.fd = sock.fileno()
        self._watcher: Any = get_hub().loop.io(self.fd, READ)
        self._stale = False
        self.lag_s = 0.0
        self.kernel_stamps = True
        self.used = False
        self.ended = False

    def handshake(self, context: ssl.SSLContext, server_name: str) -> None:
        """Turn the stream into TLS. Raises ssl.SSLError or OSError."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self.push(self._outgoing.read())
                wait_read(self.fd)
                self._feed_tls(self._sock.recv(RECEIVE_BYTES))
            else:
                self.push(self._outgoing.read())
                return

    @property
    def encrypted(self) -> bool:
        """Whether the stream is TLS."""
        return self._tls is not None

    def read(self, size: int = RECEIVE_BYTES) -> bytes | None:
        """Give up to `size` bytes that wait, `b""` at the stream's end, None when there is nothing to give yet.

        `lag_s` then says how long the newest of them had waited in the kernel.
        """
        try:
            data, ancillary, _, _ = self._sock.recvmsg(size, _ANCILLARY_BYTES)
        except BlockingIOError:
            return None
        if ancillary:
            seconds, nanoseconds = TIMESPEC.unpack(ancillary[0][2])
            lag_s = (time.time_ns() - seconds * 1_000_000_000 - nanoseconds) * 1e-9 - KERNEL_CLOCK.ahead_s
            self.lag_s = lag_s = lag_s if lag_s > 0.0 else 0.0  # noqa: FURB136 - a call costs more, here and below
            faded_s = BACKLOG.lag_s * BACKLOG_FADES
            BACKLOG.lag_s = lag_s if lag_s > faded_s else faded_s  # noqa: FURB136
        else:
            self.lag_s = 0.0
            self.kernel_stamps = self.kernel_stamps and not data
        return data if self._tls is None else self._decrypt(self._tls, data)

    @property
    def waiting(self) -> int:
        """How many bytes wait in the kernel (SIOCINQ, tcp(7))."""
        return int.from_bytes(ioctl(self.fd, FIONREAD, _NO_COUNT), sys.byteorder)

    def read_record(self) -> bytes | None:
        """Give as `read` does, but no more than one TLS record (RFC 8446 section 5.1: type, version, length)."""
        try:
            head = self._sock.recv(TLS_HEAD_BYTES, _socket.MSG_PEEK)
        except BlockingIOError:
            return None
        return self.read(TLS_HEAD_BYTES + int.from_bytes(head[-2:]) if len(head) == TLS_HEAD_BYTES else RECEIVE_BYTES)

    def send(self, data: bytes) -> None:
        """Send all of `data`. Raises OSError."""
        if rest := self.offer(data):
            self.push(rest)

    def offer(self, data: bytes) -> bytes:
        """Send what the peer takes at once, and give what is left for `push`. Raises OSError."""
        if self._tls is not None:
            self._tls.write(data)
            data = self._outgoing.read()
        try:
            return data[self._sock.send(data) :]
        except BlockingIOError:
            return data

    def watch(self, readable: Callable[[], None]) -> None:
        """Have the event loop call `readable` when there is something to read, until `rest`."""
        self._stale = False
        self._watcher.stop()
        self._watcher.start(readable)

    def rest(self) -> None:
        """Be idle: whatever there is to read from now on makes the connection stale."""
        self._watcher.stop()
        self._watcher.start(self._speaks_unasked)

    def _speaks_unasked(self) -> None:
        self._stale = True
        self._watcher.stop()

    def is_stale(self) -> bool:
        """Tell whether the resting peer has closed, or has sent bytes that nobody asked for."""
        return self._stale

    def close(self) -> None:
        """Close the socket."""
        self._watcher.close()
        self._sock.close()

    def push(self, data: bytes) -> None:
        """Send what `offer` left, however long it takes. Raises OSError."""
        view = memoryview(data)
        while view:
            try:
                view = view[self._sock.send(view) :]
            except BlockingIOError:
                wait_write(self.fd)

    def _feed_tls(self, data: bytes) -> None:
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _decrypt(self, tls: ssl.SSLObject, data: bytes) -> bytes | None:
        self._feed_tls(data)
        pieces = []
        try:
            while piece := tls.read(RECEIVE_BYTES):
                pieces.append(piece)
        except ssl.SSLWantReadError:
            if self._outgoing.pending:
                self.push(self._outgoing.read())
            return b"".join(pieces) or None
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            pass
        self.ended = True  # perhaps right behind these bytes: then nothing wakes us again
        return b"".join(pieces)
