"""Which phase a moment belongs to."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from locustfiles._schedule import DRAIN, STEADY, WARM_UP, Schedule, Span


def spans(endpoint: str, *bounds: float) -> list[Span]:
    """Give the three phases between four bounds."""
    names = (WARM_UP, STEADY, DRAIN)
    return [Span(endpoint, "", *phase) for phase in zip(names, bounds, bounds[1:], strict=False)]


def two_endpoints() -> Schedule:
    """Give a schedule of `a` and then `b`."""
    schedule = Schedule()
    schedule.put(spans("b", 20, 22, 28, 30))
    schedule.put(spans("a", 0, 5, 15, 20))
    return schedule


def test_phases_follow_each_other() -> None:
    """A bound belongs to what begins there."""
    schedule = two_endpoints()
    seen = [schedule.phase_at("a", "", time_s) for time_s in (-1, 0, 4.9, 5, 14.9, 15, 19, 40)]
    assert seen == [WARM_UP, WARM_UP, WARM_UP, STEADY, STEADY, DRAIN, DRAIN, DRAIN]


def test_turns_start_until_the_drain() -> None:
    """No turn starts once the measured time is over; each endpoint has its own."""
    schedule = two_endpoints()
    seen = [(schedule.is_open("a", "", time_s), schedule.is_open("b", "", time_s)) for time_s in (0, 14.9, 15, 28)]
    assert seen == [(True, True), (True, True), (False, True), (False, False)]


def test_before_the_phases_are_known() -> None:
    """A worker that has heard nothing yet lets turns start: they are warm-up."""
    assert (Schedule().is_open("a", "", 1.0), Schedule().phase_at("a", "", 1.0)) == (True, WARM_UP)


def test_later_word_replaces_the_earlier() -> None:
    """An endpoint that is cut short ends when the newer span says."""
    schedule = two_endpoints()
    schedule.put([Span("a", "", STEADY, 5, 7), Span("a", "", DRAIN, 7, 12)])
    assert (schedule.phase_at("a", "", 8), schedule.is_open("a", "", 8), len(schedule.spans)) == (DRAIN, False, 6)


def test_rounds_lie_apart() -> None:
    """A turn belongs to the round that had begun when it was due; between rounds none starts."""
    schedule = two_endpoints()
    schedule.put(replace(span, round=2) for span in spans("a", 40, 45, 55, 60))
    seen = [schedule.phase_at("a", "", time_s) for time_s in (5, 16, 39, 40, 45, 54.9, 55)]
    assert seen == [STEADY, DRAIN, DRAIN, WARM_UP, STEADY, STEADY, DRAIN]
    assert [schedule.is_open("a", "", time_s) for time_s in (5, 16, 39, 40, 54.9, 55)] == [
        *(True, False, False),
        *(True, True, False),
    ]
    assert [span.round for span in schedule.spans] == [1, 1, 1, 1, 1, 1, 2, 2, 2]


def test_spans_are_in_order_of_time() -> None:
    """However they came in."""
    assert [span.endpoint for span in two_endpoints().spans] == ["a"] * 3 + ["b"] * 3


def test_document_round_trip() -> None:
    """A span survives the way to a worker."""
    for span in (Span("a", "cold", STEADY, 1.5, 2.5), Span("a", "cold", STEADY, 1.5, 2.5, round=3)):
        assert Span(**span.to_document()) == span  # type: ignore[arg-type]


@given(st.lists(st.floats(0, 1000), min_size=4, max_size=4, unique=True).map(sorted), st.floats(-10, 1100))
def test_open_means_not_drained(bounds: list[float], time_s: float) -> None:
    """A turn may start exactly when it would not belong to the drain."""
    schedule = Schedule()
    schedule.put(spans("a", *bounds))
    assert schedule.is_open("a", "", time_s) == (schedule.phase_at("a", "", time_s) != DRAIN)


def test_cut_ends_what_runs_and_forgets_what_never_began() -> None:
    """A run that is broken off has no phase that reaches past its end."""
    schedule = Schedule()
    schedule.put(spans("m", 0, 5, 15, 20))
    schedule.cut(7.0)
    assert spans("m", 0, 5, 7) == schedule.spans
