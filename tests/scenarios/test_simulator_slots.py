"""Service slots and the line before them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scenarios.simulator.slots import Slots


def test_guests_are_served_in_the_order_they_came() -> None:
    """The first in line takes the slot that is given up."""
    slots: Slots[str] = Slots(1)
    assert [slots.enter(guest) for guest in "abc"] == [True, False, False]
    assert [slots.leave("a"), slots.leave("b"), slots.leave("c")] == ["b", "c", None]


def test_a_guest_who_leaves_the_line_frees_no_slot() -> None:
    """Only a place in line is given up."""
    slots: Slots[str] = Slots(1)
    for guest in "abc":
        slots.enter(guest)
    assert (slots.leave("b"), slots.busy, slots.leave("a")) == (None, 1, "c")


def test_without_a_count_nobody_waits() -> None:
    """An endpoint without a concurrency limit serves all."""
    slots: Slots[int] = Slots()
    assert all(slots.enter(guest) for guest in range(1000))
    assert not slots.full


def test_full_means_neither_slot_nor_place() -> None:
    """With one slot and one place the third guest finds it full."""
    slots: Slots[str] = Slots(1, 1)
    found = []
    for guest in "abc":
        found.append(slots.full)
        if not slots.full:
            slots.enter(guest)
    assert found == [False, False, True]


@given(st.integers(1, 5), st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=200))
def test_never_more_served_than_slots(count: int, moves: list[tuple[bool, int]]) -> None:
    """However guests come and go, those served are at most the slots, and nobody waits beside a free one."""
    slots: Slots[int] = Slots(count)
    inside: dict[int, None] = {}
    for comes, guest in moves:
        if comes and guest not in inside:
            inside[guest] = None
            slots.enter(guest)
        elif not comes and guest in inside:
            del inside[guest]
            slots.leave(guest)
        assert slots.busy == min(count, len(inside))
        assert slots.waiting == len(inside) - slots.busy
