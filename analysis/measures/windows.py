"""Windows of time, in seconds since the run's epoch."""

from __future__ import annotations

from collections.abc import Iterable

Window = tuple[float, float]


def joined(stretches: Iterable[Window]) -> list[Window]:
    """Give the same time in order and without overlap."""
    found: list[Window] = []
    for start_s, end_s in sorted(stretches):
        if found and start_s <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end_s)
        else:
            found.append((start_s, end_s))
    return found
