"""Service slots with a line before them: first come, first served."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic as Of
from typing import TypeVar

Guest = TypeVar("Guest", bound=Hashable)


class Slots(Of[Guest]):
    """At most `count` guests are served at once (None: all); at most `places` wait (None: any number)."""

    def __init__(self, count: int | None = None, places: int | None = None) -> None:
        self._count = count
        self._places = places
        self._line: OrderedDict[Guest, None] = OrderedDict()
        self.busy = 0

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return len(self._line)

    @property
    def full(self) -> bool:
        """Whether one more guest would find neither a slot nor a place."""
        if self._count is None or self._places is None:
            return False
        return self.busy >= self._count and len(self._line) >= self._places

    def enter(self, guest: Guest) -> bool:
        """Take a slot and give True, or stand in line and give False."""
        if self._count is not None and self.busy >= self._count:
            self._line[guest] = None
            return False
        self.busy += 1
        return True

    def leave(self, guest: Guest) -> Guest | None:
        """Give up a slot or a place in line; give the guest who takes the slot over."""
        if guest in self._line:
            del self._line[guest]
            return None
        if self._line:
            return self._line.popitem(last=False)[0]
        self.busy -= 1
        return None
