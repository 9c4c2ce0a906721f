"""Limits as pure objects: a time goes in, admission or the wait until it comes out."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from scenarios.simulated import Limit


class Limiter(ABC):
    """One key's limit. Times are seconds on any clock that does not run backwards."""

    __slots__ = ()

    @abstractmethod
    def wait_s(self, now_s: float, amount: float = 1) -> float:
        """Give the seconds until `amount` would be taken; 0 is now, infinity never."""

    @abstractmethod
    def take(self, amount: float = 1) -> None:
        """Take what `wait_s` has just found to be there."""

    @property
    @abstractmethod
    def limit(self) -> int:
        """What is there at most."""

    @property
    @abstractmethod
    def remaining(self) -> int:
        """How much more would be taken now."""

    @property
    @abstractmethod
    def reset_s(self) -> float:
        """Seconds from the last request until the limit is whole again."""

    def admit(self, now_s: float, amount: float = 1) -> float:
        """Take it and give 0, or give the seconds until it would be taken."""
        wait_s = self.wait_s(now_s, amount)
        if wait_s <= 0:
            self.take(amount)
        return wait_s


@dataclass(slots=True)
class FixedWindow(Limiter):
    """At most `requests` in each window `[k * per_s, (k + 1) * per_s)`."""

    requests: int
    per_s: float
    _window: int = field(default=-1, init=False)
    _taken: float = field(default=0, init=False)
    _at_s: float = field(default=0.0, init=False)

    def wait_s(self, now_s: float, amount: float = 1) -> float:
        """Give 0, or the seconds until the next window."""
        window = math.floor(now_s / self.per_s)
        self._at_s = now_s
        if window > self._window:
            self._window, self._taken = window, 0
        if self._taken + amount <= self.limit:
            return 0.0
        return max((self._window + 1) * self.per_s - now_s, 1e-9) if amount <= self.limit else math.inf

    def take(self, amount: float = 1) -> None:
        """Take it of this window."""
        self._taken += amount

    @property
    def limit(self) -> int:
        """What a window takes."""
        return self.requests

    @property
    def remaining(self) -> int:
        """What this window has left."""
        return int(self.limit - self._taken)

    @property
    def reset_s(self) -> float:
        """Seconds until the next window."""
        return max((self._window + 1) * self.per_s - self._at_s, 1e-9)


@dataclass(slots=True)
class TokenBucket(Limiter):
    """Holds at most `burst`, and refills evenly with `requests` per `per_s`.

    In any span of t seconds it gives at most burst + t * requests / per_s.
    """

    requests: int
    per_s: float
    burst: int
    _level: float = field(default=0.0, init=False)
    _at_s: float = field(default=-math.inf, init=False)

    def wait_s(self, now_s: float, amount: float = 1) -> float:
        """Give 0, or the seconds until as much is there."""
        rate = self.requests / self.per_s
        if now_s > self._at_s:
            self._level = min(float(self.burst), self._level + (now_s - self._at_s) * rate)
            self._at_s = now_s
        # Without the tolerance a request that comes at the very end of its wait can miss by one rounding.
        if self._level >= amount - 1e-9:
            return 0.0
        return (amount - self._level) / rate if amount <= self.limit else math.inf

    def take(self, amount: float = 1) -> None:
        """Take it out."""
        self._level = max(0.0, self._level - amount)

    @property
    def limit(self) -> int:
        """What a full bucket holds."""
        return self.burst

    @property
    def remaining(self) -> int:
        """How many are there, whole ones."""
        return int(self._level)

    @property
    def reset_s(self) -> float:
        """Seconds until the bucket is full."""
        return (self.burst - self._level) * self.per_s / self.requests


def limiter(limit: Limit, each: int, burst: int | None = None) -> Limiter:
    """Build the limiter of `each` per period; a bucket without `burst` holds one period's."""
    if limit.kind == "fixed_window":
        return FixedWindow(each, limit.per)
    return TokenBucket(each, limit.per, burst or each)


@dataclass(slots=True)
class KeyLimit:
    """One key's limits by dimension, `requests` first: all have room for a request, or it is taken of none."""

    dimensions: dict[str, Limiter]

    def admit(self, now_s: float, tokens: float = 0) -> tuple[str, float]:
        """Take a request and give ("", 0), or give the dimension that it waits for longest, and how long."""
        amounts = {name: tokens if name == "tokens" else 1.0 for name in self.dimensions}
        waits = {name: own.wait_s(now_s, amounts[name]) for name, own in self.dimensions.items()}
        longest = max(waits, key=lambda name: waits[name])
        if waits[longest] > 0:
            return longest, waits[longest]
        for name, own in self.dimensions.items():
            own.take(amounts[name])
        return "", 0.0


@dataclass(slots=True)
class KeyedLimits:
    """Limits per key, made when the key is first seen."""

    limit: Limit
    _by_key: dict[str, KeyLimit] = field(default_factory=dict, init=False)

    def of(self, key: str) -> KeyLimit:
        """Give the limits of `key`."""
        found = self._by_key.get(key)
        if found is None:
            dimensions = {"requests": limiter(self.limit, self.limit.requests, self.limit.burst)}
            if self.limit.tokens is not None:
                dimensions["tokens"] = limiter(self.limit, self.limit.tokens)
            found = self._by_key[key] = KeyLimit(dimensions)
        return found


@dataclass(slots=True)
class Promises:
    """Since and until when each name (a key, a connection, a request id) was told to stay away."""

    keep: int = 100_000
    _told: dict[str, tuple[float, float]] = field(default_factory=dict, init=False)

    def tell(self, name: str, now_s: float, until_s: float) -> None:
        """Note that `name` was told to stay away until `until_s`; the latest word counts, from the first one on."""
        since_s, before_s = self._told.pop(name, (now_s, -math.inf))
        if len(self._told) >= self.keep:
            self._told.pop(next(iter(self._told)))
        self._told[name] = (since_s if now_s < before_s else now_s), until_s

    def broken(self, name: str, arrived_s: float, under_way_s: float = 0.0) -> bool:
        """Whether an arrival of `name` comes before its wait had run out, and could have known of it.

        What arrives within `under_way_s` of the word may have left before it was heard.
        """
        since_s, until_s = self._told.get(name, (0.0, -math.inf))
        return since_s + under_way_s <= arrived_s < until_s
