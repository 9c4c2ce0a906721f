"""The probe against servers that go wrong in one way each, over real sockets."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from analysis.commands.probe import lines
from scenarios.errors import TailgateError
from scenarios.probe import Finding, probe
from scenarios.probe_advice import on_key
from scenarios.records import Outcome
from scenarios.scenario import Scenario

FAKE_KEY = "sk-" + "fake0123456789fake0123456789"
KEY_ENV = "TAILGATE_TEST_KEY"


def event(**delta: object) -> str:
    """Give one chunk of a stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    return f"data: {json.dumps({'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n"


def end(reason: str = "stop") -> str:
    """Give the chunk with the finish reason."""
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': {}, 'finish_reason': reason}]})}\n\n"


USAGE = f"data: {json.dumps({'choices': [], 'usage': {'prompt_tokens': 9, 'completion_tokens': 2}})}\n\n"
DONE = "data: [DONE]\n\n"
HELLO = event(role="assistant", content="") + event(content="Hel") + event(content="lo")
STREAM = {"Content-Type": "text/event-stream"}
JSON = {"Content-Type": "application/json"}


@contextmanager
def answering(
    status: int, headers: Mapping[str, str], body: str | bytes, tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """Serve one answer to every request; give the base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            for name, text in headers.items():
                self.send_header(name, text)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body if isinstance(body, bytes) else body.encode())

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def scenario(url: str, *, timeouts: Mapping[str, str] | None = None, **endpoint: object) -> Scenario:
    """Give a scenario with one endpoint, `it`, at `url`."""
    prices = {"input": 1, "output": 2}
    document = {
        "name": "probed",
        "endpoints": {"it": {"url": url, "model": "small-1", "prices": prices, **endpoint}},
        "conversation": {"prompts": ["Hello?"], "timeouts": dict(timeouts or {})},
    }
    return Scenario.from_document(document)


def finding(status: int, headers: Mapping[str, str], body: str | bytes, **endpoint: object) -> Finding:
    """Probe a server that answers so."""
    with answering(status, headers, body) as url:
        return probe(scenario(url, **endpoint), "it")


def test_nothing_wrong() -> None:
    """A whole stream with usage is usable, priced and without complaint."""
    found = finding(200, {**STREAM, "X-RateLimit-Remaining-Requests": "7"}, HELLO + end() + USAGE + DONE)
    assert (found.usable, found.problems, found.answer_characters, str(found.cost_usd), found.limits) == (
        True,
        [],
        5,
        "0.000013",
        {"x-ratelimit-remaining-requests": "7"},
    )


def test_the_servers_own_clock_is_told() -> None:
    """What an answer says of the server's time is shown, in whichever of its places; a refusal's headers too."""
    whole = finding(200, {**STREAM, "OpenAI-Processing-Ms": "40"}, HELLO + end() + USAGE + DONE)
    times = f"data: {json.dumps({'choices': [], 'timings': {'prompt_ms': 25.2, 'predicted_ms': 400}})}\n\n"
    llama = finding(200, {**STREAM, "OpenAI-Processing-Ms": "40"}, HELLO + end() + times + DONE)
    refused = finding(503, {**JSON, "X-Envoy-Upstream-Service-Time": "7"}, "{}")
    shown = [[line.strip() for line in lines(each) if "own clock" in line] for each in (whole, llama, refused)]
    assert shown == [
        ["its own clock (openai-processing-ms): until the headers 40 ms"],
        ["its own clock (llama.cpp): whole answer 425 ms, reading the prompt 25 ms, writing the answer 400 ms"],
        ["its own clock (envoy): whole answer 7 ms"],
    ]


def test_a_compressed_answer_is_read_and_named() -> None:
    """As the load run does: a server that insists on gzip is understood, and told of."""
    body = gzip.compress((HELLO + end() + USAGE + DONE).encode())
    found = finding(200, {**STREAM, "Content-Encoding": "gzip"}, body)
    assert found.answer_characters == 5
    assert [problem.partition(" though")[0] for problem in found.problems] == ["the answer is compressed (gzip)"]


def test_proxy_and_client_certificate_are_those_of_the_load_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy is asked for http with the whole URL; a useless certificate is told by its variable."""
    with answering(200, STREAM, HELLO + end() + USAGE + DONE) as proxy:
        through = probe(scenario("http://model.invalid/v1", proxy=proxy.removesuffix("/v1")), "it")
    assert (through.usable, through.problems) == (True, [])
    monkeypatch.setenv("TEST_CERT", "/no/such/file")
    with pytest.raises(TailgateError, match="client certificate in TEST_CERT"):
        probe(scenario("https://model.invalid/v1", client_cert_env="TEST_CERT"), "it")


def test_a_server_that_wants_a_client_certificate() -> None:
    """What the server's alert says is told with the key that mends it."""
    authority = trustme.CA()
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(asking)
    authority.configure_trust(asking)
    asking.verify_mode = ssl.CERT_REQUIRED
    with answering(200, STREAM, HELLO, tls=asking) as url:
        (problem,) = probe(scenario(url, ca_pem=authority.cert_pem.bytes().decode()), "it").problems
    assert "wants a client certificate" in problem
    assert problem.endswith("see `client_cert_env`")


def test_times_are_in_order() -> None:
    """First token comes before the end, both after sending."""
    found = finding(200, STREAM, HELLO + end() + USAGE + DONE)
    assert found.first_token_s is not None
    assert found.latency_s is not None
    assert 0 < found.first_token_s <= found.latency_s


def error(message: str, code: str = "") -> str:
    """Give an error body of OpenAI's form."""
    return json.dumps({"error": {"message": message, "type": "invalid_request_error", "code": code}})


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        (401, JSON, error("Incorrect API key"), "401: the endpoint wants a key: name its variable with `key_env`"),
        (403, JSON, error("not yours"), "403: the endpoint forbids this"),
        (
            404,
            JSON,
            error("The model `small-1` does not exist", "model_not_found"),
            "does not know the model 'small-1'",
        ),
        (404, {"Content-Type": "text/html"}, "<h1>Not Found</h1>", "404: nothing answers at http://127.0.0.1:"),
        (301, {"Location": "https://elsewhere.example/v1"}, "", "the url has moved to https://elsewhere.example/v1"),
        (
            400,
            JSON,
            error("bad temperature"),
            '400: the endpoint does not accept the request; it says: "bad temperature"',
        ),
        (413, JSON, error("too long"), "413: the request is larger than the endpoint takes"),
        (429, {**JSON, "Retry-After": "7"}, error("slow", "rate_limit_exceeded"), "asks to wait 7 s (retry-after)"),
        (429, JSON, error("slow", "rate_limit_exceeded"), "does not say for how long"),
        (429, JSON, error("no money", "insufficient_quota"), "out of money"),
        (500, JSON, error("oops"), '500: the endpoint failed; it says: "oops"'),
        (200, STREAM, HELLO, "the stream ended without its end marker or finish reason"),
        (200, STREAM, HELLO + end() + DONE, "the answer carries no usage"),
        (
            200,
            STREAM,
            HELLO + 'data: {"error": {"message": "GPU lost"}}\n\n',
            'broke off with an error; it says: "GPU lost"',
        ),
        (200, {"Content-Type": "text/html"}, "<h1>Welcome</h1>", "the answer is a web page"),
        (
            200,
            STREAM,
            "".join(event(content="x") for _ in range(12)) + end() + USAGE + DONE,
            "all 12 chunks arrived at once",
        ),
        (
            200,
            JSON,
            json.dumps({"choices": [{"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"}]}),
            "the answer does not stream though streaming was asked for",
        ),
    ],
)
def test_one_plain_sentence(status: int, headers: Mapping[str, str], body: str, expected: str) -> None:
    """Each kind of trouble is told in words that say what to change."""
    found = finding(status, headers, body)
    assert [expected in problem for problem in found.problems].count(True) == 1, found.problems


