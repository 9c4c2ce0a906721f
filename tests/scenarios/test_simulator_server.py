"""The simulated endpoints over real sockets, and what their truth log says of it."""

from __future__ import annotations

import csv
import json
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from scenarios.scenario import Scenario
from scenarios.simulated import Simulated
from scenarios.simulator.model import Model
from scenarios.simulator.process import Simulator
from scenarios.simulator.service import UNDER_WAY_S
from scenarios.simulator.truth import COLUMNS

FAST = {"ttft": "20ms", "tokens_per_second": 500, "output_tokens": 10}
DRAWN = {
    "ttft": {"median": "30ms", "p99": "90ms"},
    "tokens_per_second": 100,
    "output_tokens": {"median": 8, "p99": 20},
}
HELLO = {"role": "user", "content": "Hello there"}
SCENARIO = Scenario.model_validate(
    {
        "seed": 7,
        "endpoints": {
            "plain": {"model": "sim-1", "simulated": FAST},
            "drawn": {"simulated": DRAWN},
            "thinking": {"simulated": {**FAST, "reasoning_tokens": 4}},
            "window": {"simulated": {**FAST, "limit": {"kind": "fixed_window", "requests": 3, "per": "1s"}}},
            "bucket": {
                "simulated": {
                    **FAST,
                    "limit": {
                        "kind": "token_bucket",
                        "requests": 10,
                        "per": "1s",
                        "burst": 2,
                        "retry_after": "milliseconds",
                    },
                }
            },
            "hour": {"simulated": {**FAST, "limit": {"kind": "fixed_window", "requests": 1, "per": "1h"}}},
            "queue": {"simulated": {**FAST, "concurrency": 2}},
            "short": {"simulated": {**FAST, "ttft": "300ms", "concurrency": 1, "max_queue": 1}},
            "single": {"api": "generic", "simulated": FAST},
            "nested": {
                "api": "generic",
                "simulated": FAST,
                "template": {
                    "path": "/generate",
                    "body": {"inputs": "Question: {prompt}", "parameters": {"limit": "{max_tokens}"}},
                    "text": "outputs.0.text",
                },
            },
        },
    }
)


TRUST = ssl.create_default_context()
HTTP = httpx.Client(verify=TRUST, limits=httpx.Limits(max_connections=None))
"""Made once: a TLS context costs more than a test."""


@pytest.fixture(scope="module", autouse=True)
def _close() -> Iterator[None]:
    yield
    HTTP.close()


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """Serve all endpoints of this module from one process."""
    with Simulator(SCENARIO, truth=tmp_path_factory.mktemp("truth") / "truth.csv") as running:
        yield running


def chat(simulator: Simulator, endpoint: str, key: str = "", **body: Any) -> httpx.Response:
    """Send one chat request and read its answer to the end."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    model = SCENARIO.endpoints[endpoint].model
    document = {"model": model, "messages": [HELLO], "stream": True, **body}
    return HTTP.post(f"{simulator.urls[endpoint]}/chat/completions", json=document, headers=headers, timeout=20)


def events(response: httpx.Response) -> list[Any]:
    """Give the data of the answer's events."""
    lines = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def rows(simulator: Simulator, endpoint: str, **where: str) -> list[dict[str, str]]:
    """Read the endpoint's rows that have these values, once the log has been flushed."""
    assert simulator.truth is not None
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with simulator.truth.open(newline="") as file:
            found = [row for row in csv.DictReader(file) if row["endpoint"] == endpoint]
        found = [row for row in found if all(row[name] == value for name, value in where.items())]
        if found:
            return found
        time.sleep(0.1)
    return []


def deltas(parts: list[Any], field: str) -> str:
    """Join what the events' deltas hold under `field`."""
    choices = [choice for part in parts if isinstance(part, dict) for choice in part["choices"]]
    return "".join(choice["delta"].get(field) or "" for choice in choices)


