"""Validity: whether the instrument, not the target, was the bottleneck, and whether its record is complete."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from analysis.model import Validity
from analysis.rows.read import UNREADABLE, has_ended

LAG_S = 0.100
"""p99 of a worker's lateness: arrivals are stamped by the kernel, but sends leave this late."""

CPU_CORES = 0.95
"""Highest CPU use of a worker in cores: it is one thread, and at the limit its sends queue behind its reads."""

ROWS_LOST_SHARE = 0.001
"""Share of rows that a worker could not write; the load run itself tolerates none."""

CLOCK_OFFSET_S = 0.050
"""Offset of a worker's clock from the master's, beyond which time blocks of workers cannot be aligned."""

SCHEDULE_LAG_SHARE = 0.05
"""p99 of schedule lag as a share of the median response time."""

SCHEDULE_LAG_FLOOR_S = 0.050
"""Lateness that no user feels, however fast the target answers."""

LIMITS: tuple[tuple[str, float, str, float, str], ...] = (
    ("loop_lag_p99_s", LAG_S, "ran late: loop lag p99", 1000.0, "ms"),
    ("cpu_max", CPU_CORES, "was out of CPU: highest use", 100.0, "% of a core"),
    ("clock_offset_s", CLOCK_OFFSET_S, "has a clock that is off by", 1000.0, "ms"),
)
"""Per worker: field of run.json, limit, words, factor to the unit shown, unit."""


def validity(
    meta: Mapping[str, Any],
    late: Mapping[str, tuple[float, float]],
    stops: Mapping[str, str],
    further: Iterable[str] = (),
) -> Validity:
    """Judge a run by run.json, two facts per endpoint, and `further` reasons against it.

    `late`: (schedule lag p99, median response time), in seconds. `stops`: why its test ended early, if it did.
    """
    if not meta or UNREADABLE in meta:
        why = meta.get(UNREADABLE, "run.json is missing")
        return Validity(verdict="invalid", reasons=[f"{why}: nobody knows whether the generator kept up"])
    reasons = _stated(meta.get("validity"))
    if not has_ended(meta):
        reasons.append("the run never ended: its last rows and its workers' health are unknown")
    if not reasons:
        reasons = [reason for worker in workers(meta) for reason in _of_worker(worker)]
    if meta.get("interrupted") and has_ended(meta):
        reasons.append("the run was interrupted: it is shorter than asked for")
    reasons += [f"the test of {endpoint} stopped early: {reason}" for endpoint, reason in stops.items()]
    reasons += [*_of_schedule(late), *further]
    return Validity(verdict="invalid" if reasons else "valid", reasons=reasons)


def _stated(stated: object) -> list[str]:
    """Give the load run's own reasons."""
    if not isinstance(stated, dict) or stated.get("verdict") != "invalid":
        return []
    reasons = stated.get("reasons")
    found = [str(reason) for reason in reasons] if isinstance(reasons, list) else []
    return found or ["the load run called itself invalid and gave no reason"]


def notes(meta: Mapping[str, Any]) -> Iterator[str]:
    """Give what the load run noted, who was turned away, and which workers read late.

    No stamp is wrong for late reads, since the kernel sets them, but gaps may be merged.
    """
    noted = meta.get("notes")
    yield from map(str, noted if isinstance(noted, list) else [])
    if strangers := _number(meta.get("strangers")):
        yield f"messages or connections of strangers that the master turned away: {strangers:,.0f}"
    for worker in workers(meta):
        lag_s = _number(worker.get("client_lag_p99_s"))
        if lag_s is not None and lag_s > LAG_S:
            yield (
                f"worker {worker.get('worker', '?')} read answers {lag_s * 1000:,.0f} ms late at p99: arrivals are "
                "stamped by the kernel, but chunks that waited together count as one gap"
            )


def workers(meta: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the workers' health records that can be read."""
    listed = meta.get("workers")
    return [worker for worker in listed if isinstance(worker, dict)] if isinstance(listed, list) else []


def _of_worker(worker: Mapping[str, Any]) -> Iterator[str]:
    name = worker.get("worker", "?")
    for key, limit, words, factor, unit in LIMITS:
        value = _number(worker.get(key))
        if value is not None and abs(value) > limit:
            yield f"worker {name} {words} {value * factor:,.0f} {unit}, the limit is {limit * factor:,.0f}"
    lost, rows = _number(worker.get("rows_lost")) or 0.0, _number(worker.get("rows")) or 0.0
    if lost > ROWS_LOST_SHARE * (lost + rows) and not _is_gone(worker):
        yield f"worker {name} lost {lost:,.0f} of {lost + rows:,.0f} rows"


def _is_gone(worker: Mapping[str, Any]) -> bool:
    """Tell whether it was lost for good: the load run says of what then is missing whether it can be left out."""
    absences = worker.get("absences")
    listed = absences if isinstance(absences, list) else []
    return any(isinstance(each, dict) and each.get("why") == "lost" and each.get("to_s") is None for each in listed)


def _of_schedule(late: Mapping[str, tuple[float, float]]) -> Iterator[str]:
    for endpoint, (lag_s, response_s) in late.items():
        limit_s = max(SCHEDULE_LAG_SHARE * response_s, SCHEDULE_LAG_FLOOR_S)
        if lag_s > limit_s:
            yield (
                f"turns of {endpoint} started late: schedule lag p99 {lag_s * 1000:,.0f} ms, "
                f"the limit is {limit_s * 1000:,.0f} ms"
            )


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
