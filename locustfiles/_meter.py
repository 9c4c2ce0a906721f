"""Distributions of the instrument's own delays, and its CPU, over one stretch of time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import fmean

from locustfiles._bins import Bins

CPU_WINDOW = 10
"""CPU samples in a mean: a burst of a second does no harm, ten seconds at the limit do."""


@dataclass(slots=True)
class Meter:
    """What the instrument knows of itself, of one phase or of all: delays in seconds, CPU in cores."""

    loop_lag: Bins = field(default_factory=Bins)
    client_lag: Bins = field(default_factory=Bins)
    schedule_lag: Bins = field(default_factory=Bins)
    connect: Bins = field(default_factory=Bins)
    cpu: list[float] = field(default_factory=list)
    machine_cpu: list[float] = field(default_factory=list)
    chunks: int = 0
    coalesced: int = 0
    merged: int = 0

    def with_attempts_of(self, others: Iterable[Meter]) -> Meter:
        """Give this meter's loop and CPU with the attempts of others: an attempt is noted once, in its phase."""
        whole = Meter(loop_lag=self.loop_lag, cpu=self.cpu, machine_cpu=self.machine_cpu)
        for other in others:
            whole.client_lag.merge(other.client_lag)
            whole.schedule_lag.merge(other.schedule_lag)
            whole.connect.merge(other.connect)
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
