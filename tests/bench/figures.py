"""Figures and their targets (issue 3), each with the reference that it is to be read against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Literal

from bench.accuracy import Accuracy
from bench.trial import Result

REFERENCE_US = {"bare": 10.0, "fasthttp": 31.2, "httpuser": 36.0, "aiohttp": 35.0}
"""CPU microseconds per chunk on a quiet core at 500 streams of 50 tokens/s (design, "The measuring client"); C: 8.2."""

REFERENCE_TTFT_P99 = {"bare": "0.0 %", "fasthttp": "37 %", "httpuser": "73 %", "aiohttp": "81 %"}


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `limit` is None for what has no target."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    sense: Literal["<=", ">="] = "<="
    reference: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the target is met, None without one."""
        if self.limit is None:
            return None
        return self.value <= self.limit if self.sense == "<=" else self.value >= self.limit


def quiet_us(results: Sequence[Result]) -> float:
    """Give what a unit costs on a quiet core: the lower quartile of all seconds.

    A shared machine's neighbours take cache and clock for seconds at a time, of which nothing tells from inside.
    """
    return quantiles([us for result in results for us in result.seconds_us], n=4, method="inclusive")[0]


def cpu(rounds: Sequence[dict[str, Result]]) -> list[Figure]:
    """Compare CPU per chunk: readers took turns, round by round, so that each met quiet seconds."""
    client = quiet_us([found["tailgate"] for found in rounds])
    provider = median(found["tailgate"].provider_us for found in rounds)
    figures = [Figure("CPU per chunk, whole Locust process", client, "us", 13, reference="C reaches 8.2")]
    for other, limit, reference in (("bare", 1.3, "prototype 1.15"), ("fasthttp", 0.6, "prototype 0.65")):
        if others := [found[other] for found in rounds if other in found]:
            share = client / quiet_us(others)
            figures.append(Figure(f"… as a share of {NAMES[other]}", share, "x", limit, reference=reference))
    figures.append(
        Figure("simulated provider's ceiling", 1e6 / provider, "chunks/CPU-s", 40_000, ">=", "C reaches 110,000")
    )
    return figures


NAMES = {
    "tailgate": "Tailgate in Locust, everything on",
    "bare": "bare libev callback reader",
    "fasthttp": "Locust FastHttpUser, readline",
    "httpuser": "Locust HttpUser, iter_lines",
    "aiohttp": "aiohttp, as vLLM's bench reads",
}


def errors(label: str, accuracy: Accuracy | None, *, limit: float = 0.01, ttft_p99_alone: bool = False) -> list[Figure]:
    """Give the relative errors of the reported quantiles as figures, in percent."""
    if accuracy is None:
        return []
    found = {
        "TTFT p50": accuracy.ttft_p50_error,
        "TTFT p99": accuracy.ttft_p99_error,
        "gap p50": accuracy.gap_p50_error,
        "gap p99": accuracy.gap_p99_error,
    }
    targets = {"TTFT p99"} if ttft_p99_alone else set(found)
    return [
        Figure(f"{label}: {name} error", error * 100, "%", limit * 100 if name in targets else None)
        for name, error in found.items()
    ]
