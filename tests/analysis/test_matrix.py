"""The selection matrix: who dominates whom, who cannot be told apart, and which to take."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from graded import write_graded
from synthetic import BASE, LARGE, Model, Plan, write_run

from analysis.comparing.side import Wanted, known
from analysis.model import Estimate, NotEstimable
from analysis.render.axis import axis
from analysis.render.matrix import html, to_json, to_markdown
from analysis.report import build
from analysis.selecting import pareto
from analysis.selecting.matrix import matrix
from analysis.selecting.selection import Matrix
from scenarios.distribution import Distribution

Tailgate = Callable[..., subprocess.CompletedProcess[str]]
SLOW = replace(BASE, name="slow", ttft=Distribution.of(0.4, 1.2), tokens_per_second=50.0)
DEAR = replace(
    BASE,
    name="dear",
    ttft=Distribution.of(0.05, 0.2),
    tokens_per_second=200.0,
    prices={"input": "5", "cached_input": None, "cache_write": None, "output": "20"},
)


GRADED = Plan(models=(BASE,), turns=900, steady_s=300, slo=())


def chosen(folder: Path, *models: Model, slo: tuple[str, ...] = (), healthy: bool = True, **scenario: object) -> Matrix:
    """Make the matrix of one run of these endpoints."""
    write_run(folder, Plan(models=models, turns=1500, steady_s=600, slo=slo, healthy=healthy))
    path = folder / "run.json"
    meta = json.loads(path.read_text())
    meta["scenario"].update(scenario)
    path.write_text(json.dumps(meta))
    return matrix([known(Wanted(folder))])


def estimate(value: float, half: float) -> Estimate:
    """Make a figure with a symmetric interval."""
    return Estimate(value=value, low=value - half, high=value + half, n=100, method="test")


def test_dominance_needs_every_criterion() -> None:
    """Better by both is dominance; better by one and worse by the other is none; alike is none."""
    fast_cheap, slow_dear, fast_dear = (1.0, 1.0), (2.0, 2.0), (1.0, 2.0)
    columns = [
        pareto.log_draws([estimate(one[k], 0.001) for one in (fast_cheap, slow_dear, fast_dear)], k) for k in (0, 1)
    ]
    beats = pareto.dominance(columns, [pareto.ALIKE, pareto.ALIKE])
    assert beats.round(3).tolist() == [[0, 1, 1], [0, 0, 0], [0, 1, 0]]
    assert pareto.on_front(columns, [pareto.ALIKE, pareto.ALIKE]).round(3).tolist() == [1, 0, 0]


def test_wide_intervals_make_no_dominance() -> None:
    """What could be the other way round is not sure."""
    column = pareto.log_draws([estimate(1.0, 0.5), estimate(1.2, 0.5)], 0)
    assert pareto.dominance([column], [pareto.ALIKE])[0, 1] < 0.95


def test_a_missing_figure_says_nothing() -> None:
    """A candidate without a price is judged by the rest, and cannot have the best cost."""
    missing = NotEstimable(not_estimable="no price")
    cost = pareto.log_draws([missing, estimate(1, 0.01)], 0)
    speed = pareto.log_draws([estimate(1, 0.001), estimate(2, 0.001)], 1)
    assert pareto.dominance([cost, speed], [0.05, 0.05])[0, 1] == 1
    assert pareto.best(cost).tolist() == [0, 1]
    assert pareto.best(np.full((2, 5), np.nan)).tolist() == [0, 0]


def test_the_cheapest_that_keeps_the_limits_is_taken(tmp_path: Path) -> None:
    """Without a selection the SLO lines are the limits, and the cost decides among those that keep them."""
    found = chosen(tmp_path, SLOW, BASE, DEAR, slo=("p95(response_time_ms) < 4500",))
    assert [(one.name, one.eligible) for one in found.candidates] == [("slow", False), ("small", True), ("dear", True)]
    advice = found.advice[0]
    assert (advice.candidate, advice.confidence) == ("small", 1.0)
    assert "the cheapest of those that break no limit" in advice.sentence
    assert "slow breaks p95(response_time_ms) < 4500" in advice.sentence
    assert [(one.winner, one.loser) for one in found.dominances] == [("small", "slow")]


def test_cost_per_good_response_is_a_column_where_turns_can_be_good(tmp_path: Path) -> None:
    """With a limit on a latency some responses are good, and dearer than the average."""
    found = chosen(tmp_path, BASE, slo=("p95(response_time_ms) < 2000",))
    good, every = (found.candidates[0].figures[f"cost_per_{of}_usd"] for of in ("good_response", "1k_responses"))
    assert good.value > every.value / 1000  # type: ignore[union-attr]
    assert "Cost per good response" in to_markdown(found)


def test_weights_of_the_scenario_decide(tmp_path: Path) -> None:
    """Who weighs speed alone gets the fastest, per kind of traffic too."""
    found = chosen(tmp_path, BASE, DEAR, selection={"weights": {"p95(response_time_ms)": 1}})
    assert [(one.kind, one.candidate) for one in found.advice] == [("", "dear"), ("long", "dear"), ("support", "dear")]


def test_accuracy_is_a_criterion_where_answers_were_graded(tmp_path: Path) -> None:
    """It has a column, more of it is better, and it can be weighed alone."""
    for name, right in (("good", 0.98), ("poor", 0.3)):
        write_graded(tmp_path / name, replace(GRADED, seed=len(name)), {"right": right, "wrong": 1 - right})
    found = matrix([known(Wanted(tmp_path / name)) for name in ("good", "poor")])
    assert ("accuracy" in found.columns, "accuracy" in found.criteria) == (True, True)
    good, poor = found.candidates
    assert (good.on_front or 0) > (poor.on_front or 0)
    assert (found.advice[0].candidate, ", accuracy 9" in found.advice[0].sentence) == (good.name, True)
    assert "Accuracy" in to_markdown(found)


def test_one_who_was_not_graded_is_named(tmp_path: Path) -> None:
    """Of whom nothing is known, accuracy says nothing."""
    write_graded(tmp_path / "good", GRADED, {"right": 0.9, "wrong": 0.1})
    write_run(tmp_path / "plain", replace(GRADED, models=(SLOW,)))
    found = matrix([known(Wanted(tmp_path / name)) for name in ("good", "plain")])
    assert [note for note in found.notes if "graded" in note] == [
        "no answer of slow was graded: accuracy says nothing of it"
    ]


def test_a_campaigns_report_holds_its_matrix(tmp_path: Path) -> None:
    """Several endpoints of one run are candidates as in `tailgate matrix`, for all traffic; a single one is none."""
    found = chosen(tmp_path, SLOW, BASE, DEAR, slo=("p95(response_time_ms) < 4500",))
    own = build(tmp_path).selection
    assert own is not None
    assert [one.figures for one in own.candidates] == [one.figures for one in found.candidates]
    assert (own.advice, own.dominances) == (found.advice[:1], found.dominances)
    write_run(tmp_path / "one", Plan(models=(BASE,), turns=300))
    assert build(tmp_path / "one").selection is None


def test_equals_cannot_be_told_apart(tmp_path: Path) -> None:
    """Two of the same model: neither dominates, and the choice is not sure."""
    found = chosen(tmp_path, BASE, replace(BASE, name="twin"))
    assert (found.dominances, found.indistinguishable) == ([], [("small", "twin")])
    assert "measure both longer" in found.advice[0].sentence


def test_nobody_is_taken_when_all_break_a_limit(tmp_path: Path) -> None:
    """The advice names what they break."""
    found = chosen(tmp_path, SLOW, BASE, selection={"limits": ["p95(ttft_ms) < 1"]})
    assert (found.advice[0].candidate, "small breaks p95(ttft_ms) < 1" in found.advice[0].sentence) == (None, True)


def test_an_invalid_run_takes_no_part(tmp_path: Path) -> None:
    """Its candidates are shown and not chosen."""
    found = chosen(tmp_path, BASE, healthy=False)
    assert (found.candidates[0].eligible, found.advice[0].candidate) == (False, None)


def test_without_prices_the_fastest_is_taken(tmp_path: Path) -> None:
    """The picture then has time to first token across, and the missing accuracy is said."""
    found = chosen(tmp_path, replace(BASE, prices=None), replace(SLOW, prices=None))
    assert (found.advice[0].candidate, "not all have prices" in found.objective) == ("small", True)
    assert any("no column of accuracy" in note for note in found.notes)
    assert "P95 time to first token" in html(found) or "p95 time to first token" in html(found)


def test_files_are_the_same_again_and_read_back(tmp_path: Path) -> None:
    """Same runs, same bytes; the JSON is the matrix; the table has one row per candidate."""
    first, second = chosen(tmp_path, LARGE, BASE), chosen(tmp_path, LARGE, BASE)
    assert (html(first), to_json(first)) == (html(second), to_json(second))
    assert Matrix.model_validate_json(to_json(first)) == first
    assert to_markdown(first).count("| `") == 2


def test_the_command(tailgate: Tailgate, tmp_path: Path) -> None:
    """`matrix` prints the advice and writes three files; candidates of the same name are told apart by run."""
    for name in ("a", "b"):
        write_run(tmp_path / name, Plan(models=(BASE,), turns=800, slo=()))
    done = tailgate("matrix", "a", "b", "--output", "out")
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert (done.returncode, files) == (0, ["matrix.html", "matrix.json", "matrix.md"])
    names = [one["name"] for one in json.loads((tmp_path / "out" / "matrix.json").read_text())["candidates"]]
    assert names == ["small (a)", "small (b)"]


@pytest.mark.parametrize("log", [True, False])
def test_axes_hold_their_values(log: bool) -> None:  # noqa: FBT001 - a parameter
    """Every value lies within, marks are round and few."""
    scale = axis([3.0, 40.0, 700.0], 0.0, 100.0, log=log)
    places = [scale.at(value) for value in (3.0, 40.0, 700.0)]
    assert places == sorted(places)
    assert 0 <= places[0] < places[-1] <= 100
    assert 2 <= len(scale.marks()) <= 8
