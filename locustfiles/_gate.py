"""One key's limit as this worker knows it: pure but for the clock that it is given.

A refusal, here or at another worker, closes the gate for all who use the key; then it lets them through one by one.
Users who all return when the wait is over would arrive as a herd, and be refused again. Workers that share a key learn
the same pace from each refusal, and take turns by it.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal

from locustfiles._forecast import Forecast
from locustfiles._turns import Lesson, Turns
from scenarios.limit_headers import Allowance

MOST_COUNTED = 5000
"""How many admissions are looked back at."""

MEMORY_S = 60.0
"""How long what was learned of a limit is believed: the windows of providers are a minute or shorter."""

LOWEST_RATE = 0.1
"""Requests per second: the gate never gets slower than this."""

DECREASE, WALL = 0.9, 0.96
"""A refusal while paced multiplies the rate by `DECREASE`; `WALL` times the refused rate is taken for the limit."""

RECOVERY_S = 8.0
"""With a queue, rate(t) = wall (1 - (1 - DECREASE / WALL) (1 - t / RECOVERY_S)^3): soon back at the wall, slow near it,
faster the longer it holds. The cubic law of TCP (RFC 9438), here for a rate."""

GUESS_DOUBLES_S = 10.0
"""The first pace after none is what was admitted, often too low: with a queue it doubles this fast until refused."""

GUESS_WALL = 0.9
"""As `WALL`, for the refusal that ends the doubling: it overshoots more."""

FEW = 10
DRAIN_S = 10.0
"""Fewer admissions than `FEW` tell nothing (the limit may have been used up before): the first pace is then what lets
those who wait through within `DRAIN_S`."""

TOO_HIGH = 1.5
"""A pace this many times what was admitted, waits included, is no overshoot but a wrong first guess."""

BURST_S = 0.1
"""Pace that was not used, in seconds of it, may be made up for: users do not come evenly. Not after a refusal."""

LATE_TURNS = 0.1
"""So many turns, or as long as a burst, a worker may be late for its own."""

STEP_S = 0.25
"""Turns are added up in steps, for the pace grows."""

GLANCE_S, LONGEST_S = 0.05, 1.0
"""Longer pauses than the first are taken in halves, of at most the second, for the pace may rise meanwhile."""

MOST_DIMENSIONS = 8
"""Limits of a key that are followed: no provider has more, and a server may name any number."""

NEVER = float("-inf")


@dataclass(slots=True)
class Gate:
    """Lets users through: `join` the queue, then pause for `delay` until that is 0.

    `pace` `fixed`: paced only while a queue is left from a refusal; `adaptive`: paced from the first refusal on, or by
    what the server's headers say is left of the limit, so that the load stays just below it. `rate` is the pace of the
    whole key learned from refusals, in requests per second, None where there is none. `turns` says which of them are
    this worker's, `waiting` how many users wait at the other workers, as far as is known.
    """

    pace: Literal["fixed", "adaptive"] = "fixed"
    now: Callable[[], float] = perf_counter
    rate: float | None = None
    turns: Turns = field(default_factory=Turns)
    waiting: int = 0
    forecasts: dict[str, Forecast] = field(default_factory=dict)
    _closed_until: float = NEVER
    _next_slot: float = NEVER
    _last_pass: float = NEVER
    _wall: float = LOWEST_RATE
    _slowed_at: float = NEVER
    _age_s: float = 0.0
    _guessed: bool = False
    _unsure: bool = False
    _waited_until: float = NEVER
    _seen_at: float = NEVER
    _tickets: itertools.count[int] = field(default_factory=itertools.count)
    _queue: list[int] = field(default_factory=list)
    _let_through: list[float] = field(default_factory=list)

    @property
    def share(self) -> float:
        """What part of the key's limit is this worker's."""
        return 1 / self.turns.count

    @property
    def queue(self) -> int:
        """How many wait here."""
        return len(self._queue)

    @property
    def lesson(self) -> Lesson:
        """What was learned from the last refusal."""
        return Lesson(self._wall, self._guessed, self.turns.place + 1)

    def join(self) -> int:
        """Queue up; give the place in the queue."""
        ticket = next(self._tickets)
        self._queue.append(ticket)
        return ticket

    def pass_at_once(self) -> bool:
        """Go through if nothing is known of a limit and nobody waits; tell whether it did."""
        if self._queue or self.rate is not None or self.forecasts or self._unsure:
            return False
        now = self.now()
        if now < self._closed_until:
            return False
        self._pass(now, None)
        return True

    def leave(self, ticket: int) -> None:
        """Leave the queue without passing."""
        self._queue.remove(ticket)

    def delay(self, ticket: int) -> float:
        """Give the seconds to pause before asking again; 0: pass, and the place is given up."""
        now = self.now()
        if self._unsure and now >= self._closed_until:
            self._guess_again()
        self._grow(now)
        ahead = bisect_left(self._queue, ticket)
        pace = self._pace(now)
        wait_s = self._moment(ahead, pace) - now
        if wait_s > 0:
            return min(wait_s, max(wait_s / 2, GLANCE_S), max(self._closed_until - now, self._glance(now)))
        self._pass(now, pace)
        del self._queue[ahead]
        if not self._queue and not self.waiting and self.pace == "fixed":
            self.rate = None
        return 0.0

    def refuse(self, wait_s: float, passed_s: float) -> None:
        """Note the refusal of a request that passed at `passed_s`: nobody passes for `wait_s` seconds.

        A wait that is already known is never made shorter.
        """
        if place := bisect_right(self._let_through, passed_s):
            del self._let_through[place - 1]
        self.hold(self.now() + wait_s, passed_s)

    def hold(self, until_s: float, passed_s: float, lesson: Lesson | None = None) -> None:
        """Let nobody pass before `until_s`, for a request was refused that passed at `passed_s`.

        With the `lesson` of the worker where that was, if it was not here. Of several the lowest pace counts: all that
        hear of the same refusals end with the same.
        """
        now = self.now()
        is_news = passed_s >= self._slowed_at
        if is_news or until_s > self._closed_until:
            self.turns.begin(max(self._closed_until, until_s), lesson.place if lesson else self.turns.place + 1)
        self._closed_until = max(self._closed_until, until_s)
        if is_news:
            self._slow_down(now)
        elif self._guessed:  # one more that was under way at the refusal: fewer were admitted than it seemed
            self._unsure = True
        if lesson is not None and (is_news or lesson.wall < self._wall):
            self._adopt(lesson)
        self._next_slot = max(self._next_slot, self._closed_until)

    def inform(self, left: Mapping[str, Allowance], passed_s: float, heard_s: float, *, served: bool = True) -> None:
        """Note what an answer's headers said is left of the limit, by dimension."""
        if self.pace != "adaptive":
            return
        for dimension, allowance in left.items():
            if dimension in self.forecasts or len(self.forecasts) < MOST_DIMENSIONS:
                forecast = self.forecasts.setdefault(dimension, Forecast())
                forecast.learn(allowance, passed_s, heard_s, served=served)

    def _pace(self, now: float) -> float | None:
        """Give the lowest of the rate, where it is not kept by turns, and our share of what the headers allow."""
        rates = [] if self.rate is None or self.turns.count > 1 else [self.rate]
        for forecast in self.forecasts.values():
            sent = len(self._let_through) - bisect_right(self._let_through, forecast.passed_s)
            rates.append(max(self.share * forecast.rate(now, sent / self.share), LOWEST_RATE))
        return min(rates, default=None)

    def _glance(self, now: float) -> float:
        """Give when to look again at the latest: when a limit resets, the pace rises."""
        resets = (forecast.ends_s - now for forecast in self.forecasts.values())
        return min((max(reset_s, GLANCE_S) for reset_s in resets if reset_s > 0), default=LONGEST_S)

    def _moment(self, ahead: int, pace: float | None) -> float:
        """Give when the one with `ahead` others before may pass."""
        if self.turns.count > 1 and self.rate is not None:
            turn = self.turns.moment(ahead, self.rate)
            return max(turn, self._slot(ahead, pace))
        return self._slot(ahead, pace)

    def _slot(self, ahead: int, pace: float | None) -> float:
        if pace is None:
            return self._closed_until
        slot = min(self._next_slot, self._last_pass + 1 / pace)  # the pace may be higher than it was then
        return max(self._closed_until, slot) + ahead / pace

    def _pass(self, now: float, pace: float | None) -> None:
        self._last_pass = now
        self.turns.take()
        if pace is not None:
            self._next_slot = max(self._next_slot, now - BURST_S) + 1 / pace
        self._let_through.append(now)
        if len(self._let_through) > 2 * MOST_COUNTED:
            del self._let_through[:MOST_COUNTED]

    def _grow(self, now: float) -> None:
        """Raise the rate by the time in which there was a queue: a pace that nobody needs is no proof that it holds."""
        if self.rate is None:
            return
        since = max(self._seen_at, self._closed_until)
        while since < now:
            step_s = min(now - since, STEP_S if self.turns.count > 1 else math.inf)
            since += step_s
            if len(self._queue) + self.waiting > 1:
                self._age_s += step_s
                self.rate = max(self.rate, self._wall * self._growth())
            self.turns.advance(since, self.rate, max(BURST_S, LATE_TURNS / self.rate))
        self._seen_at = now

    def _adopt(self, lesson: Lesson) -> None:
        self._wall, self._guessed, self._age_s = lesson.wall, lesson.guessed, 0.0
        self._unsure = self._unsure and lesson.guessed
        self.rate = self._wall * self._growth()

    def _growth(self) -> float:
        """Give the rate as a multiple of the wall."""
        if self._guessed:
            return float(2.0 ** (self._age_s / GUESS_DOUBLES_S))
        return float(1 - (1 - DECREASE / WALL) * (1 - self._age_s / RECOVERY_S) ** 3)

    def _slow_down(self, now: float) -> None:
        first = self.rate is None and now - self._slowed_at > MEMORY_S
        self._slowed_at = self._seen_at = now
        self._waited_until = self._closed_until
        admitted = self._admitted_rate()
        if first:
            self.rate = self._wall = admitted
            self._guessed = self._unsure = True
        else:
            self._wall = self._lowered_wall(admitted)
            self.rate = self._wall * DECREASE / WALL
            self._guessed = False
            self._unsure = False
        self._age_s = 0.0

    def _guess_again(self) -> None:
        """Take a closer look when the gate opens: by then those under way have answers, and those who wait are here."""
        before = bisect_left(self._let_through, self._slowed_at)
        self._wall = self._admitted_rate(before)
        if before < FEW * self.share:
            self._wall = max(self._wall, (len(self._queue) + self.waiting) / DRAIN_S)
        if self.rate is not None:
            self.rate = self._wall * self._growth()
        self._unsure = False

    def _lowered_wall(self, admitted: float) -> float:
        if self.rate is None:  # the queue was gone for a while: what was learned of the limit still holds
            return max(self._wall, admitted * DECREASE)
        if self.rate > TOO_HIGH * self._admitted_rate(first=2 / self.share - 1):
            return max(admitted, self.rate / 2)
        return max(self.rate * (GUESS_WALL if self._guessed else WALL), LOWEST_RATE)

    def _admitted_rate(self, count: int | None = None, first: float = 1.0) -> float:
        """Give the highest rate over any stretch up to the end of the wait, which ends a limiter's window too.

        A second of the wait is left out: that much may be rounding. `count`: only the first so many that passed. Each
        stands for one of each worker, but for the first of a stretch: that stands for `first`, as one chosen for it.
        """
        moments = self._let_through[:count][-MOST_COUNTED:]
        ends = (max(self._slowed_at - moment, self._waited_until - 1.0 - moment, 1.0) for moment in reversed(moments))
        rates = ((first + number / self.share) / span_s for number, span_s in enumerate(ends))
        return max(rates, default=LOWEST_RATE)
