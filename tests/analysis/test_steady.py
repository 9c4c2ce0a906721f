"""Steady state: a warm-up that goes on is found, a steady series left alone."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter
from synthetic import BASE, Plan, write_run

from analysis.measures.part import Settled
from analysis.measures.steady import mser, settled, settled_s, trend
from analysis.model import Report
from analysis.report import build

NOISE = [np.random.default_rng(seed).lognormal(0, 0.5, 2000) for seed in range(40)]


def since(values: np.ndarray) -> float | None:
    """Give when a series of ten values a second settles."""
    return settled_s(np.arange(len(values)) / 10, values)


def test_mser_cuts_the_start() -> None:
    """Thirty high values before a flat rest are what to cut."""
    values = np.concatenate([np.linspace(9, 2, 30), np.tile([1.0, 1.1], 100)])
    assert 29 <= mser(values) <= 31


@pytest.mark.parametrize("values", [np.ones(100), np.array([]), np.array([3.0])])
def test_mser_leaves_what_never_varies(values: np.ndarray) -> None:
    """A constant, empty or single value needs no cut."""
    assert mser(values) == 0


def test_steady_series_are_left_alone() -> None:
    """At most one of forty independent series is called unsettled."""
    assert sum(since(values) != 0.0 for values in NOISE) <= 1


def test_warm_up_is_found() -> None:
    """A start three times as slow that decays over ten seconds is seen in nearly every series."""
    slow = 1 + 3 * np.exp(-np.arange(2000) / 100)
    assert sum(bool(since(values * slow)) for values in NOISE) >= 39


def test_trend() -> None:
    """A rise has a small p-value, a fall and a constant none."""
    assert (trend(np.arange(20.0)) < 1e-6, trend(-np.arange(20.0)), trend(np.ones(20))) == (True, 1.0, 1.0)


def run_of(folder: Path, slow_s: float, factor: float) -> Report:
    """Make a run whose TTFT is `factor` times as long at the start of its steady phase, and falls within `slow_s`."""
    write_run(folder, Plan(models=(BASE,), turns=4000, steady_s=200.0, slo=()))
    path = folder / "attempts.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        since_s = float(row["intended_s"]) - 30.0
        if row["phase"] == "steady" and row["first_token_s"]:
            later_s = (factor - 1) * 0.12 * math.exp(-since_s / slow_s)
            for name in ("first_token_s", "first_output_s", "last_token_s", "end_s"):
                row[name] = f"{float(row[name]) + later_s:.6f}"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return build(folder)


def test_the_warm_up_that_went_on_is_cut_and_shown(tmp_path: Path) -> None:
    """What MSER-5 cuts is in no steady figure; group, phases and notes say how much it was."""
    report = run_of(tmp_path / "run", 10.0, 6.0)
    group = next(group for group in report.groups if group.phase == "steady")
    assert 10 < group.cut_s < 80
    assert (group.start_s, group.turns) == (30.0 + group.cut_s, 4000 - group.cut_turns)
    assert any(f"the {group.cut_turns:,} turns of that time are in no steady figure" in note for note in report.notes)
    cut = next(span for span in report.phases if span.phase == "cut")
    assert (cut.start_s, cut.end_s) == (30.0, group.start_s)


def test_no_steady_state_is_said_and_nothing_cut(tmp_path: Path) -> None:
    """A phase that settles only past its half is refused: nothing is cut, and the report says so."""
    report = run_of(tmp_path / "run", 120.0, 8.0)
    group = next(group for group in report.groups if group.phase == "steady")
    assert (group.cut_s, group.turns) == (0.0, 4000)
    assert any("found no steady state: its TTFT still moved" in note for note in report.notes)


def test_a_ramp_in_throughput_is_cut() -> None:
    """Turns that come ever faster for a third of the phase are warm-up, though each is as fast as any."""
    at_s = np.sort(np.concatenate([60 * np.sqrt(np.random.default_rng(1).uniform(size=600)), np.arange(60, 200, 0.05)]))
    found = settled(frame(at_s, np.ones(len(at_s))), 0.0, 200.0)
    assert (found.series, 20 < found.cut_s < 80) == ("throughput", True)


def test_few_turns_are_left_alone() -> None:
    """Below a hundred turns nothing can be told."""
    assert settled(frame(np.arange(50.0), np.ones(50)), 0.0, 50.0) == Settled()


def frame(at_s: np.ndarray, ttft_ms: np.ndarray) -> pd.DataFrame:
    """Give turns of one second each."""
    return pd.DataFrame({"intended_s": at_s, "finish_s": at_s + 1, "ttft_ms": ttft_ms, "response_time_ms": 1000.0})


def test_correlated_series_are_left_whole() -> None:
    """Neighbours that are alike look like a start that differs: at most three of a hundred such series are cut."""
    noise = np.random.default_rng(1).standard_normal((100, 500))
    assert sum(since(np.exp(0.5 * z)) != 0.0 for z in lfilter([0.6], [1.0, -0.8], noise)) <= 3
