"""The short way: a read that is one HTTP chunk with one content event like the last, past parser and decoder.

With hundreds of streams each one's memory has left the processor's cache when its next chunk comes, and to fetch it
costs as much as to read it: all that such a chunk needs stands here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from scenarios.wire.plain import NEXT, is_string_body

if TYPE_CHECKING:
    from locustfiles._trace import Trace
    from scenarios.wire.plain import Plain

CRLF = b"\r\n"


def _size_lines() -> list[bytes]:
    """Give for each length below `SHORT_BYTES` how a chunk so long begins; empty for lengths that no chunk has."""
    lines = [b""] * SHORT_BYTES
    for size in range(1, SHORT_BYTES):
        line = b"%x\r\n" % size
        if (length := len(line) + size + len(CRLF)) < SHORT_BYTES:
            lines[length] = line
    return lines


SHORT_BYTES = 4096
SIZE_LINES = _size_lines()
"""By the length of a whole chunk (RFC 9112 section 7.1): the size in hexadecimal, CRLF, that many bytes, CRLF.

Upper case, leading zeros, extensions and long chunks are for the parser.
"""


@lru_cache(maxsize=256)
def _ended(after: bytes) -> bytes:
    """Add a chunk's end. What follows the words is the same in all of an endpoint's answers: one for all."""
    return after + CRLF


class ShortWay:
    """Takes chunks for a trace until one is not `plain`; `leave` then completes the trace.

    Fewer than `bytes_of_two` bytes are less than two such chunks.
    """

    __slots__ = ("_after", "_arrived", "_before", "_bytes", "_lag_s", "_said", "_trace", "bytes_of_two")

    def __init__(self, plain: Plain, trace: Trace) -> None:
        self._before, self._after, self._said = plain.before, _ended(plain.after), plain.said
        self.bytes_of_two = 2 * (len(self._before) + len(self._after))
        self._trace = trace
        self._arrived = trace.arrivals.append
        self._bytes = 0
        self._lag_s = trace.lag_s

    def take(self, data: bytes, lag_s: float, now: float) -> bool:
        """Take `data`, which had waited `lag_s` in the kernel, if it is such a chunk; tell whether it is."""
        length = len(data)
        line = SIZE_LINES[length] if length < SHORT_BYTES else b""
        before, after = self._before, self._after
        body = data[len(line) + len(before) : -len(after)]
        if not line or line + before + body + after != data or not is_string_body(body):
            return False
        said = self._said
        said += body + NEXT
        self._arrived(now - lag_s)
        self._bytes += length
        if lag_s > self._lag_s:  # noqa: PLR1730 - seldom true, and a call costs more
            self._lag_s = lag_s
        return True

    def leave(self) -> None:
        """Add to the trace what its chunks came to."""
        self._trace.bytes_in += self._bytes
        self._trace.lag_s = self._lag_s
