"""What the page's pictures are drawn from: plain numbers for the plots, and the geometry of the small bars."""

from __future__ import annotations

import math
from typing import TypedDict

from analysis.model import Estimate, Figure, Marks, Report, Spectrum, Timeline
from analysis.render import summary
from analysis.words import figures
from analysis.words.plaintext import clean
from analysis.words.wording import target

TAIL_START, TAIL_END = 0.5, 0.999
STANDARD = (0.5, 0.9, 0.95, 0.99, 0.999)


Point = tuple[float | None, float | None, float | None]
"""A quantile's value, low and high."""


class Limit(TypedDict):
    """An SLO line about a percentile, as a mark in a tail plot: the curve must pass below (`x`, `limit`)."""

    x: float
    limit: float
    text: str


class Curve(TypedDict):
    """One endpoint's quantiles with their intervals; `colour` is its index among the report's endpoints."""

    name: str
    endpoint: str
    colour: int
    values: list[float | None]
    low: list[float | None]
    high: list[float | None]


class TailPlot(TypedDict):
    """One metric's percentile spectrum; `x` = -log10(1 - p)."""

    metric: str
    label: str
    p: list[float]
    x: list[float]
    curves: list[Curve]
    limits: list[Limit]


class Span(TypedDict):
    """A shaded phase."""

    phase: str
    start: float
    end: float


class TurnMarks(TypedDict):
    """Single turns of one fate at `t`, with their response times; `label` says how many of them there were."""

    fate: str
    label: str
    t: list[float]
    ms: list[float | None]


class Course(TypedDict):
    """One endpoint's course of latency and load."""

    name: str
    colour: int
    bin: float
    t: list[float]
    latency: list[list[float | None]]
    load: list[list[float]]
    marks: list[TurnMarks]
    phases: list[Span]


def tail_x(p: float) -> float:
    """Give the place of quantile `p` on a log-tail axis: 0.9 at 1, 0.99 at 2, 0.999 at 3."""
    return round(-math.log10(1 - p), 4)


def tail_plots(report: Report) -> list[TailPlot]:
    """Give one plot per metric that any endpoint has a spectrum of."""
    metrics = dict.fromkeys(metric for spectra in report.plots.spectra.values() for metric in spectra)
    return [_tail_plot(report, metric) for metric in metrics]


def _tail_plot(report: Report, metric: str) -> TailPlot:
    colours = summary.colours(report)
    points = {
        name: _merged(_points(found[metric]), _standard_points(report, name, metric))
        for name, found in report.plots.spectra.items()
        if metric in found
    }
    grid = sorted({p for curve in points.values() for p in curve if TAIL_START - 0.06 <= p <= 1 - 0.0008})
    return {
        "metric": metric,
        "label": figures.label(metric),
        "p": [round(p, 6) for p in grid],
        "x": [tail_x(p) for p in grid],
        "curves": [_curve(name, colours[name], curve, grid) for name, curve in points.items()],
        "limits": _limits(report, metric),
    }


def _points(spectrum: Spectrum) -> dict[float, Point]:
    return dict(zip(spectrum.p, zip(spectrum.values, spectrum.low, spectrum.high, strict=True), strict=True))


def _merged(points: dict[float, Point], standard: dict[float, Point]) -> dict[float, Point]:
    """Put the tables' quantiles into the curve; points too close to these places to tell apart are left out."""
    places = [tail_x(p) for p in STANDARD]
    apart = {p: point for p, point in points.items() if p < 1 and all(abs(tail_x(p) - x) > 0.03 for x in places)}
    return apart | standard


def _standard_points(report: Report, name: str, metric: str) -> dict[float, Point]:
    """Give the quantiles of the tables as points of the curve."""
    found = _figures(report, name, metric)
    return {p: (f.value, f.low, f.high) for p, f in found.items() if isinstance(f, Estimate)}


def _figures(report: Report, name: str, metric: str) -> dict[float, Figure]:
    groups = (group for group in summary.headline_groups(report) if target(group.endpoint, group.arm) == name)
    quantiles = next((group.metrics.get(metric, {}) for group in groups), {})
    named = {p: quantiles.get(f"p{p * 100:g}".replace(".", "_")) for p in STANDARD}
    return {p: figure for p, figure in named.items() if figure is not None}


