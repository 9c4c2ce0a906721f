"""The gate: what CI reads, and the exit code it obeys."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic import BASE, Model, Plan, write_run

from analysis.model import Estimate
from analysis.verdicts.baseline import latest
from analysis.verdicts.certainty import p_value
from scenarios.distribution import Distribution

Tailgate = Callable[..., subprocess.CompletedProcess[str]]
SLOWER = replace(BASE, ttft=Distribution.of(0.18, 0.6))


def run(
    folder: Path, seed: int, model: Model = BASE, slo: tuple[str, ...] = ("p95(ttft_ms) < 800",), **meta: object
) -> Path:
    """Write a run that started on day `seed`; a `report.json` beside it says `verdict` where one is given."""
    healthy = bool(meta.pop("healthy", True))
    verdict = meta.pop("verdict", None)
    write_run(folder, Plan(seed=seed, models=(model,), turns=2000, steady_s=600, slo=slo, healthy=healthy))
    path = folder / "run.json"
    document = json.loads(path.read_text()) | {"started_at": f"2026-11-{seed:02}T10:00:00Z"} | meta
    path.write_text(json.dumps(document))
    if verdict:
        (folder / "report.json").write_text(json.dumps({"verdict": verdict}))
    return folder


def test_a_broken_line_says_by_how_much_and_how_sure(tailgate: Tailgate, tmp_path: Path) -> None:
    """The failing line comes first, with its distance from the limit and the certainty."""
    run(tmp_path / "a", 1, slo=("p95(ttft_ms) < 200", "p95(ttft_ms) < 800"))
    done = tailgate("gate", "a")
    first = done.stdout.splitlines()[0]
    assert (done.returncode, first.startswith("fail: small breaks p95(ttft_ms) < 200 with ")) == (3, True)
    assert ("over the limit of 200 ms" in first, first.endswith("sure")) == (True, True)


def test_an_open_line_says_how_much_longer(tailgate: Tailgate, tmp_path: Path) -> None:
    """Inconclusive is exit code 4, or a warning where that is asked for."""
    run(tmp_path / "a", 1, slo=("p99(ttft_ms) < 410",))
    done = tailgate("gate", "a")
    assert (done.returncode, "turns would tell" in done.stdout) == (4, True)
    warned = tailgate("gate", "a", "--on-inconclusive", "warn")
    assert (warned.returncode, "warning: inconclusive is let through" in warned.stdout) == (0, True)
    assert tailgate("gate", "a", "--on-inconclusive", "ignore").returncode == 2


def test_a_regression_against_the_baseline_fails(tailgate: Tailgate, tmp_path: Path) -> None:
    """The SLO holds, the margin does not: exit code 3, and relative SLO lines are decided."""
    run(tmp_path / "a", 1)
    run(tmp_path / "b", 2, SLOWER, slo=("p95(ttft_ms) < 800", "p95(ttft_ms) <= 1.10 x baseline"))
    assert tailgate("gate", "b").returncode == 4
    done = tailgate("gate", "b", "--baseline", "a")
    lines = done.stdout.splitlines()
    assert (done.returncode, sum(line.startswith("fail: small breaks") for line in lines)) == (3, 1)
    assert "baseline: a, as named" in lines
    assert "relative to a baseline" not in done.stdout


def test_latest_is_the_newest_run_that_passed(tailgate: Tailgate, tmp_path: Path) -> None:
    """Later runs, failed ones, other names, invalid and interrupted ones are passed over."""
    run(tmp_path / "day3", 3, verdict="pass")
    run(tmp_path / "day4", 4, verdict="fail")
    run(tmp_path / "day5", 5, verdict="pass", name="another")
    run(tmp_path / "day6", 6, verdict="invalid")
    run(tmp_path / "day7", 7, verdict="pass", interrupted=True)
    candidate = run(tmp_path / "day8", 8, slo=("p95(ttft_ms) <= 3 x baseline",))
    run(tmp_path / "day9", 9, verdict="pass")
    assert (latest(candidate)[0] or Path()).name == "day3"
    done = tailgate("gate", "day8", "--baseline", "latest")
    assert (done.returncode, "baseline: day3, the latest earlier run of synthetic that passed" in done.stdout) == (
        0,
        True,
    )


def test_the_first_run_has_no_baseline_and_no_pass(tailgate: Tailgate, tmp_path: Path) -> None:
    """Nothing to compare with is inconclusive, never a pass."""
    run(tmp_path / "a", 1)
    done = tailgate("gate", "a", "--baseline", "latest")
    assert (done.returncode, "nothing to compare with: no earlier run of synthetic" in done.stdout) == (4, True)


def test_an_invalid_baseline_leaves_it_open(tailgate: Tailgate, tmp_path: Path) -> None:
    """The run itself is sound, so this is no invalid run."""
    run(tmp_path / "a", 1, healthy=False)
    run(tmp_path / "b", 2)
    done = tailgate("gate", "b", "--baseline", "a")
    assert (done.returncode, "the baseline is invalid" in done.stdout) == (4, True)
    assert [line for line in done.stdout.splitlines() if line.startswith("pass: ")] == [done.stdout.splitlines()[0]]


def test_an_invalid_run_never_passes(tailgate: Tailgate, tmp_path: Path) -> None:
    """Not by a warning either."""
    run(tmp_path / "a", 1)
    run(tmp_path / "b", 2, healthy=False)
    done = tailgate("gate", "b", "--baseline", "a", "--on-inconclusive", "warn")
    assert (done.returncode, done.stdout.splitlines()[-1].startswith("invalid: ")) == (5, True)


def test_an_absent_baseline_is_a_usage_error(tailgate: Tailgate, tmp_path: Path) -> None:
    """The name is said, with what would be right."""
    run(tmp_path / "a", 1)
    done = tailgate("gate", "a", "--baseline", "gone")
    assert (done.returncode, "--baseline gone: no such run folder; name one, or latest" in done.stderr) == (2, True)


@pytest.mark.parametrize(("limit", "expected"), [(110.0, 0.025), (90.0, 0.025), (100.0, None)])
def test_certainty_is_the_intervals(limit: float, expected: float | None) -> None:
    """A limit at a bound of the 95 % interval is missed with a one-sided chance of 2.5 %."""
    found = p_value(Estimate(value=100, low=90, high=110, n=9, method="test"), limit)
    assert found == (None if expected is None else pytest.approx(expected))
