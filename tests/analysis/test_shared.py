"""What both sides share: paired by case, jointly by stretch of time, and apart where nothing is shown to be shared."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from entries import entry

from analysis.comparing.contrasts import Couple, contrasts
from analysis.comparing.margins import hold
from analysis.comparing.shared import Cases, discordant, shared
from analysis.entry import Entry
from analysis.measures.experiment import cost_variance_ratio
from analysis.measures.stretches import Stretches
from analysis.model import Estimate
from analysis.rows.grades import LABELS
from scenarios.slo import parse_margin

MEAN = parse_margin("mean(response_time_ms) <= 1")


def with_cases(seed: int, cases: int = 100, turns: int = 1000, median_ms: float = 400.0) -> Entry:
    """Make turns of which each case has its own level, the same on every side, and equally many turns."""
    plain = entry(seed, turns, median_ms, sigma=0.2)
    rng = np.random.default_rng(seed)
    case = rng.permutation(np.arange(turns) % cases)
    level = np.exp(0.8 * np.random.default_rng(99).normal(size=cases))[case]
    frame = plain.part.turns.assign(case_id=[f"case-{number}" for number in case])
    for name in ("response_time_ms", "service_time_ms", "ttft_ms", "cost_usd"):
        frame[name] *= level
    return replace(plain, part=replace(plain.part, turns=frame))


def with_weather(seed: int) -> Entry:
    """Make turns that share what the day does to all: a slow wave."""
    plain = entry(seed, 2000, sigma=0.2)
    wave = np.exp(0.6 * np.sin(plain.part.turns["intended_s"].to_numpy() / 45))
    frame = plain.part.turns.assign(response_time_ms=plain.part.turns["response_time_ms"] * wave)
    return replace(plain, part=replace(plain.part, turns=frame))


def couple(base: Entry, candidate: Entry, *, one_run: bool = False) -> Couple:
    """Put two entries side by side."""
    return Couple("small", "small", "", [base], [candidate], one_run=one_run)


def figure(of: Couple) -> Estimate:
    """Give the ratio of the means."""
    found = hold([MEAN], [of])[0].figure
    assert isinstance(found, Estimate)
    return found


def width(found: Estimate) -> float:
    """Give the width of a ratio's interval."""
    return math.log((found.high or math.inf) / (found.low or 0.0))


def apart(entry: Entry) -> Entry:
    """Give the same turns, each of a case of its own."""
    names = [f"{id(entry)}-{number}" for number in range(len(entry.part.turns))]
    return replace(entry, part=replace(entry.part, turns=entry.part.turns.assign(case_id=names)))


def test_same_cases_are_paired() -> None:
    """Where each case has its own level, pairing takes it out of the interval and says so; the ratio is the same."""
    base, candidate = with_cases(1), with_cases(2)
    paired, unpaired = figure(couple(base, candidate)), figure(couple(apart(base), apart(candidate)))
    assert paired.value == unpaired.value
    assert width(paired) < 0.5 * width(unpaired)
    assert ("together over 100 cases" in paired.method, "together" in unpaired.method) == (True, False)


def test_paired_intervals_cover_and_raise_no_false_alarm() -> None:
    """Of forty A/A pairs, the intervals of mean, p95 and cost hold 1 in nine of ten or more, and two fail at most."""
    lines = [MEAN, parse_margin("p95(response_time_ms) <= 1"), parse_margin("cost_per_1k_responses_usd <= 1")]
    held, failed = np.zeros(3), 0
    for seed in range(40):
        found = hold(lines, [couple(with_cases(2 * seed), with_cases(2 * seed + 1))])
        failed += any(line.verdict == "fail" for line in found)
        held += [(line.figure.low or 0) <= 1 <= (line.figure.high or math.inf) for line in found]  # type: ignore[union-attr]
    assert (held.min() >= 36, failed <= 2) == (True, True)


@pytest.mark.parametrize("cases", [1, 5, 19])
def test_few_cases_are_not_paired(cases: int) -> None:
    """Fewer than twenty cases say too little about how cases differ."""
    assert couple(with_cases(1, cases), with_cases(2, cases)).shared is None


def test_cases_of_one_side_alone_are_not_paired() -> None:
    """Sides that share less than nine tenths of their turns' cases are taken apart."""
    assert couple(with_cases(1, 100), with_cases(2, 125)).shared is None


def test_arms_of_one_run_in_the_same_weather_are_compared_jointly() -> None:
    """Two arms under load at the same time draw their stretches of time together: the weather cancels."""
    base, candidate = with_weather(1), with_weather(2)
    together, alone = figure(couple(base, candidate, one_run=True)), figure(couple(base, candidate))
    assert width(together) < 0.5 * width(alone)
    assert ("stretches of time" in together.method, together.value == alone.value) == (True, True)


def test_arms_one_after_the_other_share_no_time() -> None:
    """Arms whose times do not overlap have no stretch in common; arms in turns have."""
    first = entry(1, 2000).part
    later = replace(first, turns=first.turns.assign(intended_s=first.turns["intended_s"] + 700))
    at_s = first.turns["intended_s"].to_numpy()
    in_turns = [at_s + 25 * np.floor(at_s / 25) + shift for shift in (0, 25)]
    sides = [replace(first, turns=first.turns.assign(intended_s=moments)) for moments in in_turns]
    assert shared(first, later, one_run=True) is None
    assert isinstance(shared(*sides, one_run=True), Stretches)


