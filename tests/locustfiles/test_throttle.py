"""How long a user waits: never less than asked, or not at all."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from locustfiles._throttle import next_wait
from scenarios.limits import Hint
from scenarios.scenario import Throttle

HINTS = st.none() | st.builds(Hint, st.floats(0.001, 400), st.sampled_from(["retry-after", "text"]))


@given(HINTS, st.integers(1, 12), st.floats(0, 1000), st.integers())
def test_never_early(hint: Hint | None, attempt_no: int, waited_s: float, seed: int) -> None:
    """A wait that is obeyed is at least as long as asked, and the turn gives up rather than cut one short."""
    throttle = Throttle(max_wait="120s", max_total_wait="300s", max_attempts=10)
    wait = next_wait(throttle, hint, attempt_no, waited_s, random.Random(seed))
    gives_up = attempt_no >= 10 or (hint is not None and (hint.seconds > 120 or waited_s + hint.seconds > 300))
    if gives_up:
        assert wait is None
    elif hint is not None:
        assert wait is not None
        assert (wait.seconds >= hint.seconds, wait.source) == (True, hint.source)


@given(st.floats(0.001, 100), st.integers())
def test_jitter_is_bounded(seconds: float, seed: int) -> None:
    """Jitter adds at most a second or a tenth."""
    wait = next_wait(Throttle(), Hint(seconds, "retry-after"), 1, 0.0, random.Random(seed))
    assert wait is not None
    assert 0 <= wait.seconds - seconds <= max(1.0, 0.1 * seconds) + 1e-9


@given(st.integers(1, 9), st.integers())
def test_backoff_without_a_hint(attempt_no: int, seed: int) -> None:
    """Without a hint the wait is a back-off, and says so."""
    wait = next_wait(Throttle(), None, attempt_no, 0.0, random.Random(seed))
    assert wait is not None
    assert (wait.source, 0 < wait.seconds <= 60) == ("backoff", True)


@given(HINTS, st.integers(1, 9))
def test_policy_none_never_waits(hint: Hint | None, attempt_no: int) -> None:
    """`none` ends the turn at the first refusal."""
    assert next_wait(Throttle(policy="none"), hint, attempt_no, 0.0, random.Random(1)) is None


@given(st.integers(1, 20))
def test_attempts_are_limited(attempt_no: int) -> None:
    """After `max_attempts` the turn ends."""
    wait = next_wait(Throttle(max_attempts=5), Hint(1, "text"), attempt_no, 0.0, random.Random(1))
    assert (wait is None) == (attempt_no >= 5)
