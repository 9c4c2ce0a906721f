"""Chunks that are kept from parser and decoder: everything reads as if they had not been."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain, islice, pairwise, tee
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locustfiles._exchange import HOPELESS_S, LATE_S, Exchange
from locustfiles._framing import ResponseParser, missing
from locustfiles._short_way import ShortWay
from locustfiles._trace import Trace
from locustfiles._transport import BACKLOG
from scenarios.scenario import Timeouts
from scenarios.wire import Reply
from scenarios.wire.openai_stream import StreamDecoder
from scenarios.wire.plain import Plain

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"data: [DONE]\n\n"
WORDS = st.sampled_from([" how", "", 'say "hi"', "\u00e9\u4e16", "\\", "a\r\nb", "data: x", "\x00", " "])


class Pieces:
    """A connection that gives one piece of an answer with each read, a millisecond apart."""

    fd, used, ended = 0, False, False
    lag_s: float = 0.0

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces: Iterator[bytes] = iter(pieces)

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


def taken(data: bytes) -> bool:
    """Tell whether a stream of `data: "…"` events takes `data` by the short way."""
    trace = Trace()
    short_way = ShortWay(Plain(b'data: "', b'"\n\n', bytearray()), trace)
    found = short_way.take(data, 0.0, 1.0)
    short_way.leave()
    assert (list(trace.arrivals), trace.bytes_in) == (([1.0], len(data)) if found else ([], 0))
    return found


@given(st.text("abc \u4e16", min_size=1, max_size=300))
def test_one_whole_chunk_is_taken(word: str) -> None:
    """With a byte more or less, another size, or another event, it is the parser's."""
    content = b'data: "%b"\n\n' % word.encode()
    data = chunk(content)
    others = [data[1:], data[:-1], data + b"0", b"0" + data, data + data, b"1" + data, content, chunk(content[1:])]
    assert [taken(other) for other in (data, *others)] == [True] + [False] * len(others)


def test_short_way_leaves_the_end_to_the_parser() -> None:
    """The chunk without content ends a body; bytes that are no chunk, or a chunk without a word, are not taken."""
    others = (b"0\r\n\r\n", b"", b"\r\n", b"1\r\n", b"-1\r\n", chunk(b'data: ""\n\n'), chunk(b'data: "\n\n'))
    assert [taken(data) for data in others] == [False] * len(others)


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
        self.reads = 0
        self._rest = b""
        self._stamps = iter(stamps)
        self._began = perf_counter()
        self._stamp = 0.0

    def come(self, pieces: list[bytes]) -> None:
        """Let more pieces wait."""
        self._pieces = chain(self._pieces, pieces)

    @property
    def lag_s(self) -> float:
        """Give how long ago the stamp was."""
        return perf_counter() - self._began - self._stamp

    @property
    def waiting(self) -> int:
        """Count the bytes that wait."""
        self._pieces, waiting = tee(self._pieces)
        return len(self._rest) + sum(map(len, waiting))

    def read(self, size: int = 65536) -> bytes | None:
        """Give the next bytes; without a limit, all that wait, with the last one's stamp."""
        self.reads += 1
        if size == 65536:
            pieces = list(self._pieces)
            self._stamp = [self._stamp, *islice(self._stamps, len(pieces))][-1]
            data, self._rest = self._rest + b"".join(pieces), b""
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


def test_late_loop_reads_a_lone_chunk_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it is known how long chunks are, those of which no two wait cost one read each."""
    monkeypatch.setattr(BACKLOG, "lag_s", LATE_S)
    waiting = Segments([], ())
    exchange = expecting(waiting, StreamDecoder())
    exchange._parser.feed(HEAD)
    reads = []
    for words in ("a", "b", "cd", "", "e"):
        waiting.come([chunk(event(word)) for word in words])
        exchange._readable()
        reads.append(waiting.reads)
    assert (reads, len(exchange.trace.arrivals)) == ([2, 3, 5, 6, 7], 5)


@given(st.binary(min_size=1, max_size=300), st.integers(1, 20))
def test_missing(content: bytes, place: int) -> None:
    """What is read of a chunk and what is missing are the chunk; bytes that are no size miss nothing."""
    data = chunk(content)
    head = data[:place]
    assert missing(head) == (max(len(data) - place, 0) if b"\r\n" in head else 0)
    assert [missing(head) for head in (b"", b"\r\n", b"zz\r\n", b"data: 1\r\n", b"0\r\n\r\n")] == [0] * 5
