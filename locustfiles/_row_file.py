"""The files that hold one worker's rows: appended to, never rewritten, and begun anew when one grows large."""

from __future__ import annotations

import io
import os
from pathlib import Path

from scenarios.records import write_header

ROTATE_BYTES = 256 * 1024 * 1024


class RowFile:
    """`attempts-<worker>.csv`, then `attempts-<worker>-2.csv` and so on, each with the header."""

    def __init__(self, folder: Path, worker: str) -> None:
        self._first = folder / f"attempts-{worker}.csv"
        self._header = _header()
        self.paths: list[Path] = []
        self._fd = -1
        self._size = 0

    def append(self, data: bytes) -> tuple[Path, int]:
        """Write whole lines; give the file and where in it they begin. Raises OSError, and then nothing was written."""
        if self._fd < 0 or self._size >= ROTATE_BYTES:
            self._begin()
        offset = self._size
        try:
            self._write(data)
        except OSError:
            self._size = offset
            os.ftruncate(self._fd, offset)
            raise
        return self.paths[-1], offset

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _begin(self) -> None:
        number = len(self.paths) + 1
        path = self._first if number == 1 else self._first.with_stem(f"{self._first.stem}-{number}")
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        self.close()
        self._fd, self._size = fd, 0
        self.paths.append(path)
        try:
            self._write(self._header)
        except OSError:
            self.close()
            self.paths.pop()
            raise

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.write(self._fd, view)
            view = view[written:]
            self._size += written


def _header() -> bytes:
    text = io.StringIO()
    write_header(text)
    return text.getvalue().encode()
