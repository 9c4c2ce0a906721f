"""The server: one thread, one poller, one heap of everything that is due, for all connections of all endpoints."""

from __future__ import annotations

import contextlib
import heapq
import socket
import ssl
import time
from collections.abc import Mapping

from scenarios.errors import TailgateError
from scenarios.simulator.connection import BadRequest, Closed, Connection, TlsConnection, nodelay
from scenarios.simulator.dialect import error
from scenarios.simulator.exchange import Exchange, Kind
from scenarios.simulator.poller import BROKEN, WRITABLE, Poller
from scenarios.simulator.response import whole
from scenarios.simulator.router import Router
from scenarios.simulator.service import Service
from scenarios.simulator.stamps import drop_stamps, stamp_arrivals
from scenarios.simulator.truth import TruthLog

BACKLOG = 4096
FLUSH_S = 0.5
TCP_CONGESTION = 13

_CUT = int(Kind.CUT)
_Due = tuple[float, int, int, bytes, Exchange]


class Server:
    """Serves until `stop` is called or a watched pipe speaks or closes; then logs what was in service and ends."""

    def __init__(self, listener: socket.socket, services: Mapping[str, Service], log: TruthLog) -> None:
        self._listener = listener
        self._router = Router(services)
        self._log = log
        self._tls: ssl.SSLContext | None = None
        self._connections: dict[int, Connection] = {}
        self._in_service: dict[Connection, Exchange] = {}
        self._heap: list[_Due] = []
        self._poller = Poller()
        self._poller.register(listener.fileno())
        self._started = 0
        self._accepted = 0
        self._running = True
        self._pipes: set[int] = set()

    def use_tls(self, context: ssl.SSLContext) -> None:
        """Speak TLS on every connection."""
        self._tls = context

    def watch(self, pipe: int) -> None:
        """End when anything, or its end, comes through `pipe`. Raises TailgateError for what cannot be waited on."""
        try:
            self._poller.register(pipe)
        except PermissionError:
            raise TailgateError("--parent needs a pipe as standard input, not a file") from None
        self._pipes.add(pipe)

    def stop(self) -> None:
        """End after the present round."""
        self._running = False

    def run(self) -> None:
        """Serve. However this ends, the log is complete."""
        try:
            flush_s = time.monotonic() + FLUSH_S
            while self._running:
                now = time.monotonic()
                if now >= flush_s:
                    self._log.flush()
                    flush_s = now + FLUSH_S
                due = self._heap[0][0] if self._heap else flush_s
                self._wait(min(due, flush_s) - now)
                self._send_due(time.monotonic())
        finally:
            self._end()

    def _wait(self, timeout_s: float) -> None:
        """Sleep until something comes in or `timeout_s` is over, then take in what came."""
        for fd, events in self._poller.wait(timeout_s):
            connection = self._connections.get(fd)
            if connection is not None:
                self._serve(connection, events)
            elif fd == self._listener.fileno():
                self._accept()
            elif fd in self._pipes:
                self.stop()

    def _accept(self) -> None:
        """Take all connections that wait."""
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setblocking(False)
            nodelay(sock)
            stamp_arrivals(sock)
            self._accepted += 1
            number = self._accepted
            connection = TlsConnection(sock, number, self._tls) if self._tls else Connection(sock, number)
            self._connections[sock.fileno()] = connection
            self._poller.register(sock.fileno())

    def _serve(self, connection: Connection, events: int) -> None:
        try:
            if events & BROKEN:
                drop_stamps(connection.sock)
            if events & WRITABLE:
                connection.flush()
                self._settle(connection)
            if events & ~WRITABLE:
                connection.read()
                self._next(connection)
        except Closed:
            self._drop(connection)
        except BadRequest as problem:
            connection.send(whole(400, error(400, "bad_request", str(problem)), keep_alive=False))
            self._drop(connection)

    def _next(self, connection: Connection) -> None:
        """Begin the connection's next request unless one is in service."""
        if connection in self._in_service or not connection.requests:
            return
        exchange = self._router.exchange(connection.requests.popleft(), connection)
        self._in_service[connection] = exchange
        if exchange.slots is None:
            self._start(exchange, time.monotonic())
        elif exchange.slots.enter(exchange) and exchange.truth is not None:
            exchange.truth.queued_s = 0.0
            self._start(exchange, exchange.truth.arrived_s)

    def _start(self, exchange: Exchange, start_s: float) -> None:
        due, kind, data = exchange.first(start_s)
        self._started += 1
        heapq.heappush(self._heap, (due, self._started, kind, data, exchange))

    def _send_due(self, now: float) -> None:
        """Send everything that is due by `now`. This is the hot path: once per chunk."""
        heap, replace = self._heap, heapq.heapreplace
        while heap and heap[0][0] <= now:
            _, number, kind, data, exchange = heap[0]
            if exchange.over:
                heapq.heappop(heap)
                continue
            if kind >= _CUT:
                heapq.heappop(heap)
                self._break(exchange, kind)
                continue
            if not kind:
                stamp = exchange.connection.send(data)
            elif exchange.begun:
                stamp = exchange.connection.send(data)
                exchange.sent(kind, stamp)
            else:
                stamp = exchange.connection.send_stamped(data)
                exchange.begin(kind, stamp)
            step = next(exchange.steps, None)
            if step:
                replace(heap, (step[0], number, step[1], step[2], exchange))
            else:
                heapq.heappop(heap)
                self._finish(exchange, stamp)
            if exchange.connection.blocked:
                self._await_room(exchange.connection)

    def _finish(self, exchange: Exchange, stamp: float) -> None:
        """End an exchange whose response is out, and begin what waited for it."""
        self._log_end(exchange, stamp)
        connection = exchange.connection
        del self._in_service[connection]
        connection.closing |= not exchange.keep_alive
        self._settle(connection)
        if not connection.closing:
            self._next(connection)

    def _await_room(self, connection: Connection) -> None:
        if not connection.waiting:
            connection.waiting = True
            self._poller.expect(connection.sock.fileno(), room=True)

    def _settle(self, connection: Connection) -> None:
        """After a flush or a response: stop waiting for room, and close what was only waiting to be empty."""
        if connection.blocked or connection.sock.fileno() < 0:
            return
        if connection.closing and connection not in self._in_service:
            self._drop(connection)
        elif connection.waiting:
            connection.waiting = False
            self._poller.expect(connection.sock.fileno(), room=False)

    def _break(self, exchange: Exchange, kind: int) -> None:
        """Strike with a fault: cut the connection, or send nothing more until the client leaves."""
        if kind == Kind.CUT:
            self._log_end(exchange, time.monotonic())
            del self._in_service[exchange.connection]
            self._drop(exchange.connection)

    def _drop(self, connection: Connection) -> None:
        """Close a connection; the exchange in service ends with its client gone."""
        with contextlib.suppress(OSError, ValueError, KeyError):
            self._poller.unregister(connection.sock.fileno())
        self._connections.pop(connection.sock.fileno(), None)
        connection.close()
        exchange = self._in_service.pop(connection, None)
        if exchange is not None and not exchange.over:
            if exchange.truth is not None:
                exchange.truth.client_gone = 1
            self._log_end(exchange, None)

    def _log_end(self, exchange: Exchange, end_s: float | None) -> None:
        """Log an exchange, and start the one that takes its slot."""
        truth = exchange.close(end_s)
        if truth is not None:
            self._log.write(truth)
        following = exchange.slots.leave(exchange) if exchange.slots else None
        if following is not None and following.truth is not None:
            now = time.monotonic()
            following.truth.queued_s = now - following.truth.arrived_s
            self._start(following, now)

    def _end(self) -> None:
        """Log every request that is still in service, then close everything."""
        for exchange in self._in_service.values():
            if not exchange.over and (truth := exchange.close(None)) is not None:
                self._log.write(truth)
        for connection in self._connections.values():
            connection.close()
        self._listener.close()
        self._poller.close()
        self._log.close()


def listen(port: int, host: str = "127.0.0.1") -> socket.socket:
    """Open the listening socket; port 0 = any free one. Raises TailgateError when the port cannot be had."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as problem:
        listener.close()
        reason = getattr(problem, "strerror", None) or problem
        raise TailgateError(f"cannot listen on {host}:{port}: {reason}; choose a free port, or 0 for any") from None
    with contextlib.suppress(OSError):
        # Inherited by connections: a host whose default is bbr would pace chunks, which costs time and timers.
        listener.setsockopt(socket.IPPROTO_TCP, TCP_CONGESTION, b"reno")
    listener.listen(BACKLOG)
    listener.setblocking(False)
    stamp_arrivals(listener)  # so that a request that comes before its accept is stamped too
    return listener
