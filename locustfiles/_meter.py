"""Distributions of the instrument's own delays, and its CPU, over one stretch of time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import fmean

from hdrh.histogram import HdrHistogram

HIGHEST_US = 600_000_000
NOTED_AT_MOST = 1_000
VALUES_AT_MOST = 10_000
A_SECOND_US = 1e6
CPU_WINDOW = 10
"""CPU samples in a mean: a burst of a second does no harm, ten seconds at the limit do."""


class Delays:
    """A histogram of delays in seconds, accurate to 0.1 %; above ten minutes they count as ten minutes."""

    def __init__(self) -> None:
        self._noted: list[float] = []
        self._counts: Counter[int] = Counter()
        self._microseconds = HdrHistogram(1, HIGHEST_US, 3)

    def note(self, delay_s: float | None) -> None:
        """Take one; None is none. It is counted later, with others: a histogram's update costs a microsecond."""
        if delay_s is not None:
            self._noted.append(delay_s)
            if len(self._noted) >= NOTED_AT_MOST:
                self._count()

    def _count(self) -> None:
        self._counts.update(map(int, map(A_SECOND_US.__mul__, self._noted)))
        self._noted.clear()
        if len(self._counts) > VALUES_AT_MOST:
            self._settle()

    def _settle(self) -> None:
        """Move everything into the histogram."""
        if self._noted:
            self._count()
        for delay_us, count in self._counts.items():
            self._microseconds.record_value(min(max(delay_us, 1), HIGHEST_US), count)
        self._counts.clear()

    def add(self, other: Delays) -> None:
        """Take all that another holds."""
        other._settle()
        self._microseconds.add(other._microseconds)

    def quantile_s(self, p: float) -> float | None:
        """Give the delay below which the share `p` lies, None when nothing was noted."""
        self._settle()
        if self._microseconds.get_total_count() == 0:
            return None
        return float(self._microseconds.get_value_at_percentile(p * 100)) / 1e6


@dataclass(slots=True)
class Meter:
    """What the instrument knows of itself, of one phase or of all: delays in seconds, CPU in cores."""

    loop_lag: Delays = field(default_factory=Delays)
    client_lag: Delays = field(default_factory=Delays)
    schedule_lag: Delays = field(default_factory=Delays)
    connect: Delays = field(default_factory=Delays)
    cpu: list[float] = field(default_factory=list)
    machine_cpu: list[float] = field(default_factory=list)
    chunks: int = 0
    coalesced: int = 0
    merged: int = 0

    def with_attempts_of(self, others: Iterable[Meter]) -> Meter:
        """Give this meter's loop and CPU with the attempts of others: an attempt is noted once, in its phase."""
        whole = Meter(loop_lag=self.loop_lag, cpu=self.cpu, machine_cpu=self.machine_cpu)
        for other in others:
            whole.client_lag.add(other.client_lag)
            whole.schedule_lag.add(other.schedule_lag)
            whole.connect.add(other.connect)
            whole.chunks += other.chunks
            whole.coalesced += other.coalesced
            whole.merged += other.merged
        return whole

    def reading(self) -> dict[str, float | int | None]:
        """Sum up."""
        return {
            "client_lag_p99_s": self.client_lag.quantile_s(0.99),
            "loop_lag_p99_s": self.loop_lag.quantile_s(0.99),
            "loop_lag_max_s": self.loop_lag.quantile_s(1.0),
            "schedule_lag_p99_s": self.schedule_lag.quantile_s(0.99),
            "connect_p99_s": self.connect.quantile_s(0.99),
            "cpu_max": highest_mean(self.cpu),
            "machine_cpu_max": highest_mean(self.machine_cpu),
            "chunks": self.chunks,
            "coalesced": self.coalesced,
            "merged": self.merged,
        }


def highest_mean(samples: list[float]) -> float | None:
    """Give the highest mean of `CPU_WINDOW` successive samples, None when there are fewer."""
    windows = (samples[i : i + CPU_WINDOW] for i in range(len(samples) - CPU_WINDOW + 1))
    return max((fmean(window) for window in windows), default=None)
