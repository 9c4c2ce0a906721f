"""How fast a limit lets requests through, by what its headers say is left of it: pure."""

from __future__ import annotations

from dataclasses import dataclass

from scenarios.limit_headers import Allowance

HEADROOM = 0.95
"""Of what is left: others may use the key, and what is counted at the server comes late to us."""

MATCH = 0.2
"""A bucket that is used up by a share of it needs that share of its length to be full again: up to this far off,
on average, the limit is taken for one."""

CATCH_UP = 1.25
"""What was not used early may be used late, at no more than this many times the even pace."""

COARSE_S = 3.0
"""Resets told in whole seconds say nothing of a limit as short as this."""

LIES = 3
"""Requests that were served though nothing was left: then the headers mean something else, and are not followed."""

WEIGHT = 0.1
"""Of the newest answer in that average."""


@dataclass(slots=True)
class Forecast:
    """One dimension of one key's limit, as the newest request that was answered found it.

    A window gives what is left of it until it ends. A bucket is refilled all the time, and its reset is when it will be
    full: what is left by then, spread over that time, keeps it half full; below that its refill is known, too.
    """

    length_s: float = 0.0
    """The longest reset seen: the window's length, or what an empty bucket takes."""
    most: float = 0.0
    """The most that was seen to be left, or the limit as the server states it."""
    passed_s: float = float("-inf")
    """When the request passed that found it so."""
    ends_s: float = 0.0
    """When it resets."""
    _left: Allowance | None = None
    _whole: bool = True
    _mismatch: float = 1.0
    _lies: int = 0

    def learn(self, left: Allowance, passed_s: float, heard_s: float, *, served: bool = True) -> None:
        """Take what was left when a request that passed the gate at `passed_s` came; `heard_s`: when that was told."""
        if passed_s < self.passed_s:
            return
        if served and self._left is not None and heard_s < self.ends_s and not self._is_bucket:
            self._lies += left.remaining < 1 and self._left.remaining < 1
        self._left, self.passed_s, self.ends_s = left, passed_s, heard_s + left.reset_s
        self.length_s = max(self.length_s, left.reset_s)
        self._whole = self._whole and left.reset_s.is_integer()
        self.most = left.limit or max(self.most, left.remaining)
        if left.limit:
            used = 1 - min(left.remaining / left.limit, 1.0)
            self._mismatch += WEIGHT * (abs(left.reset_s / self.length_s - used) - self._mismatch)

    def rate(self, now_s: float, sent_since: float) -> float:
        """Give requests per second until it resets; `sent_since` passed after the one that found it so."""
        if self._left is None or (self._whole and self.length_s <= COARSE_S) or self._lies >= LIES:
            return float("inf")
        even = self.most / self.length_s
        if now_s >= self.ends_s:
            return HEADROOM * even
        spread = max(self._left.remaining - sent_since, 0.0) / (self.ends_s - now_s)
        refill = 0.0
        if self._is_bucket and self._left.limit:
            refill = (self._left.limit - self._left.remaining) / self._left.reset_s
        return HEADROOM * min(max(spread, refill), CATCH_UP * even)

    @property
    def _is_bucket(self) -> bool:
        return self._mismatch < MATCH
