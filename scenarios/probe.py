"""One real request to an endpoint: what came back, and a plain sentence for each thing that is wrong."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlsplit
from urllib.request import getproxies

import httpx

from scenarios import probe_advice as advice
from scenarios.dialogue import conversation_for
from scenarios.pricing import cost_usd, price, why_unpriced
from scenarios.proxy import proxy_of
from scenarios.records import SUCCESSFUL, Outcome
from scenarios.scenario import Endpoint, Scenario, Timeouts
from scenarios.server_timings import ServerTimings, in_response
from scenarios.tls import context
from scenarios.wire import API, Decoder, Message, Reply, Usage

MAX_ERROR_BYTES = 65536
LIMIT_HEADERS = ("x-ratelimit", "ratelimit", "anthropic-ratelimit", "retry-after", "x-should-retry")


@dataclass(slots=True)
class Finding:
    """What one request to one endpoint showed. Times are seconds from its first byte sent; None = not seen."""

    endpoint: str
    url: str
    status: int | None = None
    connect_s: float | None = None
    first_token_s: float | None = None
    latency_s: float | None = None
    outcome: Outcome | None = None
    finish_reason: str = ""
    answer_characters: int | None = None
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    limits: dict[str, str] = field(default_factory=dict)
    timings: ServerTimings | None = None
    problems: list[str] = field(default_factory=list)
    warnings: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether a load run would get answers from this endpoint."""
        return self.outcome in SUCCESSFUL


@dataclass(slots=True)
class _Clock:
    """Collects the stamps of one exchange from httpx's trace events and from its reader."""

    started_s: float = field(default_factory=time.perf_counter)
    connecting_s: float | None = None
    connected_s: float | None = None
    sent_s: float | None = None
    first_token_s: float | None = None
    reads_with_content: int = 0
    chunks: int = 0

    def trace(self, event: str, _info: Mapping[str, object]) -> None:
        if event == "connection.connect_tcp.started":
            self.connecting_s = time.perf_counter()
        elif event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self.connected_s = time.perf_counter()
        elif event == "http11.send_request_headers.started":
            self.sent_s = time.perf_counter()

    def saw(self, chunks: int) -> None:
        if chunks:
            self.chunks += chunks
            self.reads_with_content += 1
            self.first_token_s = self.first_token_s or time.perf_counter()

    def since_sent(self, stamp_s: float | None) -> float | None:
        return stamp_s - self.sent_s if stamp_s is not None and self.sent_s is not None else None


def probe(scenario: Scenario, name: str, url: str | None = None) -> Finding:
    """Send endpoint `name` the first prompt of `scenario` once; `url` stands in for a simulated endpoint's own.

    What goes wrong is told in `problems`; the key appears in no field. Raises TailgateError when the client certificate
    or the proxy's variable is of no use.
    """
    endpoint = scenario.endpoints[name]
    base = (url or endpoint.url or "").rstrip("/")
    finding = Finding(name, base + API[endpoint.api].path(endpoint), warnings=endpoint.warnings)
    key = os.environ.get(endpoint.key_env) if endpoint.key_env else None
    if unsendable := advice.on_key(endpoint.key_env, key):
        finding.problems.append(unsendable)
        return finding
    clock = _Clock()
    try:
        _exchange(scenario, endpoint, key, finding, clock)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        finding.outcome = None
        finding.problems.append(advice.on_exception(error, finding.url, scenario.conversation.timeouts))
        if not (endpoint.proxy or endpoint.proxy_env):
            finding.problems += advice.on_proxy(finding.url, getproxies())
    if clock.connecting_s is not None and clock.connected_s is not None:
        finding.connect_s = clock.connected_s - clock.connecting_s
    finding.first_token_s = clock.since_sent(clock.first_token_s)
    return _without_key(finding, key)


def unreachable(endpoint: Endpoint, timeouts: Timeouts) -> str | None:
    """Connect to a real endpoint, TLS included, or to its proxy, sending no request; give what is wrong, or None.

    Raises TailgateError when the client certificate or the proxy's variable is of no use.
    """
    url = endpoint.url or ""
    if proxy := proxy_of(endpoint.proxy, endpoint.proxy_env):
        url = f"http://{proxy.host}:{proxy.port}"
    parts = urlsplit(url)
    address = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    trust = context(endpoint) if url.startswith("https:") else None
    try:
        with socket.create_connection(address, timeouts.connect) as connection:
            if trust is not None:
                trust.wrap_socket(connection, server_hostname=parts.hostname).close()
    except OSError as error:
        return advice.on_exception(error, url, timeouts)
    return None


