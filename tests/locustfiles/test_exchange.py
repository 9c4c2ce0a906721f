"""One request and its answer on real sockets, and each way in which it breaks off."""

from __future__ import annotations

import gzip
import random
import threading
import zlib
from collections.abc import Callable, Sequence
from itertools import pairwise
from time import perf_counter

import brotli
import gevent
import pytest
from nasty_server import (
    ANSWER,
    DONE,
    EVENTS,
    OK,
    ROLE,
    TEXT,
    WORDS,
    GoneError,
    NastyServer,
    Peer,
    Script,
    always,
    chunk,
    chunked,
    delta,
    event,
    finish,
    once,
    refusal,
    sized,
    usage,
)

from locustfiles._client import Client, destination
from locustfiles._trace import Trace
from scenarios.scenario import Endpoint, Timeouts
from scenarios.wire import Message, Reply

Serve = Callable[..., NastyServer]
SHORT_S = 0.15
"""A deadline that a test waits for."""


def client_of(server: NastyServer, *, stream: bool = True, **timeouts: float) -> Client:
    """Give a client of a server."""
    endpoint = Endpoint(url=server.url, model="m")
    return Client(
        destination("it", endpoint, server.url, stream=stream),
        Timeouts(**{name: f"{seconds}s" for name, seconds in timeouts.items()}),
    )


def ask(client: Client, *, stream: bool = True, body: bytes | None = None) -> tuple[Trace, Reply]:
    """Ask once."""
    decoder = client._destination.decoder(stream=stream)
    content = body or client.body([Message("user", "Hello?")], 16, stream=stream, nonce="t1")
    trace = client.exchange(content, "run/w0/t1/1", decoder)
    return trace, decoder.finish()


def result(server: NastyServer, **timeouts: float) -> tuple[Trace, Reply]:
    """Ask a server once, with a new client."""
    client = client_of(server, **timeouts)
    try:
        return ask(client)
    finally:
        client.close()


def facts(trace: Trace, reply: Reply) -> tuple[str, int | None, int, str, str]:
    """Give what a test compares: failure, status, chunks, text and outcome."""
    return trace.failure, trace.status, len(trace.arrivals), reply.text, str(reply.outcome)


WHOLE = ("", 200, 3, TEXT, "ok")


