"""Steady figures without the time in which a worker was lost."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from synthetic import BASE, Plan, write_run

from analysis.measures.disturbed import windows
from analysis.measures.gaps import gaps_of
from analysis.measures.part import Part, Settled
from analysis.model import Group, Report
from analysis.render.html import html
from analysis.render.markdown import to_markdown
from analysis.report import build

STEADY_S = 200.0
START_S = 30.0


def run_of(folder: Path, *disturbed: tuple[float, float], **meta: Any) -> Report:
    """Make a run of twenty turns a second in whose disturbed stretches every turn takes ten seconds longer."""
    write_run(folder, Plan(models=(BASE,), turns=4000, steady_s=STEADY_S, slo=("p99(response_time_ms) < 9s",)))
    path = folder / "attempts.csv"
    head, *rows = (line.split(",") for line in path.read_text(encoding="utf-8").splitlines())
    at, late = head.index("intended_s"), [head.index(name) for name in ("last_token_s", "end_s")]
    for row in rows:
        if any(from_s <= float(row[at]) < to_s for from_s, to_s in disturbed):
            for column in late:
                row[column] = f"{float(row[column]) + 10:.6f}" if row[column] else ""
    path.write_text("".join(",".join(row) + "\n" for row in [head, *rows]), encoding="utf-8")
    document = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    document["disturbed"] = [{"worker": "w1", "start_s": a, "end_s": b, "told": "w1 was lost"} for a, b in disturbed]
    (folder / "run.json").write_text(json.dumps(document | meta), encoding="utf-8")
    return build(folder)


def steady(report: Report) -> Group:
    """Give the one steady group."""
    (group,) = (group for group in report.groups if group.phase == "steady")
    return group


def test_the_disturbed_time_is_in_no_steady_figure(tmp_path: Path) -> None:
    """Nor is what was under way when it began; rates count the seconds that are left; the page says so first."""
    report, whole = run_of(tmp_path / "some", (100.0, 130.0)), run_of(tmp_path / "none")
    group, before = steady(report), steady(whole)
    p99 = group.metrics["response_time_ms"]["p99"]
    assert getattr(p99, "value", 1e9) < 9000
    assert 30 < group.left_out_s < 40
    assert (group.turns + group.left_out_turns, group.start_s, group.end_s) == (4000, START_S, START_S + STEADY_S)
    assert group.rates["turns_offered_per_second"] == pytest.approx(before.rates["turns_offered_per_second"], rel=0.02)
    assert (report.verdict, whole.verdict) == ("pass", "pass")
    assert "disturbed by the loss of a worker)" in report.headline
    left_out = "the steady figures of small leave out 40 s disturbed by the loss of a worker (90.1 to 130.0 s) and the"
    assert report.disturbances[0] == "w1 was lost"
    assert report.disturbances[1].startswith(left_out)
    for first_screen in (html(report).partition("What to do next")[0], to_markdown(report)):
        assert "w1 was lost" in first_screen
        assert "disturbed by the loss of a worker (" in first_screen


def test_too_little_left_is_invalid(tmp_path: Path) -> None:
    """More than half of the steady phase gone: nothing is left out, and the gate refuses the run."""
    report = run_of(tmp_path, (60.0, 170.0))
    assert (steady(report).left_out_s, steady(report).turns, report.verdict) == (0.0, 4000, "invalid")
    assert report.validity.reasons[0].startswith("the loss of a worker disturbed more than 50% of the steady phase")


def test_a_refused_run_leaves_it_out_too(tmp_path: Path) -> None:
    """With on_worker_loss: continue the load run's own reason stands first, over figures that are worth reading."""
    stated = {"verdict": "invalid", "reasons": ["worker w1 was lost"]}
    report = run_of(tmp_path, (100.0, 130.0), validity=stated)
    assert (report.verdict, report.validity.reasons) == ("invalid", ["worker w1 was lost"])
    assert steady(report).left_out_s > 30


def test_gaps_of_the_disturbed_time_are_left_out() -> None:
    """A window that reaches into it goes with it; gaps.csv is read as text."""
    nobody = pd.DataFrame()
    part = Part("small", "", "steady", 0, 40, nobody, nobody, 1, left_out=((12.0, 20.0),))
    starts = ["0", "10", "15", "20", "30"]
    gaps = pd.DataFrame({"window_start_s": starts, "window_s": "5"}).assign(endpoint="small", arm="", phase="steady")
    assert list(gaps_of(gaps, part)["window_start_s"]) == ["0", "20", "30"]
    cut = replace(part, start_s=22.0, settled=Settled(cut_s=12.0), left_out=())
    assert list(gaps_of(gaps, cut)["window_start_s"]) == ["0", "30"]  # of a phase that began at 10


def test_stretches_in_the_warm_up_touch_nothing(tmp_path: Path) -> None:
    """A worker lost in the ramp and replaced before the steady phase."""
    report = run_of(tmp_path, (5.0, 12.0))
    assert (steady(report).left_out_s, report.verdict) == (0.0, "pass")


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ([{"start_s": 9, "end_s": 12}, {"start_s": 1, "end_s": 5}, {"start_s": 4, "end_s": 6}], [(1, 6), (9, 12)]),
        ([{"start_s": 5, "end_s": 5}, {"start_s": "x", "end_s": 1}, {"start_s": 1}, 7], []),
        ("nonsense", []),
        (None, []),
    ],
)
def test_windows(listed: object, expected: list[tuple[float, float]]) -> None:
    """In order, joined where they overlap; what can't be read is none."""
    assert windows({"disturbed": listed}) == expected
