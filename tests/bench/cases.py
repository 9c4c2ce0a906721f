"""What `make bench` measures, in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from statistics import median
from typing import Literal

from bench import analysis
from bench.beside import idle_user_kb, tls_connection_ms
from bench.figures import Figure, cpu, errors, quiet_us
from bench.load import Load
from bench.machine import Cores
from bench.trial import Case, Result, run

Say = Callable[[str], None]
Mode = Literal["full", "quick", "smoke"]
Step = tuple[str, Callable[[], None]]

LOADS: dict[Mode, Load] = {
    "full": Load(ramp_s=3, settle_s=3, window_s=6),
    "quick": Load(ramp_s=3, settle_s=2, window_s=4),
    "smoke": Load(users=200, ramp_s=1, settle_s=1, window_s=3),
}
ROUNDS: dict[Mode, int] = {"full": 4, "quick": 1, "smoke": 1}

BLOCK = (0.015, 0.030)
NON_STREAMING = Load(users=64, stream=False, ramp_s=1, settle_s=1, window_s=5)
MANY = ((1600, 25.0, 0.01), (2400, 16.0, 0.05))
"""Streams, tokens per second of each (what the provider's core carries), and the limit of the TTFT p99 error."""


class Bench:
    """One run of the benchmark: `results` and `failures` by name, `figures` in the order of measuring."""

    def __init__(self, cores: Cores, say: Say, *, mode: Mode, only: str = "") -> None:
        self._cores = cores
        self._say = say
        self._mode = mode
        self._only = only
        self._load = LOADS[mode]
        self._rounds: list[dict[str, Result]] = []
        self.results: dict[str, Result] = {}
        self.figures: list[Figure] = []
        self.failures: dict[str, str] = {}

    def run(self) -> None:
        """Measure step by step; one that fails is noted, and does not keep the others from being measured."""
        for name, step in self._steps():
            if self._only not in name:
                continue
            started_s = time.monotonic()
            self._say(f"{name} …")
            try:
                step()
            except Exception as error:  # noqa: BLE001 - what has been measured is not lost
                self.failures[name] = f"{type(error).__name__}: {error}"
                self._say(f"{name} failed: {self.failures[name]}")
            else:
                self._say(f"{name}: {time.monotonic() - started_s:.0f} s")

    def _steps(self) -> Iterator[Step]:
        yield from ((f"round {number}", self._round) for number in range(1, ROUNDS[self._mode] + 1))
        yield "rounds compared", self._compare_rounds
        if self._mode != "smoke":
            yield "TLS connections", self._connections
            yield "report", self._report
        if self._mode == "full":
            yield "blocked loop", self._blocked
            yield "TLS", self._tls
            yield from ((f"{many[0]} streams", lambda many=many: self._many(*many)) for many in MANY)
            yield "non-streaming", self._non_streaming
            yield "memory", self._memory
            yield "HttpUser", lambda: self._measure("httpuser", Case("httpuser", self._load))
            yield "aiohttp", lambda: self._measure("aiohttp", Case("aiohttp", self._load))

    def _measure(self, name: str, case: Case) -> Result:
        result = self.results[name] = run(case, self._cores)
        return result

    def _round(self) -> None:
        number = len(self._rounds) + 1
        self._rounds.append({})
        for reader in ("bare", "tailgate", "fasthttp"):
            self._rounds[-1][reader] = self._measure(f"{reader} {number}", Case(reader, self._load))

    def _compare_rounds(self) -> None:
        whole = [found for found in self._rounds if "tailgate" in found]
        self.figures += cpu(whole)
        self.figures += errors("500 streams", whole[-1]["tailgate"].accuracy)

    def _blocked(self) -> None:
        result = self._measure("tailgate blocked", Case("tailgate", self._load, block=BLOCK))
        self.figures += errors("loop blocked 15 of 30 ms", result.accuracy)

    def _tls(self) -> None:
        result = self._measure("tailgate TLS", Case("tailgate", self._load, tls=True))
        self.figures += errors("500 streams, TLS", result.accuracy)
        if plain := [found["tailgate"] for found in self._rounds if "tailgate" in found]:
            share = quiet_us([result]) / quiet_us(plain)
            self.figures.append(Figure("TLS: CPU per chunk, of plain", share, "x", 1.8))

    def _many(self, users: int, tokens_per_second: float, limit: float) -> None:
        load = replace(self._load, users=users, tokens_per_second=tokens_per_second, ramp_s=8, settle_s=6)
        result = self._measure(f"tailgate {users}", Case("tailgate", load))
        self.figures += errors(f"{users} streams", result.accuracy, limit=limit, ttft_p99_alone=True)

    def _non_streaming(self) -> None:
        ratios = []
        for number in (1, 2):
            ours, theirs = (
                self._measure(f"{reader} non-streaming {number}", Case(reader, NON_STREAMING)).per_cpu_s
                for reader in ("tailgate", "fasthttp")
            )
            ratios.append(ours / theirs)
        self.figures.append(Figure("requests per CPU-second, 64 connections", ours, "1/s"))
        self.figures.append(Figure("… as a multiple of Locust FastHttpUser", median(ratios), "x", 2, ">="))

    def _memory(self) -> None:
        self.figures.append(Figure("memory per idle chat user beyond the first", idle_user_kb(self._cores), "kB", 60))

    def _connections(self) -> None:
        cost_ms = tls_connection_ms(self._cores)
        self.figures.append(Figure("CPU per TLS connection opened", cost_ms, "ms", 2, reference="23 per TLS context"))

    def _report(self) -> None:
        self.figures += analysis.figures(analysis.speeds(self._cores.client))
