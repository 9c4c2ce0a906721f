"""How long to wait after an answer that said "not now": pure."""

from __future__ import annotations

import random
from dataclasses import dataclass

from scenarios.limits import Hint, backoff, jittered_s
from scenarios.scenario import Throttle

NAIVE_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait of `seconds`, never shorter than what the server asked for; `source` says who asked.

    `shared`: all who use the key wait, at its gate.
    """

    seconds: float
    source: str
    shared: bool = False


def next_wait(
    throttle: Throttle, hint: Hint | None, attempt_no: int, waited_s: float, rng: random.Random
) -> Wait | None:
    """Give the wait before the next attempt, or None when the turn gives up.

    Hints get positive jitter only. Without a hint: exponential back-off, source `backoff`. A wait above `max_wait`, or
    one that takes the turn's waiting past `max_total_wait`, is not cut short: the turn gives up.
    """
    if throttle.policy == "none" or attempt_no >= throttle.max_attempts:
        return None
    if throttle.policy == "naive":
        return Wait(NAIVE_PAUSE_S, "naive")
    asked = hint or backoff(attempt_no - 1, rng)
    total_s = waited_s + asked.seconds
    if asked.seconds > throttle.max_wait or (throttle.max_total_wait is not None and total_s > throttle.max_total_wait):
        return None
    return Wait(jittered_s(asked, rng) if hint else asked.seconds, asked.source)
