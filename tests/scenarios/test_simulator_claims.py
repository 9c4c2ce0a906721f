"""What simulated endpoints say of their own time: in every form, and true to their own log."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

import httpx
import pytest

from scenarios.scenario import Scenario
from scenarios.server_timings import ServerTimings, in_response
from scenarios.simulated import TimingsForm
from scenarios.simulator.process import Simulator
from scenarios.wire import API, Message

SLOW = {"ttft": "30ms", "tokens_per_second": 200, "output_tokens": 8, "concurrency": 1}
HALF_A_MS = 0.0005
"""`openai-processing-ms` holds whole ones."""


def ask(scenario: Scenario, url: str, *, stream: bool) -> ServerTimings | None:
    """Send one request as a load run does, and give what the answer tells."""
    endpoint, api = scenario.endpoints["one"], API[scenario.endpoints["one"].api]
    body = api.body(endpoint, [Message("user", "How are you?")], 50, stream)
    answer = httpx.post(url + api.path(endpoint), content=body, timeout=10)
    decoder = api.decoder(endpoint, stream)
    decoder.feed(answer.content)
    return in_response(answer.headers, decoder.finish().timings)


@pytest.mark.parametrize("form", get_args(TimingsForm))
@pytest.mark.parametrize(("api", "stream"), [("openai-chat", True), ("openai-chat", False), ("generic", False)])
def test_what_is_told_is_true(tmp_path: Path, form: str, api: str, *, stream: bool) -> None:
    """The time told is the log's, which is the time served: the queue included, but for the server that leaves it out.

    Of a stream, a header tells the time until it left.
    """
    scenario = Scenario.model_validate({"endpoints": {"one": {"api": api, "simulated": {**SLOW, "timings": form}}}})
    with Simulator(scenario, truth=tmp_path / "truth.csv") as simulator, ThreadPoolExecutor() as pool:
        both = [pool.submit(ask, scenario, simulator.urls["one"], stream=stream) for _ in range(2)]
        told = [future.result() for future in both]
    with (tmp_path / "truth.csv").open(newline="", encoding="utf-8") as file:
        truth = list(csv.DictReader(file))
    in_a_header = stream and form in ("openai_processing_ms", "server_timing")
    found = sorted((one.headers_s if in_a_header else one.total_s) or 0.0 for one in told if one)
    assert found == pytest.approx(sorted(float(row["told_s"]) for row in truth), abs=1e-6)
    for row in truth:
        queued_s = float(row["queued_s"])
        whole_s = queued_s if in_a_header else float(row["end_s"]) - float(row["arrived_s"])
        left_out_s = queued_s if form == "llama_cpp" else 0.0
        assert -2 * HALF_A_MS <= whole_s - left_out_s - float(row["told_s"]) < 0.1


def test_nothing_is_told_unasked(tmp_path: Path) -> None:
    """Without the key an endpoint says nothing, and its log holds nothing told."""
    scenario = Scenario.model_validate({"endpoints": {"one": {"simulated": SLOW}}})
    with Simulator(scenario, truth=tmp_path / "truth.csv") as simulator:
        told = ask(scenario, simulator.urls["one"], stream=True)
    with (tmp_path / "truth.csv").open(newline="", encoding="utf-8") as file:
        assert (told, [row["told_s"] for row in csv.DictReader(file)]) == (None, [""])