def test_arms_in_turns_have_a_joint_ratio_of_variances() -> None:
    """Interleaved arms draw the same stretches of time for the ratio of their variances; others draw their own."""
    first, second = with_weather(1).part, with_weather(2).part
    later = replace(second, turns=second.turns.assign(intended_s=second.turns["intended_s"] + 700))
    together, one_after_the_other = cost_variance_ratio(first, second), cost_variance_ratio(first, later)
    assert isinstance(together, Estimate)
    assert isinstance(one_after_the_other, Estimate)
    assert ("drawn together" in together.method, "drawn apart" in one_after_the_other.method) == (True, True)


def test_what_is_not_shown_to_be_shared_is_not_used() -> None:
    """Independent sides of one run keep the interval of independent sides."""
    base, candidate = entry(1, 2000), entry(2, 2000)
    assert figure(couple(base, candidate, one_run=True)) == figure(couple(base, candidate))


def test_unlike_marks_of_the_same_cases_are_counted() -> None:
    """Of ten turns of one case, k-th beside k-th: two fail on the base alone, three on the candidate alone."""
    part = entry(1, 10).part
    marks = [np.isin(np.arange(10), failed) for failed in ([0, 1, 2], [2, 7, 8, 9])]
    every = np.ones(10, dtype=bool)
    found = discordant((part, marks[0], every), (part, marks[1], every), Cases({"case-0": 0}))
    assert (found.pairs, found.only_base, found.only_candidate) == (10, 2, 3)


def test_answers_of_like_length_are_held_against_each_other() -> None:
    """A candidate that is only more talkative is no slower at the same length of answer."""
    sides = [entry(seed, 3000, tokens=tokens) for seed, tokens in ((1, 100.0), (2, 130.0))]
    for index, side in enumerate(sides):
        frame = side.part.turns.assign(response_time_ms=side.part.turns["output_tokens"] * 20)
        sides[index] = replace(side, part=replace(side.part, turns=frame))
    found = {(one.name, one.statistic): one for one in contrasts(couple(*sides))}
    raw, alike = found["response_time_ms", "p95"], found["like_length_response_time_ms", "p95"]
    assert (raw.seen, alike.seen) == ("higher", "no difference shown")
    assert ("like_length_response_time_ms", "p95") not in {
        (one.name, one.statistic) for one in contrasts(couple(sides[0], sides[0]))
    }


def with_grades(seed: int, right: float, cases: int = 200, turns: int = 800) -> Entry:
    """Make graded turns: each case has its own difficulty, the same on every side; `right` is the mean accuracy."""
    plain = with_cases(seed, cases, turns)
    rng = np.random.default_rng(seed)
    number = plain.part.turns["case_id"].str.removeprefix("case-").astype(int).to_numpy()
    hard = np.random.default_rng(5).random(cases) < 0.2
    chance = np.where(hard[number], 5 * right - 4, 1.0).clip(0, 1)
    grade = np.where(rng.random(turns) < chance, "right", "wrong")
    frame = plain.part.turns.assign(
        grade=pd.Categorical(grade, categories=list(LABELS)), case_id=plain.part.turns["case_id"].astype("category")
    )
    return replace(plain, part=replace(plain.part, turns=frame))


def test_scores_are_compared_pair_by_pair() -> None:
    """Accuracy is held against its margin over the cases of both sides, and unlike pairs are counted."""
    of = couple(with_grades(1, 0.9), with_grades(2, 0.84))
    accuracy = next(one for one in contrasts(of) if one.name == "accuracy")
    assert accuracy.discordant is not None
    assert accuracy.discordant.pairs == 800
    assert isinstance(accuracy.difference, Estimate)
    unlike = accuracy.discordant.only_candidate - accuracy.discordant.only_base
    assert accuracy.difference.value == pytest.approx(unlike / 800)
    assert accuracy.seen == "lower"
    lines = [parse_margin(text) for text in ("accuracy >= -1pp", "accuracy >= -20pp")]
    assert [line.verdict for line in hold(lines, [of])] == ["fail", "pass"]


def test_paired_scores_raise_no_false_alarm() -> None:
    """Of forty A/A pairs of graded runs at most two fail a margin of no difference."""
    line = parse_margin("accuracy >= -0pp")
    pairs = (couple(with_grades(2 * seed, 0.9), with_grades(2 * seed + 1, 0.9)) for seed in range(40))
    assert sum(hold([line], [pair])[0].verdict == "fail" for pair in pairs) <= 2


def test_where_cases_repeat_an_open_score_asks_for_cases() -> None:
    """Answers to one case are alike: what is missing is prompts, and no number of turns is named."""
    of = couple(with_grades(1, 0.9, cases=40), with_grades(2, 0.9, cases=40))
    line = hold([parse_margin("accuracy >= -2pp")], [of])[0]
    assert (line.verdict, line.needed_turns) == ("inconclusive", None)
    assert line.needed_cases is not None
    assert line.needed_cases > 40
    assert f"about {line.needed_cases:,} prompts that say what a right answer is would tell" in line.sentence