def test_a_stream_has_role_content_finish_and_marker(simulator: Simulator) -> None:
    """Role alone first, one chunk per token, the finish reason by itself, then [DONE]."""
    parts = events(chat(simulator, "plain"))
    assert parts[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert [part["choices"][0]["finish_reason"] for part in parts[:-1]] == [None] * 11 + ["stop"]
    assert parts[-1] == "[DONE]"
    assert len(deltas(parts, "content").split()) == 10


def test_usage_comes_when_asked_for(simulator: Simulator) -> None:
    """The last chunk before the marker has no choices and counts a history's tokens as cached."""
    history = [HELLO, {"role": "assistant", "content": "Hi"}, {"role": "user", "content": "Go on please"}]
    parts = events(chat(simulator, "plain", messages=history, stream_options={"include_usage": True}))
    assert parts[-2]["choices"] == []
    assert parts[-2]["usage"] == {
        "prompt_tokens": 7,
        "completion_tokens": 10,
        "total_tokens": 17,
        "prompt_tokens_details": {"cached_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def test_max_tokens_cuts_the_answer_to_length(simulator: Simulator) -> None:
    """Three tokens asked for are three chunks and the finish reason length."""
    parts = events(chat(simulator, "plain", max_tokens=3))
    assert len(deltas(parts, "content").split()) == 3
    assert parts[-2]["choices"][0]["finish_reason"] == "length"


def test_an_answer_that_is_not_streamed_is_one_body(simulator: Simulator) -> None:
    """Message, finish reason and usage stand in one JSON document."""
    answer = chat(simulator, "plain", stream=False).json()
    assert answer["object"] == "chat.completion"
    assert len(answer["choices"][0]["message"]["content"].split()) == 10
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["completion_tokens"] == 10


def test_reasoning_comes_first_and_is_part_of_the_output(simulator: Simulator) -> None:
    """Four reasoning chunks, then ten visible ones, fourteen tokens in all; the log knows when the visible began."""
    response = chat(simulator, "thinking", stream_options={"include_usage": True})
    parts = events(response)
    assert len(deltas(parts, "reasoning_content").split()) == 4
    assert len(deltas(parts, "content").split()) == 10
    assert parts[-2]["usage"]["completion_tokens_details"] == {"reasoning_tokens": 4}
    [row] = rows(simulator, "thinking")
    assert (row["chunks"], row["output_tokens"], row["reasoning_tokens"]) == ("14", "14", "4")
    assert float(row["first_content_s"]) < float(row["first_output_s"]) < float(row["last_content_s"])


def test_chunks_keep_the_schedule_that_was_drawn(simulator: Simulator) -> None:
    """Nothing is sent before it is due, and lateness does not add up: chunk k is due at ttft + k / speed."""
    for _ in range(5):
        chat(simulator, "drawn")
    model = Model(7, "drawn", Simulated.model_validate(DRAWN))
    found = rows(simulator, "drawn", number="5") and rows(simulator, "drawn")
    assert len(found) == 5
    for row in found:
        draw = model.draw(int(row["number"]))
        assert int(row["chunks"]) == draw.output_tokens
        ttft_s = float(row["first_content_s"]) - float(row["arrived_s"])
        whole_s = float(row["end_s"]) - float(row["arrived_s"])
        assert ttft_s >= draw.ttft_s - 2e-6
        assert whole_s >= draw.whole_s - 2e-6
        assert whole_s / draw.whole_s == pytest.approx(1, rel=0.25)


def test_a_window_takes_what_it_allows_and_says_when_to_come_back(simulator: Simulator) -> None:
    """Of eight requests at once, at most three per window pass; the others get 429 with whole seconds."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: chat(simulator, "window", key="a"), range(8)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert refused[0].json()["error"]["code"] == "rate_limit_exceeded"
    assert 3 <= 8 - len(refused) <= 6
    assert len(rows(simulator, "window", status="429", retry_after_s="1")) == len(refused)


def test_keys_have_limits_of_their_own_and_stay_unnamed(simulator: Simulator) -> None:
    """Another key passes, and no key is written to the log."""
    answers = [chat(simulator, "window", key=f"sk-secret-{number}") for number in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 5
    assert simulator.truth is not None
    assert "sk-secret" not in simulator.truth.read_text()


def refused(client: httpx.Client, url: str) -> httpx.Response:
    """Send requests until one is refused."""
    while (answer := client.post(url, json={"messages": [HELLO]})).status_code == 200:
        pass
    return answer


def test_who_waits_as_told_is_taken_and_not_flagged(simulator: Simulator) -> None:
    """After its wait a refused caller finds room, and neither key nor connection is early."""
    url = f"{simulator.urls['bucket']}/chat/completions"
    with httpx.Client(verify=TRUST, headers={"Authorization": "Bearer patient"}) as client:
        time.sleep(float(refused(client, url).headers["retry-after-ms"]) / 1000)
        again = client.post(url, json={"messages": [HELLO]}, headers={"x-client-request-id": "in-time"})
    [row] = rows(simulator, "bucket", request_id="in-time")
    assert (again.status_code, row["early"], row["early_client"]) == (200, "0", "0")


def test_who_does_not_wait_is_flagged_by_key_and_by_client(simulator: Simulator) -> None:
    """The same connection is early for both, another one of the key for the key alone, unless it repeats an id."""
    url = f"{simulator.urls['hour']}/chat/completions"
    with httpx.Client(verify=TRUST) as client, httpx.Client(verify=TRUST) as other:
        client.headers["x-client-request-id"] = "first"
        refused(client, url)
        time.sleep(UNDER_WAY_S)
        for sender, name in ((client, "same"), (other, "other"), (other, "first")):
            sender.post(url, json={"messages": [HELLO]}, headers={"x-client-request-id": name})
    flags = {name: rows(simulator, "hour", request_id=name)[-1] for name in ("same", "other")}
    assert {name: (row["early"], row["early_client"]) for name, row in flags.items()} == {
        "same": ("1", "1"),
        "other": ("1", "0"),
    }
    first = [(row["early"], row["early_client"]) for row in rows(simulator, "hour", request_id="first")]
    assert first == [("0", "0"), ("0", "0"), ("1", "1")]


@pytest.mark.parametrize(("name", "early"), [("under-way", "0"), ("", "1")])
def test_who_may_have_been_under_way_is_excused(simulator: Simulator, name: str, early: str) -> None:
    """Right after its key was refused, a request with an id of its own may have left before; one without is early."""
    url = f"{simulator.urls['hour']}/chat/completions"
    with httpx.Client(verify=TRUST) as client, httpx.Client(verify=TRUST) as other:
        client.headers["authorization"] = other.headers["authorization"] = f"Bearer key-{early}"
        client.headers["x-client-request-id"] = f"first-{early}"
        refused(client, url)
        other.post(url, json={"messages": [HELLO]}, headers={"x-client-request-id": name})
    key = rows(simulator, "hour", request_id=f"first-{early}")[0]["key"]
    (row,) = rows(simulator, "hour", request_id=name, key=key)
    assert (row["early"], row["early_client"]) == (early, "0")


def test_requests_beyond_the_concurrency_wait_in_line(simulator: Simulator) -> None:
    """Six at once on two slots are all served, two at a time at any moment."""
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: chat(simulator, "queue"), range(6)))
    assert [answer.status_code for answer in answers] == [200] * 6
    found = rows(simulator, "queue", number="6") and rows(simulator, "queue")
    spans = [(float(row["arrived_s"]) + float(row["queued_s"]), float(row["end_s"])) for row in found]
    # A slot is handed over at the moment that its answer ends: stamps are rounded to microseconds.
    served = [sum(other <= start < end - 1e-5 for other, end in spans) for start, _ in spans]
    assert max(served) == 2
    assert sum(float(row["queued_s"]) > 0 for row in found) >= 2


def test_a_full_queue_refuses_with_503(simulator: Simulator) -> None:
    """One served, one in line, the others sent away."""
    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(answer.status_code for answer in pool.map(lambda _: chat(simulator, "short"), range(4)))
    assert statuses == [200, 200, 503, 503]


def test_the_single_shot_api_answers_with_text_alone(simulator: Simulator) -> None:
    """`{"prompt", "max_tokens"}` in, `{"text"}` out."""
    answer = HTTP.post(simulator.urls["single"], json={"prompt": "Hello", "max_tokens": 4})
    assert list(answer.json()) == ["text"]
    assert len(answer.json()["text"].split()) == 4


def test_the_single_shot_api_follows_its_template(simulator: Simulator) -> None:
    """Path, nested fields and the place of the answer's text are the scenario's."""
    body = {"inputs": "Question: why?", "parameters": {"limit": 5}}
    answer = HTTP.post(f"{simulator.urls['nested']}/generate", json=body)
    assert len(answer.json()["outputs"][0]["text"].split()) == 5


def test_models_are_listed(simulator: Simulator) -> None:
    """`GET /models` names the model, or the endpoint where the scenario names none."""
    names = [HTTP.get(f"{simulator.urls[name]}/models").json()["data"][0]["id"] for name in ("plain", "drawn")]
    assert names == ["sim-1", "drawn"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_request_error"),
        (b"[]", 400, "invalid_request_error"),
        (b'{"messages": []}', 400, "invalid_request_error"),
        (b'{"messages": ["hi"]}', 400, "invalid_request_error"),
        (b'{"messages": [{"role": "user", "content": 3}]}', 400, "invalid_request_error"),
        (b'{"messages": [{"role": "user", "content": "x"}], "max_tokens": 0}', 400, "invalid_request_error"),
        (b'{"model": "gpt-9", "messages": [{"role": "user", "content": "x"}]}', 404, "model_not_found"),
    ],
)
def test_wrong_requests_get_the_errors_of_the_real_api(
    simulator: Simulator, body: bytes, status: int, code: str
) -> None:
    """Status and code are OpenAI's."""
    if b"model" not in body:
        body = body.replace(b"{", b'{"model": "sim-1", ', 1) if body.startswith(b'{"') else body
    answer = HTTP.post(f"{simulator.urls['plain']}/chat/completions", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/plain/v1/completions", 404),
        ("POST", "/nobody/v1/chat/completions", 404),
        ("GET", "/", 404),
        ("GET", "/plain/v1/chat/completions", 405),
        ("POST", "/plain/v1/chat/completions?api-version=1", 400),
    ],
)
def test_wrong_paths_get_a_status_and_a_sentence(simulator: Simulator, method: str, path: str, status: int) -> None:
    """The answer names what there is."""
    answer = HTTP.request(method, f"http://127.0.0.1:{simulator.port}{path}")
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def talk(simulator: Simulator, *pieces: bytes) -> bytes:
    """Send pieces over one connection, some time apart, and read to the end."""
    with socket.create_connection(("127.0.0.1", simulator.port), timeout=10) as sock:
        for piece in pieces:
            sock.sendall(piece)
            time.sleep(0.02)
        parts = []
        while part := sock.recv(65536):
            parts.append(part)
    return b"".join(parts)


BODY = b'{"messages":[{"role":"user","content":"hi"}]}'
HEAD = b"POST /thinking/v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"


def test_a_request_may_come_in_pieces(simulator: Simulator) -> None:
    """Head and body cut anywhere make one request."""
    whole = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    assert talk(simulator, whole[:30], whole[30:110], whole[110:]).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_chunked_body_is_read(simulator: Simulator) -> None:
    """Transfer-Encoding: chunked works for requests too."""
    chunks = b"5\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (BODY[:5], len(BODY) - 5, BODY[5:])
    assert talk(simulator, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunks).startswith(b"HTTP/1.1 200 OK\r\n")


def test_who_expects_a_continue_gets_one(simulator: Simulator) -> None:
    """`Expect: 100-continue` is answered before the body comes."""
    head = HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY)
    assert talk(simulator, head, BODY).startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_what_is_not_http_gets_400_and_the_end(simulator: Simulator) -> None:
    """Garbage is answered once and the connection closed."""
    assert talk(simulator, b"\x16\x03\x01 hello\r\n\r\n").startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_one_connection_serves_many_requests(simulator: Simulator) -> None:
    """Keep-alive holds over streams and refusals alike."""
    with httpx.Client(verify=TRUST, limits=httpx.Limits(max_connections=1)) as client:
        ports = set()
        for _ in range(4):
            with client.stream(
                "POST", f"{simulator.urls['window']}/chat/completions", json={"messages": [HELLO]}
            ) as it:
                ports.add(it.extensions["network_stream"].get_extra_info("client_addr"))
                it.read()
    assert len(ports) == 1


def test_a_client_that_leaves_is_logged_and_frees_its_slot(simulator: Simulator) -> None:
    """The row says that the client is gone, has no end, and the next request is served."""
    body = {"messages": [HELLO], "stream": True}
    headers = {"x-client-request-id": "leaver"}
    with HTTP.stream("POST", f"{simulator.urls['short']}/chat/completions", json=body, headers=headers) as answer:
        next(answer.iter_raw())
    [row] = rows(simulator, "short", request_id="leaver")
    assert (row["client_gone"], row["end_s"], row["finish_reason"]) == ("1", "", "")
    assert chat(simulator, "short").status_code == 200


def test_every_request_is_in_the_truth_log_once(tmp_path: Path) -> None:
    """Served, refused, wrong and abandoned requests each have one row, numbered without gaps."""
    truth = tmp_path / "truth.csv"
    with Simulator(SCENARIO, truth=truth) as simulator, ThreadPoolExecutor(16) as pool:
        names = ["plain", "window", "queue", "drawn"] * 15
        statuses = list(pool.map(lambda name: chat(simulator, name).status_code, names))
        HTTP.post(f"{simulator.urls['plain']}/chat/completions", content=b"{")
    with truth.open(newline="") as file:
        reader = csv.DictReader(file)
        found = list(reader)
    assert tuple(reader.fieldnames or ()) == COLUMNS
    assert sorted(int(row["status"]) for row in found) == sorted([*statuses, 400])
    for name in set(names):
        numbers = [int(row["number"]) for row in found if row["endpoint"] == name]
        assert sorted(numbers) == list(range(1, len(numbers) + 1))
