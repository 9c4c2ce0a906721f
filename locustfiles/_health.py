"""The instrument watches itself: how late its event loop is, how long bytes lay unread, how much CPU it uses."""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Any

import gevent
import psutil
from gevent import get_hub

from locustfiles._kernel_clock import KERNEL_CLOCK
from locustfiles._meter import Meter
from locustfiles._schedule import Span
from scenarios.records import Attempt

LOOP_SAMPLE_S = 0.01
CPU_SAMPLE_S = 1.0

PhaseKey = tuple[str, str, str]


class Health:
    """Samples the loop every 10 ms and the CPU every second, from its making to its closing, for each phase apart.

    `span_now` gives the span of the schedule that runs, None between spans.
    """

    def __init__(self, span_now: Callable[[], Span | None]) -> None:
        self._span_now = span_now
        self._whole = Meter()
        self._phases: dict[PhaseKey, Meter] = {}
        self._phase: Meter | None = None
        now = perf_counter()
        self._turns = deque((now, now, now), maxlen=3)
        self._due = now + LOOP_SAMPLE_S
        self._timer = get_hub().loop.timer(LOOP_SAMPLE_S, LOOP_SAMPLE_S)
        self._timer.start(self._sample_loop)
        self._process = psutil.Process()
        self._process.cpu_percent()
        psutil.cpu_percent()
        self._greenlet = gevent.spawn(self._sample_cpu)

    @property
    def read_until(self) -> float:
        """The `perf_counter` stamp up to which all that has arrived was read: the loop has gone round since."""
        return self._turns[0]

    def note(self, attempt: Attempt, merged: int) -> None:
        """Take what an attempt says of the instrument; `merged` as in its trace."""
        meter = self._meter((attempt.endpoint, attempt.arm, attempt.phase))
        lag_s = None
        if attempt.attempt_no == 1 and attempt.sent_s is not None:
            lag_s = attempt.sent_s - attempt.intended_s - (attempt.waited_s or 0.0)
        meter.client_lag.note(attempt.client_lag_s)
        meter.connect.note(attempt.connect_s)
        meter.schedule_lag.note(lag_s)
        meter.chunks += attempt.chunks or 0
        meter.coalesced += attempt.coalesced or 0
        meter.merged += merged

    def reading(self) -> dict[str, Any]:
        """Sum up so far: the whole run, and under `phases` each phase."""
        phases = [
            {"endpoint": endpoint, "arm": arm, "phase": phase, **meter.reading()}
            for (endpoint, arm, phase), meter in self._phases.items()
        ]
        whole = self._whole.with_attempts_of(self._phases.values())
        return {"host": socket.gethostname(), **whole.reading(), "phases": phases}

    def close(self) -> None:
        """Stop sampling."""
        self._timer.stop()
        self._timer.close()
        gevent.kill(self._greenlet)

    def _meter(self, key: PhaseKey) -> Meter:
        if key not in self._phases:
            self._phases[key] = Meter()
        return self._phases[key]

    def _sample_loop(self) -> None:
        now = perf_counter()
        lag_s = now - self._due
        self._due = now + LOOP_SAMPLE_S
        self._turns.append(now)
        self._whole.loop_lag.note(lag_s)
        if self._phase is not None:
            self._phase.loop_lag.note(lag_s)

    def _sample_cpu(self) -> None:
        cores = os.cpu_count() or 1
        while True:
            span = self._span_now()
            self._phase = None if span is None else self._meter((span.endpoint, span.arm, span.phase))
            gevent.sleep(CPU_SAMPLE_S)
            KERNEL_CLOCK.measure()
            cpu, machine_cpu = self._process.cpu_percent() / 100, psutil.cpu_percent() / 100 * cores
            for meter in (self._whole, self._phase):
                if meter is not None:
                    meter.cpu.append(cpu)
                    meter.machine_cpu.append(machine_cpu)
