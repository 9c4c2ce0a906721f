"""What a reader reported against what happened: quantiles of the same requests, and the error of each one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.provider import Sent

EMPTY = "no request of the window was reported with a first token"


@dataclass(frozen=True, slots=True)
class Reported:
    """What a reader says: TTFT by request id, and gaps counted by microsecond; of requests inside the window."""

    ttft_s: dict[str, float]
    gaps_us: Counter[int]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Relative errors of the reported quantiles (0.01 = 1 %), and the absolute TTFT error that 99 % stay below."""

    requests: int
    ttft_p50_error: float
    ttft_p99_error: float
    gap_p50_error: float
    gap_p99_error: float
    ttft_p99_ms: float
    gap_p99_ms: float
    each_ttft_p99_error_ms: float


def compare(reported: Reported, truths: dict[str, Sent]) -> Accuracy:
    """Join by request id. Raises ValueError when nothing was reported, or an unknown request was."""
    if not reported.ttft_s:
        raise ValueError(EMPTY)
    true_ttft = {request_id: truths[request_id].ttft_s for request_id in reported.ttft_s}
    true_gaps: Counter[int] = Counter()
    for request_id in reported.ttft_s:
        true_gaps.update(int((later - earlier) * 1e6) for earlier, later in pairwise(truths[request_id].sends))
    told, true = sorted(reported.ttft_s.values()), sorted(true_ttft.values())
    each = sorted(abs(ttft_s - true_ttft[request_id]) for request_id, ttft_s in reported.ttft_s.items())
    return Accuracy(
        requests=len(told),
        ttft_p50_error=_relative(_at(told, 0.5), _at(true, 0.5)),
        ttft_p99_error=_relative(_at(told, 0.99), _at(true, 0.99)),
        gap_p50_error=_relative(_counted(reported.gaps_us, 0.5), _counted(true_gaps, 0.5)),
        gap_p99_error=_relative(_counted(reported.gaps_us, 0.99), _counted(true_gaps, 0.99)),
        ttft_p99_ms=_at(true, 0.99) * 1000,
        gap_p99_ms=_counted(true_gaps, 0.99) / 1000,
        each_ttft_p99_error_ms=_at(each, 0.99) * 1000,
    )


def _relative(told: float, true: float) -> float:
    return abs(told - true) / true


def _at(ordered: Sequence[float], share: float) -> float:
    """Give the nearest-rank quantile."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def _counted(counts: Counter[int], share: float) -> float:
    """Give the nearest-rank quantile of counted values."""
    rank, seen = share * counts.total(), 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= rank:
            return value
    return 0.0
