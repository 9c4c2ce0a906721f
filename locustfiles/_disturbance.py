"""What lost workers did to a run: which steady figures it touches, and whether they still stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from locustfiles._clock_offset import STEP_S
from locustfiles._report import WorkerReport
from locustfiles._schedule import STEADY, Span

SETTLE_S = 5.0
"""Users that were moved open connections and begin conversations anew for about this long."""

LIMIT = 0.01
"""Share of a steady phase's user time that may have been missing or moved."""


def reasons(reports: Sequence[WorkerReport], spans: Sequence[Span], end_s: float) -> Iterator[str]:
    """Say why the figures do not stand: rows are missing, users were away, or rows are out of order."""
    for report in reports:
        for absence in report.absences:
            if absence["why"] == "lost" and absence["to_s"] is None:
                yield f"{_told(report, absence, end_s)}; rows of attempts that ended after that are missing"
            elif (touched := _touched(absence, spans, end_s)) > LIMIT:
                yield f"{_told(report, absence, end_s)}; that is {touched:.1%} of the user time of a steady phase"
        for pause in report.pauses:
            yield from _of_pause(report, pause, spans)
        yield from _of_clock(report)


def notes(reports: Sequence[WorkerReport], spans: Sequence[Span], end_s: float) -> Iterator[str]:
    """Say what happened and did no harm."""
    for report in reports:
        for absence in report.absences:
            harmless = absence["why"] == "left" or absence["to_s"] is not None
            if harmless and _touched(absence, spans, end_s) <= LIMIT:
                yield f"{_told(report, absence, end_s)}; its rows are complete, and no steady figure is touched by it"
        if report.disk_problem and not report.rows_lost:
            yield (
                f"worker {report.worker} could not write all of its rows to disk ({report.disk_problem}); none is "
                "lost: they waited in memory"
            )


def _told(report: WorkerReport, absence: dict[str, Any], end_s: float) -> str:
    verb = "left the run" if absence["why"] == "left" else "was lost"
    until = "for the rest of the run" if absence["to_s"] is None else f"until {absence['to_s']:.1f} s"
    if absence["why"] == "left":
        until = f"{max(end_s - absence['from_s'], 0):.0f} s before the end"
    flying = f" and {absence['in_flight']} turns under way" if absence["in_flight"] else ""
    return (
        f"worker {report.worker} on {report.host} {verb} at {absence['from_s']:.1f} s, {until}, "
        f"with {absence['users']} of {absence['all_users']} users ({absence['share']:.0%}){flying}"
    )


def _of_pause(report: WorkerReport, pause: Sequence[float], spans: Sequence[Span]) -> Iterator[str]:
    start_s, end_s = pause
    if any(_overlap(start_s, end_s, span) for span in spans if span.phase == STEADY):
        yield (
            f"worker {report.worker} on {report.host} did not hear the master, and had no users from {start_s:.1f} s "
            f"to {end_s:.1f} s"
        )


def _of_clock(report: WorkerReport) -> Iterator[str]:
    if report.clock_offset_s is not None and abs(report.clock_offset_s) > STEP_S:
        yield (
            f"the clock of worker {report.worker} moved {report.clock_offset_s * 1000:+,.0f} ms against the master's "
            f"during the run (limit {STEP_S * 1000:.0f} ms): its rows are out of place by that much"
        )
    if report.clock_error_s is not None and report.clock_error_s > STEP_S:
        yield (
            f"the clock of worker {report.worker} could only be read to within {report.clock_error_s * 1000:,.0f} ms "
            f"(limit {STEP_S * 1000:.0f} ms): the network between it and the master is too slow"
        )


def _touched(absence: dict[str, Any], spans: Sequence[Span], end_s: float) -> float:
    """Give the largest share of a steady phase's user time that an absence touches."""
    start_s = absence["from_s"]
    back_s = absence["to_s"] if absence["to_s"] is not None else absence["moved_s"]
    stop_s = min(back_s + SETTLE_S, max(end_s, back_s))
    steady = [span for span in spans if span.phase == STEADY and span.end_s > span.start_s]
    shares = [_overlap(start_s, stop_s, span) / (span.end_s - span.start_s) for span in steady]
    return max(shares, default=0.0) * float(absence["share"])


def _overlap(start_s: float, end_s: float, span: Span) -> float:
    return max(min(end_s, span.end_s) - max(start_s, span.start_s), 0.0)
