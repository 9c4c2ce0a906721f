"""The report end to end: its sentences, its figures against the truth, and that it repeats."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from synthetic import BASE, LARGE, TWO_ENDPOINTS, Plan, Truth, write_run

from analysis.measures import bill, cost, quality, slices, steady, timeline, variance
from analysis.measures.gaps import histogram
from analysis.measures.parts import parts
from analysis.measures.spans import spans
from analysis.measures.unit_costs import UnitCosts
from analysis.model import Estimate, Report
from analysis.report import build
from analysis.report import report as report_of
from analysis.rows.grades import Grades
from analysis.rows.read import read_run
from analysis.rows.turns import LATENCIES, turns
from analysis.stats import independence, order, shares
from analysis.stats.blocks import time_blocks
from scenarios.expect import Expect


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report, Truth]:
    """Give the folder, report and truth of two endpoints."""
    folder = tmp_path_factory.mktemp("report") / "run"
    truth = write_run(folder, TWO_ENDPOINTS)
    return folder, build(folder), truth


def test_byte_identical(made: tuple[Path, Report, Truth]) -> None:
    """The same rows give the same bytes."""
    assert made[1].model_dump_json() == build(made[0]).model_dump_json()


def test_json_has_no_infinity(made: tuple[Path, Report, Truth]) -> None:
    """report.json is JSON by the standard: no NaN, no Infinity, and it reads back the same."""
    text = made[1].model_dump_json()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in report.json"))
    assert made[1] == Report.model_validate_json(text)


def test_counts_are_the_truths(made: tuple[Path, Report, Truth]) -> None:
    """Turns, outcomes and throttled turns of each group are those that were written."""
    _, report, truth = made
    for group in report.groups:
        key = group.endpoint, group.phase
        assert truth.turns[key] == group.turns
        counts = {name: round(figure.value * group.turns) for name, figure in group.shares.items()}
        assert truth.throttled[key] == counts.pop("throttled")
        counts.pop("failed")
        expected = {outcome: n for (*where, outcome), n in truth.outcomes.items() if tuple(where) == key}
        assert expected == {name: n for name, n in counts.items() if n}


def test_quantiles_hold_the_truth(made: tuple[Path, Report, Truth]) -> None:
    """The intervals of TTFT hold the quantiles of the distribution it was drawn from."""
    _, report, truth = made
    for group in report.groups:
        for name, p in (("p50", 0.5), ("p95", 0.95)):
            figure = group.metrics["ttft_ms"][name]
            true_ms = truth.ttft[group.endpoint].quantile(p) * 1000
            assert isinstance(figure, Estimate)
            assert 0.98 * figure.low <= true_ms <= 1.02 * figure.high


def test_headline_of_a_failure(made: tuple[Path, Report, Truth]) -> None:
    """The verdict first, the numbers after."""
    headline = made[1].headline
    assert headline.startswith("FAIL: large fails: throttled 8.5% [7.4, 9.8] of 5% allowed; p95 TTFT ")
    assert ". small passes: p95 TTFT 277 ms [267, 289] of 800 allowed; cost USD 0.0861 per 1k" in headline


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"slo": ("p95(ttft_ms) < 800",)}, "PASS: small passes: p95 TTFT 267 ms [233, 325] of 800 allowed; cost USD"),
        ({"slo": ()}, "PASS: no SLO was set; small has no limit to keep: p95 TTFT "),
        (
            {"slo": ("p99.9(ttft_ms) < 800",)},
            "INCONCLUSIVE: small is undecided: p99.9 TTFT not estimable (p99.9 needs 3,688",
        ),
        ({"healthy": False}, "INVALID: worker w0 ran late: loop lag p99 400 ms, the limit is 100 (and 3 more reasons)"),
        ({"interrupted": True}, "INVALID: the run never ended"),
    ],
)
def test_headlines(tmp_path: Path, change: dict, expected: str) -> None:
    """Each verdict has its sentence."""
    write_run(tmp_path / "run", replace(Plan(models=(BASE,), turns=500), **change))
    report = build(tmp_path / "run")
    assert expected == report.headline[: len(expected)]
    assert report.headline.split(":")[0].lower() == report.verdict
    assert report.verdict != "invalid" or not any("slo:" in step for step in report.next_steps)


def test_next_steps(made: tuple[Path, Report, Truth]) -> None:
    """The report says what to do about throttling, about failures, and how long to run."""
    steps = made[1].next_steps
    for start in ("large throttled 8.5%", "large left 1.4% of its turns without success, most of them stream error"):
        assert any(step.startswith(start) for step in steps), start


def test_endpoint_that_was_never_reached(tmp_path: Path) -> None:
    """An endpoint whose steady phase saw no turn leaves the run inconclusive, not passed."""
    folder = tmp_path / "run"
    write_run(folder, Plan(models=(BASE,), turns=500, slo=("p95(ttft_ms) < 800",)))
    meta = json.loads((folder / "run.json").read_text())
    meta["phases"].append({"endpoint": "absent", "arm": "", "phase": "steady", "start_s": 200, "end_s": 300})
    (folder / "run.json").write_text(json.dumps(meta))
    report = build(folder)
    assert [line.verdict for line in report.slo] == ["pass", "inconclusive"]
    assert report.verdict == "inconclusive"


def test_slices(made: tuple[Path, Report, Truth]) -> None:
    """Kinds and length classes each add up to the steady turns that have one."""
    _, report, _ = made
    kinds = [found for found in report.slices if found.by == "kind" and found.endpoint == "small"]
    assert ([s.label for s in kinds], sum(s.turns for s in kinds)) == (["long", "support"], 2000)
    assert set(LATENCIES) == set(kinds[0].metrics)


def test_plots(made: tuple[Path, Report, Truth]) -> None:
    """Timelines count every turn once; spectra rise."""
    _, report, truth = made
    for endpoint, line in report.plots.timelines.items():
        turns_seen = sum(line.offered) * line.bin_s
        assert sum(n for (name, _), n in truth.turns.items() if name == endpoint) == round(turns_seen)
    spectrum = report.plots.spectra["large"]["ttft_ms"].model_dump()
    assert sorted(spectrum["values"]) == spectrum["values"]
    assert max(spectrum["p"]) <= 1 - 1 / 1972


def test_inputs_are_never_mutated(made: tuple[Path, Report, Truth]) -> None:
    """No step of the analysis changes the frames it is given."""
    run = read_run(made[0])
    attempts, gaps, meta = run.attempts.copy(deep=True), run.gaps.copy(deep=True), json.dumps(run.meta)
    report_of(run)
    prices = cost.prices_of(run.meta, [])
    priced = cost.with_cost(run.attempts, prices)
    before = priced.copy(deep=True)
    every = turns(priced)
    kept = every.copy(deep=True)
    for part in parts(every, priced, spans(run.meta, every), 1):
        frames = part.turns.copy(deep=True), part.attempts.copy(deep=True)
        blocks = time_blocks(part.turns)
        shares.shares(part.turns, blocks, 1)
        UnitCosts(part, prices.get(part.endpoint), run.meta["cases"], monthly_turns=9).figures()
        bill.bills(part.attempts, prices)
        slices.slices(part, run.meta["cases"])
        variance.variance(part)
        list(steady.notes(part))
        timeline.timeline(part.turns, part.attempts, part.start_s, part.end_s)
        pd.testing.assert_frame_equal(frames[0], part.turns)
        pd.testing.assert_frame_equal(frames[1], part.attempts)
    expected = {("case-1", 1): Expect(min_words=1)}
    marked = Grades(expected, {}).mark(every)
    seen = marked.copy(deep=True)
    assert quality.figures(marked, 1)
    pd.testing.assert_frame_equal(seen, marked)
    histogram(run.gaps, 1)
    pd.testing.assert_frame_equal(before, priced)
    pd.testing.assert_frame_equal(kept, every)
    pd.testing.assert_frame_equal(attempts, run.attempts)
    pd.testing.assert_frame_equal(gaps, run.gaps)
    assert meta == json.dumps(run.meta)


def test_variance_split_adds_up(made: tuple[Path, Report, Truth]) -> None:
    """Var(throttled) + Var(service) + 2 Cov is the whole; an unthrottled endpoint has none of the first."""
    names = ("throttled_time_variance_share", "service_time_variance_share", "covariance_share")
    for group in made[1].groups:
        if group.phase == "steady":
            assert pytest.approx(1.0) == sum(group.variance[name].value for name in names)
    large = next(g for g in made[1].groups if (g.endpoint, g.phase) == ("large", "steady"))
    assert 0.01 < large.variance["throttled_time_variance_share"].value < 0.2


def test_unverified_certificates_are_the_first_thing_to_mend(tmp_path: Path) -> None:
    """`insecure: true` stands on the first screen, whatever the verdict."""
    folder = tmp_path / "run"
    write_run(folder, TWO_ENDPOINTS)
    meta = json.loads((folder / "run.json").read_text())
    meta.setdefault("scenario", {})["endpoints"] = {"large": {"insecure": True}}
    (folder / "run.json").write_text(json.dumps(meta))
    assert build(folder).next_steps[0].startswith("large's TLS certificate was not verified")


def test_interrupted_run_is_noted(tmp_path: Path) -> None:
    """A run that was ended early says so."""
    folder = tmp_path / "run"
    write_run(folder, Plan(models=(LARGE,), turns=300))
    meta = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**meta, "interrupted": True}))
    assert "the run was interrupted: its phases are shorter than asked for" in build(folder).notes


def test_a_large_part_is_sliced_and_read_like_a_small_one(
    made: tuple[Path, Report, Truth], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limits of large parts slices hold the same metrics, values are the same, and methods tell the rest."""
    few = 500
    for module in (slices, order):
        monkeypatch.setattr(module, "MANY", few)
    monkeypatch.setattr(independence, "ENOUGH", few)
    large = build(made[0])
    for small, own in zip(made[1].slices, large.slices, strict=True):
        assert set(small.metrics) == set(own.metrics)
        for metric, figures in small.metrics.items():
            for name, figure in figures.items():
                other = own.metrics[metric][name]
                if isinstance(figure, Estimate) and isinstance(other, Estimate):
                    assert figure.value == pytest.approx(other.value, rel=1e-12)
    median = large.groups[-1].metrics["ttft_ms"]["p50"]
    assert isinstance(median, Estimate)
    assert median.method.startswith("linear; correlation looked for in 496 turns;")
