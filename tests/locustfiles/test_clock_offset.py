"""Two clocks compared over a network that is slow, and slower one way than the other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locustfiles._clock_offset import STEP_S, ClockOffset, Exchange

delays = st.floats(0.00001, 0.5)
offsets = st.floats(-1e6, 1e6)


def exchange(offset_s: float, there_s: float, back_s: float, asked_s: float = 100.0) -> Exchange:
    """Ask a clock that is `offset_s` ahead, over a line that takes so long each way."""
    return Exchange(asked_s, asked_s + there_s + offset_s, asked_s + there_s + back_s)


def burst(clock: ClockOffset, *exchanges: Exchange) -> None:
    """Compare once."""
    for each in exchanges:
        clock.add(each)
    clock.end_burst()


@given(offsets, st.lists(st.tuples(delays, delays), min_size=1, max_size=8))
def test_the_truth_lies_within_the_error(offset_s: float, ways: list[tuple[float, float]]) -> None:
    """Whatever the delays, the offset is off by no more than the error that is stated."""
    clock = ClockOffset()
    burst(clock, *(exchange(offset_s, *way) for way in ways))
    assert abs(clock.offset_s - offset_s) <= clock.error_s + 1e-6
    assert clock.error_s == pytest.approx(min(map(sum, ways)) / 2, abs=1e-6)


@given(offsets, st.lists(st.lists(st.tuples(delays, delays), min_size=1, max_size=3), min_size=1, max_size=5))
def test_a_slow_line_is_no_drift(offset_s: float, bursts: list[list[tuple[float, float]]]) -> None:
    """Clocks that run alike never seem to have moved, however uneven the line."""
    clock = ClockOffset()
    for ways in bursts:
        burst(clock, *(exchange(offset_s, *way) for way in ways))
    assert abs(clock.drift_s) < 1e-6


@pytest.mark.parametrize("step_s", [-120.0, -0.2, 0.2, 120.0])
def test_a_step_is_seen(step_s: float) -> None:
    """A clock that jumps during the run is found out at the next comparison, and stays found out."""
    clock = ClockOffset()
    for offset_s in (5.0, 5.0 + step_s, 5.0):
        burst(clock, exchange(offset_s, 0.001, 0.002))
    assert abs(clock.drift_s - step_s) < 0.004
    assert abs(clock.drift_s) > STEP_S


def test_a_burst_without_answers_changes_nothing() -> None:
    """While the master is away, what was known stands."""
    clock = ClockOffset()
    burst(clock, exchange(3.0, 0.001, 0.001))
    burst(clock)
    assert (len(clock.bursts), clock.offset_s, clock.drift_s) == (1, pytest.approx(3.0), 0.0)
