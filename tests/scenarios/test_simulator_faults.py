"""Every fault does what it says, on the wire and in the truth log."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from scenarios.records import Outcome
from scenarios.scenario import Scenario
from scenarios.simulated import Faults
from scenarios.simulator.process import Simulator
from scenarios.wire import API

FAST = {"ttft": "20ms", "tokens_per_second": 500, "output_tokens": 10}
NAMES = tuple(Faults.model_fields)
ENDPOINTS = {name.replace("_", "-"): {"simulated": {**FAST, "faults": {name: 1}}} for name in NAMES}
SINGLE = {f"single-{name}": {**endpoint, "api": "generic"} for name, endpoint in ENDPOINTS.items()}
SCENARIO = Scenario.model_validate({"endpoints": ENDPOINTS | SINGLE})
BODY = {
    "messages": [{"role": "user", "content": "Hello"}],
    "stream": True,
    "stream_options": {"include_usage": True},
}


HTTP = httpx.Client(limits=httpx.Limits(max_connections=None))
"""Made once: a TLS context costs more than a test."""


@pytest.fixture(scope="module", autouse=True)
def _close() -> Iterator[None]:
    yield
    HTTP.close()


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """Serve one endpoint per fault."""
    with Simulator(SCENARIO, truth=tmp_path_factory.mktemp("truth") / "truth.csv") as running:
        yield running


def heard(simulator: Simulator, fault: str, *, stream: bool = True) -> tuple[int, str, str]:
    """Send one request; give status, all that came, and how the connection ended ("" = as it should)."""
    url = f"{simulator.urls[fault.replace('_', '-')]}/chat/completions"
    parts: list[bytes] = []
    with HTTP.stream("POST", url, json={**BODY, "stream": stream}, timeout=0.5) as answer:
        try:
            parts.extend(answer.iter_raw())
        except httpx.TransportError as problem:
            return answer.status_code, b"".join(parts).decode(), type(problem).__name__
    return answer.status_code, b"".join(parts).decode(), ""


def rows(truth: Path) -> list[dict[str, str]]:
    """Read a truth log."""
    with truth.open(newline="") as file:
        return list(csv.DictReader(file))


def events(text: str) -> list[Any]:
    """Give the data of the events in `text`."""
    return [json.loads(part[6:]) if part[6:] != "[DONE]" else "[DONE]" for part in text.split("\n\n") if part]


def content(text: str) -> int:
    """Count the chunks with content."""
    return sum(bool(part["choices"][0]["delta"].get("content")) for part in events(text) if "delta" in str(part))


@pytest.mark.parametrize("status", [500, 503, 529])
def test_an_error_comes_at_once_with_its_status(simulator: Simulator, status: int) -> None:
    """The body is the API's error, the connection stays whole."""
    found, text, ending = heard(simulator, f"error_{status}")
    assert (found, ending) == (status, "")
    assert json.loads(text)["error"]["type"] == "server_error"


def test_a_stream_error_is_an_event_after_some_content(simulator: Simulator) -> None:
    """Status 200, some content, an error object, no finish reason and no marker."""
    status, text, ending = heard(simulator, "stream_error")
    assert (status, ending) == (200, "")
    assert "error" in events(text)[-1]
    assert 1 <= content(text) < 10
    assert "[DONE]" not in text


def test_a_cut_ends_the_connection_in_mid_body(simulator: Simulator) -> None:
    """Some content, then the end of the connection before the end of the body."""
    status, text, ending = heard(simulator, "cut")
    assert (status, ending) == (200, "RemoteProtocolError")
    assert 1 <= content(text) < 10


def test_a_stall_sends_nothing_more_and_stays_open(simulator: Simulator) -> None:
    """Some content, then silence until the client gives up."""
    status, text, ending = heard(simulator, "stall")
    assert (status, ending) == (200, "ReadTimeout")
    assert 1 <= content(text) < 10


def test_a_missing_marker_is_all_that_is_missing(simulator: Simulator) -> None:
    """All content, the finish reason and the usage, no [DONE]."""
    _, text, ending = heard(simulator, "missing_done")
    assert ending == ""
    assert content(text) == 10
    assert '"finish_reason":"stop"' in text
    assert "[DONE]" not in text


def test_role_only_has_no_content(simulator: Simulator) -> None:
    """A role, a finish reason, a marker, and zero output tokens."""
    _, text, _ = heard(simulator, "role_only")
    assert content(text) == 0
    assert events(text)[-1] == "[DONE]"
    assert events(text)[-2]["usage"]["completion_tokens"] == 0


def test_no_usage_leaves_it_out_though_asked_for(simulator: Simulator) -> None:
    """The stream is whole but for the usage."""
    _, text, _ = heard(simulator, "no_usage")
    assert '"usage"' not in text
    assert events(text)[-1] == "[DONE]"


def test_wrong_usage_counts_too_many(simulator: Simulator) -> None:
    """Ten tokens are reported as a hundred."""
    _, text, _ = heard(simulator, "wrong_usage")
    assert content(text) == 10
    assert events(text)[-2]["usage"]["completion_tokens"] == 100


