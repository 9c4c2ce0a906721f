"""The instrument watches itself: how late its event loop is, how long bytes lay unread, how much CPU it uses."""

from __future__ import annotations

import os
import socket
from collections import deque
from dataclasses import dataclass
from statistics import fmean
from time import perf_counter

import gevent
import psutil
from gevent import get_hub
from hdrh.histogram import HdrHistogram

LOOP_SAMPLE_S = 0.01
CPU_SAMPLE_S = 1.0
CPU_WINDOW = 10
"""Samples in a mean: a burst of a second does no harm, ten seconds at the limit do."""

HIGHEST_US = 600_000_000


@dataclass(frozen=True, slots=True)
class Reading:
    """What one worker knows of itself, in seconds and in cores (CPU of the process, and of the whole machine)."""

    host: str
    client_lag_p99_s: float | None
    loop_lag_p99_s: float | None
    loop_lag_max_s: float | None
    cpu_max: float | None
    machine_cpu_max: float | None


class Health:
    """Samples the loop every 10 ms and the CPU every second, from its making to its closing."""

    def __init__(self) -> None:
        self._loop_lag_us = HdrHistogram(1, HIGHEST_US, 3)
        self._client_lag_us = HdrHistogram(1, HIGHEST_US, 3)
        self._due = perf_counter() + LOOP_SAMPLE_S
        self._timer = get_hub().loop.timer(LOOP_SAMPLE_S, LOOP_SAMPLE_S)
        self._timer.start(self._sample_loop)
        self._process = psutil.Process()
        self._process.cpu_percent()
        psutil.cpu_percent()
        self._cpu: deque[tuple[float, float]] = deque(maxlen=86_400)
        self._greenlet = gevent.spawn(self._sample_cpu)

    def note_lag(self, lag_s: float | None) -> None:
        """Take an attempt's client lag."""
        if lag_s is not None:
            self._client_lag_us.record_value(max(int(lag_s * 1e6), 1))

    def reading(self) -> Reading:
        """Sum up so far."""
        return Reading(
            host=socket.gethostname(),
            client_lag_p99_s=_quantile(self._client_lag_us, 99),
            loop_lag_p99_s=_quantile(self._loop_lag_us, 99),
            loop_lag_max_s=_quantile(self._loop_lag_us, 100),
            cpu_max=_highest_mean([cpu for cpu, _ in self._cpu]),
            machine_cpu_max=_highest_mean([cpu for _, cpu in self._cpu]),
        )

    def close(self) -> None:
        """Stop sampling."""
        self._timer.stop()
        self._timer.close()
        gevent.kill(self._greenlet)

    def _sample_loop(self) -> None:
        now = perf_counter()
        lag_us = int((now - self._due) * 1e6)
        self._loop_lag_us.record_value(max(lag_us, 1))
        self._due = now + LOOP_SAMPLE_S

    def _sample_cpu(self) -> None:
        cores = os.cpu_count() or 1
        while True:
            gevent.sleep(CPU_SAMPLE_S)
            self._cpu.append((self._process.cpu_percent() / 100, psutil.cpu_percent() / 100 * cores))


def _highest_mean(samples: list[float]) -> float | None:
    """Give the highest mean of `CPU_WINDOW` successive samples, None when there are fewer."""
    windows = (samples[i : i + CPU_WINDOW] for i in range(len(samples) - CPU_WINDOW + 1))
    return max((fmean(window) for window in windows), default=None)


def _quantile(histogram: HdrHistogram, percent: float) -> float | None:
    if histogram.get_total_count() == 0:
        return None
    return float(histogram.get_value_at_percentile(percent)) / 1e6
