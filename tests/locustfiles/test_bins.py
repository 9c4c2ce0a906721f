"""Durations, counted by the bins of a histogram."""

from __future__ import annotations

from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from locustfiles._bins import COUNTED_AT_ONCE, Bins
from scenarios.gaps import DIGITS, HIGHEST_US, LOWEST_US

DURATIONS_US = st.lists(
    st.builds(lambda us, octaves: us << octaves, st.integers(0, 1 << 16), st.integers(0, 15)), min_size=1
)


def taken(durations_s: list[float]) -> Bins:
    """Give the bins that took them."""
    bins = Bins()
    bins.add(durations_s)
    return bins


@given(DURATIONS_US)
def test_bins_are_those_of_the_library(durations_us: list[int]) -> None:
    """The upper bits of a float name the very bin that HdrHistogram puts each value into."""
    expected = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    for duration_us in durations_us:
        expected.record_value(max(duration_us, LOWEST_US))
    found = HdrHistogram.decode(taken([duration_us / 1e6 for duration_us in durations_us]).histogram().encode())
    assert list(found.counts) == list(expected.counts)


def test_what_no_bin_is_for() -> None:
    """A duration below 0, as a clock that was set back makes, is in the lowest bin, one beyond all bins in the last."""
    found = HdrHistogram.decode(taken([-1.0, 1e9]).histogram().encode())
    assert (found.counts[LOWEST_US], found.counts[len(found.counts) - 1], found.get_total_count()) == (1, 1, 2)


@given(DURATIONS_US, DURATIONS_US)
def test_merged_is_taken_together(first: list[int], second: list[int]) -> None:
    """Bins that are merged hold what both have taken, and the other keeps its own."""
    one, other, both = taken([us / 1e6 for us in first]), taken([us / 1e6 for us in second]), Bins()
    for bins in (one, other):
        both.merge(bins)
    together = taken([us / 1e6 for us in first + second])
    assert list(both.histogram().counts) == list(together.histogram().counts)
    assert (both.total(), other.total()) == (len(first) + len(second), len(second))


def test_quantiles() -> None:
    """A quantile is within 0.1 %; of nothing there is none, and what was not measured is not counted."""
    bins = Bins()
    for duration_s in (None, *(number / 1000 for number in range(1, 2 * COUNTED_AT_ONCE))):
        bins.note(duration_s)
    found = [bins.quantile_s(p) or 0.0 for p in (0.5, 0.99, 1.0)]
    expected = [p * (2 * COUNTED_AT_ONCE - 1) / 1000 for p in (0.5, 0.99, 1.0)]
    assert all(abs(one / other - 1) <= 0.001 for one, other in zip(found, expected, strict=True))
    assert (Bins().quantile_s(0.5), bins.total()) == (None, 2 * COUNTED_AT_ONCE - 1)
