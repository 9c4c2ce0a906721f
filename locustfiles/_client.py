"""One chat user's HTTP client: one kept-alive connection to one endpoint."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass, field
from time import perf_counter
from urllib.parse import urlsplit

from locustfiles._connect import ConnectError, Target, connect, keep_stamping
from locustfiles._exchange import Exchange
from locustfiles._trace import Trace
from scenarios.errors import TailgateError
from scenarios.proxy import proxy_of
from scenarios.scenario import Endpoint, Timeouts
from scenarios.tls import context
from scenarios.wire import API, Api, Decoder, Message

NO_TRACE = Trace()
"""Of a request that has not been sent."""

SPARE_FILES = 200
"""Open files that the process needs besides its users' connections."""


@dataclass(frozen=True, slots=True)
class Destination:
    """An endpoint as the client needs it: where to connect, and the part of each request that never changes."""

    name: str
    endpoint: Endpoint
    api: Api
    target: Target
    head: bytes = field(repr=False)

    def decoder(self, *, stream: bool) -> Decoder:
        """Give a new decoder for one answer."""
        return self.api.decoder(self.endpoint, stream)

    def request(self, body: bytes, request_id: str) -> bytes:
        """Give the whole request, ready to be sent in one write."""
        tail = f"X-Client-Request-Id: {request_id}\r\nContent-Length: {len(body)}\r\n\r\n"
        return b"".join((self.head, tail.encode("latin-1"), body))


def destination(name: str, endpoint: Endpoint, url: str, *, stream: bool) -> Destination:
    """Prepare an endpoint: its secrets are read from the environment here, and live on only in head and TLS context.

    A proxy opens a tunnel to https; it is asked for http itself, with the whole URL (RFC 9112, section 3.2.2). Raises
    TailgateError.
    """
    keep_stamping()
    api = API[endpoint.api]
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    proxy = proxy_of(endpoint.proxy, endpoint.proxy_env)
    key = os.environ.get(endpoint.key_env) if endpoint.key_env else None
    headers = {"Host": parts.netloc, **api.headers(endpoint, key, stream)}
    path = parts.path.rstrip("/") + api.path(endpoint) or "/"
    target = (
        Target(parts.hostname or "", port, context(endpoint), proxy) if secure else Target(parts.hostname or "", port)
    )
    if proxy and not secure:
        target, path = Target(proxy.host, proxy.port), f"http://{parts.netloc}{path}"
        headers |= {"Proxy-Authorization": proxy.authorization} if proxy.authorization else {}
    lines = [f"POST {path} HTTP/1.1", *(f"{header}: {value}" for header, value in headers.items())]
    return Destination(name, endpoint, api, target, ("\r\n".join(lines) + "\r\n").encode("latin-1"))


def raise_file_limit(users: int) -> None:
    """Raise the open-file limit to what the system allows. Raises TailgateError when `users` connections do not fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or soft < hard:
        wanted = max(soft, users + SPARE_FILES) if hard == resource.RLIM_INFINITY else hard
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    if soft < users + SPARE_FILES:
        raise TailgateError(
            f"{users} users need {users + SPARE_FILES} open files, but this process may have {soft}: "
            f"raise the hard limit (ulimit -Hn {users + SPARE_FILES}) or spread the users over more workers"
        )


class Client:
    """Sends requests one after the other, on one connection that is opened when needed."""

    __slots__ = ("_destination", "_exchange", "_timeouts", "connect_s", "trace")

    def __init__(self, where: Destination, timeouts: Timeouts) -> None:
        self._destination = where
        self._timeouts = timeouts
        self._exchange: Exchange | None = None
        self.connect_s: float | None = None
        self.trace = Trace()

    def body(self, messages: list[Message], max_output_tokens: int, *, stream: bool, nonce: str) -> bytes:
        """Give the request body for a conversation."""
        return self._destination.api.body(self._destination.endpoint, messages, max_output_tokens, stream, user=nonce)

    def exchange(self, body: bytes, request_id: str, decoder: Decoder) -> Trace:
        """Send one request and read its answer. Raises ConnectError; other failures stand in the trace.

        When a kept-alive connection turns out to be closed before any byte of the answer came, the request is sent
        once more on a new one: the server had closed an idle connection, which says nothing of the request.
        """
        request = self._destination.request(body, request_id)
        self.connect_s, self.trace = None, NO_TRACE
        exchange = self._open()
        reused = exchange.connection.used
        trace = self._run(exchange, request, decoder)
        if reused and trace.failure in ("closed_before_answer", "connection_lost") and not trace.bytes_in:
            trace = self._run(self._open(), request, decoder)
        return trace

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._exchange is not None:
            self._exchange.close()
            self._exchange = None

    def _run(self, exchange: Exchange, request: bytes, decoder: Decoder) -> Trace:
        self._exchange = None  # ours alone until it is known to be reusable
        self.trace = trace = exchange.expect(decoder)
        try:
            exchange.run(request)
        finally:
            if trace.reusable:
                self._exchange = exchange
            else:
                exchange.close()
        return trace

    def _open(self) -> Exchange:
        if self._exchange is not None:
            if not self._exchange.connection.is_stale():
                return self._exchange
            self.close()
        started = perf_counter()
        connection = connect(self._destination.target, self._timeouts.connect)
        self.connect_s = perf_counter() - started
        return Exchange(connection, self._timeouts)


__all__ = ["Client", "ConnectError", "Destination", "destination", "raise_file_limit"]