def _exchange(scenario: Scenario, endpoint: Endpoint, key: str | None, finding: Finding, clock: _Clock) -> None:
    api, talk = API[endpoint.api], scenario.conversation
    question = Message("user", conversation_for(scenario, 0, 0).user_turns[0])
    with (
        _client(endpoint, finding.url, talk.timeouts) as client,
        client.stream(
            "POST",
            finding.url,
            content=api.body(endpoint, [question], talk.max_output_tokens, talk.stream),
            headers=api.headers(endpoint, key, talk.stream),
            extensions={"trace": clock.trace},
        ) as response,
    ):
        finding.status = response.status_code
        finding.limits = {name: text for name, text in response.headers.items() if name.startswith(LIMIT_HEADERS)}
        if response.status_code == httpx.codes.OK:
            decoder = api.decoder(endpoint, talk.stream)
            _read(response, decoder, clock, talk.timeouts.total)
            finding.latency_s = clock.since_sent(time.perf_counter())
            reply = decoder.finish()
            finding.timings = in_response(response.headers, reply.timings)
            finding.problems += advice.on_answer(reply, response.headers, endpoint, streamed=talk.stream)
            finding.problems += advice.on_pace(clock.chunks, clock.reads_with_content)
            _tell_answer(finding, endpoint, reply)
        else:
            body = _read_some(response)
            finding.timings = in_response(response.headers, None)
            finding.latency_s = clock.since_sent(time.perf_counter())
            refusal = advice.Refusal(response.status_code, response.headers, body, datetime.now(UTC))
            finding.outcome, sentence = advice.on_refusal(refusal, endpoint, finding.url)
            finding.problems.append(sentence)


def _client(endpoint: Endpoint, url: str, timeouts: Timeouts) -> httpx.Client:
    """Go as the load run goes: past any proxy but the endpoint's own."""
    through = proxy_of(endpoint.proxy, endpoint.proxy_env)
    proxy = None
    if through is not None:
        allowed = {"Proxy-Authorization": through.authorization} if through.authorization else None
        host = f"[{through.host}]" if ":" in through.host else through.host
        proxy = httpx.Proxy(f"http://{host}:{through.port}", headers=allowed)
    return httpx.Client(
        verify=context(endpoint) if url.startswith("https:") else False,
        timeout=httpx.Timeout(timeouts.first_byte, connect=timeouts.connect),
        trust_env=False,
        proxy=proxy,
    )


def _read(response: httpx.Response, decoder: Decoder, clock: _Clock, total_s: float) -> None:
    """Feed the body as it comes. Raises httpx.ReadTimeout when its end is not there in time."""
    for data in response.iter_bytes():
        clock.saw(decoder.feed(data))
        if time.perf_counter() - clock.started_s > total_s:
            raise httpx.ReadTimeout("total")


def _read_some(response: httpx.Response) -> bytes:
    body = b""
    for data in response.iter_bytes():
        body += data
        if len(body) > MAX_ERROR_BYTES:
            break
    return body


def _tell_answer(finding: Finding, endpoint: Endpoint, reply: Reply) -> None:
    finding.outcome, finding.finish_reason, finding.usage = reply.outcome, reply.finish_reason, reply.usage
    finding.answer_characters = len(reply.text)
    if unpriced := why_unpriced(endpoint):
        finding.problems.append(unpriced)
    if usage := reply.usage:
        finding.cost_usd = cost_usd(
            price(endpoint),
            usage.input_tokens,
            usage.output_tokens,
            usage.cached_input_tokens,
            usage.cache_write_tokens,
        )


def _without_key(finding: Finding, key: str | None) -> Finding:
    """Mask the key where a server has echoed it."""
    if not key:
        return finding
    return replace(
        finding,
        problems=[problem.replace(key, "***") for problem in finding.problems],
        limits={name: text.replace(key, "***") for name, text in finding.limits.items()},
    )
