"""SLO lines: pass and fail only where the whole interval says so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from synthetic import BASE, Plan, write_run

from analysis.model import Estimate, NotEstimable, Report
from analysis.report import build
from analysis.verdicts.slo_eval import judge, needed_turns
from scenarios.slo import parse_slo


def estimate(low: float | None, high: float | None, value: float = 100.0) -> Estimate:
    """Make a figure of 1000 turns."""
    return Estimate(value=value, low=low, high=high, n=1000, method="test")


@pytest.mark.parametrize(
    ("line", "low", "high", "expected"),
    [
        ("p95(ttft_ms) < 120", 90, 110, "pass"),
        ("p95(ttft_ms) < 110", 90, 110, "inconclusive"),  # the bound itself breaks the line
        ("p95(ttft_ms) <= 110", 90, 110, "pass"),
        ("p95(ttft_ms) < 100", 90, 110, "inconclusive"),
        ("p95(ttft_ms) < 80", 90, 110, "fail"),
        ("p95(ttft_ms) < 90", 90, 110, "fail"),
        ("turns_per_second > 80", 90, 110, "pass"),
        ("turns_per_second >= 120", 90, 110, "fail"),
        ("p95(ttft_ms) < 120", None, 110, "inconclusive"),
        ("p95(ttft_ms) < 100", 100, 100, "fail"),
        ("p95(ttft_ms) <= 100", 100, 100, "pass"),
    ],
)
def test_judge(line: str, low: float | None, high: float | None, expected: str) -> None:
    """The interval decides, not the value."""
    assert expected == judge(parse_slo(line), estimate(low, high))


def test_what_is_not_estimable_is_not_a_pass() -> None:
    """No number, no verdict, but the number of turns that would give one."""
    slo = parse_slo("p99(ttft_ms) < 800")
    figure = NotEstimable(not_estimable="too few", needed_turns=368)
    assert (judge(slo, figure), needed_turns(slo, figure)) == ("inconclusive", 368)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (105, 4000),  # half width 10, 5 away: twice as near needs four times the turns
        (95, 4000),
        (100, None),  # on the limit no number of turns decides
        (100.1, None),
    ],
)
def test_needed_turns(limit: float, expected: int | None) -> None:
    """Turns needed grow with (half width / distance to the limit)^2."""
    assert expected == needed_turns(parse_slo(f"p95(ttft_ms) < {limit}"), estimate(90, 110))


def run(folder: Path, *slo: str, **model: object) -> Report:
    """Report on a run of one endpoint with these lines."""
    write_run(folder, Plan(models=(replace(BASE, **model),), turns=1000, slo=slo))
    return build(folder)


def test_lines_of_every_kind(tmp_path: Path) -> None:
    """Latency, mean, share, scalar, rate: each is measured and judged."""
    report = run(
        tmp_path / "run",
        "p95(ttft_ms) < 800",
        "mean(response_time_ms) < 10s",
        "failed_share < 1%",
        "timeout_share < 1%",
        "cost_per_1k_responses_usd < 2.50",
        "turns_per_second > 1",
        "output_tokens_per_second > 100000",
        "p95(gap_ms) < 50",
    )
    expected = ["pass", "pass", "pass", "pass", "pass", "pass", "fail", "inconclusive"]
    assert expected == [line.verdict for line in report.slo]
    assert report.verdict == "fail"


def test_every_latency_fails_when_nothing_succeeds(tmp_path: Path) -> None:
    """A server that fails every turn has no latency, and breaks every latency line."""
    report = run(tmp_path / "run", "p95(ttft_ms) < 800", failed_share=1.0)
    assert (report.verdict, report.slo[0].verdict) == ("fail", "fail")
    assert "100% of all turns failed and have no latency" in report.slo[0].sentence


def test_nothing_succeeded_and_no_latency_was_asked_for(tmp_path: Path) -> None:
    """A run in which every turn failed is no pass, whatever its lines are about."""
    report = run(tmp_path / "run", "throttled_share < 1%", failed_share=1.0)
    assert report.headline == "INCONCLUSIVE: small is undecided: not one of its 1,000 turns was answered"


def test_failures_beyond_the_tail_break_it(tmp_path: Path) -> None:
    """With 10 % of the turns failed, the p95 of all turns is a failure, however fast the others were."""
    report = run(tmp_path / "run", "p95(ttft_ms) < 800", "p50(ttft_ms) < 800", failed_share=0.1)
    assert [line.verdict for line in report.slo] == ["fail", "pass"]


def test_too_few_turns_say_how_much_longer(tmp_path: Path) -> None:
    """A p99.9 of 1,000 turns is inconclusive and names the length of the run that would tell."""
    line = run(tmp_path / "run", "p99.9(ttft_ms) < 800").slo[0]
    assert (line.verdict, line.needed_turns) == ("inconclusive", 3688)
    assert line.sentence.endswith("about 3,688 turns would tell: steady for 7.4 min instead of 2 min")


def test_small_runs_never_pass_a_tail(tmp_path: Path) -> None:
    """Fifty turns prove no p95, whatever the limit."""
    write_run(tmp_path / "run", Plan(turns=50, slo=("p95(ttft_ms) < 100s",)))
    assert build(tmp_path / "run").verdict == "inconclusive"


def test_attainment_counts_all_intended_turns(tmp_path: Path) -> None:
    """Turns that failed are in the denominator of attainment."""
    report = run(tmp_path / "run", "p95(ttft_ms) < 100s", failed_share=0.2)
    steady = next(group for group in report.groups if group.phase == "steady")
    assert pytest.approx(1 - steady.shares["failed"].value) == steady.attainment.value


def test_attainment_and_goodput_are_objectives(tmp_path: Path) -> None:
    """Both are judged by the turns that met each limit on a latency; goodput is attainment x turns offered."""
    lines = ("p50(ttft_ms) < 120", "attainment >= 40%", "attainment >= 60%", "goodput >= 3/s", "goodput >= 30/s")
    report = run(tmp_path / "run", *lines, failed_share=0.1)
    steady = next(group for group in report.groups if group.phase == "steady")
    assert [line.verdict for line in report.slo[1:]] == ["pass", "fail", "pass", "fail"]
    assert steady.attainment == report.slo[1].figure
    offered = steady.rates["turns_offered_per_second"]
    assert report.slo[3].figure.value == pytest.approx(steady.attainment.value * offered)
    assert report.slo[3].figure.value == pytest.approx(steady.rates["goodput_turns_per_second"])


def test_unreadable_line_is_inconclusive(tmp_path: Path) -> None:
    """A line of a newer Tailgate cannot be held, so the run does not pass."""
    report = run(tmp_path / "run", "p95(vibes) < 3", "p95(ttft_ms) < 100s")
    assert report.verdict == "inconclusive"
    assert [line.verdict for line in report.slo] == ["pass", "inconclusive"]


def test_a_limit_that_is_no_list_is_held_all_the_same(tmp_path: Path) -> None:
    """Whoever writes one line in place of a list of lines asked for it: it is not passed over."""
    run(tmp_path / "run")
    meta = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    meta["scenario"]["slo"] = "p95(ttft_ms) < 1"
    (tmp_path / "run" / "run.json").write_text(json.dumps(meta), encoding="utf-8")
    assert build(tmp_path / "run").verdict == "fail"


def test_turns_without_stamps_are_no_pass(tmp_path: Path) -> None:
    """Where a tenth of the answered turns have no response time, p95 may be among them; p50 is not."""
    run(tmp_path / "run", "p50(response_time_ms) < 100s", "p95(response_time_ms) < 100s")
    path = tmp_path / "run" / "attempts.csv"
    frame = pd.read_csv(path, dtype="str", keep_default_na=False)
    frame.loc[frame.index[::10], ["last_token_s", "end_s"]] = "-5"
    frame.to_csv(path, index=False)
    report = build(tmp_path / "run")
    assert [line.verdict for line in report.slo] == ["pass", "inconclusive"]
    assert "of the answered turns have no such figure" in report.slo[1].sentence


def test_quality_without_graded_answers_is_no_pass(tmp_path: Path) -> None:
    """Nothing was graded, so the line is open and says so."""
    write_run(tmp_path / "run", Plan(models=(BASE,), slo=("accuracy >= 0.85",)))
    report = build(tmp_path / "run")
    assert (report.verdict, report.slo[0].figure) == (
        "inconclusive",
        NotEstimable(not_estimable="no graded answers"),
    )


def test_cost_per_good_response_is_by_the_other_lines(tmp_path: Path) -> None:
    """A good response met the latency lines of the same run, so it costs at least as much as any response."""
    lines = ("p95(ttft_ms) < 150", "cost_per_good_response_usd < $1", "cost_per_response_usd < $1")
    write_run(tmp_path / "run", Plan(models=(BASE,), turns=2000, steady_s=600, slo=lines))
    _, good, every = (line.figure for line in build(tmp_path / "run").slo)
    assert isinstance(good, Estimate)
    assert isinstance(every, Estimate)
    assert good.value > every.value
