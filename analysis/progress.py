"""Progress of work that takes longer than anyone waits without a word."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analysis.measures.part import Part

Tell = Callable[[str, float], None]
"""Hears what is being done, and which share of it is done."""

SILENCE_S = 2.0
"""Work that is done within this says nothing."""

STEP_S = 0.2
LINE_STEP_S = 10.0
"""Between two words where they pile up, as in the log of a CI job."""


def quiet(_what: str, _share: float) -> None:
    """Say nothing."""


def each(parts: Sequence[Part], what: str, tell: Tell) -> Iterator[Part]:
    """Give one part after the other; `tell` hears which share of all turns came before it."""
    whole, done = sum(len(part.turns) for part in parts), 0
    for part in parts:
        tell(what, done / max(whole, 1))
        yield part
        done += len(part.turns)


@contextmanager
def progress(stream: IO[str] | None = None) -> Iterator[Tell]:
    """Give a `Tell` that writes to standard error.

    On a terminal it is one line that is written over, and gone at the end; elsewhere a line now and then.
    """
    out = stream or sys.stderr
    shown = _Line(out)
    try:
        yield shown.tell
    finally:
        shown.clear()


class _Line:
    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._over = out.isatty()
        self._next = time.monotonic() + SILENCE_S
        self._width = 0

    def tell(self, what: str, share: float) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (STEP_S if self._over else LINE_STEP_S)
        text = f"{what}: {min(share, 1.0):.0%}"
        self._out.write(f"\r{text.ljust(self._width)}" if self._over else f"{text}\n")
        self._out.flush()
        self._width = len(text)

    def clear(self) -> None:
        if self._over and self._width:
            self._out.write(f"\r{' ' * self._width}\r")
            self._out.flush()
