"""Can the measurement be trusted: what the load came to, and the instrument's own errors against its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.model import Estimate
from analysis.render.grid import Grid, grid, value_cell
from analysis.render.summary import Cell, cell
from analysis.verdicts.validity import LAG_S, LIMITS
from analysis.words import figures
from analysis.words.plaintext import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis.model import Group, Report

DROPPED = ("in_flight", "waiting_at_end", "gave_up", "client_error")
"""Outcomes of turns that the load offered and nobody saw the end of."""

SHOWN = {
    "client_lag_p99_s": "Reads late by (p99)",
    "loop_lag_p99_s": "Event loop late by (p99)",
    "cpu_max": "Highest CPU use",
    "clock_offset_s": "Clock off by",
    "rows": "Rows written",
    "rows_lost": "Rows lost",
}
"""Fields of a worker's health that a reader needs, with their words; all of them are in the folded table."""

LOAD_HEADS = ("Turns offered", "Attempts sent", "Answered", "Dropped", "Left late by (p99)")
FELT_HEADS = ("Response time p99, from the intended start", "Service time p99, final attempt alone")


def load(groups: Sequence[Group], names: Sequence[str]) -> Grid:
    """Give offered, sent, answered and dropped, then intended beside service p99, one row per endpoint and arm."""
    rows = tuple((name, _load_row(group)) for name, group in zip(names, groups, strict=True))
    return Grid("What was asked of each endpoint, and what came of it", ("Endpoint", *LOAD_HEADS, *FELT_HEADS), rows)


def _load_row(group: Group) -> tuple[Cell, ...]:
    rates = group.rates
    answered = _count(group, ("ok", "ok_length", "filtered", "refused"))
    dropped = _count(group, DROPPED)
    p99 = (("schedule_lag_ms", "ms"), ("response_time_ms", "ms"), ("service_time_ms", "ms"))
    return (
        Cell(f"{group.turns:,}", _per_second(rates.get("turns_offered_per_second"))),
        Cell(f"{group.attempts:,}", _per_second(rates.get("attempts_sent_per_second"))),
        Cell(figures.count(answered), _per_second(rates.get("turns_per_second"))),
        Cell(figures.count(dropped)),
        *(cell(group.metrics.get(name, {}).get("p99"), "ms") for name, _ in p99),
    )


def _per_second(rate: float | None) -> str:
    return "" if rate is None else figures.value_text(rate, "per_second")


def _count(group: Group, outcomes: Sequence[str]) -> int | None:
    """Count the turns of some outcomes: shares are exact, n is theirs."""
    found = [group.shares[name] for name in outcomes if name in group.shares]
    known = [figure.value * figure.n for figure in found if isinstance(figure, Estimate)]
    return round(sum(known)) if known else None


def instrument(report: Report) -> Grid:
    """Give the workers' own errors, those beyond a limit marked."""
    keys = [key for key in SHOWN if any(row.get(key) is not None for row in report.health)]
    limits = {key: limit for key, limit, *_ in LIMITS} | {"rows_lost": 0.0}
    rows = tuple(
        (_name(row, index), tuple(_own(key, row.get(key), limits.get(key)) for key in keys))
        for index, row in enumerate(report.health)
    )
    return Grid("The instrument's own errors, per worker", ("Worker", *(SHOWN[key] for key in keys)), rows)


def _own(key: str, value: object, limit: float | None) -> Cell:
    shown = value_cell("use_share" if key == "cpu_max" else key, value)
    beyond = limit is not None and isinstance(value, int | float) and abs(value) > limit
    allowed = "" if limit is None else f"of {value_cell('use_share' if key == 'cpu_max' else key, limit).value}"
    return Cell(shown.value, allowed if limit else "", shown.note, "fail" if beyond else "")


def all_fields(report: Report) -> list[Grid]:
    """Give every field of the workers' health: single ones in one table, lists such as `phases` in one each."""
    flat = [
        (_name(row, i), {k: v for k, v in row.items() if k != "worker" and not _is_table(v)})
        for i, row in enumerate(report.health)
    ]
    nested = [
        grid(f"{_name(row, i)}: {figures.label(clean(key))}", [(str(n + 1), item) for n, item in enumerate(value)])
        for i, row in enumerate(report.health)
        for key, value in row.items()
        if isinstance(value, list) and _is_table(value)
    ]
    return [grid("Every field, per worker", flat, "Worker"), *nested] if flat else []


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _name(row: dict[str, object], index: int) -> str:
    return clean(row.get("worker", index + 1))


def own_error(report: Report, groups: Sequence[Group]) -> str:
    """Say how late reads were, beside the least latency that was judged: what the client itself adds at most."""
    lags = [value for row in report.health if isinstance(value := row.get("client_lag_p99_s"), int | float)]
    tails = [f.value for group in groups if isinstance(f := group.metrics.get("ttft_ms", {}).get("p95"), Estimate)]
    if not lags:
        return ""
    worst = max(lags)
    text = f"Reads were late by at most {figures.value_text(worst * 1000, 'ms')} at p99"
    if tails and min(tails) > 0:
        text += f", {figures.value_text(worst * 1000 / min(tails), 'share')} of the least p95 time to first token"
    late = "; some gaps between chunks may be merged" if worst > LAG_S else ""
    return f"{text}. Arrival times are the kernel's, so a late read moves no latency{late}."
