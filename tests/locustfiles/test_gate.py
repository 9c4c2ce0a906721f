"""The gate's law against models of limiters, in simulated time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limited_world import SERVICE_S, THINK_S, World

from locustfiles._gate import MOST_DIMENSIONS, Gate
from locustfiles._turns import Turns
from scenarios.limit_headers import Allowance
from scenarios.simulator.limits import FixedWindow, Limiter, TokenBucket

LIMITS: dict[str, tuple[Callable[[], Limiter], float]] = {
    "bucket by the second": (lambda: TokenBucket(66, 1.0, 12), 66.0),
    "window of a second": (lambda: FixedWindow(66, 1.0), 66.0),
    "bucket by the minute": (lambda: TokenBucket(600, 60.0, 30), 10.0),
    "window of ten seconds": (lambda: FixedWindow(600, 10.0), 60.0),
    "window of a minute": (lambda: FixedWindow(600, 60.0), 10.0),
    "one a second": (lambda: TokenBucket(60, 60.0, 1), 1.0),
}
SETTLED_S, END_S = 60.0, 240.0
HINTS: dict[str, Callable[[float], float]] = {
    "whole seconds": math.ceil,
    "milliseconds": lambda wait_s: math.ceil(wait_s * 1000) / 1000,
}


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    time_s: float = 0.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.time_s


def world(limit: str, demand: float, pace: str, hint: str) -> tuple[World, float]:
    """Give a world after `END_S` whose users ask for `demand` times the limit, and the limit per second."""
    limiter, rate = LIMITS[limit]
    users = round(demand * rate * (THINK_S + SERVICE_S))
    return World(limiter(), users, pace, HINTS[hint]).run(END_S), rate


def test_an_open_gate_is_passed_at_once() -> None:
    """While nothing is known of a limit, all go through; after a refusal nobody does before the wait is over."""
    clock = Clock()
    gate = Gate(now=clock)
    seen = [gate.pass_at_once(), gate.pass_at_once()]
    gate.refuse(2.0, 0.0)
    seen.append(gate.pass_at_once())
    clock.time_s = 1.9
    assert [*seen, gate.pass_at_once()] == [True, True, False, False]


@pytest.mark.parametrize("hint", HINTS)
@pytest.mark.parametrize("pace", ["fixed", "adaptive"])
@pytest.mark.parametrize("demand", [1.5, 4.0])
@pytest.mark.parametrize("limit", LIMITS)
def test_overload_is_held_just_below_the_limit(limit: str, demand: float, pace: str, hint: str) -> None:
    """At 1.5 and 4 times the limit it is used to 85 %, with few refusals a minute, no early arrival and no crowd."""
    found, rate = world(limit, demand, pace, hint)
    assert found.per_second(found.admitted, SETTLED_S) >= 0.85 * rate
    assert found.per_second(found.refused, SETTLED_S) * 60 <= 12
    assert found.early == []


@pytest.mark.parametrize("pace", ["fixed", "adaptive"])
@pytest.mark.parametrize("limit", [name for name, (_, rate) in LIMITS.items() if rate > 1])
def test_below_the_limit_it_costs_no_throughput(limit: str, pace: str) -> None:
    """At 80 % of the limit the users get what they ask for; four users at one a second wait for each other anyway."""
    found, rate = world(limit, 0.8, pace, "whole seconds")
    assert found.per_second(found.admitted, SETTLED_S) >= 0.9 * 0.8 * rate


STEERED = [name for name in LIMITS if name != "one a second"]
"""That one's headers say 0 or 1: they steer nothing, and the refusals do."""


@pytest.mark.parametrize("limit", STEERED)
def test_headers_hold_the_load_below_the_limit_without_refusals(limit: str) -> None:
    """What is left of the limit, said in each answer, is spread: it is used to 90 %, and next to nobody is refused."""
    limiter, rate = LIMITS[limit]
    users = round(1.5 * rate * (THINK_S + SERVICE_S))
    found = World(limiter(), users, "adaptive", headers=float).run(END_S)
    assert found.per_second(found.admitted, SETTLED_S) >= 0.9 * rate
    assert found.per_second(found.refused, SETTLED_S) * 60 <= 1
    assert found.early == []


@pytest.mark.parametrize("limit", LIMITS)
def test_headers_in_whole_seconds_are_no_worse_than_none(limit: str) -> None:
    """A limit of a second or two is not paced by resets that are rounded to seconds."""
    limiter, rate = LIMITS[limit]
    users = round(1.5 * rate * (THINK_S + SERVICE_S))
    found = World(limiter(), users, "adaptive", headers=lambda reset_s: float(math.ceil(reset_s))).run(END_S)
    assert found.per_second(found.admitted, SETTLED_S) >= 0.85 * rate
    assert found.per_second(found.refused, SETTLED_S) * 60 <= 12


