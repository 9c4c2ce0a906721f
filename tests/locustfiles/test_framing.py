"""HTTP responses out of bytes, however the bytes are cut."""

from __future__ import annotations

import contextlib
import gzip
import zlib
from dataclasses import dataclass, field

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nasty_server import ANSWER, EVENTS, OK, chunked, refusal, sized

from locustfiles._framing import ResponseParser, UnframedError, body_decoder


@dataclass
class Seen:
    """What a parser told its owner; the body is joined, since pieces follow the segments."""

    heads: int = 0
    body: bytearray = field(default_factory=bytearray)


def parse(pieces: list[bytes], *, eof: bool = False) -> tuple[int | None, dict[str, str], int, bytes, bool, bool]:
    """Feed pieces; give status, headers, number of heads, decoded body, completeness and whether it may be reused."""
    seen = Seen()

    def on_headers() -> None:
        seen.heads += 1

    def on_body(data: bytes) -> None:
        seen.body += parser.decode(data) if parser.decode else data

    parser = ResponseParser(on_headers, on_body)
    for piece in pieces:
        parser.feed(piece)
    if eof:
        parser.feed_eof()
    return parser.status, parser.headers, seen.heads, bytes(seen.body), parser.complete, parser.keep_alive


def coded(coding: str, body: bytes) -> bytes:
    """Give a response whose body is coded."""
    return sized(body, OK + f"Content-Encoding: {coding}\r\n".encode())


PACKED = gzip.compress(ANSWER)
RESPONSES = {
    "chunked": chunked(),
    "chunk per byte": chunked([ANSWER[i : i + 1] for i in range(60)]),
    "chunk extension": OK + b'Transfer-Encoding: chunked\r\n\r\n5;a="b"\r\nhello\r\n0\r\n\r\n',
    "padded size": OK + b"Transfer-Encoding: chunked\r\n\r\n5 ;a=b\r\nhello\r\n0  \r\n\r\n",
    "trailer": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nServer-Timing: x\r\n\r\n",
    "content-length": sized(),
    "no body": sized(b""),
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "interim": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + chunked(),
    "repeated header": b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 2\r\n\r\nhi",
    "refusal": refusal("429 Too Many Requests", {"error": {"code": "slow"}}, "Retry-After: 3"),
    "closing": sized(ANSWER, OK + b"Connection: close\r\n"),
    "old": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "gzip": coded("gzip", gzip.compress(ANSWER)),
    "deflate": coded("deflate", zlib.compress(ANSWER)),
    "raw deflate": coded("deflate", zlib.compress(ANSWER, wbits=-zlib.MAX_WBITS)),
    "brotli": coded("br", brotli.compress(ANSWER)),
    "gzip in chunks": chunked(
        [gzip.compress(ANSWER)[:30], gzip.compress(ANSWER)[30:]], OK + b"Content-Encoding: GZip\r\n"
    ),
    "gzip of each event": chunked([gzip.compress(event) for event in EVENTS], OK + b"Content-Encoding: gzip\r\n"),
    "until close": OK + b"\r\n" + ANSWER,
}


@pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES.keys())
def test_split_at_every_byte(response: bytes) -> None:
    """A response cut in two at any place, and fed byte by byte, reads as it does whole."""
    expected = parse([response])
    different = [i for i in range(len(response)) if parse([response[:i], response[i:]]) != expected]
    assert (different, parse([response[i : i + 1] for i in range(len(response))])) == ([], expected)


@given(st.data())
def test_random_pieces(data: st.DataObject) -> None:
    """A response in random pieces reads as it does whole."""
    response = data.draw(st.sampled_from(sorted(RESPONSES.values())))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(response)), max_size=12)))
    pieces = [response[start:end] for start, end in zip([0, *cuts], [*cuts, len(response)], strict=True)]
    assert parse([piece for piece in pieces if piece]) == parse([response])


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=8))
def test_body_comes_out_as_it_went_in(pieces: list[bytes]) -> None:
    """Chunks carry any bytes."""
    assert parse([chunked(pieces)])[3:] == (b"".join(pieces), True, True)


