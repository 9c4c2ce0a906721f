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
COMMA, LINE_END = 0x2C, 0x0A
_EVERY = 0x0101010101010101
_ZEROS = np.uint64(0x30 * _EVERY)
_KEPT = np.array([0] + [(2**64 - 1) << (64 - 8 * n) & (2**64 - 1) for n in range(1, 9)], dtype=np.uint64)
"""Masks that keep the last n bytes of a word."""
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Fields:
    """Lines of `width` fields each: where every field of the piece begins and ends."""

    words: NDArray[np.uint64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    piece: bytes

    @property
    def lines(self) -> int:
        """Number of lines."""
        return len(self.ends)

    def text(self, line: int, column: int) -> str:
        """Give one field as text."""
        raw = self.piece[self.starts[line, column] - WORD : self.ends[line, column] - WORD]
        return raw.decode("utf-8", errors="replace")

    def _span(self, column: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        end = self.ends[:, column]
        return end, end - self.starts[:, column]

    def _word(self, end: NDArray[np.int64], length: NDArray[np.int64], step: int) -> NDArray[np.uint64]:
        """Give the bytes `8 * step` to `8 * step + 8` before the end of each field, others as 0."""
        at = np.maximum(end - WORD * (step + 1), 0)
        return self.words[at] & _KEPT[np.clip(length - WORD * step, 0, WORD)]

    def hashes(self, column: int) -> NDArray[np.uint64]:
        """Give a hash of each text: equal texts have equal ones, in every piece and file; an empty text has 0."""
        end, length = self._span(column)
        found = np.zeros(len(end), dtype=np.uint64)
        for step in range(-(-int(length.max(initial=0)) // WORD)):
            mixed = (found ^ self._word(end, length, step)) * _MIX
            mixed ^= mixed >> np.uint64(29)
            found = np.where(length > WORD * step, mixed + length.astype(np.uint64), found)
        return found

    def numbers(self, column: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Give each number, NaN where the field is empty, and mark the fields that are no number."""
        end, length = self._span(column)
        last = self._word(end, length, 0)
        values, read = _whole(last, length)
        longer = np.flatnonzero(~read & (length >= WORD) & (length <= 2 * WORD))
        if len(longer):
            values[longer], read[longer] = _long(
                last[longer], self._word(end[longer], length[longer], 1), length[longer]
            )
        empty = length == 0
        values[empty] = np.nan
        odd = np.flatnonzero(~read & ~empty)
        wrong = np.zeros(len(end), dtype=bool)
        if len(odd):
            texts = pd.Series([self.text(int(line), column) for line in odd], dtype="object")
            values[odd] = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
            wrong[odd] = np.isnan(values[odd]) & (texts.str.strip() != "").to_numpy(dtype=bool)
        return values, wrong


def fields(piece: bytes, width: int) -> Fields | None:
    """Find the fields of a piece; None unless each line has `width` plain fields and an end."""
    padded = b"\0" * WORD + piece + b"\0" * WORD
    raw = np.frombuffer(padded, dtype=np.uint8)
    marks = np.flatnonzero((raw == COMMA) | (raw == LINE_END))
    if len(marks) % width or any(odd in piece for odd in (b'"', b"\r", b"\0")):
        return None
    ends = marks.reshape(-1, width)
    # As many line ends as lines, and one at each line's last place: none is anywhere else.
    if not (piece.endswith(b"\n") and piece.count(b"\n") == len(ends) and (raw[ends[:, -1]] == LINE_END).all()):
        return None
    starts = np.append(WORD, marks[:-1] + 1).reshape(-1, width)
    return Fields(_words(padded), starts, ends, piece)


def of_texts(rows: Sequence[Sequence[str]], width: int) -> Fields:
    """Give rows of texts, whatever they hold, to be read like the fields of a file."""
    raw = [text.encode("utf-8", errors="replace") for row in rows for text in row]
    ends = WORD + np.cumsum([len(text) for text in raw], dtype=np.int64)
    starts = np.append(WORD, ends[:-1])[: len(ends)]
    piece = b"".join(raw)
    return Fields(
        _words(b"\0" * WORD + piece + b"\0" * WORD), starts.reshape(-1, width), ends.reshape(-1, width), piece
    )


def _words(padded: bytes) -> NDArray[np.uint64]:
    """Give the eight bytes from each position on."""
    return np.ndarray((len(padded) - WORD + 1,), dtype="<u8", buffer=padded, strides=(1,))


def _whole(word: NDArray[np.uint64], length: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Read up to eight digits; mark the fields that are nothing else."""
    padded = word | (_ZEROS & ~_KEPT[np.clip(length, 0, WORD)])
    return _digits(padded).astype(np.float64), _all_digits(padded) & (length > 0) & (length <= WORD)


def _long(
    last: NDArray[np.uint64], first: NDArray[np.uint64], length: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Read 8 to 16 bytes, `digits` or `digits.dddddd`, exactly; mark the fields that are either."""
    head = first | (_ZEROS & ~_KEPT[np.clip(length - WORD, 0, WORD)])
    # `1.234567` as the digits 01234567.
    pointed = (last & np.uint64(0xFF)) << np.uint64(8) | np.uint64(0x30) | (last & ~np.uint64(0xFFFF))
    point = (last & np.uint64(0xFF00)) == np.uint64(0x2E00)
    tail = np.where(point, pointed, last)
    value = _digits(head) * np.where(point, np.uint64(10**7), np.uint64(10**8)) + _digits(tail)
    known = _all_digits(head) & _all_digits(tail) & (value < np.uint64(2**53))
    return value / np.where(point, 1e6, 1.0), known


def _all_digits(word: NDArray[np.uint64]) -> NDArray[np.bool_]:
    value = word ^ _ZEROS
    return np.asarray(((value | (value + np.uint64(0x76 * _EVERY))) & np.uint64(0x80 * _EVERY)) == 0)


def _digits(word: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Read eight digits, the first in the lowest byte: pairs, then fours, then all (Lemire 2018)."""
    value = (word & np.uint64(0x0F * _EVERY)) * np.uint64(2561) >> np.uint64(8)
    value = (value & np.uint64(0x00FF00FF00FF00FF)) * np.uint64(6553601) >> np.uint64(16)
    return (value & np.uint64(0x0000FFFF0000FFFF)) * np.uint64(42949672960001) >> np.uint64(32)
