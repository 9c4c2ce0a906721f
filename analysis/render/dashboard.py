"""`dashboard.html` and `dashboard.json`: every run of a results folder on one page."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from analysis.model import Estimate
from analysis.render.axis import axis
from analysis.render.files import replace_file
from analysis.render.html import environment
from analysis.render.scatter import unit, words
from analysis.words import figures
from analysis.words.plaintext import clean

if TYPE_CHECKING:
    from pathlib import Path

    from analysis.trends.trend import Dashboard, Stop, Trend

WIDTH, HEIGHT = 560, 230
LEFT, RIGHT, TOP, BOTTOM = 74, 546, 24, 192


def write_all(found: Dashboard, folder: Path) -> list[Path]:
    """Write both files, each whole or not at all; give their paths. Raises TailgateError."""
    files = {"dashboard.html": html(found), "dashboard.json": to_json(found)}
    return [replace_file(folder / name, text.encode()) for name, text in files.items()]


def to_json(found: Dashboard) -> str:
    """Give the machine's dashboard: ASCII alone; NaN and infinity are null."""
    return json.dumps(json.loads(found.model_dump_json()), indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def html(found: Dashboard) -> str:
    """Give the whole page; the same runs give the same text."""
    stops = {stop.folder: stop for stop in found.runs}
    released = [stop for stop in found.runs if stop.release]
    numbers = {stop.folder: number for number, stop in enumerate(released, 1)}
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for trend in found.trends:
        groups.setdefault((clean(trend.name), clean(trend.endpoint)), []).append(_chart(trend, stops, numbers))
    page = (
        environment()
        .get_template("dashboard.html.j2")
        .render(
            title="Dashboard",
            heading="All runs",
            facts=[f"{len(found.runs)} run{'' if len(found.runs) == 1 else 's'}"],
            dashboard=found,
            releases=[(numbers[stop.folder], _row(stop)) for stop in released],
            newest=[_row(stop) for stop in {stop.name: stop for stop in found.runs}.values()],
            changes=[clean(change.sentence) for trend in found.trends for change in trend.changes],
            groups=groups,
            runs=[_row(stop) for stop in reversed(found.runs)],
        )
    )
    return re.sub(r"\n\s+", "\n", page)


def _row(stop: Stop) -> dict[str, Any]:
    return {
        "started": clean(stop.started_at),
        "name": clean(stop.name),
        "verdict": stop.verdict,
        "headline": clean(stop.headline),
        "folder": clean(stop.folder),
        "link": _link(stop),
        "release": clean(stop.release),
    }


def _link(stop: Stop) -> str:
    return f"{quote(stop.folder)}/report.html" if stop.has_page else ""


def _chart(trend: Trend, stops: dict[str, Stop], numbers: dict[str, int]) -> dict[str, Any]:
    """Give a trend's picture: one place per run, whiskers for intervals, a line per change and per release."""
    of = unit(trend.subject)
    known = [figure for figure in trend.figures if isinstance(figure, Estimate)]
    ends = [end for f in known for end in (f.value, f.low, f.high) if end is not None]
    y = axis([max(end, 0.0) for end in ends], BOTTOM, TOP, log=False)
    step = (RIGHT - LEFT) / max(len(trend.runs), 1)
    places = [round(LEFT + step * (index + 0.5), 1) for index in range(len(trend.runs))]
    points = [
        _point(figure, places[index], y, stops[trend.runs[index]], of)
        for index, figure in enumerate(trend.figures)
        if isinstance(figure, Estimate)
    ]
    marked = [stops[run] for run in trend.runs]
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "right": RIGHT,
        "top": TOP,
        "bottom": BOTTOM,
        "title": words(trend.subject),
        "points": points,
        "line": " ".join(f"{point['x']},{point['y']}" for point in points),
        "y_ticks": [{"at": y.at(value), "text": figures.limit_text(value, of)} for value in y.marks(5)],
        "changes": [
            {"x": round(places[change.at] - step / 2, 1), "text": clean(change.sentence)} for change in trend.changes
        ],
        "releases": [
            {"x": round(places[index] - step / 2, 1), "text": clean(stop.release), "number": numbers[stop.folder]}
            for index, stop in enumerate(marked)
            if stop.release
        ],
        "first": clean(marked[0].started_at)[:10],
        "last": clean(marked[-1].started_at)[:10],
        "words": "; ".join(point["title"] for point in points),
        "unknown": len(trend.figures) - len(points),
    }


def _point(figure: Estimate, x: float, y: Any, stop: Stop, of: figures.Unit) -> dict[str, Any]:
    low = figure.value if figure.low is None else figure.low
    high = figure.value if figure.high is None else figure.high
    return {
        "x": x,
        "y": y.at(figure.value),
        "low": y.at(low),
        "high": y.at(high),
        "verdict": stop.verdict,
        "link": _link(stop),
        "title": clean(f"{stop.folder}: {figures.figure_text(figure, of)}, n = {figure.n:,}, {stop.verdict}"),
    }