def test_workers_share_what_the_headers_leave() -> None:
    """Half of what is left is each of two workers' own, and what one sent counts for both."""
    clock = Clock()
    gate = Gate("adaptive", now=clock, turns=Turns(0, 2))
    gate.inform({"requests": Allowance(600, 400, 40.0)}, clock.time_s, clock.time_s)
    passed = 0
    for _ in range(4000):
        clock.time_s += 0.01
        ticket = gate.join()
        if gate.delay(ticket) == 0.0:
            passed += 1
        else:
            gate.leave(ticket)
    assert passed == pytest.approx(0.95 * 200, abs=15)


def test_headers_that_are_contradicted_are_not_followed() -> None:
    """A server that goes on serving while it says that nothing is left is not crawled along with."""
    clock = Clock()
    gate = Gate("adaptive", now=clock)
    for _ in range(4):
        clock.time_s += 1.0
        gate.inform({"": Allowance(100, 0, 60.0 - clock.time_s)}, clock.time_s, clock.time_s)
    assert [gate.delay(gate.join()) for _ in range(5)] == [0.0] * 5


def test_a_server_may_name_any_number_of_limits() -> None:
    """Only the first few are followed, and kept."""
    gate = Gate("adaptive", now=Clock())
    for number in range(1000):
        gate.inform({f"limit-{number}": Allowance(9, 9, 1.5)}, 0.0, 0.0)
    assert len(gate.forecasts) == MOST_DIMENSIONS


def test_a_fixed_pace_is_not_steered_by_headers() -> None:
    """Without a refusal `fixed` holds nobody back, whatever the headers say."""
    gate = Gate(now=Clock())
    gate.inform({"requests": Allowance(10, 0, 30.0)}, 0.0, 0.0)
    assert gate.delay(gate.join()) == 0.0


def test_near_the_limit_the_queue_is_let_go() -> None:
    """At 95 % of a bucket that crowds empty, waits told to the millisecond hold few users, and them not for long."""
    found, rate = world("bucket by the second", 0.95, "fixed", "milliseconds")
    held = [wait_s for wait_s in found.held if wait_s > 0]
    assert found.per_second(found.admitted, SETTLED_S) >= 0.97 * 0.95 * rate
    assert len(held) < 0.3 * len(found.held)
    assert sum(held) / len(held) < 0.3


@pytest.mark.parametrize("users", [50, 500])
@pytest.mark.parametrize(("ramp_s", "refusal_s"), [(0.001, 0.001), (0.001, 2.0), (1.0, 2.0)])
def test_users_who_were_refused_together_come_back_paced(users: int, ramp_s: float, refusal_s: float) -> None:
    """After a crowd was refused, arrivals in any second stay within 1.5 times the pace, the first ones too."""
    found = World(TokenBucket(66, 1.0, 12), users, "fixed", ramp_s=ramp_s, refusal_s=refusal_s)
    found.run(ramp_s + refusal_s + 0.01)
    known_s = found.time_s
    assert len(found.refused) >= users - 12 - 66 * ramp_s * 1.1
    found.run(30.0)
    assert found.peak(known_s) <= 1.5 * 66


@pytest.mark.parametrize("users", [20, 100])
def test_a_limit_that_was_used_up_before_is_no_low_limit(users: int) -> None:
    """When the first request is refused, nothing is known of the limit yet: its use does not crawl."""
    limiter = FixedWindow(100, 5.0)
    for _ in range(100):
        limiter.admit(0.0)
    found = World(limiter, users, "fixed", ramp_s=1.0).run(35.0)
    asked = min(20.0, users / (THINK_S + SERVICE_S))
    assert len(found.refused) <= 12
    assert len(found.admitted) >= 0.7 * asked * 30


def test_the_first_pace_counts_the_wait() -> None:
    """600 admitted in a second and 9 seconds of waiting, one of which may be rounding, are 600 in nine seconds."""
    clock = Clock()
    gate = Gate(now=clock)
    for number in range(601):
        clock.time_s = number / 600
        assert gate.delay(gate.join()) == 0.0
    gate.refuse(9.0, clock.time_s)
    assert gate.rate == pytest.approx(600 / 9, rel=0.01)


def test_a_crowd_refused_together_slows_down_once() -> None:
    """Refusals of requests that were under way at the first one say nothing new of the limit."""
    clock = Clock()
    gate = Gate(now=clock)
    for _ in range(20):
        gate.delay(gate.join())
    clock.time_s = 0.01
    gate.refuse(0.5, 0.0)
    rate = gate.rate
    for number in range(10):
        clock.time_s = 0.01 + number / 1000
        gate.refuse(0.5, 0.0)
    assert gate.rate == rate


