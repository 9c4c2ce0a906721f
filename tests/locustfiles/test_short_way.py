"""Chunks that are kept from parser and decoder: everything reads as if they had not been."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locustfiles._exchange import HOPELESS_S, LATE_S, Exchange
from locustfiles._framing import ResponseParser, chunk_start, missing
from locustfiles._trace import Trace
from locustfiles._transport import BACKLOG
from scenarios.scenario import Timeouts
from scenarios.wire import Reply
from scenarios.wire.openai_stream import StreamDecoder

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"data: [DONE]\n\n"
WORDS = st.sampled_from([" how", "", 'say "hi"', "\u00e9\u4e16", "\\", "a\r\nb", "data: x", "\x00", " "])


class Pieces:
    """A connection that gives one piece of an answer with each read, a millisecond apart."""

    fd, used, ended = 0, False, False
    lag_s: float = 0.0

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = iter(pieces)

    def read(self) -> bytes | None:
        """Give the next piece."""
        return next(self._pieces, None)


class LongWay(StreamDecoder):
    """A decoder that never says what comes next."""

    @property
    def plain(self) -> None:
        """Give nothing."""

    @plain.setter
    def plain(self, value: object) -> None:
        """Forget it."""


def event(word: str, field: str = "content") -> bytes:
    """Give one content event."""
    delta = {"delta": {field: word}, "finish_reason": None, "index": 0}
    return b"data: %b\n\n" % json.dumps({"id": "x", "choices": [delta]}, separators=(",", ":")).encode()


def finish() -> bytes:
    """Give the last event before the end marker."""
    return b"data: %b\n\n" % json.dumps({"choices": [{"delta": {}, "finish_reason": "stop"}]}).encode()


def chunk(data: bytes) -> bytes:
    """Frame one HTTP chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def expecting(connection: object, decoder: StreamDecoder) -> Exchange:
    """Give an exchange that waits for its answer."""
    exchange = Exchange(connection, Timeouts())  # type: ignore[arg-type]
    exchange.expect(decoder)
    return exchange


def read(pieces: list[bytes], decoder: StreamDecoder) -> tuple[Trace, Reply]:
    """Let an exchange read the pieces."""
    exchange = expecting(Pieces(pieces), decoder)
    for _ in pieces:
        exchange._readable()
    return exchange.trace, decoder.finish()


def facts(trace: Trace) -> tuple[object, ...]:
    """Give what does not hang on the clock."""
    seen = trace.first_token is not None, trace.first_output is not None, trace.end is not None
    return len(trace.arrivals), trace.coalesced, trace.bytes_in, trace.failure, *seen


def cut(data: bytes, places: list[int]) -> Iterator[bytes]:
    """Cut `data` at places, counted modulo its length."""
    bounds = sorted({0, len(data), *(place % len(data) for place in places)})
    return (data[start:end] for start, end in pairwise(bounds))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(WORDS, st.sampled_from(["content", "reasoning"]))), st.lists(st.integers(0, 10**6)), st.data()
)
def test_short_way_changes_nothing(words: list[tuple[str, str]], places: list[int], data: st.DataObject) -> None:
    """Whole chunks, and the same answer cut anywhere, give the same trace and reply with the short way and without."""
    chunks = [chunk(event(*word)) for word in words] + [chunk(finish()), chunk(END), b"0\r\n\r\n"]
    whole = [HEAD, *chunks]
    mixed = list(cut(b"".join(whole), places))
    joined = data.draw(st.sampled_from([whole, mixed, [HEAD + chunks[0], *chunks[1:]]]))
    trace, reply = read(joined, StreamDecoder())
    expected_trace, expected = read(joined, LongWay())
    assert (facts(trace), reply) == (facts(expected_trace), expected)
    assert reply.complete


def test_most_chunks_take_it() -> None:
    """Of a hundred like chunks, all but the first few never come to the parser."""
    exchange = expecting(Pieces([HEAD, *[chunk(event(" word"))] * 100]), StreamDecoder())
    fed = []
    feed = exchange._parser.feed
    exchange._parser = type("Counted", (), {"feed": lambda _, data: (fed.append(data), feed(data))[1],
                                            "__getattr__": lambda _, name: getattr(parser, name)})()  # fmt: skip
    parser = feed.__self__  # type: ignore[attr-defined]
    for _ in range(101):
        exchange._readable()
    assert (len(exchange.trace.arrivals), len(fed)) == (100, 2)


