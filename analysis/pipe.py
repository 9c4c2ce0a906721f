"""Standard output whose reader may leave, as `| head` does: what is written after that goes nowhere."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer


class _Pipe(io.FileIO):
    """A file descriptor whose end nobody needs to read."""

    def write(self, data: Buffer, /) -> int:
        """Write, or do as if."""
        with suppress(BrokenPipeError):
            return super().write(data) or 0
        return memoryview(data).nbytes


def patient(stream: TextIO) -> TextIO:
    """Give the same stream, whose reader may leave: the command ends as it would have, with its exit code."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):
        return stream
    stream.flush()
    raw = _Pipe(os.dup(number), "w")
    return io.TextIOWrapper(io.BufferedWriter(raw), stream.encoding, stream.errors, line_buffering=raw.isatty())
