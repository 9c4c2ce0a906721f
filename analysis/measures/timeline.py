"""Timelines: how an endpoint fared from second to second, for the picture."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.measures.marks import marks
from analysis.model import Timeline
from analysis.rows.pieces import pieces
from analysis.rows.turns import is_throttled

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from numpy.typing import NDArray

WIDTHS_S = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 300.0, 900.0)
MOST_BINS = 120
FEWEST_P50, FEWEST_P95 = 6, 20
"""Turns below which a bin shows no quantile. A picture's p95 is drawn without interval: 20 turns put one beyond it."""


def timeline(turns: pd.DataFrame, attempts: pd.DataFrame, start_s: float, end_s: float) -> Timeline:
    """Count per bin and second.

    Turns offered and turns failed by intended start, attempts admitted and throttled by when they were sent; quantiles
    of TTFT and response time by intended start.
    """
    width = bin_width(end_s - start_s)
    bins = max(int(np.ceil((end_s - start_s) / width)), 1)
    at = _bins(turns["intended_s"], start_s, width, bins)
    sent = _bins(attempts["sent_s"], start_s, width, bins)
    throttled = is_throttled(attempts).to_numpy()
    failed = turns["lost"].to_numpy(dtype=bool)
    ttft = _quantiles(turns["ttft_ms"], at, bins)
    response = _quantiles(turns["response_time_ms"], at, bins)
    return Timeline(
        t_s=[round(start_s + (i + 0.5) * width, 6) for i in range(bins)],
        bin_s=width,
        offered=_rate(at, bins, width),
        admitted=_rate(sent[~throttled], bins, width),
        throttled=_rate(sent[throttled], bins, width),
        failed=_rate(at[failed], bins, width),
        ttft_p50_ms=ttft[0],
        ttft_p95_ms=ttft[1],
        response_p50_ms=response[0],
        response_p95_ms=response[1],
        marks=marks(turns),
    )


def bin_width(span_s: float) -> float:
    """Give the least of `WIDTHS_S` that needs at most `MOST_BINS` bins, or whole hours beyond."""
    for width in WIDTHS_S:
        if span_s / width <= MOST_BINS:
            return width
    return float(np.ceil(span_s / MOST_BINS / 3600) * 3600)


def _bins(at_s: pd.Series[float], start_s: float, width: float, bins: int) -> NDArray[np.int16]:
    """Give each time's bin; -1 outside of the span or where there is no time."""
    found = np.empty(len(at_s), dtype=np.int16)
    for rows in pieces(len(at_s)):
        number = np.floor((at_s.iloc[rows].to_numpy(dtype=np.float64) - start_s) / width)
        number[~((number >= 0) & (number < bins))] = -1
        found[rows] = number
    return found


def _rate(at: NDArray[np.int16], bins: int, width: float) -> list[float]:
    counts = np.bincount(at[at >= 0], minlength=bins)
    return [round(float(count) / width, 6) for count in counts]


def _quantiles(
    values: pd.Series[float], at: NDArray[np.int16], bins: int
) -> tuple[list[float | None], list[float | None]]:
    """Give p50 and p95 of each bin."""
    found = list(_by_bin(values, at, bins))
    return (
        [_quantile(group, 0.5) if len(group) >= FEWEST_P50 else None for group in found],
        [_quantile(group, 0.95) if len(group) >= FEWEST_P95 else None for group in found],
    )


def _by_bin(values: pd.Series[float], at: NDArray[np.int16], bins: int) -> Iterator[NDArray[Any]]:
    """Give the known values of each bin, ascending; turns come in order of time, but for each arm and phase anew."""
    begun = [0, *(np.flatnonzero(np.diff(at) < 0) + 1), len(at)]
    bounds = [low + np.searchsorted(at[low:high], np.arange(bins + 1)) for low, high in pairwise(begun)]
    for number in range(bins):
        pieces = [values.iloc[each[number] : each[number + 1]].to_numpy(dtype=np.float64) for each in bounds]
        numbers = np.concatenate(pieces)
        yield np.sort(numbers[~np.isnan(numbers)])


def _quantile(ordered: NDArray[Any], p: float) -> float:
    return round(float(np.quantile(ordered, p)), 3)
