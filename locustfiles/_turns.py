"""Whose turn it is among workers that share a key: pure. Who goes when it likes meets others, and is refused."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple


class Lesson(NamedTuple):
    """What a refusal taught: the limit, in requests per second of the whole key, and whether it was only guessed.

    `place`: whose turn is the first afterwards, the next of who was refused.
    """

    wall: float
    guessed: bool
    place: int


@dataclass(slots=True)
class Turns:
    """Turn k comes when the pace of the whole key, added up since the gate opened, reaches k.

    Turn 0 is of one place, turn 1 of the next, and so on around the `count` of them. Nothing has to be said while all
    know the same pace.
    """

    place: int = 0
    count: int = 1
    _first: int = 0
    _now_s: float = 0.0
    _reached: float = 0.0
    _next: int = 0

    def seat(self, place: int, count: int) -> None:
        """Take a place among `count`; what was reached stays, and our next turn is the first from there on."""
        if (place, count) != (self.place, self.count):
            self.place, self.count = place, count
            ours = (place - self._first) % count
            self._next = ours + count * max(math.ceil((self._reached - ours) / count), 0)

    def begin(self, moment_s: float, first: int) -> None:
        """Let turn 0, of the place `first`, come at a moment."""
        self._first, self._now_s, self._reached = first, moment_s, 0.0
        self._next = (self.place - first) % self.count

    def advance(self, now_s: float, rate: float, late_s: float) -> None:
        """Let time pass at `rate` turns per second; a turn that was not taken for `late_s` is gone."""
        if now_s > self._now_s:
            self._reached += (now_s - self._now_s) * rate
            self._now_s = now_s
        missed = self._reached - late_s * rate - self._next
        if missed > 0:
            self._next += self.count * math.ceil(missed / self.count)

    def moment(self, ahead: int, rate: float) -> float:
        """Give when the turn comes of the one with `ahead` others before."""
        return self._now_s + (self._next + ahead * self.count - self._reached) / rate

    def take(self) -> None:
        """Use our turn."""
        self._next += self.count
