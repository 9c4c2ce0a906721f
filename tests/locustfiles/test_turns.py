"""Workers that take turns without a word."""

from __future__ import annotations

from locustfiles._turns import Turns

LATE_S = 0.1


def test_turns_come_one_by_one_at_the_pace_of_the_key() -> None:
    """Three workers at two turns per second go every half second, one after the other."""
    turns = [Turns(place, 3) for place in range(3)]
    for each in turns:
        each.begin(10.0, 0)
    gone: list[tuple[float, int]] = []
    for _ in range(7):
        moment, place = min((each.moment(0, 2.0), each.place) for each in turns)
        turns[place].advance(moment, 2.0, LATE_S)
        turns[place].take()
        gone.append((moment, place))
    assert gone == [(10.0 + number / 2, number % 3) for number in range(7)]


def test_who_was_refused_goes_last() -> None:
    """After a refusal turns begin with the next place, so that none is left out by refusals that come often."""
    turns = [Turns(place, 3) for place in range(3)]
    for each in turns:
        each.begin(0.0, 2)
    assert [each.moment(0, 1.0) for each in turns] == [1.0, 2.0, 0.0]


def test_a_turn_that_was_not_taken_is_gone() -> None:
    """Who comes a little late goes at once; who comes later waits for the next turn that is its own."""
    turns = Turns(1, 4)
    turns.begin(0.0, 0)
    turns.advance(1.05, 1.0, LATE_S)
    a_little = turns.moment(0, 1.0)
    turns.advance(1.2, 1.0, LATE_S)
    assert (a_little, turns.moment(0, 1.0), turns.moment(1, 1.0)) == (1.0, 5.0, 9.0)


def test_a_faster_pace_brings_turns_forward() -> None:
    """What was reached so far stays; the rest is gone through at the new pace."""
    turns = Turns(0, 2)
    turns.begin(0.0, 0)
    turns.take()
    turns.advance(1.0, 1.0, LATE_S)
    assert (turns.moment(0, 1.0), turns.moment(0, 4.0)) == (2.0, 1.25)


def test_a_place_may_change_while_turns_go_on() -> None:
    """When a worker leaves or comes, the next turn is the first of the new place."""
    turns = Turns(0, 2)
    turns.begin(0.0, 0)
    turns.advance(4.5, 1.0, 9.0)
    turns.seat(1, 3)
    assert turns.moment(0, 1.0) == 7.0
    turns.seat(1, 3)
    assert turns.moment(0, 1.0) == 7.0
