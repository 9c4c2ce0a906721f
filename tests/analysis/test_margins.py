"""Margins: three verdicts by the interval, no false alarm beyond its level, and what is planted is found."""

from __future__ import annotations

import math

import pytest
from entries import entry

from analysis.comparing.contrasts import Couple
from analysis.comparing.margins import hold, holm
from analysis.comparing.planning import found_at, needed_turns, turns_to_find
from analysis.entry import Entry
from analysis.model import Estimate
from analysis.stats.effect import Effect, effect
from scenarios.slo import parse_margin, parse_slo

P95 = parse_margin("p95(response_time_ms) <= 1.10")


def couple(base: Entry, candidate: Entry) -> Couple:
    """Put two entries side by side."""
    return Couple("small", "small", "", [base], [candidate])


def verdicts(base: Entry, candidate: Entry, *lines: str) -> list[str]:
    """Hold lines against two entries."""
    return [line.verdict for line in hold([parse_margin(text) for text in lines], [couple(base, candidate)])]


def test_three_outcomes() -> None:
    """The whole interval decides: within, beyond, or across the margin."""
    base = entry(1, 4000)
    assert verdicts(base, entry(2, 4000), "p50(response_time_ms) <= 1.10") == ["pass"]
    assert verdicts(base, entry(2, 4000, median_ms=520), "p50(response_time_ms) <= 1.10") == ["fail"]
    assert verdicts(base, entry(2, 4000, median_ms=440), "p50(response_time_ms) <= 1.10") == ["inconclusive"]


@pytest.mark.parametrize("turns", [1, 20, 71])
def test_few_turns_are_never_a_pass(turns: int) -> None:
    """Below the least n of p95 nothing is decided, however wide the margin."""
    assert verdicts(entry(1, turns), entry(2, turns), "p95(response_time_ms) <= 9") == ["inconclusive"]


def test_lower_limits_and_differences() -> None:
    """A floor is kept from above; a difference is in the metric's unit."""
    base, faster = entry(1, 4000), entry(2, 4000, median_ms=200)
    assert verdicts(base, faster, "p50(response_time_ms) <= -100", "p50(response_time_ms) >= 0.9") == ["pass", "fail"]


def test_a_line_about_nothing_is_inconclusive() -> None:
    """A filter that meets no endpoint of both sides decides nothing."""
    line = hold([parse_slo("p95(ttft_ms) <= 2 x baseline where endpoint=huge")], [couple(entry(1), entry(2))])
    assert [one.verdict for one in line] == ["inconclusive"]


def test_shedding_load_is_no_improvement() -> None:
    """A candidate that loses 4 % more turns does not pass on p95 by the speed of the rest."""
    base, shedding = entry(1, 4000), entry(2, 4000, lost=0.04)
    line = hold([P95], [couple(base, shedding)])[0]
    assert (line.verdict, "lost" in line.sentence) == ("inconclusive", True)


def test_holm() -> None:
    """The textbook's example: 0.01, 0.04, 0.03, 0.005 become 0.03, 0.06, 0.06, 0.02."""
    adjusted = holm([0.01, 0.04, None, 0.03, 0.005])
    assert [None if p is None else round(p, 9) for p in adjusted] == [0.03, 0.06, None, 0.06, 0.02]


def test_sentence_says_by_how_much_and_how_sure() -> None:
    """A broken line names its ratio, interval and certainty; an open one the turns that would tell."""
    broken = hold([P95], [couple(entry(1, 4000), entry(2, 4000, median_ms=600))])[0]
    assert "small breaks p95(response_time_ms) <= 1.10 with 1.47" in broken.sentence
    assert broken.sentence.endswith("% sure")
    undecided = hold([P95], [couple(entry(1, 400), entry(2, 400, median_ms=380))])[0]
    assert (undecided.verdict, "turns per side would tell" in undecided.sentence) == ("inconclusive", True)


def test_more_turns_decide() -> None:
    """As many turns as were said to be needed decide a line whose figure stays."""
    found = Effect("ratio", math.log(1.05), math.log(1.05) - 0.1, math.log(1.05) + 0.1, math.inf, 1000, "test", 1000)
    needed = needed_turns(found, P95, 1)
    assert needed is not None
    error = 0.1 / 1.959964 * math.sqrt(1000 / needed)
    assert math.log(1.05) + (1.959964 + 1.281552) * error == pytest.approx(math.log(1.10), abs=1e-4)


def recommended_turns() -> int:
    """Give the turns per side that a pilot of 1000 turns recommends to find +20 % beyond 1.10."""
    found = effect("ratio", [entry(102, 1000).figure(P95)], [entry(101, 1000).figure(P95)])
    assert isinstance(found, Effect)
    return turns_to_find(found, P95, 1.20) or 0


def test_planted_changes_are_found_and_none_is_invented() -> None:
    """At the recommended n, +20 % fails in 80 % of trials or more, and A/A fails a margin of 1 in 5 % or less.

    60 trials each; the seeds are fixed, so that the test is not a lottery.
    """
    n, trials = recommended_turns(), 60
    equal = parse_margin("p95(response_time_ms) <= 1")
    false = sum(
        line.verdict == "fail"
        for k in range(trials)
        for line in hold([equal], [couple(entry(2 * k, n), entry(2 * k + 1, n))])
    )
    found = sum(
        line.verdict == "fail"
        for k in range(trials)
        for line in hold([P95], [couple(entry(2 * k, n), entry(2 * k + 1, n, median_ms=480))])
    )
    assert (1500 < n < 5000, false <= 0.05 * trials, found >= 0.80 * trials) == (True, True, True)


def test_a_pilot_too_small_for_an_interval_says_what_it_takes() -> None:
    """Sixty turns a side have no p95; how many a margin of 1.10 takes is told from their spread, as from 1,000."""
    small = hold([P95], [couple(entry(1, 60), entry(2, 60))])[0]
    large = hold([P95], [couple(entry(3, 1000), entry(4, 1000))])[0]
    assert small.needed_turns is not None
    assert large.planned_turns is not None
    assert (small.verdict, 0.4 < small.needed_turns / large.planned_turns < 2.5) == ("inconclusive", True)


def test_what_is_found_at_agrees_with_the_turns_to_find_it() -> None:
    """The least change that is found at n turns takes more than n turns to be planned for, but not twice as many."""
    found = Effect("ratio", 0.0, -0.08, 0.08, math.inf, 1000, "test", 1000)
    at = found_at(found, P95, 1)
    assert at is not None
    assert 1000 < (turns_to_find(found, P95, at) or 0) < 2000


def test_interval_covers_the_truth() -> None:
    """The true ratio of two p95 lies in 90 % of intervals or more, for turns correlated with 0.5 too."""
    inside = 0
    for k in range(60):
        found = effect(
            "ratio",
            [entry(2 * k + 1, 2000, median_ms=480, phi=0.5).figure(P95)],
            [entry(2 * k, 2000, phi=0.5).figure(P95)],
        )
        assert isinstance(found, Effect)
        figure = found.figure()
        assert isinstance(figure, Estimate)
        inside += (figure.low or 0) <= 1.2 <= (figure.high or math.inf)
    assert inside >= 54
