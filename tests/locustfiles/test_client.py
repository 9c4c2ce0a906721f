"""One user's client: what it sends, and how it keeps its connection."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable

import pytest
from nasty_server import OK, TEXT, NastyServer, Peer, Script, always, chunk, chunked, once, sized

from locustfiles._client import SPARE_FILES, Client, destination, raise_file_limit
from locustfiles._trace import Trace
from scenarios.errors import TailgateError
from scenarios.scenario import Endpoint, Timeouts
from scenarios.wire import Message

Serve = Callable[..., NastyServer]


class User:
    """A client, and the texts that it got."""

    def __init__(self, server: NastyServer, **endpoint: object) -> None:
        it = Endpoint(url=server.url, model="m", **endpoint)  # type: ignore[arg-type]
        self.where = destination("it", it, server.url, stream=True)
        self.client = Client(self.where, Timeouts(idle="5s", first_byte="5s"))

    def ask(self, number: int = 1) -> tuple[Trace, str]:
        """Ask once; give trace and text."""
        decoder = self.where.decoder(stream=True)
        body = self.client.body([Message("user", "Hello?")], 16, stream=True, nonce="t1")
        trace = self.client.exchange(body, f"run/w0/t{number}/1", decoder)
        return trace, decoder.finish().text


def test_request_on_the_wire(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Path, host, key, request id and length stand in the head; the body is the conversation."""
    monkeypatch.setenv("TAILGATE_TEST_KEY", "fake-key")
    server = serve(always(chunked()))
    user = User(server, key_env="TAILGATE_TEST_KEY", headers={"X-Team": "blue"})
    user.ask()
    user.client.close()
    (request,) = server.requests
    names = ("host", "authorization", "x-client-request-id", "x-team", "accept-encoding")
    assert (request.line, [request.headers[name] for name in names], json.loads(request.body)["messages"]) == (
        "POST /v1/chat/completions HTTP/1.1",
        [f"127.0.0.1:{server.port}", "Bearer fake-key", "run/w0/t1/1", "blue", "identity"],
        [{"role": "user", "content": "Hello?"}],
    )


