"""Answers framed in odd ways that are legal, on real sockets: every one reads as a plain one does, byte for byte."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Sequence

import pytest
from nasty_server import ANSWER, EVENTS, OK, TEXT, WORDS, NastyServer, Script
from test_exchange import ask, client_of, dripping, random_segments, segments

Serve = Callable[..., NastyServer]
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


def framed(size: str = "%x", end: bytes = b"0\r\n\r\n", head: bytes = OK + CHUNKED) -> tuple[bytes, ...]:
    """Give the pieces of an answer: head, a chunk per event whose size is written as said, and the end."""
    return head, *(size.encode() % len(event) + b"\r\n" + event + b"\r\n" for event in EVENTS), end


def headed(*lines: bytes, status: bytes = b"HTTP/1.1 200 OK") -> bytes:
    """Give a head."""
    return b"\r\n".join((status, *lines, b"", b""))


SIZED = b"Content-Length: %d" % len(ANSWER)
FRAMINGS: dict[str, Sequence[bytes]] = {
    "blank behind the semicolon": framed("%x; name=value"),
    "blanks around all of an extension": framed("%x ; name = value "),
    "several extensions": framed("%x;a;b=c; d"),
    "quoted extension": framed('%x;name="a;b \\" c"'),
    "extension that is empty": framed("%x;"),
    "extension of the last chunk": framed(end=b"0; last\r\n\r\n"),
    "upper case": framed("%X"),
    "leading zeros": framed("%08x", end=b"0000\r\n\r\n"),
    "blank behind the size": framed("%x  "),
    "trailers": framed(end=b"0\r\nServer-Timing: a\r\nX-B: c\r\n\r\n"),
    "last chunk in the segment of the end": (*framed()[:-2], b"".join(framed()[-2:])),
    "names in odd case": framed(head=headed(b"cOnTent-tYPE: text/event-stream", b"TRANSFER-encoding: Chunked")),
    "folded header": framed(head=headed(b"X-Long: one", b"  two", b"\tthree", b"Transfer-Encoding: chunked")),
    "length beside chunks": framed(head=headed(b"Content-Length: 5", b"Transfer-Encoding: chunked")),
    "early hints": framed(head=headed(b"Link: </a>", status=b"HTTP/1.1 103 Early Hints") + OK + CHUNKED),
    "two interim answers": framed(head=headed(status=b"HTTP/1.1 102 Processing") * 2 + OK + CHUNKED),
    "empty line before the status": framed(head=b"\r\n" + OK + CHUNKED),
    "no reason": framed(head=headed(b"Transfer-Encoding: chunked", status=b"HTTP/1.1 200")),
    "HTTP/1.0 with a length": (headed(SIZED, status=b"HTTP/1.0 200 OK"), *EVENTS),
    "blanks around a length": (headed(SIZED + b"  "), *EVENTS),
    "header without a value": (headed(b"X-Empty:", SIZED), *EVENTS),
    "header that is no ASCII": (headed(b"X-Name: caf\xe9", SIZED), *EVENTS),
}
COMPRESSED = gzip.compress(ANSWER)
SIZED_GZIP = b"%x\r\n%b\r\n" % (len(COMPRESSED), COMPRESSED)
TWICE = zlib.compress(COMPRESSED)
SIZED_TWICE = b"%x\r\n%b\r\n" % (len(TWICE), TWICE)
CODED: dict[str, bytes] = {
    "as a transfer coding": headed(b"Transfer-Encoding: gzip, chunked") + SIZED_GZIP + b"0\r\n\r\n",
    "as a transfer coding in two lines": headed(b"Transfer-Encoding: x-gzip", b"Transfer-Encoding: chunked")
    + SIZED_GZIP
    + b"0\r\n\r\n",
    "twice": headed(b"Content-Encoding: gzip, deflate", b"Content-Length: %d" % len(TWICE)) + TWICE,
    "on both levels": headed(b"Content-Encoding: gzip", b"Transfer-Encoding: deflate, chunked")
    + SIZED_TWICE
    + b"0\r\n\r\n",
}
SENDERS: dict[str, Callable[[bytes, Sequence[bytes]], Script]] = {
    "byte by byte": lambda whole, _: dripping(whole),
    "in random segments": lambda whole, _: random_segments(whole, len(whole)),
    "piece by piece": lambda _, pieces: segments(*pieces, pause_s=0.002, keep=True),
}


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("name", FRAMINGS)
def test_odd_framing_reads_as_the_plain_one(serve: Serve, name: str, sender: str) -> None:
    """Chunks, text, bytes and outcome are those that were sent."""
    pieces = FRAMINGS[name]
    whole = b"".join(pieces)
    client = client_of(serve(SENDERS[sender](whole, pieces)))
    trace, reply = ask(client)
    client.close()
    seen = trace.failure, len(trace.arrivals), trace.bytes_in, reply.text, str(reply.outcome)
    assert seen == ("", len(WORDS), len(whole), TEXT, "ok")


@pytest.mark.parametrize("name", CODED)
def test_codings_are_undone_in_turn(serve: Serve, name: str) -> None:
    """A body that a server compresses unasked, on whichever level and however often, is read, byte by byte too."""
    client = client_of(serve(dripping(CODED[name])))
    trace, reply = ask(client)
    client.close()
    assert (trace.failure, reply.text, str(reply.outcome)) == ("", TEXT, "ok")


@pytest.mark.parametrize("name", [name for name in FRAMINGS if "HTTP/1.0" not in name])
def test_odd_framings_keep_their_connection(serve: Serve, name: str) -> None:
    """The next answer on the same connection begins where this one ended."""
    pieces = FRAMINGS[name]
    server = serve(lambda peer: peer.serve(b"".join(pieces)))
    client = client_of(server)
    texts = [ask(client)[1].text for _ in range(3)]
    client.close()
    assert (texts, server.connections) == ([TEXT] * 3, 1)


REFUSED = {
    "two lengths": headed(b"Content-Length: 5", b"Content-Length: 6"),
    "one length twice": headed(b"Content-Length: 5", b"Content-Length: 5"),
    "a length, and a coding that is not chunked": headed(b"Content-Length: 5", b"Transfer-Encoding: gzip"),
    "no size but an extension": OK + CHUNKED + b"; a=b\r\nhello\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_framing_that_may_be_refused_is_no_answer(serve: Serve, name: str) -> None:
    """Where it is not sure how long a body is, nothing is made of it (RFC 9110 section 8.6, RFC 9112 section 6.3)."""
    client = client_of(serve(lambda peer: peer.serve(REFUSED[name] + b"hello")))
    trace, _ = ask(client)
    client.close()
    assert trace.failure == "not_http"