@pytest.mark.parametrize(("pace", "paced"), [("fixed", False), ("adaptive", True)])
def test_only_the_adaptive_pace_outlives_the_queue(pace: str, *, paced: bool) -> None:
    """With the queue gone, `fixed` holds nobody back; `adaptive` stays just below the limit."""
    clock = Clock()
    gate = Gate(pace, now=clock)  # type: ignore[arg-type]
    gate.delay(gate.join())
    gate.refuse(1.0, clock.time_s)
    ticket = gate.join()
    clock.time_s = 2.0
    assert gate.delay(ticket) == 0.0
    assert (gate.rate is not None) == paced


def test_who_leaves_the_queue_holds_nobody_up() -> None:
    """The next in line moves up."""
    clock = Clock()
    gate = Gate(now=clock)
    gate.delay(gate.join())
    gate.refuse(1.0, clock.time_s)
    first, second = gate.join(), gate.join()
    gate.leave(first)
    clock.time_s = 1.0
    assert gate.delay(second) == 0.0


@given(
    waits=st.lists(st.tuples(st.floats(0.001, 50), st.floats(0, 5)), min_size=1, max_size=20),
    pace=st.sampled_from(["fixed", "adaptive"]),
)
def test_nobody_passes_before_any_wait_is_over(waits: list[tuple[float, float]], pace: str) -> None:
    """Whatever waits are told in whatever order, none is cut short."""
    clock = Clock()
    gate = Gate(pace, now=clock)  # type: ignore[arg-type]
    told_until = 0.0
    for wait_s, later_s in waits:
        gate.refuse(wait_s, clock.time_s)
        told_until = max(told_until, clock.time_s + wait_s)
        ticket = gate.join()
        clock.time_s += later_s
        delay_s = gate.delay(ticket)
        assert (delay_s > 0) == (clock.time_s < told_until) or gate.rate is not None
        if delay_s == 0.0:
            assert clock.time_s >= told_until
        else:
            gate.leave(ticket)


@pytest.mark.parametrize("pace", ["fixed", "adaptive"])
def test_a_refusal_elsewhere_holds_this_gate_back_too(pace: str) -> None:
    """Nobody passes before the wait of another worker's refusal is over, and then they pass one by one."""
    clock = Clock()
    gate = Gate(pace, now=clock)  # type: ignore[arg-type]
    gate.hold(3.0, -0.01)
    tickets = [gate.join() for _ in range(20)]
    passed = []
    while tickets:
        clock.time_s += 0.05
        if gate.delay(tickets[0]) == 0.0:
            passed.append(clock.time_s)
            del tickets[0]
    assert passed[0] >= 3.0
    assert max(sum(moment <= other < moment + 0.5 for other in passed) for moment in passed) <= 3


@pytest.mark.parametrize("limit", STEERED)
def test_gates_that_tell_each_other_keep_to_one_limit(limit: str) -> None:
    """Four workers use a limit as well as one does; nobody comes early but who was under way while it was told."""
    limiter, rate = LIMITS[limit]
    users = round(1.5 * rate * (THINK_S + SERVICE_S))
    alone, together = (World(limiter(), users, gates=4, telling_s=s).run(END_S) for s in (math.inf, 0.005))
    assert together.per_second(together.admitted, SETTLED_S) >= 0.85 * rate
    assert together.per_second(together.refused, SETTLED_S) <= alone.per_second(alone.refused, SETTLED_S)
    assert len(together.early) <= 0.1 * len(alone.early)


@pytest.mark.parametrize("gates", [2, 4, 8])
@pytest.mark.parametrize("rate", [1, 2])
@pytest.mark.parametrize("kind", [lambda rate: TokenBucket(rate, 1.0, rate), lambda rate: FixedWindow(rate, 1.0)])
def test_several_workers_use_a_slow_limit_as_one_does(kind: Callable[[int], Limiter], rate: int, gates: int) -> None:
    """They take turns: asked for 4 times the limit they use 0.95 of what one worker does, and none is early."""
    users = 4 * rate * round(THINK_S + SERVICE_S)
    one, several = (World(kind(rate), users, gates=count, telling_s=0.005).run(END_S) for count in (1, gates))
    used = several.per_second(several.admitted, SETTLED_S) / one.per_second(one.admitted, SETTLED_S)
    assert used >= 0.95
    assert several.per_second(several.refused, SETTLED_S) * 60 <= 12
    assert [moment for moment in several.early if moment >= SETTLED_S] == []
