"""The limiters as pure objects."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.limits import classify
from scenarios.records import Outcome
from scenarios.simulated import Limit
from scenarios.simulator.limits import FixedWindow, KeyedLimits, Promises, TokenBucket, limiter
from scenarios.simulator.refusal import refuse, too_large
from scenarios.wire.api_error import parse_error

steps = st.lists(st.floats(0, 3), min_size=1, max_size=200)
counts = st.integers(1, 20)
periods = st.floats(0.1, 5)


def moments(gaps: list[float]) -> list[float]:
    """Give the times that lie `gaps` apart."""
    times, now = [], 0.0
    for gap in gaps:
        now += gap
        times.append(now)
    return times


@given(steps, counts, periods)
def test_a_fixed_window_never_takes_more_than_allowed(gaps: list[float], requests: int, per_s: float) -> None:
    """No window holds more admissions than the limit."""
    window = FixedWindow(requests, per_s)
    admitted = [now for now in moments(gaps) if window.admit(now) == 0]
    by_window = [int(now // per_s) for now in admitted]
    assert max(map(by_window.count, by_window)) <= requests


@given(steps, counts, periods, counts)
def test_a_bucket_never_takes_more_than_burst_plus_refill(
    gaps: list[float], requests: int, per_s: float, burst: int
) -> None:
    """Between any two admissions there are at most burst + rate * time of them."""
    bucket = TokenBucket(requests, per_s, burst)
    admitted = [now for now in moments(gaps) if bucket.admit(now) == 0]
    excess = [
        (last - first + 1) - burst - (admitted[last] - admitted[first]) * requests / per_s
        for first in range(len(admitted))
        for last in range(first, len(admitted))
    ]
    assert max(excess) <= 1e-6


@given(steps, counts, periods, st.sampled_from(["fixed_window", "token_bucket"]))
def test_the_wait_told_is_enough(gaps: list[float], requests: int, per_s: float, kind: str) -> None:
    """Alone, a request that comes back after exactly its wait is taken."""
    keyed = limiter(Limit.model_validate({"kind": kind, "requests": requests, "per": f"{per_s:.6f}s"}), requests)
    for now in moments(gaps):
        wait_s = keyed.admit(now)
        if wait_s:
            # One microsecond: adding a wait to a time rounds, and a stamp is no finer.
            assert keyed.admit(now + wait_s + 1e-6) == 0
            return


def test_a_window_tells_the_time_to_its_end() -> None:
    """A refusal at 0.25 s of a window of 1 s waits 0.75 s."""
    window = FixedWindow(1, 1.0)
    assert [window.admit(5.0), window.admit(5.25)] == [0.0, 0.75]


def test_a_bucket_tells_the_time_to_its_next_token() -> None:
    """With 2 requests per second an empty bucket has a token in half a second."""
    bucket = TokenBucket(2, 1.0, 1)
    assert [bucket.admit(0.0), bucket.admit(0.0), bucket.admit(0.5)] == [0.0, 0.5, 0.0]


def test_each_key_has_its_own_limit() -> None:
    """What one key takes is not missing from another's."""
    limits = KeyedLimits(Limit(kind="fixed_window", requests=1))
    assert [limits.of(key).admit(0.0) for key in ("a", "b", "a")] == [("", 0.0), ("", 0.0), ("requests", 1.0)]


@pytest.mark.parametrize("kind", ["fixed_window", "token_bucket"])
def test_tokens_are_limited_besides(kind: str) -> None:
    """A request waits for the scarcer dimension, takes nothing of either while it waits, and may be too large ever."""
    limit = Limit.model_validate({"kind": kind, "requests": 3, "tokens": 1000, "per": "10s"})
    keyed = KeyedLimits(limit).of("a")
    wait_s = 10.0 if kind == "fixed_window" else 4.0
    assert [keyed.admit(0.0, tokens) for tokens in (800, 600, 200)] == [("", 0.0), ("tokens", wait_s), ("", 0.0)]
    assert {name: own.remaining for name, own in keyed.dimensions.items()} == {"requests": 1, "tokens": 0}
    assert keyed.admit(0.0, 1001) == ("tokens", math.inf)


def test_headers_and_refusals_name_the_dimension() -> None:
    """What a refusal says of tokens it says in the names of tokens; what can never fit is told in OpenAI's words."""
    limit = Limit.model_validate(
        {"kind": "token_bucket", "requests": 9, "tokens": 1000, "per": "60s", "retry_after": "reset_header"}
    )
    refused = refuse(limit, 2.5, dimension="tokens")
    named = {name: text for name, text in refused.headers.items() if name.endswith("-tokens")}
    assert named == {
        "x-ratelimit-limit-tokens": "1000",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "2.5s",
    }
    body = json.dumps(too_large(limit, 1001).body).encode()
    assert classify(429, {}, parse_error(body)).outcome is Outcome.REQUEST_TOO_LARGE


def test_promises_flag_only_what_comes_too_early() -> None:
    """An arrival at the very end of the wait keeps the promise, one before breaks it, a stranger's cannot."""
    promises = Promises()
    promises.tell("a", 5.0, 10.0)
    assert [promises.broken("a", 9.999), promises.broken("a", 10.0), promises.broken("b", 6.0)] == [True, False, False]


def test_promises_excuse_what_was_under_way() -> None:
    """What came before the word, or too soon after the first one to have heard it, is excused; later words renew it."""
    promises = Promises()
    promises.tell("a", 5.0, 10.0)
    promises.tell("a", 7.0, 10.0)
    assert [promises.broken("a", at_s, 0.05) for at_s in (4.9, 5.04, 5.06, 7.01)] == [False, False, True, True]
    promises.tell("a", 12.0, 15.0)
    assert [promises.broken("a", at_s, 0.05) for at_s in (12.04, 12.06)] == [False, True]


def test_promises_forget_the_oldest_first() -> None:
    """Memory is bounded."""
    promises = Promises(keep=2)
    for name in "abc":
        promises.tell(name, 0.0, 10.0)
    assert [promises.broken(name, 1.0) for name in "abc"] == [False, True, True]
