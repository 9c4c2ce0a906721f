"""Messages under a seal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locustfiles._seal import BrokenSealError, Seal

KEY, ADDRESS = b"k" * 32, b"mworker_1"


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_what_is_sealed_can_be_opened(contents: list[bytes]) -> None:
    """Who knows the key reads what was written, in the order in which it was."""
    here, there = Seal(KEY), Seal(KEY)
    assert [there.open(ADDRESS, here.close(ADDRESS, content)) for content in contents] == contents


@given(st.binary(max_size=100), st.integers(min_value=0), st.integers(1, 255))
def test_any_changed_byte_breaks_it(content: bytes, place: int, flip: int) -> None:
    """No byte of a sealed message can be changed: number, seal or content."""
    data = bytearray(Seal(KEY).close(ADDRESS, content))
    data[place % len(data)] ^= flip
    with pytest.raises(BrokenSealError):
        Seal(KEY).open(ADDRESS, bytes(data))


@given(st.binary(max_size=100))
def test_a_stranger_writes_nothing(data: bytes) -> None:
    """Any bytes that were not sealed are refused."""
    with pytest.raises(BrokenSealError):
        Seal(KEY).open(ADDRESS, data)


def test_another_key_or_address_is_refused() -> None:
    """A message is of no use under another key, nor to anyone but the one it was sent to."""
    data = Seal(KEY).close(ADDRESS, b"rows")
    for seal, address in ((Seal(b"x" * 32), ADDRESS), (Seal(KEY), b"wworker_1"), (Seal(KEY), b"mworker_")):
        with pytest.raises(BrokenSealError):
            seal.open(address, data)


def test_what_came_before_is_refused() -> None:
    """A message that is sent again by whoever has seen it is not taken twice."""
    here, there = Seal(KEY), Seal(KEY)
    first, second = here.close(ADDRESS, b"1"), here.close(ADDRESS, b"2")
    there.open(ADDRESS, second)
    for data in (first, second):
        with pytest.raises(BrokenSealError, match="it came before"):
            there.open(ADDRESS, data)


def test_a_later_process_is_believed() -> None:
    """A master that is started anew goes on with higher numbers."""
    there = Seal(KEY)
    there.open(ADDRESS, Seal(KEY).close(ADDRESS, b"1"))
    assert there.open(ADDRESS, Seal(KEY).close(ADDRESS, b"2")) == b"2"
