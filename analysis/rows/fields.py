"""Fields of plain CSV lines, a whole column at a time: numbers exactly, texts as 64-bit hashes.

A general CSV reader spends ten times as long, most of it on texts that are only ever compared. Here each separator of a
piece is found at once, and each column is read eight bytes per step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

WORD = 8
PAD = b"\0" * WORD
"""Stands before a piece: each field has a word of bytes that ends where it does."""
COMMA, LINE_END = 0x2C, 0x0A
_EVERY = 0x0101010101010101
_ZEROS = np.uint64(0x30 * _EVERY)
_POINT = np.uint64((0x2E ^ 0x30) << 8)
"""A point as the second byte of a word of digits."""
_KEPT = np.array([0] + [(2**64 - 1) << (64 - 8 * n) & (2**64 - 1) for n in range(1, 9)], dtype=np.uint64)
"""Masks that keep the last n bytes of a word."""
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Fields:
    """Lines of so many fields each: `ends[c]` is where those of column c end, `lengths[c]` how many bytes they have."""

    words: NDArray[np.uint64]
    ends: NDArray[np.int64]
    lengths: NDArray[np.int64]
    padded: bytes

    @property
    def lines(self) -> int:
        """Number of lines."""
        return len(self.ends[0])

    def text(self, line: int, column: int) -> str:
        """Give one field as text."""
        end = self.ends[column, line]
        return self.padded[end - self.lengths[column, line] : end].decode("utf-8", errors="replace")

    def hashes(self, column: int) -> NDArray[np.uint64]:
        """Give a hash of each text: equal texts have equal ones, in every piece and file; an empty text has 0."""
        end, length = self.ends[column], self.lengths[column]
        found = np.zeros(len(end), dtype=np.uint64)
        whole = int(length.min()) // WORD if len(length) else 0
        for step in reversed(range(-(-int(length.max(initial=0)) // WORD))):
            word = self.words[end - WORD * (step + 1)]
            # No byte before a text is kept, and zeros leave 0: its hash does not depend on longer texts beside it.
            found ^= word if step < whole else word & _KEPT[np.clip(length - WORD * step, 0, WORD)]
            found *= _MIX
            found ^= found >> np.uint64(29)
        found += length.astype(np.uint64)
        return found

    def numbers(self, column: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Give each number, NaN where the field is empty, and mark the fields that are no number."""
        end, length = self.ends[column], self.lengths[column]
        values = np.full(len(end), np.nan)
        unread = length > 0
        if not unread.any():
            return values, unread
        for mask, read in (
            (unread & (length < WORD), self._short),
            ((length >= WORD) & (length <= 2 * WORD), self._long),
        ):
            rows = slice(None) if mask.all() else np.flatnonzero(mask)
            values[rows], unread[rows] = read(end[rows], length[rows])
        odd = np.flatnonzero(unread)
        if len(odd):
            texts = pd.Series([self.text(int(line), column) for line in odd], dtype="object")
            values[odd] = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
            unread[odd] = np.isnan(values[odd]) & (texts.str.strip() != "").to_numpy(dtype=bool)
        return values, unread

    def _short(self, end: NDArray[np.int64], length: NDArray[np.int64]) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        """Read up to seven digits; mark the fields that are no digits."""
        digits = (self.words[end - WORD] ^ _ZEROS) & _KEPT[length]
        return _number(digits), _beyond(digits) != 0

    def _long(self, end: NDArray[np.int64], length: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Read 8 to 16 bytes, `digits` or `digits.dddddd`, exactly; mark the fields that are neither."""
        head = (self.words[end - 2 * WORD] ^ _ZEROS) & _KEPT[length - WORD]
        tail = self.words[end - WORD] ^ _ZEROS
        point = (tail & np.uint64(0xFF00)) == _POINT
        # `1.234567` as the digits 01234567.
        tail = np.where(point, (tail & np.uint64(0xFF)) << np.uint64(8) | (tail & ~np.uint64(0xFFFF)), tail)
        value = _number(head) * np.where(point, np.uint64(10**7), np.uint64(10**8)) + _number(tail)
        odd = ((_beyond(head) | _beyond(tail)) != 0) | (value >= np.uint64(2**53))
        return value / np.where(point, 1e6, 1.0), odd


def fields(piece: bytes, width: int) -> Fields | None:
    """Find the fields of a piece; None unless each line has `width` plain fields and an end."""
    padded = PAD + piece
    raw = np.frombuffer(padded, dtype=np.uint8)
    is_end = raw == LINE_END
    marks = np.flatnonzero((raw == COMMA) | is_end)
    if len(marks) % width or any(odd in piece for odd in (b'"', b"\r", b"\0")):
        return None
    # As many line ends as lines, and one at each line's last place: none is anywhere else.
    last = marks[width - 1 :: width]
    if not (piece.endswith(b"\n") and np.count_nonzero(is_end) == len(last) and is_end[last].all()):
        return None
    return _between(marks, width, padded)


def of_texts(rows: Sequence[Sequence[str]], width: int) -> Fields:
    """Give rows of texts, whatever they hold, to be read like the fields of a file."""
    raw = [text.encode("utf-8", errors="replace") + b"\n" for row in rows for text in row]
    marks = np.cumsum([len(text) for text in raw], dtype=np.int64) + (WORD - 1)
    return _between(marks, width, PAD + b"".join(raw))


def _between(marks: NDArray[np.int64], width: int, padded: bytes) -> Fields:
    """Give the fields between marks, the first of which begins behind the padding."""
    ends = np.ascontiguousarray(marks.reshape(-1, width).T)
    lengths = np.empty_like(ends)
    np.subtract(ends[1:], ends[:-1], out=lengths[1:])
    np.subtract(ends[0], np.append(WORD - 1, ends[-1, :-1])[: ends.shape[1]], out=lengths[0])
    lengths -= 1
    words = np.ndarray((len(padded) - WORD + 1,), dtype="<u8", buffer=padded, strides=(1,))
    return Fields(words, ends, lengths, padded)


def _beyond(digits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Give 0 where each byte is at most 9."""
    return (digits | (digits + np.uint64(0x76 * _EVERY))) & np.uint64(0x80 * _EVERY)


def _number(digits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Read eight digits, the first in the lowest byte: pairs, then fours, then all (Lemire 2018)."""
    value = (digits * np.uint64(2561)) >> np.uint64(8)
    value = ((value & np.uint64(0x00FF00FF00FF00FF)) * np.uint64(6553601)) >> np.uint64(16)
    return ((value & np.uint64(0x0000FFFF0000FFFF)) * np.uint64(42949672960001)) >> np.uint64(32)
