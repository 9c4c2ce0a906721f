"""Connections: refused, deaf, IPv6, TLS good and bad, through a proxy."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import gevent
import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from nasty_server import (
    ANSWER,
    EVENTS,
    OK,
    TEXT,
    WORDS,
    NastyServer,
    Peer,
    always,
    chunk,
    chunked,
    dead_port,
    deaf_port,
    once,
    sized,
)

from locustfiles import _exchange
from locustfiles._client import Client, destination
from locustfiles._connect import ConnectError, Target, connect, keep_stamping
from locustfiles._exchange import LATE_S, Exchange
from locustfiles._kernel_clock import KERNEL_CLOCK
from locustfiles._transport import Backlog, Connection
from scenarios.errors import TailgateError
from scenarios.proxy import Proxy
from scenarios.scenario import Endpoint, Timeouts
from scenarios.tls import context as tls_context
from scenarios.wire import API, Message

Serve = Callable[..., NastyServer]
PATIENCE_S = 10.0


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Make a certificate authority that nobody knows."""
    return trustme.CA()


def server_tls(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    """Give a server's TLS context with a certificate for `names`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def trusting(authority: trustme.CA) -> str:
    """Give the authority's certificate as PEM text."""
    return authority.cert_pem.bytes().decode()


def say(url: str, **endpoint: object) -> tuple[str, str]:
    """Ask once; give failure and text."""
    it = Endpoint(url=url, model="m", **endpoint)  # type: ignore[arg-type]
    client = Client(destination("it", it, url, stream=True), Timeouts(idle="5s"))
    decoder = API["openai-chat"].decoder(it, True)
    try:
        trace = client.exchange(client.body([Message("user", "Hello?")], 9, stream=True, nonce="t"), "1", decoder)
    finally:
        client.close()
    return trace.failure, decoder.finish().text


def error_code(call: Callable[[], object]) -> str:
    """Give the code of the ConnectError that a call raises."""
    with pytest.raises(ConnectError) as caught:
        call()
    return caught.value.code


def test_refused() -> None:
    """Nothing listens: refused."""
    with dead_port() as port:
        assert error_code(lambda: connect(Target("127.0.0.1", port), PATIENCE_S)) == "connection_refused"


def test_deaf() -> None:
    """A connection that is never completed ends at the connect deadline."""
    with deaf_port() as port:
        assert error_code(lambda: connect(Target("127.0.0.1", port), 0.1)) == "connect_timeout"


def test_unknown_name() -> None:
    """A name that can't exist (RFC 6761) is not resolved."""
    assert error_code(lambda: connect(Target("tailgate.invalid", 80), PATIENCE_S)) == "name_not_resolved"


def test_failed_connections_leak_no_sockets() -> None:
    """What could not be connected is closed at once: the next socket gets the same number."""
    with socket.socket() as before:
        number = before.fileno()
    with dead_port() as port, contextlib.suppress(ConnectError):
        connect(Target("127.0.0.1", port), PATIENCE_S)
    with deaf_port() as port, contextlib.suppress(ConnectError):
        connect(Target("127.0.0.1", port), 0.05)
    with socket.socket() as after:
        assert after.fileno() == number


def test_ipv6(serve: Serve) -> None:
    """An endpoint at ::1 is reached, and named in brackets in the Host header."""
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        server = serve(always(chunked()), host="::1")
    except OSError:
        pytest.skip("this machine has no ::1")
    assert (say(server.url), server.requests[0].headers["host"]) == (("", TEXT), f"[::1]:{server.port}")


def test_name_with_several_addresses(serve: Serve) -> None:
    """`localhost` may mean ::1 first: the address that answers is taken."""
    server = serve(always(chunked()))
    assert say(server.url.replace("127.0.0.1", "localhost")) == ("", TEXT)


def test_tls_with_the_authority_given(serve: Serve, authority: trustme.CA) -> None:
    """A private authority is trusted when its certificate is named."""
    server = serve(always(chunked()), tls=server_tls(authority, "127.0.0.1", "localhost"))
    by_name = server.url.replace("127.0.0.1", "localhost")
    assert [say(url, ca_pem=trusting(authority)) for url in (server.url, by_name)] == [("", TEXT)] * 2


def test_tls_by_default_is_verified(serve: Serve, authority: trustme.CA) -> None:
    """An authority that nobody knows is refused, with nothing sent."""
    server = serve(always(chunked()), tls=server_tls(authority, "127.0.0.1"))
    assert (error_code(lambda: say(server.url)), server.requests) == ("tls_certificate", [])


def test_tls_for_another_name(serve: Serve, authority: trustme.CA) -> None:
    """A certificate for another host is refused though its authority is trusted."""
    server = serve(always(chunked()), tls=server_tls(authority, "example.org"))
    assert error_code(lambda: say(server.url, ca_pem=trusting(authority))) == "tls_certificate"


def test_insecure(serve: Serve, authority: trustme.CA) -> None:
    """`insecure: true` takes any certificate."""
    server = serve(always(chunked()), tls=server_tls(authority, "example.org"))
    assert say(server.url, insecure=True) == ("", TEXT)


def test_plain_server_behind_https(serve: Serve) -> None:
    """A server that speaks no TLS is a TLS error, not a bad certificate."""

    def script(peer: Peer) -> None:
        peer.sock.recv(1000)
        peer.send(sized(b"speak HTTP", b"HTTP/1.1 400 Bad Request\r\n"))

    server = serve(script)
    assert error_code(lambda: say(server.url.replace("http:", "https:"))) == "tls_error"


def test_server_that_closes_in_the_handshake(serve: Serve) -> None:
    """A connection that ends before TLS stands is a TLS error."""
    server = serve(Peer.close)
    assert error_code(lambda: say(server.url.replace("http:", "https:"))) == "tls_error"


def test_handshake_that_never_ends(serve: Serve) -> None:
    """The connect deadline covers the handshake."""
    server = serve(Peer.hang)
    context = tls_context(Endpoint(url="https://127.0.0.1/v1"))
    assert error_code(lambda: connect(Target("127.0.0.1", server.port, context), 0.1)) == "connect_timeout"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_byte_by_byte(serve: Serve, authority: trustme.CA, version: ssl.TLSVersion) -> None:
    """Each byte a TLS record of its own: the answer is the same, on either version."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.drip(chunked())
        peer.drain()

    context = server_tls(authority, "127.0.0.1")
    context.minimum_version = context.maximum_version = version
    assert say(serve(script, tls=context).url, ca_pem=trusting(authority)) == ("", TEXT)


def test_tls_records_larger_than_a_read(serve: Serve, authority: trustme.CA) -> None:
    """An answer of several hundred kilobytes comes through whole."""
    server = serve(always(chunked([WORDS[0] * 5000, *EVENTS])), tls=server_tls(authority, "127.0.0.1"))
    failure, text = say(server.url, ca_pem=trusting(authority))
    assert (failure, len(text)) == ("", len("Hel") * 5000 + len(TEXT))


def test_tls_records_that_wait_are_read_apart(serve: Serve, authority: trustme.CA) -> None:
    """Of several records that lie unread, each is read by itself."""

    def script(peer: Peer) -> None:
        peer.sock.recv(5)
        for letter in (b"a", b"b", b"c"):
            peer.send(letter)
        peer.hang()

    server = serve(script, tls=server_tls(authority, "127.0.0.1"))
    it = Endpoint(url=server.url, ca_pem=trusting(authority))
    connection = connect(destination("it", it, server.url, stream=True).target, PATIENCE_S)
    connection.send(b"hello")
    time.sleep(0.2)
    read: list[bytes] = []
    while len(read) < 3:
        read += filter(None, [connection.read_record()])
    connection.close()
    assert read == [b"a", b"b", b"c"]


@pytest.mark.parametrize("whole", [True, False])
def test_tls_answer_to_a_late_loop(
    serve: Serve,
    authority: trustme.CA,
    whole: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Record by record, and byte by byte, the answer is the same."""
    monkeypatch.setattr(_exchange, "BACKLOG", Backlog(LATE_S))

    def script(peer: Peer) -> None:
        peer.request()
        for piece in [chunked()] if whole else [bytes([byte]) for byte in chunked()]:
            peer.send(piece)
        peer.drain()

    server = serve(script, tls=server_tls(authority, "127.0.0.1"))
    assert say(server.url, ca_pem=trusting(authority)) == ("", TEXT)


def ending_tls(data: bytes, *, together: bool) -> Callable[[Peer], None]:
    """Give the script that sends `data`, ends TLS with a close_notify, in one segment or two, and does not close."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, int(together))
        peer.send(data)
        assert isinstance(peer.sock, ssl.SSLSocket)
        with contextlib.suppress(OSError):
            peer.sock.unwrap()  # waits for the client's; a corked segment leaves after 0.2 s (tcp(7))
        peer.hang()

    return script


UNTIL_CLOSE = OK + b"\r\n" + ANSWER
UNTIL_END = {
    "close_notify": ending_tls(UNTIL_CLOSE, together=False),
    "close_notify with the data": ending_tls(UNTIL_CLOSE, together=True),
    "FIN": once(UNTIL_CLOSE),
}


@pytest.mark.parametrize("end", UNTIL_END.values(), ids=UNTIL_END.keys())
def test_tls_body_until_close(serve: Serve, authority: trustme.CA, end: Callable[[Peer], None]) -> None:
    """A body without a length ends with TLS or with the connection, whichever comes first."""
    assert say(serve(end, tls=server_tls(authority, "127.0.0.1")).url, ca_pem=trusting(authority)) == ("", TEXT)


def test_tls_end_of_an_unfinished_answer(serve: Serve, authority: trustme.CA) -> None:
    """A close_notify in the middle of an answer is a cut, at once, and not a timeout later."""
    start = OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(WORDS[0])
    server = serve(ending_tls(start, together=True), tls=server_tls(authority, "127.0.0.1"))
    assert say(server.url, ca_pem=trusting(authority)) == ("cut", "Hel")


def test_tls_connection_is_kept(serve: Serve, authority: trustme.CA) -> None:
    """Session tickets and all, a TLS connection carries several requests."""
    server = serve(always(chunked()), tls=server_tls(authority, "127.0.0.1"))
    it = Endpoint(url=server.url, ca_pem=trusting(authority))
    client = Client(destination("it", it, server.url, stream=True), Timeouts())
    for number in range(3):
        client.exchange(b"{}", str(number), API["openai-chat"].decoder(it, True))
    client.close()
    assert (len(server.requests), server.connections) == (3, 1)


def test_tls_context_is_made_once(authority: trustme.CA) -> None:
    """All users of an endpoint share its context: loading a trust store costs milliseconds."""
    url = "https://127.0.0.1:1/v1"
    where = destination("it", Endpoint(url=url, ca_pem=trusting(authority)), url, stream=True)
    assert where.target.tls is where.target.tls is not None


def proxy_to(port: int, answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> Callable[[Peer], None]:
    """Give the script of an HTTP proxy that connects everyone to `port` of this machine."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(answer)
        with socket.create_connection(("127.0.0.1", port)) as onward:
            peer.server._start(pump, onward, peer.sock)
            pump(peer.sock, onward)
            with contextlib.suppress(OSError):
                onward.shutdown(socket.SHUT_RDWR)  # wakes the other pump

    return script


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Hand on bytes until either side ends."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def through_proxy(target: Target) -> str:
    """Ask once over a target's proxy; give the text."""
    connection = connect(target, PATIENCE_S)
    it = Endpoint(url="http://127.0.0.1/v1")
    decoder = API["openai-chat"].decoder(it, True)
    exchange = Exchange(connection, Timeouts())
    exchange.expect(decoder)
    exchange.run(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
    connection.close()
    return decoder.finish().text


def test_proxy(serve: Serve) -> None:
    """A tunnel is opened with CONNECT and then used as if there were none."""
    server = serve(always(chunked()))
    proxy = serve(proxy_to(server.port))
    target = Target("model.example", 8000, proxy=Proxy("127.0.0.1", proxy.port))
    assert (through_proxy(target), proxy.requests[0].line) == (TEXT, "CONNECT model.example:8000 HTTP/1.1")


def test_proxy_of_an_endpoint(serve: Serve) -> None:
    """Over a proxy, http is asked for with the whole URL: many proxies open tunnels to https only."""
    proxy = serve(always(chunked()))
    assert say("http://model.example:8000/v1", proxy=f"http://127.0.0.1:{proxy.port}") == ("", TEXT)
    assert proxy.requests[0].line == "POST http://model.example:8000/v1/chat/completions HTTP/1.1"
    assert proxy.requests[0].headers["host"] == "model.example:8000"


def test_proxy_of_an_endpoint_with_a_password(
    serve: Serve, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The URL in the variable named carries user and password; https goes through a tunnel, and they stay outside."""
    server = serve(always(chunked()), tls=server_tls(authority, "model.example"))
    proxy = serve(proxy_to(server.port))
    monkeypatch.setenv("TEST_PROXY", f"http://me:p%40ss@127.0.0.1:{proxy.port}/")
    spoken = say("https://model.example/v1", ca_pem=trusting(authority), proxy_env="TEST_PROXY")
    assert (spoken, proxy.requests[0].line) == (("", TEXT), "CONNECT model.example:443 HTTP/1.1")
    assert proxy.requests[0].headers["proxy-authorization"] == "Basic bWU6cEBzcw=="
    assert "proxy-authorization" not in server.requests[0].headers


def test_proxies_of_the_environment_are_not_asked(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would be measured, too: only one that the endpoint names is used."""
    server = serve(always(chunked()))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert say(server.url) == ("", TEXT)


@pytest.mark.parametrize("as_path", [True, False])
def test_client_certificate(
    serve: Serve, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, as_path: bool
) -> None:
    """A server that asks for a certificate gets the one whose path, or text, stands in the variables named."""
    own = authority.issue_cert("load@example.org")
    texts = {"TEST_CERT": own.cert_chain_pems[0].bytes().decode(), "TEST_KEY": own.private_key_pem.bytes().decode()}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        monkeypatch.setenv(name, str(tmp_path / name) if as_path else text)
    asking = server_tls(authority, "127.0.0.1")
    asking.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(asking)
    server = serve(always(chunked()), tls=asking)
    given = {"client_cert_env": "TEST_CERT", "client_key_env": "TEST_KEY"}
    assert say(server.url, ca_pem=trusting(authority), **given) == ("", TEXT)


@pytest.mark.parametrize("value", ["/no/such/file", "-----BEGIN CERTIFICATE-----\nsecret\n", ""])
def test_client_certificate_of_no_use(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """The message names the variable, and does not say what it holds."""
    monkeypatch.setenv("TEST_CERT", value)
    with pytest.raises(TailgateError, match="the client certificate in TEST_CERT cannot be used") as caught:
        tls_context(Endpoint(url="https://model.example/v1", client_cert_env="TEST_CERT"))
    assert not value or value not in str(caught.value)


def test_client_key_that_is_encrypted(monkeypatch: pytest.MonkeyPatch, authority: trustme.CA) -> None:
    """Nobody is asked for a password in the middle of a run."""
    own = authority.issue_cert("load@example.org")
    key = load_pem_private_key(own.private_key_pem.bytes(), None)
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"p"))
    monkeypatch.setenv("TEST_CERT", sealed.decode() + own.cert_chain_pems[0].bytes().decode())
    with pytest.raises(TailgateError, match="unencrypted"):
        tls_context(Endpoint(url="https://model.example/v1", client_cert_env="TEST_CERT"))


def test_proxy_with_tls(serve: Serve, authority: trustme.CA) -> None:
    """TLS runs inside the tunnel, with the server's name and not the proxy's."""
    server = serve(always(chunked()), tls=server_tls(authority, "model.example"))
    proxy = serve(proxy_to(server.port))
    context = ssl.create_default_context(cadata=trusting(authority))
    assert through_proxy(Target("model.example", 443, context, Proxy("127.0.0.1", proxy.port))) == TEXT


@pytest.mark.parametrize("tls", [False, True])
def test_proxy_that_refuses(serve: Serve, tls: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A proxy that wants a password is the proxy's error, whatever was to run inside."""
    proxy = serve(once(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"))
    context = ssl.create_default_context() if tls else None
    target = Target("model.example", 443, context, Proxy("127.0.0.1", proxy.port))
    assert error_code(lambda: connect(target, PATIENCE_S)) == "proxy_error"


@pytest.mark.parametrize("end", [Peer.close, Peer.reset, lambda peer: peer.send(b"\x00\r\n\r\n")])
def test_proxy_that_breaks(serve: Serve, end: Callable[[Peer], None]) -> None:
    """A proxy that goes away or speaks no HTTP is the proxy's error."""

    def script(peer: Peer) -> None:
        peer.request()
        end(peer)

    target = Target("model.example", 443, proxy=Proxy("127.0.0.1", serve(script).port))
    assert error_code(lambda: connect(target, PATIENCE_S)) == "proxy_error"


def test_proxy_target_by_ipv6_address(serve: Serve) -> None:
    """An IPv6 address stands in brackets (RFC 9110 section 7.2)."""
    server = serve(always(chunked()))
    proxy = serve(proxy_to(server.port))
    connect(Target("::1", 8000, proxy=Proxy("127.0.0.1", proxy.port)), PATIENCE_S).close()
    assert proxy.requests[0].headers["host"] == "[::1]:8000"


def plain(port: int) -> Connection:
    """Connect to a port of this machine."""
    return connect(Target("127.0.0.1", port), PATIENCE_S)


@pytest.mark.parametrize("skew_s", [-120.0, 120.0])
def test_a_clock_that_is_not_the_kernels_is_seen(serve: Serve, monkeypatch: pytest.MonkeyPatch, skew_s: float) -> None:
    """Bytes that just came have not lain in the kernel for two minutes, whatever a faked clock says."""
    keep_stamping()
    true_ns = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: true_ns() + int(skew_s * 1e9))
    KERNEL_CLOCK.measure()
    monkeypatch.setattr(KERNEL_CLOCK, "ahead_s", KERNEL_CLOCK.ahead_s)
    connection = plain(serve(spoke).port)
    while connection.read() is None:
        gevent.sleep(0.001)
    assert (round(KERNEL_CLOCK.ahead_s), 0 <= connection.lag_s < 1) == (skew_s, True)
    connection.close()
    monkeypatch.undo()
    KERNEL_CLOCK.measure()
    assert KERNEL_CLOCK.ahead_s == 0.0


def test_read_does_not_wait(serve: Serve) -> None:
    """Nothing there: nothing read."""
    connection = plain(serve(Peer.hang).port)
    assert connection.read() is None
    connection.close()


def test_kernel_stamps_are_there(serve: Serve) -> None:
    """A read says how long its bytes lay in the kernel."""
    keep_stamping()
    server = serve(spoke)
    connection = plain(server.port)
    while (data := connection.read()) is None:
        gevent.sleep(0.001)
    assert (data, connection.kernel_stamps, connection.lag_s > 0) == (b"x", True, True)
    connection.close()


def spoke(peer: Peer) -> None:
    """Say something that nobody asked for."""
    peer.send(b"x")
    peer.hang()


@pytest.mark.parametrize(
    ("script", "stale"),
    [(Peer.hang, False), (Peer.close, True), (Peer.reset, True), (spoke, True)],
    ids=["idle", "closed", "reset", "spoke unasked"],
)
def test_stale(serve: Serve, script: Callable[[Peer], None], stale: bool) -> None:  # noqa: FBT001
    """An idle connection is good until the peer closes, resets or says something unasked."""

    def after_hello(peer: Peer) -> None:
        peer.sock.recv(5)
        script(peer)

    connection = plain(serve(after_hello).port)
    connection.send(b"hello")
    for _ in range(2000 if stale else 5):
        if stale and connection.is_stale():
            break
        gevent.sleep(0.001)
    assert connection.is_stale() == stale
    connection.close()
