"""Files of lines under a header: appended to whole, never rewritten, and a worker's begun anew when one grows large."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROTATE_BYTES = 256 * 1024 * 1024


class RowFile:
    """`attempts-<worker>.csv`, then, if it `rotates`, `attempts-<worker>-2.csv` and so on, each with the header.

    There is none before the first `append`.
    """

    def __init__(self, first: Path, header: str, *, rotates: bool = True) -> None:
        self._first = first
        self._rotates = rotates
        self._header = header.encode()
        self.paths: list[Path] = []
        self._fd = -1
        self._size = 0

    def append(self, data: bytes) -> tuple[Path, int]:
        """Write whole lines; give the file and where in it they begin. Raises OSError, and then nothing was written."""
        if self._fd < 0 or (self._rotates and self._size >= ROTATE_BYTES):
            self._begin()
        offset = self._size
        try:
            self._write(data)
        except OSError:
            self.cut(offset)
            raise
        return self.paths[-1], offset

    def cut(self, offset: int) -> None:
        """Take back what was written from there on."""
        self._size = offset
        os.ftruncate(self._fd, offset)

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _begin(self) -> None:
        number = len(self.paths) + 1
        path = self._first if number == 1 else self._first.with_stem(f"{self._first.stem}-{number}")
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o644)
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


@dataclass(slots=True)
class Lines:
    """Successive lines of one file. `data` may be dropped once it is in `place`."""

    data: bytes | None
    size: int
    place: tuple[Path, int] | None = None

    def put(self, file: RowFile) -> None:
        """Write them, once. Raises OSError."""
        if self.place is None and self.data:
            self.place = file.append(self.data)

    def read(self) -> bytes:
        """Give them, from memory or disk; none when they were lost."""
        if self.data is not None:
            return self.data
        if self.place is None:
            return b""
        path, offset = self.place
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(self.size)