@pytest.mark.parametrize(
    ("fault", "status", "ending"),
    [
        ("error_500", 500, ""),
        ("stream_error", 200, ""),
        ("cut", 200, "RemoteProtocolError"),
        ("missing_done", 200, ""),
        ("role_only", 200, ""),
        ("no_usage", 200, ""),
        ("wrong_usage", 200, ""),
    ],
)
def test_faults_of_answers_in_one_piece(simulator: Simulator, fault: str, status: int, ending: str) -> None:
    """Without streaming each fault has its counterpart in the one body."""
    found, text, ended = heard(simulator, fault, stream=False)
    assert (found, ended) == (status, ending)
    if ended:
        return
    body = json.loads(text)
    finish, usage = body.get("choices", [{}])[0].get("finish_reason"), body.get("usage", {})
    seen = ("error" in body, finish, usage.get("completion_tokens"))
    expected = {
        "error_500": (True, None, None),
        "stream_error": (True, None, None),
        "missing_done": (False, None, 10),
        "role_only": (False, "stop", 0),
        "no_usage": (False, "stop", None),
        "wrong_usage": (False, "stop", 100),
    }
    assert seen == expected[fault]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("stream_error", Outcome.STREAM_ERROR),
        ("cut", Outcome.STREAM_TRUNCATED),
        ("missing_done", Outcome.STREAM_TRUNCATED),
        ("no_usage", Outcome.OK),
        ("wrong_usage", Outcome.OK),
        ("slow_first_byte", Outcome.OK),
    ],
)
def test_our_own_reader_sees_each_fault_for_what_it_is(simulator: Simulator, fault: str, outcome: Outcome) -> None:
    """The decoder of the load run names the outcome and counts the chunks that the simulator sent."""
    _, text, _ = heard(simulator, fault)
    decoder = API["openai-chat"].decoder(SCENARIO.endpoints["cut"], stream=True)
    assert decoder.feed(text.encode()) == content(text)
    assert decoder.finish().outcome == outcome


def test_a_whole_answer_that_stalls_never_comes(simulator: Simulator) -> None:
    """Not even its head."""
    url = f"{simulator.urls['stall']}/chat/completions"
    with pytest.raises(httpx.ReadTimeout):
        HTTP.post(url, json={**BODY, "stream": False}, timeout=0.3)


@pytest.mark.parametrize(("fault", "error"), [("cut", httpx.RemoteProtocolError), ("stall", httpx.ReadTimeout)])
def test_the_single_shot_api_breaks_too(simulator: Simulator, fault: str, error: type[Exception]) -> None:
    """Cut and stall act on its one body."""
    with pytest.raises(error):
        HTTP.post(simulator.urls[f"single-{fault}"], json={"prompt": "Hello"}, timeout=0.3)


@pytest.mark.parametrize(("fault", "key"), [("stream_error", "error"), ("role_only", "text"), ("no_usage", "text")])
def test_the_single_shot_api_answers_under_other_faults(simulator: Simulator, fault: str, key: str) -> None:
    """An error body with status 200, or an answer."""
    answer = HTTP.post(simulator.urls[f"single-{fault.replace('_', '-')}"], json={"prompt": "Hello"})
    assert (answer.status_code, list(answer.json())) == (200, [key])


def test_a_slow_first_byte_delays_head_and_content(tmp_path: Path) -> None:
    """The first token takes ten times as long, and nothing comes before it."""
    scenario = Scenario.model_validate({"endpoints": {"slow": ENDPOINTS["slow-first-byte"]}})
    truth = tmp_path / "truth.csv"
    with Simulator(scenario, truth=truth) as simulator:
        HTTP.post(f"{simulator.urls['slow']}/chat/completions", json=BODY)
    [row] = rows(truth)
    assert float(row["first_content_s"]) - float(row["arrived_s"]) >= 10 * 0.02


def test_the_truth_log_names_each_fault(tmp_path: Path) -> None:
    """Fault, status, chunks and end of each stream stand in its row."""
    truth = tmp_path / "truth.csv"
    with Simulator(SCENARIO, truth=truth) as simulator:
        texts = {fault: heard(simulator, fault)[1] for fault in NAMES}
    found = {row["fault"]: row for row in rows(truth)}
    sent = {fault: 0 if fault.startswith("error_") else content(text) for fault, text in texts.items()}
    assert {fault: int(row["chunks"]) for fault, row in found.items()} == sent
    assert {fault for fault, row in found.items() if not row["end_s"]} == {"stall"}
    unfinished = {"error_500", "error_503", "error_529", "stream_error", "cut", "stall"}
    assert {fault for fault, row in found.items() if not row["finish_reason"]} == unfinished
    assert found["stall"]["client_gone"] == "1"


def test_every_fault_has_a_test_endpoint() -> None:
    """A fault that is added to the scenario shows up here."""
    assert len(NAMES) == 11
