"""HTTP servers that go wrong in one chosen way, on real sockets of this machine.

A script is a function of a `Peer`: it says step by step what the server does on one connection. Each connection runs
its script in a thread of its own. `NastyServer` starts listening when it is entered, and ends every script when left.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

PATIENCE_S = 10.0
"""How long a server waits for a client that should have come."""

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
JSON = b"Content-Type: application/json\r\n"
DONE = b"data: [DONE]\n\n"


def event(document: object) -> bytes:
    """Give one server-sent event."""
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def delta(**content: object) -> bytes:
    """Give a chunk of an answer."""
    return event({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": content}]})


def finish(reason: str = "stop") -> bytes:
    """Give the chunk with the finish reason."""
    return event({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})


def usage(prompt: int = 9, completion: int = 3) -> bytes:
    """Give the chunk with the token counts."""
    return event({"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion}})


ROLE = delta(role="assistant", content="")
WORDS = (delta(content="Hel"), delta(content="lo, "), delta(content="you"))
EVENTS = (ROLE, *WORDS, finish(), usage(), DONE)
"""A whole answer of three content chunks."""
ANSWER = b"".join(EVENTS)
TEXT = "Hello, you"


def chunk(data: bytes) -> bytes:
    """Frame one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def chunked(pieces: Sequence[bytes] = EVENTS, head: bytes = OK) -> bytes:
    """Give a whole chunked response."""
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(map(chunk, pieces)) + b"0\r\n\r\n"


def sized(body: bytes = ANSWER, head: bytes = OK) -> bytes:
    """Give a whole response with Content-Length."""
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def refusal(status: str, body: object, *headers: str) -> bytes:
    """Give a whole JSON response that is no success."""
    lines = "".join(f"{header}\r\n" for header in headers).encode()
    return sized(json.dumps(body).encode(), f"HTTP/1.1 {status}\r\n".encode() + JSON + lines)


def gzipped(body: bytes) -> bytes:
    """Compress a body."""
    return gzip.compress(body)


class GoneError(Exception):
    """The client has closed, or the server is being ended."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came: its head, header values by lower-case name, and its body."""

    head: str
    headers: dict[str, str]
    body: bytes

    @property
    def line(self) -> str:
        """Give the request line."""
        return self.head.partition("\r\n")[0]


@dataclass(slots=True)
class Peer:
    """The server's side of one connection; `number` counts connections from 1."""

    sock: socket.socket
    number: int
    server: NastyServer
    _rest: bytes = b""

    def request(self) -> Request:
        """Read one request. Raises GoneError when the client closes first."""
        while b"\r\n\r\n" not in self._rest:
            self._receive()
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")[1:]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(self._rest) < length:
            self._receive()
        body, self._rest = self._rest[:length], self._rest[length:]
        request = Request(head.decode("latin-1"), headers, body)
        self.server.requests.append(request)
        return request

    def _receive(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise GoneError
        self._rest += data

    def send(self, data: bytes) -> None:
        """Send all of it in one write."""
        self.sock.sendall(data)

    def drip(self, data: bytes) -> None:
        """Send it byte by byte, each a segment of its own."""
        for position in range(len(data)):
            self.sock.sendall(data[position : position + 1])

    def serve(self, response: bytes) -> None:
        """Answer requests with `response` for as long as the client keeps the connection."""
        while True:
            self.request()
            self.send(response)

    def linger(self, seconds: float) -> None:
        """Let time pass, unless the server ends."""
        if self.server.ended.wait(seconds):
            raise GoneError

    def hang(self) -> None:
        """Do nothing until the server ends: neither send nor close."""
        self.linger(PATIENCE_S)

    def drain(self) -> None:
        """Wait until the client has closed."""
        while True:
            self._receive()

    def close(self) -> None:
        """Close in order: a FIN, and for TLS no close_notify before it."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def reset(self) -> None:
        """Close with a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


Script = Callable[[Peer], None]


def always(response: bytes) -> Script:
    """Give the script that answers each request alike and keeps the connection."""
    return lambda peer: peer.serve(response)


def once(response: bytes) -> Script:
    """Give the script that answers one request and closes."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(response)

    return script


@dataclass(slots=True)
class NastyServer:
    """Listens on a port of its own; `requests` and `connections` say what came. Certificates make it speak TLS."""

    script: Script
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    backlog: int = 128
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    problems: list[BaseException] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    _listener: socket.socket = field(init=False)
    _threads: list[threading.Thread] = field(default_factory=list)
    _socks: list[socket.socket] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Give the port."""
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        """Give the base URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}/v1"

    def __enter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.create_server((self.host, 0), family=family, backlog=self.backlog)
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        for sock in (self._listener, *self._socks):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(PATIENCE_S)
        if error is None and self.problems:
            raise self.problems[0]

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until something has come about in the server's threads."""
        end = time.monotonic() + PATIENCE_S
        while not condition() and time.monotonic() < end:
            time.sleep(0.001)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self.connections += 1
                self._socks.append(sock)
                self._start(self._converse, sock, self.connections)

    def _converse(self, sock: socket.socket, number: int) -> None:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
                self._socks.append(sock)
            peer = Peer(sock, number, self)
            with contextlib.suppress(GoneError):
                self.script(peer)
            peer.close()
        except OSError:
            sock.close()
        except BaseException as problem:  # noqa: BLE001 - shown by the test that the thread belongs to
            self.problems.append(problem)
            sock.close()


@contextlib.contextmanager
def dead_port() -> Iterator[int]:
    """Give a port that is bound, so that nobody else takes it, and refuses connections."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield int(sock.getsockname()[1])


@contextlib.contextmanager
def deaf_port() -> Iterator[int]:
    """Give a port that listens and never completes another connection: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = int(listener.getsockname()[1])
        for _ in range(8):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        yield port
