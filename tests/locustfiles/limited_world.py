"""Users, a gate and a limiter in simulated time: what the gate's law does in minutes is known in milliseconds."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from locustfiles._gate import Gate
from locustfiles._turns import Turns
from scenarios.limit_headers import Allowance
from scenarios.simulator.limits import Limiter

TRIP_S = 0.0015
THINK_S, SERVICE_S = 3.0, 2.0
"""Means. A user without limits makes a turn every `THINK_S + SERVICE_S`."""


@dataclass
class World:
    """`users` arrive in `ramp_s`; each takes turns through one gate; a refusal says when to come back.

    `hint` makes the wait that is told of the wait that is needed; a refusal is read after `refusal_s`. With `headers`
    each answer says what is left of the limit when it ends; they make the reset that is told of the true one. With
    several `gates` the users are spread over them, and each gate hears of the others' refusals `telling_s` later.
    """

    limiter: Limiter
    users: int
    pace: str = "fixed"
    hint: Callable[[float], float] = math.ceil
    ramp_s: float = 15.0
    refusal_s: float = TRIP_S
    headers: Callable[[float], float] | None = None
    gates: int = 1
    telling_s: float = math.inf
    seed: int = 1
    time_s: float = 0.0
    arrivals: list[float] = field(default_factory=list)
    admitted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    early: list[float] = field(default_factory=list)
    held: list[float] = field(default_factory=list)
    _due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _told_until: float = -math.inf

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        count = 1 if math.isinf(self.telling_s) else self.gates
        own = [
            Gate(self.pace, now=lambda: self.time_s, turns=Turns(number % count, count))  # type: ignore[arg-type]
            for number in range(self.gates)
        ]
        if count > 1:
            self._beat(own)
        self._others = {id(gate): [other for other in own if other is not gate] for gate in own}
        for number in range(self.users):
            self._at(self.ramp_s * self.rng.random(), partial(self._turn, own[number % self.gates]))

    def run(self, until_s: float) -> World:
        """Let time pass."""
        while self._due and self._due[0][0] < until_s:
            self.time_s, _, event = heapq.heappop(self._due)
            event()
        return self

    def per_second(self, moments: list[float], since_s: float) -> float:
        """Give how many of `moments` came per second from `since_s` on."""
        return sum(moment >= since_s for moment in moments) / (self.time_s - since_s)

    def peak(self, since_s: float) -> int:
        """Give the most arrivals within any second from `since_s` on."""
        return peak([moment for moment in self.arrivals if moment >= since_s])

    def _at(self, moment: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._due, (moment, len(self._due) + int(moment * 1e6), event))

    def _beat(self, gates: list[Gate]) -> None:
        """Say how many wait, once a second."""
        queues = [gate.queue for gate in gates]
        for gate, queue in zip(gates, queues, strict=True):
            gate.waiting = sum(queues) - queue
        self._at(self.time_s + 1.0, partial(self._beat, gates))

    def _turn(self, gate: Gate) -> None:
        self._queue(gate, self.time_s)

    def _queue(self, gate: Gate, since_s: float) -> None:
        self._ask(gate, gate.join(), since_s)

    def _ask(self, gate: Gate, ticket: int, since_s: float) -> None:
        delay_s = gate.delay(ticket)
        if delay_s > 0:  # timers are late by up to a millisecond
            self._at(self.time_s + delay_s + self.rng.uniform(0, 0.001), lambda: self._ask(gate, ticket, since_s))
            return
        self.held.append(self.time_s - since_s)
        passed_s = self.time_s
        if passed_s < self._told_until:
            self.early.append(passed_s)
        self._at(passed_s + TRIP_S, lambda: self._arrive(gate, passed_s))

    def _arrive(self, gate: Gate, passed_s: float) -> None:
        self.arrivals.append(self.time_s)
        wait_s = self.limiter.admit(self.time_s)
        if wait_s > 0:
            self.refused.append(self.time_s)
            self._at(self.time_s + self.refusal_s, lambda: self._refused(gate, self.hint(wait_s), passed_s))
        else:
            self.admitted.append(self.time_s)
            service_s = SERVICE_S * self.rng.lognormvariate(-0.125, 0.5)
            rest_s = service_s + THINK_S * self.rng.lognormvariate(-0.18, 0.6)
            if self.headers is not None:
                left, arrived_s = self._left(self.headers), self.time_s
                inform = partial(gate.inform, {"requests": left}, passed_s, arrived_s)
                self._at(self.time_s + service_s, inform)
            self._at(self.time_s + rest_s, partial(self._turn, gate))

    def _left(self, told: Callable[[float], float]) -> Allowance:
        limiter = self.limiter
        return Allowance(limiter.limit, limiter.remaining, told(limiter.reset_s))

    def _refused(self, gate: Gate, told_s: float, passed_s: float) -> None:
        until_s = self.time_s + told_s
        self._told_until = max(self._told_until, until_s)
        gate.refuse(told_s, passed_s)
        if self.telling_s < math.inf:
            for other in self._others[id(gate)]:
                self._at(self.time_s + self.telling_s, partial(other.hold, until_s, passed_s, gate.lesson))
        self._queue(gate, self.time_s)


def peak(moments: list[float]) -> int:
    """Give the most of ascending `moments` within any second."""
    most, first = 0, 0
    for last, moment in enumerate(moments):
        while moments[first] < moment - 1:
            first += 1
        most = max(most, last - first + 1)
    return most