def dripping(response: bytes) -> Script:
    """Give the script that answers one byte per segment."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.drip(response)
        peer.drain()

    return script


def random_segments(response: bytes, seed: int) -> Script:
    """Give the script that answers in random segments."""

    def script(peer: Peer) -> None:
        peer.request()
        rng = random.Random(seed)
        cuts = sorted(rng.sample(range(1, len(response)), 9))
        for start, end in pairwise([0, *cuts, len(response)]):
            peer.send(response[start:end])
            peer.linger(rng.choice([0, 0.001]))
        peer.drain()

    return script


def segments(*pieces: bytes, pause_s: float = 0.02, keep: bool = False) -> Script:
    """Give the script that sends each piece as a segment of its own, and then closes or keeps the connection."""

    def script(peer: Peer) -> None:
        peer.request()
        for piece in pieces:
            peer.send(piece)
            peer.linger(pause_s)
        if keep:
            peer.drain()

    return script


def coded(coding: str, body: bytes) -> bytes:
    """Give a response with a coded body."""
    return sized(body, OK + f"Content-Encoding: {coding}\r\n".encode())


INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"

GOOD: dict[str, Script] = {
    "chunked": always(chunked()),
    "content-length": always(sized()),
    "until close": once(OK + b"\r\n" + ANSWER),
    "until close, HTTP/1.0": once(b"HTTP/1.0 200 OK\r\n\r\n" + ANSWER),
    "until close, gzip": once(OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(ANSWER)),
    "one byte at a time": dripping(chunked()),
    "random segments": random_segments(chunked(), seed=1),
    "one event per segment": segments(chunked()[: -len(b"0\r\n\r\n")], b"0\r\n\r\n", keep=True),
    "100-continue": always(INTERIM + chunked()),
    "100-continue apart": segments(INTERIM, chunked(), keep=True),
    "gzip": always(coded("gzip", gzip.compress(ANSWER))),
    "gzip, dripping": dripping(coded("gzip", gzip.compress(ANSWER))),
    "deflate": always(coded("deflate", zlib.compress(ANSWER))),
    "br": always(coded("br", brotli.compress(ANSWER))),
    "CRLF": always(chunked([ANSWER.replace(b"\n", b"\r\n")])),
    "comments": always(chunked([b": ping\n\n", *EVENTS])),
    "end not framed": segments(chunked()[: -len(b"0\r\n\r\n")], keep=True),
}


@pytest.mark.parametrize("name", GOOD)
def test_whole_answers(serve: Serve, name: str) -> None:
    """However it is framed, coded and cut into segments, an answer is whole and has its chunks."""
    assert facts(*result(serve(GOOD[name]))) == WHOLE


@pytest.mark.parametrize("seed", range(5))
def test_random_segments_carry_the_same_answer(serve: Serve, seed: int) -> None:
    """Where the segments end makes no difference to what is read."""
    assert facts(*result(serve(random_segments(coded("gzip", gzip.compress(ANSWER)), seed)))) == WHOLE


def test_stamps_are_in_order(serve: Serve) -> None:
    """Sent, headers, first token, last token and end follow each other."""
    trace, _ = result(serve(segments(OK + b"\r\n" + ROLE, *WORDS, finish() + DONE)))
    stamps = [trace.sent, trace.headers_at, trace.first_token, trace.arrivals[-1], trace.end]
    assert (stamps, trace.arrivals[0]) == (sorted(stamps), trace.first_token)  # type: ignore[type-var]


def test_first_token_is_the_first_content(serve: Serve) -> None:
    """Role, pings, empty deltas and usage come earlier and move nothing."""
    empty = (ROLE, b": ping\n\n", delta(content=""), usage())
    server = serve(segments(OK + b"\r\n", *empty, WORDS[0], finish() + DONE, pause_s=0.03))
    trace, _ = result(server)
    assert trace.sent is not None
    assert trace.headers_at is not None
    assert trace.first_token is not None
    assert (len(trace.arrivals), trace.first_token - trace.headers_at > 4 * 0.03) == (1, True)


def test_first_output_comes_after_reasoning(serve: Serve) -> None:
    """Reasoning is the first token, visible text the first output."""
    thought = delta(reasoning_content="hm")
    trace, reply = result(serve(segments(OK + b"\r\n", thought, thought, WORDS[0], finish() + DONE)))
    assert (trace.first_token, trace.first_output, reply.reasoning) == (trace.arrivals[0], trace.arrivals[2], "hmhm")


def test_events_in_one_segment_are_counted_as_such(serve: Serve) -> None:
    """Three chunks that come together are three arrivals at one moment, two of them coalesced."""
    trace, _ = result(serve(always(chunked())))
    assert (len(trace.arrivals), len(set(trace.arrivals)), trace.coalesced) == (3, 1, 2)


def test_kernel_stamps_do_not_wait_for_a_busy_loop(serve: Serve) -> None:
    """Bytes that lay in the kernel while the loop was blocked carry the time of their arrival, and the lag is told."""
    blocked_s = 0.2
    blocking, sent, sent_at = threading.Event(), threading.Event(), []

    def script(peer: Peer) -> None:
        peer.request()
        blocking.wait()
        peer.send(chunked())
        sent_at.append(perf_counter())
        sent.set()
        peer.drain()

    def block() -> None:
        while not server.requests:
            gevent.sleep(0.001)
        blocking.set()
        sent.wait()  # a thread's wait: it holds up the loop
        server.ended.wait(blocked_s)

    server = serve(script)
    client = client_of(server)
    blocker = gevent.spawn(block)
    trace, _ = ask(client)
    blocker.join()
    client.close()
    assert (trace.arrivals[-1] - sent_at[0] < blocked_s / 2, trace.lag_s > blocked_s / 2) == (True, True)


def test_busy_loop_is_not_a_silent_server(serve: Serve) -> None:
    """Bytes that wait in the kernel while the loop is blocked past the idle deadline are read, not called a timeout."""
    blocking, sent = threading.Event(), threading.Event()
    chunks = [chunk(piece) for piece in EVENTS]

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(chunks[:2]))
        blocking.wait()
        peer.send(b"".join(chunks[2:]) + b"0\r\n\r\n")
        sent.set()
        peer.drain()

    server = serve(script)
    client = client_of(server, idle=SHORT_S)

    def block() -> None:
        while not client.trace.bytes_in:
            gevent.sleep(0.001)
        blocking.set()
        sent.wait()
        server.ended.wait(2 * SHORT_S)

    blocker = gevent.spawn(block)
    seen = facts(*ask(client))
    blocker.join()
    client.close()
    assert seen == WHOLE


def test_non_streaming_answer(serve: Serve) -> None:
    """A whole JSON answer has text, no chunks and no first token."""
    body = b'{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}'
    client = client_of(serve(always(sized(body, b"HTTP/1.1 200 OK\r\n"))), stream=False)
    trace, reply = ask(client, stream=False)
    client.close()
    assert (facts(trace, reply), trace.first_token) == (("", 200, 0, "Hi", "ok"), None)


def test_refusal_is_read_with_headers_and_body(serve: Serve) -> None:
    """A 429 is no failure of the exchange: status, headers and body are there, nothing reaches the decoder."""
    trace, reply = result(serve(always(refusal("429 Too Many Requests", {"error": 1}, "Retry-After: 3"))))
    seen = trace.failure, trace.status, trace.headers["retry-after"], bytes(trace.error_body), reply.text
    assert seen == ("", 429, "3", b'{"error": 1}', "")


@pytest.mark.parametrize("coding", ["gzip", "br"])
def test_coded_refusal_is_decoded(serve: Serve, coding: str) -> None:
    """An error body is decoded too: the wait may stand in it."""
    packed = {"gzip": gzip.compress, "br": brotli.compress}[coding](b'{"error": 1}')
    head = f"HTTP/1.1 503 Busy\r\nContent-Encoding: {coding}\r\n".encode()
    assert bytes(result(serve(always(sized(packed, head))))[0].error_body) == b'{"error": 1}'


def test_redirect_is_not_followed(serve: Serve) -> None:
    """A redirect is an answer with its status and place, asked for once."""
    server = serve(always(sized(b"moved", b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\n")))
    trace, _ = result(server)
    assert (trace.status, trace.headers["location"], len(server.requests)) == (307, "/elsewhere", 1)


def test_huge_error_body_is_bounded(serve: Serve) -> None:
    """Of an endless error page only the start is kept."""
    trace, _ = result(serve(always(sized(b"x" * 1_000_000, b"HTTP/1.1 500 Oops\r\n"))))
    assert (trace.status, len(trace.error_body) < 200_000) == (500, True)


def hang_after(data: bytes) -> Script:
    """Give the script that sends `data` and then nothing, without closing."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(data)
        peer.hang()

    return script


