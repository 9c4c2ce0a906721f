"""What a load costs its workers, known before it is made."""

from __future__ import annotations

import pytest

from scenarios.capacity import CHUNK_CPU_S, TURN_CPU_S, demands, too_few
from scenarios.scenario import Scenario

SIMULATED = {"ttft": "1s", "tokens_per_second": 100, "output_tokens": 100}


def scenario(users: int, *, stream: bool = True, **simulated: object) -> Scenario:
    """Give a scenario with one endpoint whose turns take two seconds and ten of thinking."""
    return Scenario.from_document(
        {
            "name": "n",
            "endpoints": {"it": {"simulated": {**SIMULATED, **simulated}}},
            "traffic": {"users": users, "think_time": "10s"},
            "conversation": {"prompts": ["Hello?"], "stream": stream},
        }
    )


def test_demand_by_hand() -> None:
    """Users times tokens per second are the chunks; a turn every twelve seconds comes on top."""
    (demand,) = demands(scenario(1200))
    assert (demand.chunks_per_s, demand.turns_per_s) == (120_000, pytest.approx(100))
    assert demand.cores == pytest.approx(120_000 * CHUNK_CPU_S + 100 * TURN_CPU_S)


@pytest.mark.parametrize(
    ("users", "workers", "needed"),
    [
        pytest.param(200, 1, None, id="one worker carries a few hundred streams"),
        pytest.param(1200, 1, 3, id="two cores and a bit"),
        pytest.param(1200, 3, None, id="spread over three"),
    ],
)
def test_too_few_workers(users: int, workers: int, needed: int | None) -> None:
    """The workers that a load needs are named when it has fewer."""
    found = too_few(scenario(users), workers)
    assert (found and found.workers) == needed


def test_what_does_not_stream_costs_no_chunks() -> None:
    """Without streaming only turns count, and a queue lets no more streams through than it has places."""
    (silent,), (queued,) = demands(scenario(1200, stream=False)), demands(scenario(1200, concurrency=50))
    assert (silent.chunks_per_s, queued.chunks_per_s) == (0, 5000)


def test_arms_are_counted_with_their_own_users() -> None:
    """The largest arm decides."""
    document = scenario(10).to_document() | {"arms": {"few": {}, "many": {"traffic": {"users": 1200}}}}
    found = too_few(Scenario.from_document(document), 1)
    assert (found and found.arm) == "many"
