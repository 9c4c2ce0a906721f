"""Request limits as pure objects: a time goes in, admission or the wait until it comes out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

from scenarios.simulated import Limit


class Limiter(Protocol):
    """One key's limit. Times are seconds on any clock that does not run backwards."""

    def admit(self, now_s: float) -> float:
        """Take one request and give 0, or refuse it and give the seconds until one would be taken."""
        ...

    @property
    def remaining(self) -> int:
        """How many more requests would be taken now."""
        ...

    @property
    def reset_s(self) -> float:
        """Seconds from the last request until the limit is whole again."""
        ...


@dataclass(slots=True)
class FixedWindow:
    """At most `requests` in each window `[k * per_s, (k + 1) * per_s)`."""

    requests: int
    per_s: float
    _window: int = field(default=-1, init=False)
    _taken: int = field(default=0, init=False)
    _at_s: float = field(default=0.0, init=False)

    def admit(self, now_s: float) -> float:
        """Take one request and give 0, or give the seconds until the next window."""
        window = math.floor(now_s / self.per_s)
        self._at_s = now_s
        if window > self._window:
            self._window, self._taken = window, 0
        if self._taken < self.requests:
            self._taken += 1
            return 0.0
        return max((self._window + 1) * self.per_s - now_s, 1e-9)

    @property
    def remaining(self) -> int:
        """How many more requests this window takes."""
        return self.requests - self._taken

    @property
    def reset_s(self) -> float:
        """Seconds until the next window."""
        return max((self._window + 1) * self.per_s - self._at_s, 1e-9)


@dataclass(slots=True)
class TokenBucket:
    """Holds at most `burst` tokens, one per request, and refills evenly with `requests` per `per_s`.

    In any span of t seconds it takes at most burst + t * requests / per_s requests.
    """

    requests: int
    per_s: float
    burst: int
    _level: float = field(default=0.0, init=False)
    _at_s: float = field(default=-math.inf, init=False)

    def admit(self, now_s: float) -> float:
        """Take one request and give 0, or give the seconds until one token is there."""
        rate = self.requests / self.per_s
        if now_s > self._at_s:
            self._level = min(float(self.burst), self._level + (now_s - self._at_s) * rate)
            self._at_s = now_s
        # Without the tolerance a request that comes at the very end of its wait can miss by one rounding.
        if self._level >= 1 - 1e-9:
            self._level = max(0.0, self._level - 1)
            return 0.0
        return (1 - self._level) / rate

    @property
    def remaining(self) -> int:
        """How many whole tokens are there."""
        return int(self._level)

    @property
    def reset_s(self) -> float:
        """Seconds until the bucket is full."""
        return (self.burst - self._level) * self.per_s / self.requests


def limiter(limit: Limit) -> Limiter:
    """Build one key's limiter; a bucket without `burst` holds one period's requests."""
    if limit.kind == "fixed_window":
        return FixedWindow(limit.requests, limit.per)
    return TokenBucket(limit.requests, limit.per, limit.burst or limit.requests)


@dataclass(slots=True)
class KeyedLimits:
    """One limiter per key, made when the key is first seen."""

    limit: Limit
    _by_key: dict[str, Limiter] = field(default_factory=dict, init=False)

    def of(self, key: str) -> Limiter:
        """Give the limiter of `key`."""
        found = self._by_key.get(key)
        if found is None:
            found = self._by_key[key] = limiter(self.limit)
        return found


@dataclass(slots=True)
class Promises:
    """Until when each name (a key, a connection, a request id) was told to stay away."""

    keep: int = 100_000
    _until_s: dict[str, float] = field(default_factory=dict, init=False)

    def tell(self, name: str, until_s: float) -> None:
        """Note that `name` was told to stay away until `until_s`; the latest word counts."""
        if len(self._until_s) >= self.keep:
            self._until_s.pop(next(iter(self._until_s)))
        self._until_s[name] = until_s

    def broken(self, name: str, arrived_s: float) -> bool:
        """Whether an arrival of `name` at `arrived_s` comes before its wait had run out."""
        return arrived_s < self._until_s.get(name, -math.inf)
