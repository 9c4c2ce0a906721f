"""Axes of pictures drawn as SVG: a scale from numbers to places, and its marks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """A scale from `low`..`high` to `start`..`end`, logarithmic or not."""

    low: float
    high: float
    start: float
    end: float
    log: bool

    def at(self, value: float) -> float:
        """Give the place of a value, kept within the axis."""
        share = (self._on(value) - self._on(self.low)) / (self._on(self.high) - self._on(self.low))
        return round(self.start + min(max(share, 0.0), 1.0) * (self.end - self.start), 1)

    def _on(self, value: float) -> float:
        return math.log(max(value, 1e-300)) if self.log else value

    def marks(self, most: int = 7) -> list[float]:
        """Give round values along the axis, at most `most`."""
        return _log_marks(self.low, self.high, most) if self.log else _marks(self.low, self.high, most)


def axis(values: Sequence[float], start: float, end: float, *, log: bool) -> Axis:
    """Give an axis that holds all values with some room; a linear one begins at 0."""
    known = [value for value in values if math.isfinite(value) and (value > 0 or not log)] or [1.0]
    if log:
        room = max(math.log(max(known) / min(known)) * 0.08, math.log(1.12))
        return Axis(min(known) / math.exp(room), max(known) * math.exp(room), start, end, log=True)
    return Axis(min(0.0, *known), max(known) * 1.1 or 1.0, start, end, log=False)


def _log_marks(low: float, high: float, most: int) -> list[float]:
    for digits in ((1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        found = [
            digit * 10.0**power
            for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            for digit in digits
            if low <= digit * 10.0**power <= high
        ]
        if len(found) <= most:
            return found
    return found


def _marks(low: float, high: float, most: int) -> list[float]:
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(step * times for times in (1, 2, 5, 10, 20) if (high - low) / (step * times) <= most)
    first = math.ceil(low / step)
    return [round(index * step, 12) for index in range(first, math.floor(high / step) + 1)]
