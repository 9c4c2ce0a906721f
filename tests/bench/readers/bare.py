"""The floor in Python: a libev callback per connection, `recvmsg` with the kernel's stamp, and little else.

No HTTP parser, no TLS, no failures, no greenlet: the callback that sees an answer's end sends the next request.
"""

from __future__ import annotations

import _socket
import struct
import time
from time import perf_counter
from urllib.parse import urlsplit

import gevent
from gevent import get_hub

from bench.readers.recording import CONTENT, NO_CONTENT, Recording, Task

SO_TIMESTAMPNS = 35
TIMESPEC = struct.Struct("qq")
SPACE = _socket.CMSG_SPACE(TIMESPEC.size)
END = b"0\r\n\r\n"


class Stream:
    """One user: a connection, and the answer that comes on it."""

    __slots__ = ("_arrivals", "_body", "_head", "_request_id", "_sent", "_sock", "_watcher", "busy", "recording")

    def __init__(self, task: Task, recording: Recording) -> None:
        parts = urlsplit(task.url)
        self.recording = recording
        self.busy = True
        self._arrivals: list[float] = []
        self._body = task.body
        self._head = (
            f"POST {task.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(task.body)}\r\n".encode()
        )
        self._sock = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        self._sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self._sock.setsockopt(_socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._sock.connect((parts.hostname, parts.port))
        self._sock.setblocking(False)
        self._watcher = get_hub().loop.io(self._sock.fileno(), 1)
        self._watcher.start(self._readable)
        self._ask()

    def _ask(self) -> None:
        if self.recording.over:
            self.busy = False
            return
        self._request_id = self.recording.next_id()
        request = b"%bX-Client-Request-Id: %b\r\n\r\n%b" % (self._head, self._request_id.encode(), self._body)
        self._sent = perf_counter()
        self._sock.send(request)

    def _readable(self) -> None:
        data, notes, _, _ = self._sock.recvmsg(65536, SPACE)
        seconds, nanoseconds = TIMESPEC.unpack(notes[0][2])
        now = perf_counter() - (time.time_ns() - seconds * 1_000_000_000 - nanoseconds) * 1e-9
        chunks = data.count(CONTENT)
        if chunks == 1 and NO_CONTENT not in data:
            self._arrivals.append(now)
        elif chunks:
            self._arrivals.extend([now] * (chunks - data.count(NO_CONTENT)))
        if data.endswith(END):
            self.recording.add(self._request_id, self._sent, self._arrivals, now)
            self._arrivals = []
            self._ask()


def main() -> None:
    """Bring all users, wait for the end, write the record."""
    task = Task.read()
    recording = Recording(task)
    recording.start()
    streams = []
    for number in range(task.users):
        gevent.sleep(max(recording.start_s + number * task.ramp_s / task.users - perf_counter(), 0))
        streams.append(Stream(task, recording))
    while any(stream.busy for stream in streams):
        gevent.sleep(0.2)
    recording.close()


if __name__ == "__main__":
    main()
