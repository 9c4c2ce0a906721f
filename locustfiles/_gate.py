"""One key's limit as this worker knows it: pure but for the clock that it is given.

A refusal closes the gate for all who use the key; then it lets them through one by one. Users who all return when the
wait is over would arrive as a herd, and be refused again.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal

RATE_WINDOW_S = 10.0
LOWEST_RATE = 1.0
"""Requests per second: the gate never gets slower than this."""

DECREASE = 0.85
INCREASE_PER_S = 0.03
"""A refusal while paced multiplies the rate by `DECREASE`; each second without one adds this share of the rate that was
admitted before the first refusal (additive increase, multiplicative decrease)."""


@dataclass(slots=True)
class Gate:
    """Gives each request its moment.

    `pace` `fixed`: paced only while a queue is left from a refusal; `adaptive`: paced from the first refusal on, so
    that the load stays just below the limit. `rate` is the pace in requests per second, None before the first refusal.
    """

    pace: Literal["fixed", "adaptive"] = "fixed"
    rng: random.Random = field(default_factory=random.Random)
    now: Callable[[], float] = perf_counter
    rate: float | None = None
    _closed_until: float = 0.0
    _next_slot: float = 0.0
    _base_rate: float = LOWEST_RATE
    _raised_at: float = 0.0
    _let_through: deque[float] = field(default_factory=deque)

    def slot(self) -> float:
        """Take the next free moment, on the gate's clock: now, when nobody waits."""
        now = self.now()
        moment = self._paced_slot(now) if self._is_paced(now) else now
        self._let_through.append(moment)
        self._forget(now)
        return moment

    def refuse(self, wait_s: float) -> None:
        """Note a refusal: nobody passes for `wait_s` seconds. A wait that is already known is never made shorter."""
        now = self.now()
        if self._let_through:
            self._let_through.pop()
        if now >= self._closed_until:  # those who are refused behind the first tell nothing new of the limit
            self._slow_down(now)
        self._closed_until = max(self._closed_until, now + wait_s)
        self._next_slot = max(self._next_slot, self._closed_until)

    def is_shut(self) -> bool:
        """Tell whether nobody may pass now."""
        return self.now() < self._closed_until

    def _is_paced(self, now: float) -> bool:
        return self.rate is not None and (self.pace == "adaptive" or now < self._next_slot)

    def _paced_slot(self, now: float) -> float:
        assert self.rate is not None
        if now > self._closed_until:
            self.rate += (now - max(self._raised_at, self._closed_until)) * INCREASE_PER_S * self._base_rate
            self._raised_at = now
        moment = max(now, self._next_slot)
        self._next_slot = moment + 1.0 / self.rate
        return moment + self.rng.uniform(0.0, 0.5 / self.rate)

    def _slow_down(self, now: float) -> None:
        if self.rate is not None and self._is_paced(now):
            self.rate = max(self.rate * DECREASE, LOWEST_RATE)
        else:
            self.rate = self._base_rate = max(self._admitted_rate(now), LOWEST_RATE)
        self._raised_at = now

    def _admitted_rate(self, now: float) -> float:
        self._forget(now)
        passed = [moment for moment in self._let_through if moment <= now]
        return len(passed) / max(now - passed[0], 1.0) if passed else 0.0

    def _forget(self, now: float) -> None:
        while self._let_through and self._let_through[0] < now - RATE_WINDOW_S:
            self._let_through.popleft()