def unresolved() -> tuple[str, str]:
    """Give a URL with an unknown name, and what is said of it."""
    return "http://nowhere.invalid/v1", "the name nowhere.invalid is not known"


def refusing() -> tuple[str, str]:
    """Give a URL where nothing listens."""
    with socket.socket() as probe_socket:
        probe_socket.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{probe_socket.getsockname()[1]}"
    return f"http://{where}/v1", f"{where} refused the connection: nothing listens there"


@pytest.mark.parametrize("make", [unresolved, refusing])
def test_no_connection(make: Callable[[], tuple[str, str]]) -> None:
    """Without a connection there is no status, and the sentence says which part failed."""
    url, expected = make()
    found = probe(scenario(url), "it")
    assert (found.status, found.usable, len(found.problems), expected in found.problems[0]) == (None, False, 1, True)


def test_tls_on_a_plain_port() -> None:
    """An https url of a server that speaks plain HTTP is called that."""
    with answering(200, STREAM, HELLO) as url:
        found = probe(scenario(url.replace("http:", "https:")), "it")
    assert (found.usable, "should the url start with http://?" in found.problems[0]) == (False, True)


def test_untrusted_certificate() -> None:
    """A certificate of an unknown authority is named as that; with its `ca_pem` the endpoint is usable."""
    authority = trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server_side)
    with answering(200, STREAM, HELLO + end() + USAGE + DONE, server_side) as url:
        unknown = probe(scenario(url), "it")
        known = probe(scenario(url, ca_pem=authority.cert_pem.bytes().decode()), "it")
    expected = "127.0.0.1 shows a certificate that is not trusted"
    assert ([expected in problem for problem in unknown.problems], known.problems, known.usable) == ([True], [], True)


