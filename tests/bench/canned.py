"""A server that gives every request the same whole answer and never sleeps: what is measured is the reader alone.

The simulated provider, which makes each answer anew, would be the bottleneck: its reader would sleep and be woken for
each answer, and wake the server for each request, which costs more than the answer and hangs on the machine.

Run as a program it serves until its standard input ends, then writes the stamp of each request: 64-bit floats, seconds
on CLOCK_MONOTONIC.
"""

from __future__ import annotations

import json
import re
import select
import socket
import sys
import time
from array import array
from pathlib import Path
from typing import Self

from bench.machine import Cores, pin
from bench.provider import Sent, Served, serve

BODY = json.dumps(
    {
        "id": "chatcmpl-large-1", "object": "chat.completion", "created": 1795626269, "model": "large",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": (
            " answer depends on how you see it and what your data says so let us take it one step at")}}],
        "usage": {"prompt_tokens": 16, "completion_tokens": 20, "total_tokens": 36,
                  "prompt_tokens_details": {"cached_tokens": 0},
                  "completion_tokens_details": {"reasoning_tokens": 0}},
    },
    separators=(",", ":"),
).encode()  # fmt: skip
ANSWER = (
    b"HTTP/1.1 200 OK\r\nDate: Wed, 25 Nov 2026 17:04:29 GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nx-request-id: large-1\r\n\r\n%b" % (len(BODY), BODY)
)
length_of = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE).search


class Canned(Served):
    """`with Canned(folder, cores) as provider:` serves; `truths()` is complete after the block."""

    def __init__(self, folder: Path, cores: Cores) -> None:
        self._stamps = folder / "canned.stamps"
        self._cores = cores

    def __enter__(self) -> Self:
        self._child = serve("bench.canned", str(self._stamps))
        assert self._child.stdout is not None
        self.pid = self._child.pid
        self.url = f"http://127.0.0.1:{int(self._child.stdout.readline())}/large/v1"
        pin(self.pid, self._cores.server, first=self._cores.first)
        return self

    def truths(self) -> dict[str, Sent]:
        """Give when each request was there, by its number."""
        stamps = array("d", self._stamps.read_bytes())
        return {str(number): Sent(stamp, array("d")) for number, stamp in enumerate(stamps, start=1)}


class Server:
    """Connections by their number, with what has come of each one's next request."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._poller = select.epoll()
        self._connections: dict[int, socket.socket] = {}
        self._partial: dict[int, bytes] = {}
        self.stamps = array("d")
        self.port = self._listener.getsockname()[1]

    def serve(self, until: int) -> None:
        """Answer until something comes, or ends, on the descriptor `until`."""
        listening = self._listener.fileno()
        self._poller.register(listening, select.EPOLLIN)
        self._poller.register(until, select.EPOLLIN)
        while True:
            for fd, _ in self._poller.poll(0):
                if fd == until:
                    return
                if fd == listening:
                    self._accept()
                else:
                    self._take(fd)

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections[sock.fileno()] = sock
        self._poller.register(sock.fileno(), select.EPOLLIN)

    def _take(self, fd: int) -> None:
        sock = self._connections[fd]
        try:
            data = sock.recv(65536)
        except OSError:
            data = b""
        if not data:
            self._poller.unregister(fd)
            self._connections.pop(fd).close()
            return
        data = self._partial.pop(fd, b"") + data
        head = data.find(b"\r\n\r\n")
        length = length_of(data, 0, head) if head > 0 else None
        if length is None or len(data) < head + 4 + int(length[1]):
            self._partial[fd] = data
            return
        self.stamps.append(time.perf_counter())
        sock.send(ANSWER)


if __name__ == "__main__":
    server = Server()
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    server.serve(until=sys.stdin.fileno())
    Path(sys.argv[1]).write_bytes(server.stamps.tobytes())
