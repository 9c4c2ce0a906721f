"""Whether the instrument was good enough for its run: the thresholds, each with its reason, in one place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from locustfiles._schedule import STEADY

CPU_LIMIT = 0.95
"""A worker is one thread: at 95 % of a core, sends queue behind reads and schedule lag grows without bound."""

LOOP_LAG_P99_LIMIT_S = 0.1
"""Arrivals are stamped by the kernel, so a late loop does not distort them; past 100 ms it delays sends visibly."""

MERGED_LIMIT = 0.05
"""Share of the chunks that waited with another for a late loop: what is not known of them is a tenth of a median."""

ROWS_LOST_LIMIT = 0
"""A lost row is an attempt that nobody can judge."""


class WorkerFacts(Protocol):
    """What validity looks at, of one worker."""

    worker: str
    cpu_max: float | None
    loop_lag_p99_s: float | None
    rows_lost: int | None
    absences: list[dict[str, Any]]
    phases: list[dict[str, Any]]


def judge(workers: Sequence[WorkerFacts]) -> dict[str, object]:
    """Give `{"verdict": "valid" | "invalid", "reasons": [...]}`."""
    reasons = [reason for worker in workers for reason in _reasons(worker)]
    return {"verdict": "invalid" if reasons else "valid", "reasons": reasons}


def _reasons(worker: WorkerFacts) -> Iterator[str]:
    if worker.cpu_max is not None and worker.cpu_max > CPU_LIMIT:
        yield (
            f"worker {worker.worker} used {worker.cpu_max:.0%} of a core (limit {CPU_LIMIT:.0%}): the load "
            "generator was the bottleneck; use more workers or fewer users"
        )
    steady = [phase for phase in worker.phases if phase["phase"] == STEADY]
    late = [phase for phase in steady if (phase["loop_lag_p99_s"] or 0.0) > LOOP_LAG_P99_LIMIT_S]
    yield from (_late(worker.worker, phase["loop_lag_p99_s"], f" under {phase['endpoint']}") for phase in late)
    if not late and worker.loop_lag_p99_s is not None and worker.loop_lag_p99_s > LOOP_LAG_P99_LIMIT_S:
        yield _late(worker.worker, worker.loop_lag_p99_s)
    yield from (_merged(worker.worker, phase) for phase in steady if phase["merged"] > MERGED_LIMIT * phase["chunks"])
    is_gone = any(each["why"] == "lost" and each["to_s"] is None for each in worker.absences)
    if worker.rows_lost is not None and worker.rows_lost > ROWS_LOST_LIMIT and not is_gone:  # else its absence says it
        yield f"worker {worker.worker} lost {worker.rows_lost} rows"


def _late(worker: str, lag_s: float, where: str = "") -> str:
    return (
        f"worker {worker}'s event loop{where} was late by {lag_s * 1000:.0f} ms at p99 (limit "
        f"{LOOP_LAG_P99_LIMIT_S * 1000:.0f} ms): its requests left late; free the machine or add workers"
    )


def _merged(worker: str, phase: Mapping[str, Any]) -> str:
    return (
        f"{phase['merged'] / phase['chunks']:.0%} of the chunks that worker {worker} read from {phase['endpoint']} had "
        f"waited with another for its late event loop (limit {MERGED_LIMIT:.0%}): when they came is not known; free "
        "the machine or add workers"
    )