@pytest.mark.parametrize(
    "name",
    [
        *("chunked", "content-length", "interim", "gzip", "deflate", "raw deflate", "brotli", "gzip in chunks"),
        "gzip of each event",
    ],
)
def test_each_framing_and_coding_gives_the_same_answer(name: str) -> None:
    """Whatever frames and codes the body, the answer inside is the one that was sent, once."""
    status, _, heads, body, complete, reusable = parse([RESPONSES[name]])
    assert (status, heads, body, complete, reusable) == (200, 1, ANSWER, True, True)


def test_interim_responses_leave_no_headers() -> None:
    """The headers of an early hint are not those of the answer."""
    assert sorted(parse([RESPONSES["interim"]])[1]) == ["content-type", "transfer-encoding"]


def test_repeated_headers_are_joined() -> None:
    """Names fall together whatever their case."""
    assert parse([RESPONSES["repeated header"]])[1]["x-a"] == "1, 2"


def test_until_close_ends_with_the_connection() -> None:
    """Without a length the end of the connection is the end of the body, and the connection is spent."""
    response = RESPONSES["until close"]
    assert [parse([response])[3:], parse([response], eof=True)[3:]] == [(ANSWER, False, False), (ANSWER, True, False)]


@pytest.mark.parametrize("name", ["chunked", "content-length", "gzip"])
def test_cut_is_not_complete(name: str) -> None:
    """A body that has an end of its own is incomplete when the connection ends before it."""
    response = RESPONSES[name]
    assert [parse([response[:size]], eof=True)[4] for size in (len(OK) + 40, len(response) - 1)] == [False, False]


@pytest.mark.parametrize("name", ["closing", "old"])
def test_connection_that_the_server_will_close(name: str) -> None:
    """`Connection: close` and HTTP/1.0 forbid another request."""
    assert parse([RESPONSES[name]])[4:] == (True, False)


def test_bytes_behind_an_answer() -> None:
    """What begins another answer that nobody asked for keeps the connection from being used again."""
    assert [parse([sized() + more])[4:] for more in (b"", b"\r\n", b"HTTP/1.1 2")] == [
        (True, True), (True, True), (True, False),
    ]  # fmt: skip


def test_one_parser_reads_answer_after_answer() -> None:
    """Nothing of an answer, coding, headers or status, is left when the next one comes on its connection."""
    bodies: list[bytes] = []
    parser = ResponseParser(lambda: None, lambda data: bodies.append(parser.decode(data) if parser.decode else data))
    seen = []
    for name in ("gzip", "refusal", "interim", "no content", "trailer", "content-length"):
        parser.expect()
        parser.feed(RESPONSES[name])
        alone = parse([RESPONSES[name]])
        told = parser.status, parser.headers, 1, b"".join(bodies), parser.complete, parser.keep_alive
        seen.append((name, told == alone))
        bodies.clear()
    assert [name for name, same in seen if not same] == []


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x00\x05hello",
        b"<html>502</html>\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n\x00",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_garbage(garbage: bytes) -> None:
    """What is no HTTP/1.1 response is refused, whole or byte by byte."""
    for pieces in ([garbage], [garbage[i : i + 1] for i in range(len(garbage))]):
        with pytest.raises(UnframedError):
            parse(pieces)


@given(st.binary(min_size=20, max_size=200))
def test_random_bytes_never_surprise(data: bytes) -> None:
    """Random bytes are refused or still awaited; no other error leaves the parser."""
    with contextlib.suppress(UnframedError):
        assert parse([data])[4] is False


def test_unknown_coding() -> None:
    """A coding that nobody asked for and nobody knows is named."""
    with pytest.raises(UnframedError, match="'zstd'"):
        parse([coded("zstd", b"x")])


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
def test_body_that_is_not_coded_as_it_says(coding: str) -> None:
    """A body that its decoder can't read is refused like any other garbage."""
    with pytest.raises(UnframedError):
        parse([coded(coding, b"this is plain text, not what the header says it would be")])


@pytest.mark.parametrize("coding", ["", "identity", " Identity "])
def test_no_coding_costs_nothing(coding: str) -> None:
    """For an uncoded body there is no decoder to call."""
    assert body_decoder(coding) is None


def test_decoder_holds_nothing_back() -> None:
    """What a server flushed is decoded at once, not when the stream ends: the first token's time depends on it."""
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    decode = body_decoder("gzip")
    assert decode is not None
    flushed = [packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in EVENTS]
    assert [decode(piece) for piece in flushed] == list(EVENTS)
