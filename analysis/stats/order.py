"""Order: values at places of their ascending order, exactly. Few are sorted; of very many only those asked for are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from analysis.rows.fixed import MISSING, Fixed, known
from analysis.rows.pieces import pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from analysis.rows.fixed import Column

MANY = 1 << 14
BINS_LOG2 = 20
"""As many bins as values, to the next power of two, hold few each; a million still stay in the processor's cache."""


class Order(Protocol):
    """Values of which those at some places, counted from 0, are asked for."""

    def at(self, places: NDArray[np.intp]) -> NDArray[np.float64]:
        """Give the values at these places."""


def order(values: Column) -> Order:
    """Give the order of a column's numbers; missing ones have no place."""
    if isinstance(values, Fixed) and len(values) > MANY:
        return Counted(values.steps, values.scale)
    found = np.asarray(values)[known(values)]
    found.sort()
    return Sorted(found)


@dataclass(frozen=True)
class Sorted:
    """All values, ascending."""

    values: NDArray[np.float64]

    def at(self, places: NDArray[np.intp]) -> NDArray[np.float64]:
        """Give the values at these places."""
        return self.values[places]


class Counted:
    """Steps counted in bins of equal width: a place's bin is known, and then the bin alone is sorted."""

    def __init__(self, steps: NDArray[np.int32], scale: int) -> None:
        self._steps = steps
        self._scale = scale
        low = min((int(own.min()) for own in self._known() if len(own)), default=0)
        self._low = np.uint32(low % 2**32)
        top = max((int(self._above(own).max()) for own in self._known() if len(own)), default=0)
        self._shift = np.uint32(max(top.bit_length() - min(len(steps).bit_length(), BINS_LOG2), 0))
        counts = np.zeros((top >> int(self._shift)) + 1, dtype=np.int32)
        for own in self._known():
            counts += np.bincount(self._bins(own), minlength=len(counts)).astype(np.int32)
        self._until = np.cumsum(counts)

    def at(self, places: NDArray[np.intp]) -> NDArray[np.float64]:
        """Give the values at these places."""
        bins = np.searchsorted(self._until, places, side="right")
        asked = np.zeros(len(self._until), dtype=bool)
        asked[bins] = True
        found = np.concatenate([own[asked[self._bins(own)]] for own in self._known()])
        found.sort()
        before = np.append(0, self._until[:-1])
        # Values of bins that were not asked for are not among those found.
        skipped = np.cumsum(np.where(asked, 0, self._until - before))
        return np.asarray(found[places - skipped[bins]] / self._scale)

    def _known(self) -> Iterator[NDArray[np.int32]]:
        """Give the steps that are there, some at a time."""
        for rows in pieces(len(self._steps)):
            own = self._steps[rows]
            there = own != MISSING
            yield own if there.all() else own[there]

    def _above(self, steps: NDArray[np.int32]) -> NDArray[np.uint32]:
        """Give how far above the lowest: differences beyond 31 bits wrap to what they are."""
        return steps.view(np.uint32) - self._low

    def _bins(self, steps: NDArray[np.int32]) -> NDArray[np.intp]:
        return (self._above(steps) >> self._shift).astype(np.intp)
