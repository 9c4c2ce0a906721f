"""Splitting event streams: the standard's rules, wherever the bytes are cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.wire.sse import Event, EventSplitter

LINES = st.sampled_from(
    [
        b"data: a",
        b"data:b",
        b"data:  two spaces",
        b"data",
        b"data:",
        b": ping",
        b":",
        b"event: x",
        b"event",
        b"id: 7",
        b"",
        b"",
        b"",
        b"retry: 10",
        b"unknown: y",
        "data: ü中🙂".encode(),
        b'error: {"code":500}',
        b"data: \xff",
    ]
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
STREAMS = st.builds(
    lambda bom, lines: bom + b"".join(line + end for line, end in lines),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.lists(st.tuples(LINES, ENDS), max_size=20),
)


def events_of(*pieces: bytes) -> list[Event]:
    """Feed pieces to one splitter."""
    splitter = EventSplitter()
    return [event for piece in pieces for event in splitter.feed(piece)]


def expected_events(stream: bytes) -> list[Event]:
    """Read a whole stream the slow, obvious way."""
    text = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events, name, data = [], b"", []
    for line in text.split(b"\n")[:-1]:
        field, _, value = line.partition(b":")
        value = value[1:] if value[:1] == b" " else value
        if not line:
            if data:
                events.append(Event(name, b"\n".join(data)))
            name, data = b"", []
        elif field in {b"data", b"error"}:
            data.append(value)
            name = b"error" if field == b"error" else name
        elif field == b"event":
            name = value
    return events


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        pytest.param(b"data: a\n\n", [Event(b"", b"a")], id="one event"),
        pytest.param(b"data:a\n\n", [Event(b"", b"a")], id="no space after the colon"),
        pytest.param(b"data:  a \n\n", [Event(b"", b" a ")], id="only one space is dropped"),
        pytest.param(b"data: a\r\n\r\n", [Event(b"", b"a")], id="CRLF"),
        pytest.param(b"data: a\r\r", [Event(b"", b"a")], id="lone CR"),
        pytest.param(b"data: a\ndata: b\n\n", [Event(b"", b"a\nb")], id="two data lines join with LF"),
        pytest.param(b"data\n\n", [Event(b"", b"")], id="a field without a colon is empty"),
        pytest.param(b"\xef\xbb\xbfdata: a\n\n", [Event(b"", b"a")], id="byte order mark"),
        pytest.param(b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [Event(b"", b"a")], id="a later mark is part of a name"),
        pytest.param(b": OPENROUTER PROCESSING\n\n", [], id="a comment is no event"),
        pytest.param(b"event: ping\n\n", [], id="an event without data is none"),
        pytest.param(b"event: x\n\ndata: a\n\n", [Event(b"", b"a")], id="its name does not stick"),
        pytest.param(b"event: x\ndata: a\nid: 1\n\n", [Event(b"x", b"a")], id="named"),
        pytest.param(b"data: a\n\ndata: b\n", [Event(b"", b"a")], id="an event without its blank line is discarded"),
        pytest.param(b'error: {"code": 500}\n\n', [Event(b"error", b'{"code": 500}')], id="llama.cpp's error line"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_standard(stream: bytes, expected: list[Event]) -> None:
    """Each rule of the standard holds, whole and byte by byte."""
    assert events_of(stream) == expected
    assert events_of(*(stream[i : i + 1] for i in range(len(stream)))) == expected


@given(STREAMS)
def test_every_split(stream: bytes) -> None:
    """A stream cut in two at any byte gives the events of the whole."""
    expected = expected_events(stream)
    assert all(events_of(stream[:i], stream[i:]) == expected for i in range(len(stream) + 1))


@given(STREAMS, st.data())
def test_random_splits(stream: bytes, data: st.DataObject) -> None:
    """Pieces of any size, empty ones included, give the events of the whole."""
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=12).map(sorted))
    pieces = [stream[start:end] for start, end in itertools.pairwise((0, *cuts, len(stream)))]
    assert events_of(*pieces) == expected_events(stream)


@given(st.binary(max_size=200), st.integers(0, 200))
def test_any_bytes(stream: bytes, cut: int) -> None:
    """No bytes raise, and where they are cut changes nothing."""
    assert events_of(stream[:cut], stream[cut:]) == expected_events(stream)


def test_idle_between_events_only() -> None:
    """The splitter is idle exactly when the next byte begins an event."""
    splitter = EventSplitter()
    states = []
    for piece in (b"data: a", b"\n", b"\n", b": x\n", b"event: y\n", b"\r", b"\n"):
        splitter.feed(piece)
        states.append(splitter.idle)
    assert states == [False, False, True, True, False, False, True]
