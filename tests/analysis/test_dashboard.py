"""The dashboard: every run on one page, each headline's trend, and the places where its level changed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from graded import write_graded
from synthetic import BASE, Plan, write_run

from analysis.model import Estimate, Report
from analysis.render.dashboard import html, to_json
from analysis.report import build
from analysis.trends.changes import change_points
from analysis.trends.dashboard import Told, dashboard, told
from analysis.trends.trend import Dashboard
from scenarios.errors import TailgateError

Tailgate = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Make the report of one small run."""
    folder = tmp_path_factory.mktemp("one")
    write_run(folder, Plan(models=(BASE,), turns=400))
    return build(folder)


def day(report: Report, number: int, p95_ms: float, **changes: object) -> Told:
    """Make a run of one day with this p95(ttft_ms)."""
    figure = Estimate(value=p95_ms, low=p95_ms * 0.97, high=p95_ms * 1.03, n=400, method="test")
    groups = [
        group.model_copy(update={"metrics": {**group.metrics, "ttft_ms": {**group.metrics["ttft_ms"], "p95": figure}}})
        for group in report.groups
    ]
    own = {"run_id": f"run-{number}", "started_at": f"2026-11-{number + 1:02}T10:00:00Z", "groups": groups, **changes}
    return Told(Path(f"day-{number:02}"), report.model_copy(update=own), "", report.versions)


def levels(rng: np.random.Generator, *parts: tuple[int, float]) -> list[float]:
    """Draw values around several levels, 3 % apart."""
    return [level * float(np.exp(0.03 * rng.normal())) for count, level in parts for _ in range(count)]


def test_a_change_is_found_where_it_is() -> None:
    """Twelve runs at one level and eight a fifth higher: one change, at the thirteenth."""
    values = np.log(levels(np.random.default_rng(1), (12, 100.0), (8, 120.0)))
    assert change_points(values) == [12]


def test_two_changes_are_found() -> None:
    """Up, and back down."""
    values = np.log(levels(np.random.default_rng(2), (10, 100.0), (10, 130.0), (10, 100.0)))
    assert change_points(values) == [10, 20]


def test_noise_is_no_change() -> None:
    """At most 3 of 100 series of twenty equal runs show a change: the level is 1 %."""
    found = [change_points(np.random.default_rng(seed).normal(size=20)) for seed in range(100)]
    assert sum(map(bool, found)) <= 3


@pytest.mark.parametrize("count", [0, 1, 5, 6])
def test_few_runs_show_nothing(count: int) -> None:
    """With six runs even a jump may be chance."""
    assert change_points(np.array([1.0] * (count // 2) + [2.0] * (count - count // 2))) == []


def test_the_change_is_named(report: Report) -> None:
    """The sentence says what, by how much, from where to where and with which run."""
    values = levels(np.random.default_rng(3), (8, 280.0), (6, 364.0))
    found = dashboard([day(report, number, value) for number, value in enumerate(values)])
    changes = [change for trend in found.trends for change in trend.changes]
    assert [(change.at, change.run) for change in changes] == [(8, "day-08")]
    assert changes[0].sentence.startswith("small: p95(ttft_ms) rose by 3")
    assert changes[0].sentence.endswith("with day-08")


def test_invalid_runs_are_shown_and_not_searched(report: Report) -> None:
    """Five wild invalid runs make no change of level."""
    calm = levels(np.random.default_rng(4), (12, 280.0))
    runs = [day(report, number, value) for number, value in enumerate(calm)]
    runs += [day(report, 12 + k, 900.0, verdict="invalid") for k in range(5)]
    found = dashboard(runs)
    trend = next(one for one in found.trends if one.subject == "p95(ttft_ms)")
    assert (len(trend.figures), trend.changes) == (17, [])


def test_releases_are_marked(report: Report) -> None:
    """A new version, and a new scenario, are said at the run that has them first."""
    first, second = day(report, 0, 280.0), day(report, 1, 280.0, versions={**report.versions, "tailgate": "9.9"})
    second = Told(second.folder, second.report, "abc", second.report.versions)
    found = dashboard([Told(first.folder, first.report, "def", first.versions), second])
    assert [stop.release for stop in found.runs] == ["", "the scenario changed; tailgate 9.9"]


def test_a_new_model_is_the_release(report: Report) -> None:
    """Where a scenario changed by its models, these are named, and the page numbers them."""
    runs = [
        replace(day(report, number, 100), digest=model, models={"small": model})
        for number, model in enumerate(["v1", "v2", "v2"])
    ]
    found = dashboard(runs)
    assert [stop.release for stop in found.runs] == ["", "small is v2", ""]
    assert "<li>1: small is v2, with" in html(found)


def test_accuracy_has_a_trend_where_answers_were_graded(tmp_path: Path) -> None:
    """It stands among the headlines, as a share."""
    for number in (1, 2):
        write_graded(tmp_path / f"run-{number}", Plan(seed=number, models=(BASE,), turns=300), {"right": 1.0})
    found = dashboard(told(tmp_path, build)[0])
    (trend,) = [trend for trend in found.trends if trend.subject == "accuracy"]
    assert [isinstance(figure, Estimate) and figure.value for figure in trend.figures] == [1.0, 1.0]
    assert "Accuracy by run: " in html(found)


def test_the_newest_verdict_stands_first(report: Report) -> None:
    """The newest run of each scenario opens the page."""
    runs = [
        day(report, 0, 100),
        day(report, 1, 100, verdict="fail", headline="FAIL: small fails"),
        day(report, 0, 9, name="b"),
    ]
    page = html(dashboard(runs))
    opening = page[page.index("Newest") : page.index("What changed")]
    assert (opening.count("<p "), "FAIL: small fails" in opening) == (2, True)


def test_the_page_escapes_and_repeats(report: Report) -> None:
    """Same runs, same bytes; a name with markup is text; the JSON reads back."""
    runs = [day(report, number, 280.0, name="<b>x</b>") for number in range(3)]
    found = dashboard(runs)
    assert ("<b>x" in html(found), html(found) == html(dashboard(runs))) == (False, True)
    assert Dashboard.model_validate_json(to_json(found)) == found


def test_the_command(tailgate: Tailgate, tmp_path: Path) -> None:
    """It reads report.json or the rows, links to pages that there are, names what it leaves out, gathers history."""
    for seed in (1, 2):
        write_run(tmp_path / "results" / f"r{seed}", Plan(seed=seed, models=(BASE,), turns=200))
    (tmp_path / "results" / "broken").mkdir()
    (tmp_path / "results" / "broken" / "run.json").write_text('{"schema_version": 99}')
    tailgate("report", "results/r1")
    shutil.rmtree(tmp_path / "results" / "r1" / "attempts.csv", ignore_errors=True)
    done = tailgate("dashboard", "results")
    page = (tmp_path / "results" / "dashboard.html").read_text()
    found = json.loads((tmp_path / "results" / "dashboard.json").read_text())
    assert (done.returncode, [run["folder"] for run in found["runs"]]) == (0, ["r1", "r2"])
    assert ("r1/report.html" in page, "r2/report.html" in page, "broken is left out" in done.stdout) == (
        True,
        False,
        True,
    )
    assert len((tmp_path / "results" / "history.csv").read_text().splitlines()) == 3


def test_a_folder_without_runs_is_an_error(tmp_path: Path) -> None:
    """It says which folder to name."""
    with pytest.raises(TailgateError, match="holds no run"):
        told(tmp_path, build)