def test_key_is_in_no_repr(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A destination that is printed shows no key."""
    monkeypatch.setenv("TAILGATE_TEST_KEY", "fake-key")
    user = User(serve(always(chunked())), key_env="TAILGATE_TEST_KEY")
    assert "fake-key" not in repr(user.where)


@pytest.mark.parametrize("response", [chunked(), sized()], ids=["chunked", "sized"])
def test_connection_is_kept(serve: Serve, response: bytes) -> None:
    """Ten requests, one connection; only the first attempt has a connect time."""
    server = serve(always(response))
    user = User(server)
    connect_times, texts = [], []
    for number in range(10):
        texts.append(user.ask(number)[1])
        connect_times.append(user.client.connect_s)
    user.client.close()
    seen = texts, connect_times[0] is not None, connect_times[1:], server.connections, len(server.requests)
    assert seen == ([TEXT] * 10, True, [None] * 9, 1, 10)


def test_connection_is_kept_after_a_refusal(serve: Serve) -> None:
    """A 429 does not cost the connection."""
    server = serve(always(sized(b"{}", b"HTTP/1.1 429 Too Many Requests\r\n")))
    user = User(server)
    statuses = [user.ask(number)[0].status for number in range(3)]
    user.client.close()
    assert (statuses, server.connections) == ([429] * 3, 1)


CLOSING: dict[str, Script] = {
    "Connection: close": once(sized(head=OK + b"Connection: close\r\n")),
    "HTTP/1.0": once(sized(head=b"HTTP/1.0 200 OK\r\n")),
    "closed while idle": once(chunked()),
}


@pytest.mark.parametrize("name", ["Connection: close", "HTTP/1.0", "closed while idle"])
def test_closed_connections_are_replaced(serve: Serve, name: str) -> None:
    """A server that closes after each answer gets a connection per request, and each request once."""
    server = serve(CLOSING[name])
    user = User(server)
    texts = [user.ask(number)[1] for number in range(4)]
    user.client.close()
    ids = [request.headers["x-client-request-id"] for request in server.requests]
    assert (texts, server.connections, ids) == ([TEXT] * 4, 4, [f"run/w0/t{number}/1" for number in range(4)])


def closing_on_the_second(end: Callable[[Peer], None]) -> Script:
    """Give the script that answers a connection's first request, and ends it when the second has come."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(chunked())
        peer.sock.recv(65536)
        end(peer)

    return script


@pytest.mark.parametrize("end", [Peer.close, Peer.reset], ids=["FIN", "RST"])
def test_one_transparent_reconnect(serve: Serve, end: Callable[[Peer], None]) -> None:
    """A kept connection that dies before any byte of the answer is replaced once: the request was not served."""
    server = serve(closing_on_the_second(end))
    user = User(server)
    seen = [user.ask(number)[1] for number in range(2)]
    user.client.close()
    assert (seen, server.connections) == ([TEXT] * 2, 2)


def test_reconnect_is_tried_once_only(serve: Serve) -> None:
    """When the new connection dies too, that is the answer."""

    def script(peer: Peer) -> None:
        if peer.number == 1:
            closing_on_the_second(Peer.close)(peer)
        peer.request()

    server = serve(script)
    user = User(server)
    user.ask(1)
    trace, _ = user.ask(2)
    user.client.close()
    assert (trace.failure, server.connections) == ("closed_before_answer", 2)


def test_no_reconnect_on_a_fresh_connection(serve: Serve) -> None:
    """A server that closes a new connection without an answer has failed the request: it is not sent again."""
    server = serve(lambda peer: peer.request() and None)  # type: ignore[func-returns-value]
    user = User(server)
    trace, _ = user.ask()
    user.client.close()
    assert (trace.failure, len(server.requests)) == ("closed_before_answer", 1)


def test_no_reconnect_after_the_first_byte(serve: Serve) -> None:
    """An answer that has begun is not asked for again: the server may have billed it."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(chunked())
        peer.request()
        peer.send(OK[:10])

    server = serve(script)
    user = User(server)
    user.ask(1)
    trace, _ = user.ask(2)
    user.client.close()
    assert (trace.failure, len(server.requests), server.connections) == ("cut", 2, 1)


def test_no_reconnect_after_a_deadline(serve: Serve) -> None:
    """Silence is an answer of its own: the request may still be worked on."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(chunked())
        peer.request()
        peer.hang()

    server = serve(script)
    user = User(server)
    user.client._timeouts = Timeouts(first_byte="100ms")
    user.ask(1)
    trace, _ = user.ask(2)
    user.client.close()
    assert (trace.failure, len(server.requests)) == ("first_byte_timeout", 2)


def test_broken_connection_is_not_kept(serve: Serve) -> None:
    """After a stream that broke off, the next request has a new connection."""

    def script(peer: Peer) -> None:
        peer.request()
        if peer.number == 1:
            peer.send(OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"data: {}\n\n"))
            return
        peer.send(chunked())

    server = serve(script)
    user = User(server)
    failures = [user.ask(number)[0].failure for number in range(2)]
    user.client.close()
    assert (failures, server.connections) == (["cut", ""], 2)


def test_file_limit_is_raised() -> None:
    """The soft limit goes up to where the users fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < SPARE_FILES + 300:
        pytest.skip("the hard limit is lower than this test needs")
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (SPARE_FILES + 100, hard))
        raise_file_limit(200)
        raised = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert raised >= 200 + SPARE_FILES


def test_file_limit_that_cannot_be_raised() -> None:
    """More users than the hard limit allows: one clear line, before any load."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limits[1] == resource.RLIM_INFINITY:
        pytest.skip("this system sets no hard limit")
    try:
        with pytest.raises(
            TailgateError, match=r"^\d+ users need \d+ open files, but this process may have \d+: raise"
        ):
            raise_file_limit(limits[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
