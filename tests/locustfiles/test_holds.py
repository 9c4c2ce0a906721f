"""Refusals told from worker to worker: soon, seldom, and only while they are news."""

from __future__ import annotations

import gevent
import pytest

from locustfiles._holds import EVERY_S, SAME_S, Hold, Holds


def test_the_first_word_goes_out_at_once_and_a_crowd_of_them_in_one() -> None:
    """Five hundred refusals within a moment are two words: the first, and one for all that followed."""
    said: list[float] = []
    holds = Holds(lambda: said.append(holds.current(0.0)[0].until_s))
    for number in range(500):
        holds.tell(Hold("it", 1.0, 5.0 + number, 9.0))
        if not number:
            gevent.sleep(0)
    gevent.sleep(2.5 * EVERY_S)
    assert said == [5.0, 504.0]


@pytest.mark.parametrize(
    ("passed_s", "until_s", "wall", "is_news"),
    [
        (2.0, 4.0, 9.0, False),
        (2.0, 5.0 + SAME_S, 9.0, False),
        (2.0, 5.1, 9.0, True),
        (1.0, 5.0, 8.99, False),
        (1.0, 5.0, 8.0, True),
        (0.5, 5.0, 8.0, False),
    ],
)
def test_what_changes_nothing_is_not_said(passed_s: float, until_s: float, wall: float, *, is_news: bool) -> None:
    """A hold that ends no later than the known one is none, but where it teaches a lower limit, and no earlier one."""
    holds = Holds(lambda: None)
    assert holds.learn(Hold("it", 1.0, 5.0, 9.0))
    assert holds.learn(Hold("it", passed_s, until_s, wall)) is is_news
    assert holds.current(0.0)[0].until_s == (max(until_s, 5.0) if is_news else 5.0)


def test_what_is_over_is_forgotten_and_lanes_are_told_apart() -> None:
    """Who comes later hears of holds that last, of each lane its own."""
    holds = Holds(lambda: None)
    for hold in (first := Hold("it", 1.0, 5.0, 9.0, source="w0"), second := Hold("it.arm", 1.0, 6.0, 9.0, source="w1")):
        holds.tell(hold)
    assert [holds.current(now_s) for now_s in (4.0, 5.0, 6.0)] == [[first, second], [second], []]
