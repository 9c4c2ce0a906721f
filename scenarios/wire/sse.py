"""Server-sent events from bytes, by the rules of the WHATWG HTML standard, section 9.2.6.

Line ends are LF, CRLF or a lone CR; one byte order mark at the start is dropped; one space after the colon is dropped;
several `data` lines join with LF; a blank line ends the event; an event without its blank line was never delivered.
One rule is added: llama.cpp's `error:` line is an event named `error`.
"""

from __future__ import annotations

from typing import NamedTuple

_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event. `name` is empty for the default type; `data` is not decoded: decode it with errors="replace"."""

    name: bytes
    data: bytes


class EventSplitter:
    """Bytes in, events out, wherever the bytes were split."""

    __slots__ = ("_after_cr", "_data", "_name", "_partial", "_start", "idle")

    def __init__(self) -> None:
        self.idle = False
        """True between two events: nothing is held back, so the next byte begins an event."""
        self._start: bytes | None = b""
        self._after_cr = False
        self._partial: list[bytes] = []
        self._data: list[bytes] = []
        self._name = b""

    def feed(self, data: bytes) -> list[Event]:
        """Take `data` and give the events it completed."""
        if self._start is not None:
            data = self._without_bom(data)
        if self._after_cr and data:
            data = data.removeprefix(b"\n")
            self._after_cr = False
        events = self._lines(data)
        self.idle = not (self._partial or self._data or self._name or self._after_cr or self._start is not None)
        return events

    def _without_bom(self, data: bytes) -> bytes:
        start = (self._start or b"") + data
        if len(start) < len(_BOM) and _BOM.startswith(start):
            self._start = start
            return b""
        self._start = None
        return start.removeprefix(_BOM)

    def _lines(self, data: bytes) -> list[Event]:
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if b"\n" not in data:
            if data:
                self._partial.append(data)
            return []
        lines = data.split(b"\n")
        if self._partial:
            lines[0] = b"".join((*self._partial, lines[0]))
        last = lines.pop()
        self._partial = [last] if last else []
        return [event for line in lines if (event := self._line(line)) is not None]

    def _line(self, line: bytes) -> Event | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value
        elif field == b"error":
            self._name = b"error"
            self._data.append(value)
        return None

    def _dispatch(self) -> Event | None:
        event = Event(self._name, b"\n".join(self._data)) if self._data else None
        self._data.clear()
        self._name = b""
        return event
