"""What lost workers did to a run: which stretches of it they disturbed, and whether its figures still stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from locustfiles._clock_offset import STEP_S
from locustfiles._report import WorkerReport
from locustfiles._schedule import STEADY, Span

SETTLE_S = 5.0
"""Users that were moved open connections and begin conversations anew for about this long."""

LIMIT = 0.01
"""Share of a steady phase's user time that may have been missing or moved."""

LEAST_LEFT = 0.5
"""Share of a steady phase that must be left undisturbed for `on_worker_loss: exclude` to judge by the rest."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A stretch of the run in which users were missing or new in their places, and the sentence that says why."""

    worker: str
    start_s: float
    end_s: float
    told: str


def disturbances(reports: Sequence[WorkerReport], spans: Sequence[Span], end_s: float) -> list[Disturbance]:
    """Give the stretches that touch figures: rows are missing, or users were away in a steady phase."""
    found = [each for report in reports for each in _of_worker(report, spans, end_s)]
    return sorted(found, key=lambda each: each.start_s)


def reasons(
    reports: Sequence[WorkerReport], spans: Sequence[Span], end_s: float, policy: str = "continue"
) -> Iterator[str]:
    """Say why the figures do not stand, unless `policy` is to judge by what is left; rows may be out of place too."""
    found = disturbances(reports, spans, end_s)
    if policy != "exclude" or not _is_enough_left(found, spans):
        yield from (each.told for each in found)
    for report in reports:
        yield from _of_clock(report)


def notes(
    reports: Sequence[WorkerReport], spans: Sequence[Span], end_s: float, policy: str = "continue"
) -> Iterator[str]:
    """Say what happened and did no harm."""
    found = disturbances(reports, spans, end_s)
    if policy == "exclude" and _is_enough_left(found, spans):
        yield from (each.told for each in found)
    for report in reports:
        for absence in report.absences:
            if not _is_incomplete(absence) and _touched(absence, spans, end_s) <= LIMIT:
                yield f"{_told(report, absence, end_s)}; its rows are complete, and no steady figure is touched by it"
        if report.disk_problem and not report.rows_lost:
            yield (
                f"worker {report.worker} could not write all of its rows to disk ({report.disk_problem}); none is "
                "lost: they waited in memory"
            )


def _of_worker(report: WorkerReport, spans: Sequence[Span], end_s: float) -> Iterator[Disturbance]:
    for absence in report.absences:
        told, until_s = _told(report, absence, end_s), _settled_s(absence, end_s)
        if _is_incomplete(absence):
            told = f"{told}; rows of attempts that ended after that are missing"
        elif (touched := _touched(absence, spans, end_s)) > LIMIT:
            told = f"{told}; that is {touched:.1%} of the user time of a steady phase"
        else:
            continue
        yield Disturbance(report.worker, absence["from_s"], until_s, told)
    for from_s, to_s in report.pauses:
        if any(_overlap(from_s, to_s, span) for span in spans if span.phase == STEADY):
            who = f"worker {report.worker} on {report.host}"
            told = f"{who} did not hear the master, and had no users from {from_s:.1f} s to {to_s:.1f} s"
            yield Disturbance(report.worker, from_s, to_s + SETTLE_S, told)


def _is_incomplete(absence: dict[str, Any]) -> bool:
    return bool(absence["why"] == "lost" and absence["to_s"] is None)


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


def _settled_s(absence: dict[str, Any], end_s: float) -> float:
    """Give when the users were in their places again: after they had moved, or had moved back."""
    back_s: float = absence["to_s"] if absence["to_s"] is not None else absence["moved_s"]
    return min(back_s + SETTLE_S, max(end_s, back_s))


def _touched(absence: dict[str, Any], spans: Sequence[Span], end_s: float) -> float:
    """Give the largest share of a steady phase's user time that an absence touches."""
    start_s, stop_s = absence["from_s"], _settled_s(absence, end_s)
    shares = [_overlap(start_s, stop_s, span) / (span.end_s - span.start_s) for span in _steady(spans)]
    return max(shares, default=0.0) * float(absence["share"])


def _is_enough_left(found: Sequence[Disturbance], spans: Sequence[Span]) -> bool:
    return all(_disturbed_s(found, span) <= (1 - LEAST_LEFT) * (span.end_s - span.start_s) for span in _steady(spans))


def _disturbed_s(found: Sequence[Disturbance], span: Span) -> float:
    """Give the seconds of a span that any of the stretches covers; they come in the order of their start."""
    covered_s, reached_s = 0.0, span.start_s
    for each in found:
        covered_s += _overlap(max(each.start_s, reached_s), each.end_s, span)
        reached_s = max(reached_s, each.end_s)
    return covered_s


def _steady(spans: Sequence[Span]) -> list[Span]:
    return [span for span in spans if span.phase == STEADY and span.end_s > span.start_s]


def _overlap(start_s: float, end_s: float, span: Span) -> float:
    return max(min(end_s, span.end_s) - max(start_s, span.start_s), 0.0)
