"""Stages of a run, and what a scenario is expected to bring."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.plan import Stage, expectation, needed_turns, phases, samples_needed
from scenarios.scenario import Scenario
from scenarios.slo import parse_slo


def scenario(**parts: Any) -> Scenario:
    """Give two simulated endpoints of constant speed: 1 s to the first token, then 100 tokens in 1 s."""
    simulated = {"ttft": "1s", "tokens_per_second": 100, "output_tokens": 100, **parts.pop("simulated", {})}
    traffic = {"users": 100, "ramp": "10s", "warm_up": "20s", "steady": "60s", "drain": "5s", "think_time": "8s"}
    prices = {"input": 1, "output": 2}
    return Scenario.model_validate(
        {
            "endpoints": {"a": {"simulated": simulated, "prices": prices}, "b": {"simulated": simulated}},
            "traffic": {**traffic, **parts.pop("traffic", {})},
            "conversation": {"prompts": ["x" * 400], "turns": 1},
            **parts,
        }
    )


def test_the_stages_follow_one_another() -> None:
    """Per endpoint ramp, warm-up, steady and drain, in the order asked for."""
    assert phases(scenario(), ["b", "a"]) == [
        Stage(endpoint, "", phase, 100, 10.0, duration_s)  # type: ignore[arg-type]
        for endpoint in ("b", "a")
        for phase, duration_s in (("warm_up", 10), ("warm_up", 20), ("steady", 60), ("drain", 5))
    ]


def test_parts_of_no_length_are_left_out() -> None:
    """Without ramp all users start at once."""
    stages = phases(scenario(traffic={"ramp": 0, "warm_up": 0, "drain": 0}), ["a"])
    assert stages == [Stage("a", "", "steady", 100, 100.0, 60.0)]


def test_users_and_spawn_rate_stand_for_the_scenarios() -> None:
    """The ramp follows from both."""
    ramp = phases(scenario(), ["a"], users=30, spawn_rate=5)[0]
    assert ramp == Stage("a", "", "warm_up", 30, 5.0, 6.0)


def test_rounds_share_the_steady_time() -> None:
    """All endpoints come before any comes again; each round has a ramp, a warm-up and a drain of its own."""
    stages = phases(scenario(campaign={"rounds": 3}), ["a", "b"])
    order = [(stage.round, stage.endpoint) for stage in stages if stage.phase == "steady"]
    assert order == [(number, endpoint) for number in (1, 2, 3) for endpoint in ("a", "b")]
    assert [stage.duration_s for stage in stages] == [10, 20, 20, 5] * 6
    timed = phases(scenario(campaign={"rounds": 3}), ["a", "b"], run_time_s=420)
    assert [stage.duration_s for stage in timed] == [10, 20, 35, 5] * 6


def test_rounds_cost_a_ramp_each() -> None:
    """The turns that count are the same; those of ramp and warm-up come three times."""
    once, thrice = (expectation(scenario(campaign={"rounds": count})).endpoints[0] for count in (1, 3))
    assert (once.turns, once.requests, once.duration_s) == (600, 850, 95.0)
    assert (thrice.turns, thrice.requests, thrice.duration_s) == (600, 1350, 165.0)


@pytest.mark.parametrize(
    ("run_time_s", "lengths"),
    [
        (300, [10, 20, 115, 5]),  # 150 s each: steady takes what is left
        (190, [10, 20, 60, 5]),  # exactly as the scenario has it
        (70, [5, 10, 17.5, 2.5]),  # 35 s each: the rest shrinks to a half
    ],
)
def test_a_run_time_is_shared_and_kept(run_time_s: float, lengths: list[float]) -> None:
    """Each endpoint gets an equal part, and no less than half of it is measured."""
    stages = phases(scenario(), ["a", "b"], run_time_s=run_time_s)
    assert [stage.duration_s for stage in stages] == pytest.approx(lengths * 2)


@given(st.floats(min_value=1, max_value=1e5), st.integers(1, 2000), st.floats(min_value=0.1, max_value=1000))
def test_any_run_time_is_kept(run_time_s: float, users: int, spawn_rate: float) -> None:
    """The stages add up to the run time, whatever else is asked."""
    stages = phases(scenario(), ["a", "b"], users, spawn_rate, run_time_s)
    assert sum(stage.duration_s for stage in stages) == pytest.approx(run_time_s)
    steady_s = sum(stage.duration_s for stage in stages if stage.phase == "steady")
    assert steady_s >= run_time_s / 2 * (1 - 1e-9)


@pytest.mark.parametrize(
    ("quantile", "samples"), [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368), (0.999, 3688)]
)  # the last three as in MLPerf-style tables of two-sided 95 % order-statistic bounds
def test_samples_needed_for_a_quantile(quantile: float, samples: int) -> None:
    """One sample fewer leaves more than 2.5 % above all of them."""
    assert samples_needed(quantile) == samples
    assert quantile**samples <= 0.025 < quantile ** (samples - 1)


@pytest.mark.parametrize(
    ("line", "turns"),
    [
        ("p99(ttft_ms) < 800", 368),
        ("throttled_share < 1%", 381),
        ("ok_share >= 99%", 381),
        ("throttled_share <= 0%", None),
        ("mean(ttft_ms) < 800", None),
        ("cost_per_1k_responses_usd < 2", None),
    ],
)
def test_turns_needed_for_a_line(line: str, turns: int | None) -> None:
    """A share needs Wilson's bound of no event at all to lie below the limit; ratios have no fixed number."""
    assert needed_turns(parse_slo(line)) == turns


