"""One client's connection: bytes in become requests with their arrival stamp, bytes out go at once."""

from __future__ import annotations

import socket
import ssl
import time
from collections import deque
from dataclasses import dataclass, field

import httptools

from scenarios.simulator.stamps import SPACE, arrival, send_stamped

READ_BYTES = 262_144
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Closed(Exception):  # noqa: N818 - the other side's choice, not an error
    """The client closed or broke the connection."""


class BadRequest(Exception):  # noqa: N818 - it ends as a status, not as an error
    """The bytes are no HTTP request."""


@dataclass(slots=True)
class Request:
    """One HTTP request. Header names are in lower case; `arrived_s` is on CLOCK_MONOTONIC."""

    arrived_s: float = 0.0
    method: str = ""
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    keep_alive: bool = True


class Connection:
    """A plain connection.

    `requests` holds what arrived and is not yet begun; `closing` = to be closed when the present response is out;
    `waiting` = for room to send.
    """

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.number = number
        self.sock = sock
        self.requests: deque[Request] = deque()
        self.closing = False
        self.waiting = False
        self._out = bytearray()
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()
        self._body: list[bytes] = []
        self._arrived_s = 0.0

    @property
    def blocked(self) -> bool:
        """Whether bytes wait for the client to read."""
        return bool(self._out)

    def send(self, data: bytes) -> float:
        """Send now, or when the client reads if it is behind; give the time just before. A dead client is no error."""
        if self._out:
            self._out += data
            return time.monotonic()
        now = time.monotonic()
        try:
            sent = self.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return now  # the poll reports the broken connection
        if sent != len(data):
            self._out += data[sent:]
        return now

    def send_stamped(self, data: bytes) -> float:
        """Send as `send` does; give the kernel's time of it, which costs more."""
        if self._out:
            return Connection.send(self, data)
        try:
            sent, stamp = send_stamped(self.sock, data)
        except OSError:
            return Connection.send(self, data)
        self._out += data[sent:]
        return stamp

    def flush(self) -> None:
        """Send what waits. Raises Closed."""
        try:
            sent = self.sock.send(self._out)
        except BlockingIOError:
            return
        except OSError as error:
            raise Closed from error
        del self._out[:sent]

    def read(self) -> None:
        """Take what has come in and append complete requests. Raises Closed, BadRequest."""
        data = self._receive()
        if data:
            self._parse(data)

    def _receive(self) -> bytes:
        """Read once, and set the arrival stamp to the kernel's, or to now where it gives none."""
        try:
            data, notes, _, _ = self.sock.recvmsg(READ_BYTES, SPACE)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise Closed from error
        if not data:
            raise Closed
        self._arrived_s = arrival(notes)
        return data

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.closing = True
        except httptools.HttpParserError as error:
            raise BadRequest(str(error)) from error

    def on_message_begin(self) -> None:
        """Parser: a request starts."""
        self._request = Request()
        self._body = []

    def on_url(self, url: bytes) -> None:
        """Parser: (a part of) the target."""
        self._request.path += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Parser: one header."""
        self._request.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Parser: the head is whole."""
        if self._request.headers.get("expect", "").lower() == "100-continue":
            self.send(CONTINUE)

    def on_body(self, data: bytes) -> None:
        """Parser: (a part of) the body."""
        self._body.append(data)

    def on_message_complete(self) -> None:
        """Parser: the request is whole."""
        request = self._request
        request.method = self._parser.get_method().decode("latin-1")
        request.body = b"".join(self._body)
        request.keep_alive = self._parser.should_keep_alive()
        request.arrived_s = self._arrived_s
        self.requests.append(request)

    def close(self) -> None:
        """Close the socket."""
        self.sock.close()


class TlsConnection(Connection):
    """The same over TLS: records are decrypted in memory, so that the kernel's stamps stay at hand."""

    def __init__(self, sock: socket.socket, number: int, context: ssl.SSLContext) -> None:
        super().__init__(sock, number)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._greeted = False

    def send(self, data: bytes) -> float:
        """Encrypt and send."""
        self._tls.write(data)
        return super().send(self._outgoing.read())

    def send_stamped(self, data: bytes) -> float:
        """Encrypt and send."""
        self._tls.write(data)
        return super().send_stamped(self._outgoing.read())

    def read(self) -> None:
        """Decrypt what has come in. Raises Closed, BadRequest."""
        data = self._receive()
        if not data:
            return
        self._incoming.write(data)
        try:
            self._take()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            raise Closed from error
        finally:
            if self._outgoing.pending:
                super().send(self._outgoing.read())

    def _take(self) -> None:
        if not self._greeted:
            self._tls.do_handshake()
            self._greeted = True
        while True:
            plain = self._tls.read(READ_BYTES)
            if not plain:
                raise Closed
            self._parse(plain)


def nodelay(sock: socket.socket) -> None:
    """Send each chunk by itself."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
