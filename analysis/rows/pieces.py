"""Pieces: some rows at a time, so that what lies between stays in the processor's cache, and memory is not doubled."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = 1 << 18


def pieces(n: int) -> Iterator[slice]:
    """Give the rows 0..n-1, some at a time."""
    yield from (slice(first, first + PIECE) for first in range(0, n, PIECE))
