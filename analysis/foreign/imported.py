"""A report from plain Locust CSV files: what they allow, each percentile with its bucket, and what they do not say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from analysis.foreign.advice import next_steps
from analysis.foreign.bucketed import mean, quantile, requests_for, share
from analysis.foreign.locust_csv import (
    Failure,
    Moment,
    Row,
    are_fine,
    exceptions,
    read_failures,
    read_history,
    read_stats,
)
from analysis.model import Estimate, Figure, Group, NotEstimable, PhaseSpan, Plots, Report, SloLine, Timeline, Validity
from analysis.stats.quantiles import STANDARD, name_of
from analysis.verdicts import slo_eval
from analysis.verdicts.headline import headline, verdict
from analysis.verdicts.standing import standings
from analysis.verdicts.validity import workers
from scenarios.slo import METRICS, Slo

METRIC = "service_time_ms"
"""Locust times run from the send: a wait before it is not in them, as it is in response time."""

MISSING = (
    "not in Locust's CSV files, and so not in this report: time to first token, time per output token, gaps between "
    "chunks, waits for a limit, when requests were meant to start, tokens, cost, conversations, single requests; no "
    "figure is paired, and none knows how far neighbouring requests are alike"
)


def is_imported(meta: Mapping[str, Any]) -> bool:
    """Tell whether a run folder was made by `tailgate import`."""
    return isinstance(meta.get("imported"), dict)


def report(folder: Path, meta: Mapping[str, Any]) -> Report:
    """Compute the report of an imported run folder: the same files give the same report."""
    notes: list[str] = []
    rows = read_stats(folder / "stats.csv", notes)
    history = read_history(folder / "stats_history.csv", notes)
    failures = read_failures(folder / "failures.csv", notes)
    groups = [_group(row, history, rows) for row in rows if not row.is_total and row.requests]
    lines, unread = slo_eval.slos(meta)
    held = [_hold(slo, group) for group in groups for slo in lines if slo.endpoint in ("", group.endpoint)]
    held += [slo_eval.undecided(text, why, group.endpoint) for group in groups for text, why in unread.items()]
    judged = Validity(verdict="valid")
    result = verdict(judged, held, groups)
    standing = standings(held, groups)
    return Report(
        run_id=str(meta.get("run_id") or folder.name),
        name=str(meta.get("name") or folder.name),
        started_at=str(meta.get("started_at") or "unknown"),
        load_model=str(meta.get("load_model") or "unknown"),
        verdict=result,
        headline=headline(result, judged, held, groups, standing),
        standings=standing,
        next_steps=next_steps(result, held, groups, failures),
        validity=judged,
        slo=held,
        groups=groups,
        phases=[
            PhaseSpan(endpoint=group.endpoint, arm="", phase=group.phase, start_s=group.start_s, end_s=group.end_s)
            for group in groups
        ],
        health=workers(meta),
        cost={"not_estimable": "Locust's CSV files hold no tokens"},
        notes=[*notes, *_notes(rows, history, failures, exceptions(folder / "exceptions.csv", notes))],
        versions={},
        plots=Plots(spectra={}, timelines=dict(_timelines(groups, history))),
    )


def _group(row: Row, history: Sequence[Moment], rows: Sequence[Row]) -> Group:
    start_s, end_s = (history[0].at_s, history[-1].at_s) if history else (0.0, 0.0)
    failed = share(row.failures, row.requests)
    return Group(
        endpoint=row.label,
        arm="",
        phase="steady",
        start_s=0.0,
        end_s=end_s - start_s,
        turns=row.requests,
        attempts=row.requests,
        users=max((moment.users for moment in history), default=0) or None,
        shares={"ok": share(row.requests - row.failures, row.requests), "failed": failed},
        metrics={METRIC: {**{name_of(p): quantile(row, p, fine=are_fine(rows)) for p in STANDARD}, "mean": mean(row)}},
        cost={},
        rates={} if row.requests_per_second is None else {"attempts_sent_per_second": row.requests_per_second},
    )


def _hold(slo: Slo, group: Group) -> SloLine:
    """Hold a line against what the CSVs allow."""
    figure = measure(slo, group)
    found = slo_eval.judge(slo, figure)
    reason = ""
    failed = group.shares["failed"]
    room = None if slo.quantile is None or slo.comparator.startswith(">") else 1 - slo.quantile
    if found == "pass" and room is not None and isinstance(failed, Estimate) and failed.value > room:
        found, reason = "inconclusive", f"; {failed.value:.1%} of requests failed, and count as fast as they failed"
    needed = needed_requests(slo, figure) if found == "inconclusive" and not reason else None
    if needed:
        reason = f"; about {needed:,} requests would tell"
    return slo_eval.told(slo, (group.endpoint, ""), found, figure, reason, needed)


def needed_requests(slo: Slo, figure: Figure) -> int | None:
    """Give the requests that would decide a line, were its figure true; without an interval those that give one."""
    without = isinstance(figure, Estimate) and figure.low is None and slo.quantile is not None
    return requests_for(slo.quantile) if without and slo.quantile else slo_eval.needed_turns(slo, figure)


def measure(slo: Slo, group: Group) -> Figure:
    """Give the figure that a line is about, or why the CSVs have none."""
    if slo.metric == METRIC:
        name = "mean" if slo.quantile is None else name_of(slo.quantile)
        missing = NotEstimable(not_estimable=f"the import keeps p50, p90, p95, p99 and p99.9, not {name}")
        return group.metrics[METRIC].get(name, missing)
    if slo.metric == "response_time_ms":
        reason = "Locust does not know when a request was meant to start: write service_time_ms"
        return NotEstimable(not_estimable=reason)
    if slo.metric == "failed_share":
        return group.shares["failed"]
    if METRICS[slo.metric].kind == "latency" or slo.metric in METRICS:
        return NotEstimable(not_estimable=f"{slo.metric} is not in Locust's CSV files")
    return NotEstimable(not_estimable="not measured")


def _notes(rows: Sequence[Row], history: Sequence[Moment], failures: Sequence[Failure], raised: int) -> Iterator[str]:
    fine = are_fine(rows)
    yield MISSING
    yield (
        "percentiles are Locust's: "
        + ("cut to whole ms" if fine else "rounded to two digits, up to 4.8 % off (more below 10 ms)")
        + ", one rank above the nearest, over failed requests as well, and over the ramp-up unless it was reset"
    )
    yield "whether the load generator kept up is not in these files"
    if raised:
        yield f"{raised:,} exceptions: requests that raised one may be in no statistic"
    total = next((row for row in rows if row.is_total), None)
    last = max((moment.requests for moment in history if not moment.label), default=0)
    if total and last > total.requests:
        yield f"stats.csv lacks the end: it has {total.requests:,} requests, the history {last:,}"
    if history and not is_full(history):
        yield "percentiles of the history are since the start, not of their time: they are not drawn"
    for failure in sorted(failures, key=lambda one: -one.occurrences)[:5]:
        yield f"{failure.occurrences:,} failures of {failure.label}: {failure.error[:200]}"
    limited = sum(one.occurrences for one in failures if "429" in one.error or "too many requests" in one.error.lower())
    if limited:
        yield f"{limited:,} failures look like a limit's (429): each counts as a request of its own here"


def is_full(history: Sequence[Moment]) -> bool:
    """Tell whether it is a full history: rows by name, whose percentiles are of the last ten seconds."""
    return any(moment.label for moment in history)


def _timelines(groups: Sequence[Group], history: Sequence[Moment]) -> Iterator[tuple[str, Timeline]]:
    """Give each endpoint's own history, or the only endpoint the whole one's; nothing where neither is known."""
    full = is_full(history)
    for group in groups:
        own = [one for one in history if one.label == (group.endpoint if full else "")]
        if len(own) > 1 and (full or len(groups) == 1):
            yield group.endpoint, _timeline(own, history[0].at_s, full=full)


def _timeline(own: Sequence[Moment], start_s: float, *, full: bool) -> Timeline:
    width = float(np.median([later.at_s - earlier.at_s for earlier, later in pairwise(own)])) or 1.0
    quantiles: dict[float, list[float | None]] = {
        p: [(moment.percentiles.get(p) or None) if full else None for moment in own] for p in (0.5, 0.95)
    }
    nothing: list[float | None] = [None] * len(own)
    return Timeline(
        t_s=[moment.at_s - start_s for moment in own],
        bin_s=width,
        offered=[moment.requests_per_second for moment in own],
        admitted=[max(moment.requests_per_second - moment.failures_per_second, 0.0) for moment in own],
        throttled=[0.0] * len(own),
        failed=[moment.failures_per_second for moment in own],
        ttft_p50_ms=nothing,
        ttft_p95_ms=nothing,
        response_p50_ms=quantiles[0.5],
        response_p95_ms=quantiles[0.95],
    )
