"""What requests draw."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.simulated import Simulated
from scenarios.simulator.model import Model, pick

SIMULATED = Simulated.model_validate(
    {
        "ttft": {"median": "200ms", "p99": "800ms"},
        "output_tokens": {"median": 120, "p99": 400},
        "reasoning_tokens": 30,
        "faults": {"cut": 0.2, "stall": 0.1},
    }
)


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_the_same_seed_and_number_draw_the_same(seed: int, number: int) -> None:
    """Draws depend on seed, endpoint and number alone, not on what was drawn before."""
    used = Model(seed, "large", SIMULATED)
    used.draw(number + 1)
    assert used.draw(number, 100) == Model(seed, "large", SIMULATED).draw(number, 100)


def test_another_seed_or_endpoint_draws_otherwise() -> None:
    """Neither repeats the other's first-token times."""
    first = {Model(seed, name, SIMULATED).draw(1).ttft_s for seed in (1, 2) for name in ("large", "small")}
    assert len(first) == 4


@given(st.integers(1, 1000), st.integers(1, 300))
def test_no_answer_is_longer_than_asked_for(number: int, max_tokens: int) -> None:
    """At the limit the finish reason is length, below it is stop."""
    draw = Model(1, "large", SIMULATED).draw(number, max_tokens)
    assert draw.output_tokens <= max_tokens
    assert draw.finish_reason == ("length" if draw.output_tokens == max_tokens else "stop")
    assert draw.reasoning_tokens <= draw.output_tokens


@given(st.integers(1, 1000), st.one_of(st.none(), st.integers(1, 300)))
def test_a_fault_in_mid_stream_comes_after_some_and_before_all_content(number: int, max_tokens: int | None) -> None:
    """At least one chunk goes out, and not all of them when there are two or more."""
    draw = Model(1, "large", SIMULATED).draw(number, max_tokens)
    assert 1 <= draw.cut_after <= max(1, draw.output_tokens - 1)


def test_draws_follow_the_distribution_asked_for() -> None:
    """Median and 99th percentile of 4000 draws lie near those of the scenario."""
    model = Model(1, "large", SIMULATED)
    times = [model.draw(number).ttft_s for number in range(1, 4001)]
    assert statistics.median(times) == pytest.approx(0.2, rel=0.05)
    assert statistics.quantiles(times, n=100)[98] == pytest.approx(0.8, rel=0.15)


def test_faults_come_in_their_shares() -> None:
    """Of 4000 requests about a fifth are cut and a tenth stall."""
    model = Model(1, "large", SIMULATED)
    faults = [model.draw(number).fault for number in range(1, 4001)]
    shares = {name: faults.count(name) / 4000 for name in ("cut", "stall", "")}
    assert shares == pytest.approx({"cut": 0.2, "stall": 0.1, "": 0.7}, abs=0.03)


@pytest.mark.parametrize(("at", "name"), [(0.0, "a"), (0.49, "a"), (0.5, "b"), (0.74, "b"), (0.75, ""), (0.99, "")])
def test_pick_lays_shares_end_to_end(at: float, name: str) -> None:
    """A point falls to the share that covers it."""
    assert pick({"a": 0.5, "b": 0.25}, at) == name


def test_text_has_one_word_per_token() -> None:
    """The visible text and the reasoning together hold the output tokens."""
    draw = Model(1, "large", SIMULATED).draw(1)
    words = draw.text(0, draw.reasoning_tokens).split() + draw.text(draw.reasoning_tokens).split()
    assert len(words) == draw.output_tokens
    assert draw.text() == " " + " ".join(words)