def test_no_answer_in_time() -> None:
    """A server that takes the request and stays silent is named with the deadline."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        found = probe(scenario(f"http://{where}/v1", timeouts={"first_byte": "300ms", "idle": "300ms"}), "it")
    assert found.problems == [f"{where} took the request and did not finish its answer within 0.3 s"]


def test_not_http() -> None:
    """A server that speaks something else is called that."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                while not connection.recv(65536).endswith(b"}"):  # bytes left unread would make the close a reset
                    pass
                connection.sendall(b"220 mail ready\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        found = probe(scenario(f"http://127.0.0.1:{server.getsockname()[1]}/v1"), "it")
        thread.join()
    assert (found.usable, "does not speak HTTP" in found.problems[0]) == (False, True)


def test_refused_key_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused key is named by its variable, and an echo of its value is masked everywhere."""
    monkeypatch.setenv(KEY_ENV, FAKE_KEY)
    said = error(f"Incorrect API key provided: {FAKE_KEY}", "invalid_api_key")
    found = finding(401, {**JSON, "X-RateLimit-Key": FAKE_KEY}, said, key_env=KEY_ENV)
    text = "\n".join([*lines(found), repr(found)])
    assert (KEY_ENV in text, FAKE_KEY in text, found.outcome) == (True, False, Outcome.CLIENT_ERROR)


@pytest.mark.parametrize("value", [FAKE_KEY + "\nX-Evil: 1", FAKE_KEY + "é"])
def test_a_key_that_no_header_can_carry(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """A key with a line break or a foreign letter is refused before it is sent, and not shown."""
    monkeypatch.setenv(KEY_ENV, value)
    found = probe(scenario("http://127.0.0.1:9/v1", key_env=KEY_ENV), "it")
    assert (found.status, KEY_ENV in found.problems[0], FAKE_KEY in found.problems[0]) == (None, True, False)


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_every_visible_key_may_be_sent(key: str) -> None:
    """No key of visible ASCII letters is refused."""
    assert on_key(KEY_ENV, key) is None


def test_probe_of_simulated_endpoints(tailgate: Callable[..., object], tmp_path: Path) -> None:
    """The command serves simulated endpoints itself and exits with 0; an unusable endpoint makes it 5."""
    simulated = "{simulated: {ttft: 5ms, tokens_per_second: 500, output_tokens: 5}, prices: {input: 1, output: 2}}"
    (tmp_path / "good.yaml").write_text(f"endpoints: {{a: {simulated}}}\n")
    absent = "{url: 'http://127.0.0.1:9/v1', prices: {input: 1, output: 2}}"
    (tmp_path / "half.yaml").write_text(f"endpoints: {{a: {simulated}, b: {absent}}}\n")
    good, half = tailgate("probe", "good.yaml"), tailgate("probe", "half.yaml")
    assert (good.returncode, "nothing wrong" in good.stdout, half.returncode, "Not usable: b." in half.stdout) == (  # type: ignore[attr-defined]
        0,
        True,
        5,
        True,
    )
