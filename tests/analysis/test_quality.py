"""Quality in a report: counts are the truth's, intervals allow for repeated cases, nothing is dropped silently."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from graded import write_graded
from synthetic import BASE, LARGE, Plan

from analysis.measures.quality import share
from analysis.model import Estimate, NotEstimable
from analysis.report import build

if TYPE_CHECKING:
    from pathlib import Path

    from analysis.model import Figure, QualityRow

PLAN = Plan(models=(LARGE, BASE), turns=600, slo=("accuracy >= 0.5", "hallucination_share < 1%"))
SHARES = {"right": 0.8, "wrong": 0.1, "hallucinated": 0.06, "terse": 0.04}


def rows(folder: Path) -> list[QualityRow]:
    """Give the report's rows on quality."""
    quality = build(folder).quality
    assert quality is not None
    return quality.endpoints


def value(figure: Figure) -> float:
    """Give the number that there is."""
    assert isinstance(figure, Estimate)
    return figure.value


def test_counts_are_the_truths(tmp_path: Path) -> None:
    """Each verdict is counted as often as it was played, and turns without an answer are intended but not graded."""
    said = write_graded(tmp_path, PLAN, SHARES)
    for row in rows(tmp_path):
        own = {kind: said[row.endpoint, kind] for kind in SHARES}
        unanswered = said[row.endpoint, "unanswered"]
        assert {kind: row.verdicts[kind] for kind in own} == own
        assert (row.graded, row.answered, row.intended) == (*[sum(own.values())] * 2, sum(own.values()) + unanswered)
        assert value(row.figures["accuracy"]) == pytest.approx(own["right"] / sum(own.values()))
        assert value(row.figures["accuracy_of_intended"]) == pytest.approx(own["right"] / row.intended)


def test_objectives_are_held_against_it(tmp_path: Path) -> None:
    """Four fifths right keep one half, and six in a hundred hallucinations break one, where there are cases enough."""
    write_graded(tmp_path, PLAN, {"right": 0.7, "hallucinated": 0.3})
    found = {(line.endpoint, line.line): line.verdict for line in build(tmp_path).slo}
    assert found["small", "hallucination_share < 1%"] == "fail"
    assert found["small", "accuracy >= 0.5"] == "inconclusive"  # five cases are few, however often they repeat


def test_answers_beyond_those_kept_are_named(tmp_path: Path) -> None:
    """Where answers are missing, fewer are graded than answered, and all intended turns are counted by share."""
    write_graded(tmp_path, PLAN, SHARES)
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[::2]), encoding="utf-8")
    for row in rows(tmp_path):
        assert 0 < row.graded < row.answered
        expected = value(row.figures["accuracy"]) * row.answered / row.intended
        assert value(row.figures["accuracy_of_intended"]) == pytest.approx(expected)


def test_broken_lines_are_counted(tmp_path: Path) -> None:
    """What is no answer is left out and noted."""
    write_graded(tmp_path, PLAN, SHARES)
    with (tmp_path / "answers.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"endpoint": "small", "turn_id": "x", "case_id": "y", "answ\n[1]\n"text"\n{}\n')
    assert "answers.jsonl: 4 torn or broken lines were left out" in build(tmp_path).notes


def test_nothing_expected_nothing_graded(tmp_path: Path) -> None:
    """A run whose cases expect nothing has no block, and a run without answers grades none."""
    write_graded(tmp_path, PLAN, SHARES)
    (tmp_path / "answers.jsonl").unlink()
    assert {row.graded for row in rows(tmp_path)} == {0}
    assert isinstance(rows(tmp_path)[0].figures["accuracy"], NotEstimable)
    meta = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    meta["scenario"]["conversation"] = {}
    (tmp_path / "run.json").write_text(json.dumps(meta), encoding="utf-8")
    assert build(tmp_path).quality is None


def test_a_good_response_is_a_right_one(tmp_path: Path) -> None:
    """What a good response costs counts no answer that was graded and is not right."""
    write_graded(tmp_path, Plan(turns_per_conversation=1), {"right": 0.5, "wrong": 0.5})
    group = next(group for group in build(tmp_path).groups if group.phase == "steady")
    ratio = value(group.cost["cost_per_good_response_usd"]) / value(group.cost["cost_per_response_usd"])
    assert ratio == pytest.approx(2, rel=0.1)


def case_of(numbers: list[int]) -> pd.Categorical:
    """Give cases by number."""
    return pd.Categorical([f"case-{number}" for number in numbers])


def test_cases_that_do_not_repeat_are_independent() -> None:
    """Ninety of a hundred right: Wilson's own interval, 82.6 to 94.5 %."""
    found = share(np.arange(100) < 90, case_of(list(range(100))), 1)
    assert isinstance(found, Estimate)
    assert (round(found.low or 0, 3), round(found.high or 0, 3), found.method) == (0.826, 0.945, "Wilson")


def test_repeats_do_not_count_as_cases() -> None:
    """The same fifty cases, asked once or forty times with the same result, say about as much."""
    right = np.arange(50) < 40
    once, often = share(right, case_of(list(range(50))), 1), share(np.tile(right, 40), case_of(list(range(50)) * 40), 1)
    assert isinstance(once, Estimate)
    assert isinstance(often, Estimate)
    assert often.low == pytest.approx(once.low, abs=0.03)
    assert often.n_effective == pytest.approx(50, rel=0.3)


@pytest.mark.parametrize(("cases", "most"), [(3, 3), (40, 400)])
def test_no_wrong_answer_in_few_cases_is_no_proof(cases: int, most: int) -> None:
    """However often few cases are right, others may not be: the effective number stays below ten per case."""
    found = share(np.ones(cases * 1000, dtype=bool), case_of(list(range(cases)) * 1000), 1)
    assert isinstance(found, Estimate)
    assert (found.n_effective or 0) <= most


def test_the_interval_covers_the_truth_when_cases_differ() -> None:
    """Cases of which some are always wrong: 95 % intervals hold the true share in at least 90 of 100 runs."""
    covered = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        chance = rng.beta(4.0, 1.0, size=60)  # mean 0.8
        cases = np.repeat(np.arange(60), 20)
        found = share(rng.random(1200) < chance[cases], case_of(cases.tolist()), seed)
        assert isinstance(found, Estimate)
        covered += (found.low or 0) <= 0.8 <= (found.high or 0)
    assert covered >= 90