@given(st.binary(min_size=1, max_size=300))
def test_chunk_start(content: bytes) -> None:
    """Exactly one chunk is found; with a byte more or less, or another size, it is none."""
    data = chunk(content)
    start = chunk_start(data)
    assert data[start:-2] == content
    others = [data[1:], data[:-1], data + b"0", b"0" + data, data + data, b"1" + data]
    assert [chunk_start(other) for other in others] == [0] * len(others)


def test_chunk_start_of_the_last_chunk() -> None:
    """The chunk without content ends a body: it is the parser's."""
    assert [chunk_start(data) for data in (b"0\r\n\r\n", b"", b"\r\n", b"1\r\n", b"-1\r\n")] == [0] * 5


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=20).map(lambda data: data + b"\r\n"), min_size=1), st.integers(0, 10**6))
def test_between_chunks_means_that(contents: list[bytes], place: int) -> None:
    """Wherever the bytes are cut, `between_chunks` is set exactly when the head or a chunk has just ended."""
    chunks = [chunk(content) for content in contents]
    body = b"".join(chunks)
    place %= len(body) + 1
    ends = {0} | {sum(map(len, chunks[: number + 1])) for number in range(len(chunks))}
    parser = ResponseParser(lambda: None, lambda _: None)
    parser.feed(HEAD + body[:place])
    assert parser.between_chunks == (place in ends)


class Segments(Pieces):
    """Each piece waits in a segment with a stamp of its own: what a read leaves of it comes with the next."""

    encrypted = False

    def __init__(self, pieces: list[bytes], stamps: tuple[float, ...]) -> None:
        super().__init__(pieces)
        self._rest = b""
        self._stamps = iter(stamps)
        self._began = perf_counter()
        self._stamp = 0.0

    @property
    def lag_s(self) -> float:
        """Give how long ago the stamp was."""
        return perf_counter() - self._began - self._stamp

    def read(self, size: int = 65536) -> bytes | None:
        """Give the next bytes; without a limit, all that wait."""
        if size == 65536:
            data, self._rest = self._rest + b"".join(self._pieces), b""
            return data or None
        if not self._rest:
            self._rest, self._stamp = next(self._pieces, b""), next(self._stamps, 0.0)
        data, self._rest = self._rest[:size], self._rest[size:]
        return data or None


APART, TOGETHER = (0.0, 0.001, 0.002, 0.003), (0.0, 0.001, 0.001, 0.001)


@pytest.mark.parametrize(
    ("late_s", "stamps", "coalesced", "merged"),
    [
        (LATE_S, APART, 0, 0),
        (LATE_S, TOGETHER, 2, 2),
        (HOPELESS_S, APART, 3, 3),
        (0.0, APART, 3, 0),
    ],
)
def test_late_loop_reads_chunks_apart(
    late_s: float, stamps: tuple[float, ...], coalesced: int, merged: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a late loop chunks that wait in segments of their own are read one by one; what can't be told apart counts."""
    monkeypatch.setattr(BACKLOG, "lag_s", late_s)
    waiting = Segments([chunk(event(word)) for word in "abcd"], stamps)
    exchange = expecting(waiting, StreamDecoder())
    exchange._parser.feed(HEAD)
    for _ in range(5):
        exchange._readable()
    trace = exchange.trace
    assert (len(trace.arrivals), trace.coalesced, trace.merged) == (4, coalesced, merged)


@given(st.binary(min_size=1, max_size=300), st.integers(1, 20))
def test_missing(content: bytes, place: int) -> None:
    """What is read of a chunk and what is missing are the chunk; bytes that are no size miss nothing."""
    data = chunk(content)
    head = data[:place]
    assert missing(head) == (max(len(data) - place, 0) if b"\r\n" in head else 0)
    assert [missing(head) for head in (b"", b"\r\n", b"zz\r\n", b"data: 1\r\n", b"0\r\n\r\n")] == [0] * 5
