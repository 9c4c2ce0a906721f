"""From a target to a connected stream: names, addresses, kernel stamps, an HTTP proxy's tunnel, TLS."""

from __future__ import annotations

import _socket
import atexit
import errno
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import gevent
from gevent.socket import getaddrinfo, wait_read, wait_write

from locustfiles._kernel_clock import SO_TIMESTAMPNS
from locustfiles._transport import Connection
from scenarios.proxy import Proxy


class ConnectError(Exception):
    """No connection: `code` is a short word for the row, the text a sentence for a person."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect: `tls` is the shared context for https, `proxy` opens a tunnel to it."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    proxy: Proxy | None = None


def connect(target: Target, timeout_s: float) -> Connection:
    """Connect to `target`, through its proxy and with TLS where it has them. Raises ConnectError."""
    with gevent.Timeout(timeout_s, ConnectError("connect_timeout", f"no connection within {timeout_s:g} s")):
        first = target.proxy or target
        connection = _connect_any(first.host, first.port)
        failure = "proxy_error"
        try:
            if target.proxy:
                _open_tunnel(connection, target, target.proxy.authorization)
            failure = "tls_error"
            if target.tls:
                connection.handshake(target.tls, target.host)
        except ssl.SSLCertVerificationError as error:
            connection.close()
            raise ConnectError("tls_certificate", f"TLS: {error.verify_message}") from error
        except OSError as error:
            connection.close()
            raise ConnectError(failure, str(error)) from error
        except BaseException:
            connection.close()
            raise
        connection.rest()
        return connection


def _connect_any(host: str, port: int) -> Connection:
    try:
        addresses = _addresses(host, port)
    except OSError as error:
        raise ConnectError("name_not_resolved", f"{host} is not a known name") from error
    problem: OSError | None = None
    for family, kind, protocol, _, address in addresses:
        try:
            return Connection(_open(family, kind, protocol, address))
        except OSError as error:
            problem = error
    refused = isinstance(problem, ConnectionRefusedError)
    raise ConnectError("connection_refused" if refused else "no_route", f"{host}:{port}: {problem}") from problem


def _addresses(host: str, port: int) -> Sequence[tuple[int, int, int, str, tuple[object, ...]]]:
    """Look a name up, in a thread, as that may take its time; an address is read at once."""
    found: Sequence[tuple[int, int, int, str, tuple[object, ...]]]
    try:
        found = _socket.getaddrinfo(host, port, type=_socket.SOCK_STREAM, flags=_socket.AI_NUMERICHOST)
    except OSError:
        found = getaddrinfo(host, port, type=_socket.SOCK_STREAM)
    return found


def _open(family: int, kind: int, protocol: int, address: tuple[object, ...]) -> _socket.socket:
    sock = _socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        _enable_stamps(sock)
        status = sock.connect_ex(address)
        if status == errno.EINPROGRESS:
            wait_write(sock.fileno())
            status = sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        _raise_for(status)
    except BaseException:
        sock.close()
        raise
    return sock


@cache
def keep_stamping() -> _socket.socket:
    """Hold a socket that wants stamps: the kernel begins some time after the first one does, and ends with the last."""
    sock = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    atexit.register(sock.close)
    _enable_stamps(sock)
    return sock


def _enable_stamps(sock: _socket.socket) -> None:
    try:
        sock.setsockopt(_socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    except OSError:
        return


def _raise_for(status: int) -> None:
    if status == errno.ECONNREFUSED:
        raise ConnectionRefusedError(status, "connection refused")
    if status:
        raise OSError(status, os.strerror(status))


def _open_tunnel(connection: Connection, target: Target, authorization: str) -> None:
    host = f"[{target.host}]" if ":" in target.host else target.host
    authority = f"{host}:{target.port}"
    allowed = f"Proxy-Authorization: {authorization}\r\n" if authorization else ""
    connection.send(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{allowed}\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        wait_read(connection.fd)
        data = connection.read()
        if data == b"":
            raise OSError("the proxy closed the connection")
        answer += data or b""
    status = answer.split(b" ", 2)[1:2]
    if status != [b"200"]:
        raise OSError(f"the proxy answered {answer.splitlines()[0].decode('latin-1')[:80]}")
