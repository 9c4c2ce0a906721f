"""Refusals that are billed: the usage that they state, and what the truth log holds of it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import httpx
import pytest

from scenarios.scenario import Scenario
from scenarios.simulator.process import Simulator
from scenarios.wire.openai_usage import usage_of

LIMIT = {"kind": "fixed_window", "requests": 1, "per": "1h"}
FAST = {"ttft": "1ms", "tokens_per_second": 1000, "output_tokens": 2}


@pytest.mark.parametrize(("bills", "tokens"), [(True, 5), (False, None)])
def test_a_refusal_states_what_it_cost(tmp_path: Path, *, bills: bool, tokens: int | None) -> None:
    """Only with `bills_refused` does a refusal state its input as usage; the log then has 0 output tokens, not none."""
    endpoint = {"simulated": {**FAST, "limit": {**LIMIT, "bills_refused": bills}}}
    scenario = Scenario.model_validate({"endpoints": {"one": endpoint}})
    with Simulator(scenario, truth=tmp_path / "truth.csv") as simulator:
        body: dict[str, Any] = {"messages": [{"role": "user", "content": "twenty characters .."}]}
        answers = [httpx.post(f"{simulator.urls['one']}/chat/completions", json=body) for _ in range(2)]
    usage = usage_of(answers[1].json())
    with (tmp_path / "truth.csv").open(newline="", encoding="utf-8") as file:
        refused = list(csv.DictReader(file))[1]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert (usage.input_tokens if usage else None) == tokens
    assert (usage.output_tokens if usage else None) == (None if tokens is None else 0)
    assert refused["output_tokens"] == ("0" if bills else "")