def _curve(name: str, colour: int, points: dict[float, Point], grid: list[float]) -> Curve:
    sides = [points.get(p, (None, None, None)) for p in grid]
    return {
        "name": clean(name),
        "endpoint": name,
        "colour": colour,
        "values": [_short(value, 6) for value, _, _ in sides],
        "low": [_short(low, 6) for _, low, _ in sides],
        "high": [_short(high, 6) for _, _, high in sides],
    }


def _short(value: float | None, digits: int = 4) -> float | None:
    """Keep few significant digits: a page with many bins stays small."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")


def _limits(report: Report, metric: str) -> list[Limit]:
    marks: dict[tuple[float, float], Limit] = {}
    for line in report.slo:
        quantile, name = summary.slo_target(line)
        p = quantile_p(quantile)
        if name != metric or p is None or not TAIL_START <= p <= TAIL_END or not line.comparator:
            continue
        text = f"{figures.quantile_label(quantile)} limit {figures.limit_text(line.limit, 'ms')}"
        marks[p, line.limit] = {"x": tail_x(p), "limit": line.limit, "text": text}
    return [marks[key] for key in sorted(marks)]


def quantile_p(name: str) -> float | None:
    """`p99_9` is 0.999; `mean` and the empty name are no quantile."""
    digits = name.removeprefix("p").replace("_", ".")
    try:
        return round(float(digits) / 100, 9) if name.startswith("p") else None
    except ValueError:
        return None


def courses(report: Report) -> list[Course]:
    """Give one course per endpoint with a timeline."""
    colours = summary.colours(report)
    return [_course(report, name, colours[name], timeline) for name, timeline in report.plots.timelines.items()]


def _course(report: Report, name: str, colour: int, timeline: Timeline) -> Course:
    latency = (timeline.response_p95_ms, timeline.response_p50_ms, timeline.ttft_p95_ms, timeline.ttft_p50_ms)
    load = (timeline.offered, timeline.admitted, timeline.throttled, timeline.failed)
    return {
        "name": clean(name),
        "colour": colour,
        "bin": timeline.bin_s,
        "t": [round(t, 2) for t in timeline.t_s],
        "latency": [[_short(value) for value in values] for values in latency],
        "load": [[_short(value) or 0.0 for value in values] for values in load],
        "marks": [_marks(found) for found in timeline.marks],
        "phases": [
            {"phase": PHASES.get(span.phase, clean(span.phase)), "start": span.start_s, "end": span.end_s}
            for span in report.phases
            if span.endpoint == name
        ],
    }


PHASES = {"warm_up": "warm-up", "cut": "still warming up"}
"""Phases that are called otherwise on the page."""


def _marks(found: Marks) -> TurnMarks:
    some = f"{found.of:,} turns" if found.of == len(found.t_s) else f"{len(found.t_s)} of {found.of:,} turns"
    milliseconds = [_short(value) for value in found.response_ms]
    return {"fate": found.fate, "label": f"{found.fate}: {some}", "t": found.t_s, "ms": milliseconds}


def at_standard(report: Report, plot: TailPlot) -> list[tuple[str, list[str]]]:
    """Give the plot's table: for each standard percentile, each curve's `value [low, high]`."""
    found = [_figures(report, curve["endpoint"], plot["metric"]) for curve in plot["curves"]]
    return [
        (f"p{p * 100:g}", [figures.figure_text(of[p], "ms") if p in of else figures.MISSING for of in found])
        for p in STANDARD
        if any(p in of for of in found)
    ]


def alternative(report: Report, plot: TailPlot) -> str:
    """Say in words what the tail plot shows."""
    rows = at_standard(report, plot)
    curves = [
        f"{curve['name']}: " + ", ".join(f"{label} {cells[index]}" for label, cells in rows)
        for index, curve in enumerate(plot["curves"])
    ]
    limits = [f"The SLO's {limit['text']}" for limit in plot["limits"]]
    return f"{plot['label']} by percentile. " + ". ".join(curves + limits) + "."
