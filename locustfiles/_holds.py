"""Refusals of keys, told from worker to worker by way of the master: all who use a key are held back at once.

The first word goes out as it comes, what follows is gathered, and what changes nothing for the others is not said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import gevent

EVERY_S = 0.2
"""Between two words of one process."""

SAME_S = 0.010
"""Added to each wait that is told: one that ends as little later is no news."""

SAME_WALL = 0.99
"""Nor is a limit that was learned to be as little lower."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A request that passed the gate of a lane at `passed_s` was refused: nobody passes it before `until_s`.

    In seconds since the run's epoch. `wall`, `guessed` and `place`: the lesson of the worker that was refused, the
    `source`; "" where that is told, this one.
    """

    lane: str
    passed_s: float
    until_s: float
    wall: float
    guessed: bool = False
    place: int = 0
    source: str = ""


class Holds:
    """The longest hold of each lane that is known here; `say` is called when the others should hear of them."""

    def __init__(self, say: Callable[[], None]) -> None:
        self._say = say
        self._known: dict[str, Hold] = {}
        self._is_due = False
        self._saying: gevent.Greenlet | None = None

    def learn(self, hold: Hold) -> bool:
        """Take a hold; tell whether it is news: it ends later, or teaches a lower limit while the known one lasts."""
        known = self._known.get(hold.lane)
        if known is not None and hold.until_s <= known.until_s + SAME_S:
            if hold.passed_s < known.passed_s - SAME_S or hold.wall >= SAME_WALL * known.wall:
                return False
            hold = replace(hold, until_s=known.until_s)
        self._known[hold.lane] = hold
        return True

    def tell(self, hold: Hold) -> None:
        """Take a hold that the others must hear of, if it is news."""
        if self.learn(hold):
            self._is_due = True
            if not self._saying:
                self._saying = gevent.spawn(self._say_in_turn)

    def current(self, now_s: float) -> list[Hold]:
        """Give those that are not over."""
        return [hold for hold in self._known.values() if hold.until_s > now_s]

    def _say_in_turn(self) -> None:
        while self._is_due:
            self._is_due = False
            self._say()
            gevent.sleep(EVERY_S)
