"""Endpoints side by side: each headline figure with one cell per endpoint and arm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.model import Estimate, Group, Report
from analysis.render.summary import Cell, cell, headline_groups, parts, slo_target
from analysis.words import figures

HEADLINE_METRICS = ("ttft_ms", "response_time_ms")
HEADLINE_QUANTILES = ("p50", "p95", "p99")
WITH_FAILURES = ("ttft_with_failures_ms", "response_time_with_failures_ms")
"""A turn without success counts in them as infinitely late."""
SUCCESSFUL = ("ok", "ok_length")

_SHARES = "Shares of all intended turns"


@dataclass(frozen=True, slots=True)
class Side:
    """One figure for every endpoint."""

    section: str
    label: str
    cells: tuple[Cell, ...]


def sides(report: Report) -> list[Side]:
    """Give the headline figures with one cell per group of `headline_groups`, in its order."""
    groups = headline_groups(report)
    held = [] if report.verdict == "invalid" else report.slo
    verdicts = {(line.endpoint, line.arm, *slo_target(line)): line.verdict for line in held}
    rows = [_latency(groups, metric, q, verdicts) for metric in HEADLINE_METRICS for q in HEADLINE_QUANTILES]
    if any(isinstance(lost := group.shares.get("failed"), Estimate) and lost.value > 0 for group in groups):
        rows += [_latency(groups, metric, q, verdicts) for metric in WITH_FAILURES for q in HEADLINE_QUANTILES[1:]]
    # What the server took beside what the user felt: they part where turns waited, or left late.
    alone = not any("response_time_ms" in group.metrics for group in groups)
    rows += [_latency(groups, "service_time_ms", q, verdicts) for q in (HEADLINE_QUANTILES if alone else ("p99",))]
    rows += [_share(groups, "Throttled turns", "throttled", "throttled_share", verdicts), _failed(groups, verdicts)]
    limited = any(quantile for quantile, _ in map(slo_target, report.slo))
    if limited and any(group.attainment for group in groups):
        within = (cell(group.attainment, "share") for group in groups)
        rows.append(Side(_SHARES, figures.label("attainment"), tuple(within)))
    rows += _quality(report, groups, verdicts)
    rows += [_cost(groups, name, verdicts) for name in _cost_names(groups)]
    rates = dict.fromkeys(name for group in groups for name in group.rates if limited or not name.startswith("goodput"))
    rows += [_rate(groups, name) for name in rates]
    rows.append(Side("Load", "Turns", tuple(Cell(f"{group.turns:,}") for group in groups)))
    rows.append(Side("Load", "Users", tuple(Cell(figures.count(group.users)) for group in groups)))
    return [row for row in rows if any(cell.value != figures.MISSING for cell in row.cells)]


Verdicts = Mapping[tuple[str, str, str, str], str]
"""Verdict by endpoint, arm, quantile and metric."""


def side_name(side: Side) -> str:
    """Name a side outside its section: `Response time p95`."""
    return f"{side.section} {side.label}" if side.label[:1] == "p" else side.label


def _latency(groups: list[Group], metric: str, quantile: str, verdicts: Verdicts) -> Side:
    cells = tuple(
        cell(
            group.metrics.get(metric, {}).get(quantile),
            "ms",
            verdicts.get((group.endpoint, group.arm, quantile, metric), ""),
        )
        for group in groups
    )
    return Side(figures.label(metric), figures.quantile_label(quantile), cells)


def _share(groups: list[Group], label: str, name: str, metric: str, verdicts: Verdicts) -> Side:
    cells = (
        cell(group.shares.get(name), "share", verdicts.get((group.endpoint, group.arm, "", metric), ""))
        for group in groups
    )
    return Side(_SHARES, label, tuple(cells))


def _failed(groups: list[Group], verdicts: Verdicts) -> Side:
    cells = []
    for group in groups:
        verdict = verdicts.get((group.endpoint, group.arm, "", "failed_share"), "")
        if "failed" in group.shares:
            cells.append(cell(group.shares["failed"], "share", verdict))
            continue
        lost = [figure.value for name, figure in parts(group).items() if name not in SUCCESSFUL]
        cells.append(Cell(figures.value_text(sum(lost), "share"), note="sum of its outcomes below", verdict=verdict))
    return Side(_SHARES, "Unsuccessful turns", tuple(cells))


QUALITY = ("accuracy", "hallucination_share", "policy_safe_share")


def _quality(report: Report, groups: list[Group], verdicts: Verdicts) -> list[Side]:
    """Give the shares of graded answers that decide, where answers were graded."""
    rows = report.quality.endpoints if report.quality else []
    found = {(row.endpoint, row.arm): row.figures for row in rows}
    sides = []
    for name in QUALITY if any(found.values()) else ():
        cells = (
            cell(
                found.get((group.endpoint, group.arm), {}).get(name),
                "share",
                verdicts.get((group.endpoint, group.arm, "", name), ""),
            )
            for group in groups
        )
        sides.append(Side("Quality of graded answers", figures.label(name), tuple(cells)))
    return sides


def _cost_names(groups: list[Group]) -> list[str]:
    names = dict.fromkeys(name for group in groups for name in group.cost)
    per_1k = [name for name in names if "1k" in name]
    return per_1k or list(names)


def _cost(groups: list[Group], name: str, verdicts: Verdicts) -> Side:
    cells = (
        cell(group.cost.get(name), figures.unit_of(name), verdicts.get((group.endpoint, group.arm, "", name), ""))
        for group in groups
    )
    return Side("Cost", figures.label(name), tuple(cells))


def _rate(groups: list[Group], name: str) -> Side:
    cells = (
        Cell(figures.value_text(group.rates[name], "")) if name in group.rates else Cell(figures.MISSING)
        for group in groups
    )
    return Side("Load", figures.label(name), tuple(cells))
