"""The dashboard: from a results folder to the trend of each headline, with the places where it changed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from analysis.model import Estimate, Figure, Group, NotEstimable, Report
from analysis.trends.changes import change_points
from analysis.trends.trend import Change, Dashboard, Stop, Trend
from analysis.words import figures
from scenarios.errors import TailgateError

HEADLINES = (
    "p95(ttft_ms)",
    "p95(response_time_ms)",
    "cost_per_1k_responses_usd",
    "accuracy",
    "throttled_share",
    "failed_share",
)
SMALLEST = 0.05
"""A change of level below this (below a point, of a share) is no one's worry, however sure."""

METHOD = (
    "changes of level by circular binary segmentation with seeded permutations at 1%; about ten runs are needed "
    "before one can be found, three of them after it; invalid runs are left out of the search"
)


@dataclass(frozen=True)
class Told:
    """One run with its report, and what its scenario was."""

    folder: Path
    report: Report
    digest: str
    versions: dict[str, str]
    models: Mapping[str, str] = field(default_factory=dict)
    """The model behind each endpoint, where the scenario names one."""


def told(results: Path, build: Callable[[Path], Report]) -> tuple[list[Told], list[str]]:
    """Read every run of a folder by its report.json, or `build` it where there is none; what cannot be read is noted.

    Raises TailgateError when there is no run.
    """
    found, notes = [], []
    for path in sorted(results.glob("*/run.json")):
        try:
            found.append(_told(path.parent, build))
        except TailgateError as error:
            notes.append(f"{path.parent.name} is left out: {error}")
    if not found and not notes:
        raise TailgateError(f"{results}: holds no run; name the folder that `tailgate run --results` wrote into")
    return sorted(found, key=lambda one: (one.report.started_at, one.report.run_id)), notes


def _told(folder: Path, build: Callable[[Path], Report]) -> Told:
    try:
        report = Report.model_validate_json((folder / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        report = build(folder)
    meta = _meta(folder / "run.json")
    digest = meta.get("scenario_digest") or meta.get("digest")
    return Told(folder, report, str(digest or ""), report.versions, _models(meta))


def _models(meta: Mapping[str, Any]) -> dict[str, str]:
    scenario = meta.get("scenario")
    endpoints = scenario.get("endpoints") if isinstance(scenario, dict) else None
    named = endpoints.items() if isinstance(endpoints, dict) else ()
    return {str(name): str(each["model"]) for name, each in named if isinstance(each, dict) and each.get("model")}


def _meta(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8", errors="replace"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def dashboard(runs: Sequence[Told], notes: Sequence[str] = ()) -> Dashboard:
    """Give the trend of each headline of each endpoint and arm, scenario by scenario."""
    names = list(dict.fromkeys(run.report.name for run in runs))
    trends = [trend for name in names for trend in _trends(name, [run for run in runs if run.report.name == name])]
    return Dashboard(
        runs=[_stop(run, _before(run, runs)) for run in runs],
        trends=trends,
        notes=[
            *notes,
            METHOD,
        ],
    )


def _before(run: Told, runs: Sequence[Told]) -> Told | None:
    """Give the run before this one of the same scenario."""
    alike = [one for one in runs if one.report.name == run.report.name]
    index = alike.index(run)
    return alike[index - 1] if index else None


def _stop(run: Told, before: Told | None) -> Stop:
    report = run.report
    return Stop(
        run_id=report.run_id,
        name=report.name,
        folder=run.folder.name,
        started_at=report.started_at,
        verdict=report.verdict,
        headline=report.headline,
        has_page=(run.folder / "report.html").is_file(),
        release="; ".join(_release(run, before)) if before else "",
    )


def _release(run: Told, before: Told) -> Iterator[str]:
    """Say what is new: a model, else the scenario; a version that results depend on."""
    known = before.models
    models = [f"{name} is {model}" for name, model in run.models.items() if known.get(name, model) != model]
    yield from models
    if not models and run.digest and before.digest and run.digest != before.digest:
        yield "the scenario changed"
    for name in ("tailgate", "locust"):
        old, new = before.versions.get(name), run.versions.get(name)
        if old and new and old != new:
            yield f"{name} {new}"


def _trends(name: str, runs: Sequence[Told]) -> Iterator[Trend]:
    keys = dict.fromkeys((group.endpoint, group.arm) for run in runs for group in _steady(run))
    for endpoint, arm in keys:
        for subject in HEADLINES:
            points = [(run, _figure(run, endpoint, arm, subject)) for run in runs]
            if any(isinstance(figure, Estimate) for _, figure in points):
                yield Trend(
                    name=name,
                    endpoint=f"{endpoint}/{arm}" if arm else endpoint,
                    subject=subject,
                    runs=[run.folder.name for run, _ in points],
                    figures=[figure for _, figure in points],
                    changes=list(_changes(endpoint, subject, points)),
                )


def _steady(run: Told) -> list[Group]:
    return [group for group in run.report.groups if group.phase == "steady"]


def _figure(run: Told, endpoint: str, arm: str, subject: str) -> Figure:
    missing = NotEstimable(not_estimable="not in this run")
    group = next((one for one in _steady(run) if (one.endpoint, one.arm) == (endpoint, arm)), None)
    if group is None:
        return missing
    if subject == "accuracy":
        rows = run.report.quality.endpoints if run.report.quality else []
        own = [row for row in rows if (row.endpoint, row.arm) == (endpoint, arm)]
        return own[0].figures.get(subject, missing) if own else missing
    if subject.endswith("_share"):
        return group.shares.get(subject.removesuffix("_share"), missing)
    if subject.endswith("_usd"):
        return group.cost.get(subject, missing)
    quantile, _, metric = subject.rstrip(")").partition("(")
    return group.metrics.get(metric, {}).get(quantile, missing)


def _changes(endpoint: str, subject: str, points: Sequence[tuple[Told, Figure]]) -> Iterator[Change]:
    known = [
        (index, run, figure.value)
        for index, (run, figure) in enumerate(points)
        if isinstance(figure, Estimate) and run.report.verdict != "invalid"
    ]
    is_share = figures.unit_of(subject) == "share"
    values = np.array([value if is_share else math.log(max(value, 1e-12)) for _, _, value in known])
    starts = change_points(values)
    for number, start in enumerate(starts):
        first = starts[number - 1] if number else 0
        last = starts[number + 1] if number + 1 < len(starts) else len(values)
        before, after = (float(values[a:b].mean()) for a, b in ((first, start), (start, last)))
        if abs(after - before) < (0.01 if is_share else math.log1p(SMALLEST)):
            continue
        levels = (before, after) if is_share else (math.exp(before), math.exp(after))
        index, run, _ = known[start]
        sentence = _sentence(endpoint, subject, levels, run)
        yield Change(at=index, run=run.folder.name, before=levels[0], after=levels[1], sentence=sentence)


def _sentence(endpoint: str, subject: str, levels: tuple[float, float], run: Told) -> str:
    before, after = levels
    metric = subject.rstrip(")").partition("(")[2] or subject
    unit = figures.unit_of(metric)
    by = "" if unit == "share" else f" by {abs(after / before - 1):.0%}"
    texts = [figures.value_text(level, unit) for level in levels]
    word = "rose" if after > before else "fell"
    return f"{endpoint}: {subject} {word}{by}, from {texts[0]} to {texts[1]}, with {run.folder.name}"