def end_after(data: bytes, end: Callable[[Peer], None]) -> Script:
    """Give the script that sends `data` and then ends the connection."""

    def script(peer: Peer) -> None:
        peer.request()
        if data:
            peer.send(data)
            peer.linger(0.02)
        end(peer)

    return script


def trickle(peer: Peer) -> None:
    """Answer without end, and never pause long."""
    peer.request()
    peer.send(OK + b"\r\n")
    while True:
        peer.send(WORDS[0])
        peer.linger(0.02)


START = OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(ROLE) + chunk(WORDS[0])
BROKEN: dict[str, tuple[Script, dict[str, float], tuple[str, int | None, int]]] = {
    "no first byte": (hang_after(b""), {"first_byte": SHORT_S}, ("first_byte_timeout", None, 0)),
    "headers and nothing": (hang_after(OK + b"\r\n"), {"idle": SHORT_S}, ("idle_timeout", 200, 0)),
    "stalled": (hang_after(START), {"idle": SHORT_S}, ("idle_timeout", 200, 1)),
    "trickling": (trickle, {"idle": 5, "total": SHORT_S * 2}, ("total_timeout", 200, -1)),
    "interim and nothing": (hang_after(INTERIM), {"idle": SHORT_S}, ("idle_timeout", None, 0)),
    "closed before the answer": (end_after(b"", Peer.close), {}, ("closed_before_answer", None, 0)),
    "reset before the answer": (end_after(b"", Peer.reset), {}, ("connection_lost", None, 0)),
    "closed at once": (Peer.close, {}, ("closed_before_answer", None, 0)),
    "cut in the headers": (end_after(OK[:20], Peer.close), {}, ("cut", None, 0)),
    "cut in the stream": (end_after(START, Peer.close), {}, ("cut", 200, 1)),
    "reset in the stream": (end_after(START, Peer.reset), {}, ("connection_lost", 200, 1)),
    "cut in a sized body": (end_after(sized()[:-20], Peer.close), {}, ("cut", 200, 3)),
    "not HTTP": (once(b"SSH-2.0-OpenSSH_9.2\r\n"), {}, ("not_http", None, 0)),
    "broken chunk": (once(START + b"zz\r\n"), {}, ("not_http", 200, 1)),
    "not gzip": (once(coded("gzip", ANSWER)), {}, ("not_http", 200, 0)),
    "not br": (once(coded("br", b"\xff" * 400)), {}, ("not_http", 200, 0)),
    "unknown coding": (once(coded("zstd", ANSWER)), {}, ("not_http", 200, 0)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_failure_has_its_name(serve: Serve, name: str) -> None:
    """What breaks off is named, keeps the chunks it had, ends the connection, and has an end stamp."""
    script, timeouts, expected = BROKEN[name]
    trace, reply = result(serve(script), **timeouts)
    chunks = len(trace.arrivals) if expected[2] >= 0 else -1
    seen = (trace.failure, trace.status, chunks), trace.reusable, reply.complete, trace.end is not None
    if name == "closed at once":  # the kernel answers data for a closed socket with a reset
        seen = ((trace.failure.replace("connection_lost", "closed_before_answer"), None, 0), *seen[1:])
    assert seen == (expected, False, False, True)


@pytest.mark.parametrize(
    ("script", "timeouts", "limit_s"),
    [
        (hang_after(b""), {"first_byte": SHORT_S}, SHORT_S),
        (hang_after(START), {"idle": SHORT_S}, SHORT_S),
        (trickle, {"total": 2 * SHORT_S}, 2 * SHORT_S),
    ],
    ids=["first_byte", "idle", "total"],
)
def test_deadlines_are_not_early(serve: Serve, script: Script, timeouts: dict[str, float], limit_s: float) -> None:
    """A deadline strikes when its time has passed, not before, and the end stamp says when."""
    trace, _ = result(serve(script), **timeouts)
    assert trace.sent is not None
    assert trace.end is not None
    assert trace.end - trace.sent >= limit_s


def test_end_of_a_lost_connection_is_when_it_was_lost(serve: Serve) -> None:
    """A reset long after the last chunk ends the attempt then, not at the last chunk."""
    pause_s = 0.1

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(START)
        peer.linger(pause_s)
        peer.reset()

    trace, _ = result(serve(script))
    assert trace.end is not None
    assert (trace.failure, trace.end - trace.arrivals[-1] > pause_s / 2) == ("connection_lost", True)


def test_unframed_end_is_not_waited_for_long(serve: Serve) -> None:
    """After the end marker a message that never ends is given up within the grace, as a whole answer."""
    trace, reply = result(serve(hang_after(START + chunk(finish() + DONE))), idle=30, total=60)
    assert trace.end is not None
    assert (trace.failure, str(reply.outcome), trace.reusable, trace.end - trace.arrivals[-1] < 5) == (
        "", "ok", False, True)  # fmt: skip


def test_answer_before_the_request_was_read(serve: Serve) -> None:
    """A server that refuses a large request early and closes is understood: the answer is there, not a broken pipe."""

    def script(peer: Peer) -> None:
        peer.sock.recv(1000)
        peer.send(refusal("413 Content Too Large", {"error": 1}, "Connection: close"))
        peer.linger(0.05)

    client = client_of(serve(script), first_byte=5)
    trace, _ = ask(client, body=b"x" * 30_000_000)
    client.close()
    assert trace.status in (413, None)
    assert trace.failure in ("", "connection_lost", "closed_before_answer")


def test_server_that_does_not_read(serve: Serve) -> None:
    """A request that the server does not take is given up at the first-byte deadline."""

    def script(peer: Peer) -> None:
        peer.hang()

    client = client_of(serve(script), first_byte=SHORT_S)
    trace, _ = ask(client, body=b"x" * 30_000_000)
    client.close()
    assert (trace.failure, trace.status) == ("first_byte_timeout", None)


def test_several_users_at_once(serve: Serve) -> None:
    """Fifty clients in one process read fifty answers that arrive at the same time."""

    def script(peer: Peer) -> None:
        try:
            while True:
                peer.request()
                for piece in (OK + b"Transfer-Encoding: chunked\r\n\r\n", *map(chunk, EVENTS), b"0\r\n\r\n"):
                    peer.send(piece)
                    peer.linger(0.002)
        except GoneError:
            return

    server = serve(script)
    clients = [client_of(server) for _ in range(50)]
    jobs = [gevent.spawn(ask, client) for client in clients for _ in range(1)]
    gevent.joinall(jobs, raise_error=True)
    seen: Sequence[tuple[str, int | None, int, str, str]] = [facts(*job.value) for job in jobs]
    for client in clients:
        client.close()
    assert seen == [WHOLE] * 50


def test_error_inside_the_stream(serve: Serve) -> None:
    """An error event after HTTP 200 is the reply's error."""
    trace, reply = result(serve(always(chunked([ROLE, WORDS[0], event({"error": {"code": "boom", "message": "no"}})]))))
    assert reply.error is not None
    assert (trace.failure, reply.error.code, str(reply.outcome)) == ("", "boom", "stream_error")
