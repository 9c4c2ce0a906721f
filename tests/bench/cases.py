"""What `make bench` measures, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from statistics import median

from bench import analysis
from bench.beside import idle_user_kb, report_rows_per_s, tls_connection_ms
from bench.figures import Figure, cpu, errors
from bench.load import Load
from bench.machine import Cores
from bench.trial import Case, Result, run

Say = Callable[[str], None]

BLOCK = (0.015, 0.030)
NON_STREAMING = Load(users=64, stream=False, ramp_s=2, settle_s=1, window_s=5)
MANY = ((1600, 25.0, 0.01), (2400, 16.0, 0.05))
"""Streams, tokens per second of each (what the provider's core carries), and the limit of the TTFT p99 error."""


class Bench:
    """One run of the benchmark: `results` by name, `figures` in the order of measuring."""

    def __init__(self, cores: Cores, say: Say, *, quick: bool) -> None:
        self._cores = cores
        self._say = say
        self._quick = quick
        self._load = Load(ramp_s=3, settle_s=2, window_s=4) if quick else Load(ramp_s=4, settle_s=3, window_s=6)
        self.results: dict[str, Result] = {}
        self.figures: list[Figure] = []

    def run(self) -> None:
        """Measure everything; what is not part of the quick run is left out of it."""
        rounds = [self._round(number) for number in range(1, 2 if self._quick else 4)]
        self.figures += cpu(rounds)
        self.figures += errors("500 streams", rounds[-1]["tailgate"].accuracy)
        self._connections()
        if not self._quick:
            self._blocked()
            self._tls(median(found["tailgate"].client_us for found in rounds))
            self._many()
            self._non_streaming()
            self._memory()
            for reader in ("httpuser", "aiohttp"):
                self._measure(reader, Case(reader, self._load))
        self._report()

    def _measure(self, name: str, case: Case) -> Result:
        self._say(name)
        result = self.results[name] = run(case, self._cores)
        return result

    def _round(self, number: int) -> dict[str, Result]:
        readers = ("bare", "tailgate", "fasthttp")
        return {reader: self._measure(f"{reader} {number}", Case(reader, self._load)) for reader in readers}

    def _blocked(self) -> None:
        result = self._measure("tailgate blocked", Case("tailgate", self._load, block=BLOCK))
        self.figures += errors("loop blocked 15 of 30 ms", result.accuracy)

    def _tls(self, plain_us: float) -> None:
        result = self._measure("tailgate TLS", Case("tailgate", self._load, tls=True))
        self.figures += errors("500 streams, TLS", result.accuracy)
        self.figures.append(Figure("TLS: CPU per chunk, of plain", result.client_us / plain_us, "x", 1.8))

    def _many(self) -> None:
        for users, tokens_per_second, limit in MANY:
            load = replace(self._load, users=users, tokens_per_second=tokens_per_second, ramp_s=10, settle_s=6)
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
        self._say("memory")
        self.figures.append(Figure("memory per idle chat user beyond the first", idle_user_kb(self._cores), "kB", 60))

    def _connections(self) -> None:
        self._say("TLS connections")
        cost_ms = tls_connection_ms(self._cores)
        self.figures.append(Figure("CPU per TLS connection opened", cost_ms, "ms", 2, reference="23 per TLS context"))

    def _report(self) -> None:
        self._say("report")
        self.figures.append(Figure("tailgate report", report_rows_per_s(), "attempts/s"))
        self._say("report at size")
        self.figures += analysis.figures(analysis.speeds(quick=self._quick, core=self._cores.client))