def test_a_closed_loop_is_counted_by_hand() -> None:
    """100 users, 8 s think + 2 s answer = 10 turns/s: 600 while measured, 850 in all; 100 tokens in, 100 out."""
    a, b = expectation(scenario()).endpoints
    assert (a.turns, a.requests, a.input_tokens, a.output_tokens) == (600, 850, 85_000, 85_000)
    assert (a.duration_s, a.response_s, a.limited_by, a.assumed) == (95.0, 2.0, "users", "")
    assert a.cost_usd == Decimal("0.255")  # 85 000 tokens at $1 and at $2 per million
    assert (b.cost_usd, b.cost_note.split(":")[0]) == (None, "neither prices nor a model is given")


def test_a_run_with_an_unpriced_endpoint_has_no_price() -> None:
    """A sum with an unknown part is unknown."""
    whole = expectation(scenario())
    assert whole.cost_usd is None
    assert whole.duration_s == 190.0


@pytest.mark.parametrize(
    ("simulated", "limited_by", "turns"),
    [
        ({"concurrency": 4}, "concurrency", 120),  # 4 at once, 2 s each: 2 turns/s
        ({"limit": {"kind": "token_bucket", "requests": 30, "per": "10s"}}, "limit", 180),
        ({"concurrency": 400}, "users", 600),
    ],
)
def test_a_limit_is_seen(simulated: dict[str, object], limited_by: str, turns: int) -> None:
    """The lowest of users, queue and request limit decides."""
    a = expectation(scenario(simulated=simulated)).endpoints[0]
    assert (a.limited_by, a.turns) == (limited_by, turns)


def test_history_grows_the_input() -> None:
    """Two turns: 100 tokens, then 100 + 100 (answer) + the follow-up's share."""
    asked = scenario(conversation={"prompts": [{"id": "p", "turns": ["x" * 400, "y" * 400]}], "turns": 2})
    a = expectation(asked).endpoints[0]
    assert a.input_tokens / a.requests == pytest.approx((100 + 300) / 2)


def test_a_line_of_a_kind_expects_the_turns_of_that_kind() -> None:
    """Prompts come equally often; a kind that none is of can't be judged however long the run."""
    prompts = [
        {"id": f"p{n}", "kind": kind, "text": "Hello?"} for n, kind in enumerate(("chat", "chat", "code", "chat"))
    ]
    slo = [f"p95(gap_ms) < 50{where}" for where in ("", " where kind=code", " where kind=chat", " where kind=prose")]
    needs = expectation(scenario(conversation={"prompts": prompts}, slo=slo)).slo[::2]  # of each endpoint one
    whole = needs[0].expected_turns
    assert [need.expected_turns for need in needs[1:]] == pytest.approx([whole / 4, 3 * whole / 4, 0], abs=1)
    assert [(need.enough, need.lacks) for need in needs[2:]] == [(True, ""), (False, "no prompt is of kind prose")]


def test_each_slo_line_is_held_against_each_endpoint() -> None:
    """600 turns can decide a p99, not a p99.9."""
    needs = expectation(scenario(slo=["p99(ttft_ms) < 800", "p99.9(ttft_ms) < 900"])).slo
    assert [(need.endpoint, need.needed_turns, need.enough) for need in needs] == [
        ("a", 368, True),
        ("b", 368, True),
        ("a", 3688, False),
        ("b", 3688, False),
    ]


def test_a_line_on_quality_counts_graded_answers() -> None:
    """Of 600 turns, those to the one case of two that expects something, ten at the most; without one it is open."""
    cases = [{"id": "a", "text": "Yes?", "expect": {"facts": ["yes"]}}, {"id": "b", "text": "No?"}]
    asked = scenario(conversation={"prompts": cases, "turns": 1}, slo=["accuracy >= 0.5"])
    assert [(need.expected_turns, need.enough) for need in expectation(asked).slo] == [(10, True), (10, True)]
    asked = scenario(conversation={"prompts": cases[1:], "turns": 1}, slo=["accuracy >= 0.5"])
    assert {(need.expected_turns, need.lacks) for need in expectation(asked).slo} == {
        (0, "no prompt says what a right answer is")
    }


def test_what_too_few_cases_lack_is_cases() -> None:
    """One case is good for ten answers, and 35 are needed: a longer run would not decide, four cases would."""
    cases = [{"id": "a", "text": "Yes?", "expect": {"facts": ["yes"]}}]
    needs = expectation(scenario(conversation={"prompts": cases, "turns": 1}, slo=["accuracy >= 0.9"])).slo
    said = "only 1 prompt says what a right answer is, each good for 10 answers: write `expect` in 4"
    assert {(need.needed_turns, need.enough, need.lacks) for need in needs} == {(35, False, said)}


def test_a_line_on_cost_without_a_price_stays_open() -> None:
    """No number of turns makes up for a price."""
    needs = expectation(scenario(slo=["cost_per_response_usd < 1"])).slo
    assert [(need.lacks, need.enough) for need in needs] == [("", True), ("no price is known", False)]


def test_a_real_endpoint_is_a_guess_that_says_so() -> None:
    """Speed is assumed, and the assumption is named."""
    (real,) = expectation(Scenario.model_validate({"endpoints": {"r": {"url": "http://127.0.0.1:1/v1"}}})).endpoints
    assert real.assumed == "0.5 s to the first token, 50 tokens/s"
    assert real.turns > 0
