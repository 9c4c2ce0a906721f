"""What a failed or odd exchange means, in one plain sentence that says what to change. Pure."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import httpx

from scenarios.limits import VERDICTS, Reason, classify, wait_hint
from scenarios.records import ANSWERED, Outcome
from scenarios.scenario import Endpoint, Timeouts
from scenarios.wire import API, ApiError, Reply

BUFFERED = (
    "all {chunks} chunks arrived at once: something between here and the model collects the stream "
    "(a proxy that buffers?), so first-token times would be the whole answer's"
)
FEWEST_CHUNKS_TO_TELL = 10


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer other than 200."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    now: datetime


def on_key(name: str | None, key: str | None) -> str | None:
    """Say why a key cannot be sent in a header, or None."""
    if name is None:
        return None
    if not key:
        return f"the variable {name} is not set: export {name}=..."
    if not key.strip().isprintable() or not key.isascii():
        return f"the value of {name} holds a line break or a letter outside ASCII: set it to the bare key"
    return None


def on_pace(chunks: int, reads_with_content: int) -> list[str]:
    """Say so when a stream came in one piece."""
    return [BUFFERED.format(chunks=chunks)] if chunks >= FEWEST_CHUNKS_TO_TELL and reads_with_content == 1 else []


def on_exception(error: Exception, url: str, timeouts: Timeouts) -> str:
    """Say why there was no answer."""
    parts = urlsplit(url)
    where = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    causes = list(_chain(error))
    if isinstance(error, httpx.ConnectTimeout | TimeoutError):
        return f"no connection to {where} within {timeouts.connect:g} s: no route, or a firewall drops it"
    if isinstance(error, httpx.TimeoutException):
        limit_s = timeouts.total if str(error) == "total" else timeouts.first_byte
        return f"{where} took the request and did not finish its answer within {limit_s:g} s"
    for cause in causes:
        if sentence := _on_cause(cause, parts.hostname, where):
            return sentence
    if isinstance(error, httpx.RemoteProtocolError):
        return f"{where} closed the connection or does not speak HTTP: {error}; is it https:// (or http://)?"
    return f"no answer from {where}: {error or type(error).__name__}"


def on_proxy(url: str, proxies: Mapping[str, str]) -> list[str]:
    """Say so when a proxy is set that would not be used."""
    scheme = urlsplit(url).scheme
    if scheme not in proxies:
        return []
    variable = f"{scheme.upper()}_PROXY"
    why = "Tailgate goes straight to the endpoint, for a proxy would be measured, too"
    return [f"{variable} is set, but {why}; if there is no other way, add proxy_env: {variable} to the endpoint"]


def _on_cause(cause: BaseException, host: str | None, where: str) -> str | None:
    match cause:
        case socket.gaierror():
            sentence = f"the name {host} is not known: check the url's spelling, or this machine's name server"
        case ConnectionRefusedError():
            sentence = f"{where} refused the connection: nothing listens there"
        case ConnectionResetError():
            sentence = f"{where} reset the connection"
        case ssl.SSLCertVerificationError():
            why = cause.verify_message
            sentence = f"{host} shows a certificate that is not trusted ({why}): name its authority with `ca_file`"
        case ssl.SSLError() if "CERTIFICATE" in (cause.reason or "") or "UNKNOWN_CA" in (cause.reason or ""):
            sentence = f"{where} wants a client certificate, or another one ({cause.reason}): see `client_cert_env`"
        case ssl.SSLError():
            why = cause.reason or str(cause)
            sentence = f"{where} does not speak TLS properly ({why}): should the url start with http://?"
        case OSError() if cause.strerror:
            sentence = f"no route to {where}: {cause.strerror}"
        case _:
            return None
    return sentence


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Walk to the innermost cause, and give it first: httpx wraps what the system said."""
    causes = []
    while error is not None and error not in causes:
        causes.append(error)
        error = error.__cause__ or error.__context__
    yield from reversed(causes)


def on_refusal(refusal: Refusal, endpoint: Endpoint, url: str) -> tuple[Outcome, str]:
    """Classify an answer other than 200 and say what to change."""
    error = API[endpoint.api].error(refusal.status, refusal.body)
    headers = {name.lower(): text for name, text in refusal.headers.items()}
    decision = classify(refusal.status, headers, error)
    if decision.outcome in {Outcome.THROTTLED, Outcome.OVERLOADED}:
        hint = wait_hint(headers, refusal.body, refusal.now)
        wait = f"asks to wait {hint.seconds:g} s ({hint.source})" if hint else "does not say for how long"
        sentence = f"the endpoint is over its limit or out of order for the moment, and {wait}"
    else:
        sentence = _on_reason(decision.reason, endpoint) or _on_status(refusal, url)
    return decision.outcome, f"{refusal.status}: {sentence}{_quote(error, refusal.body)}"


def _on_reason(reason: Reason, endpoint: Endpoint) -> str | None:
    match reason:
        case Reason.BAD_KEY if endpoint.key_env is None:
            return "the endpoint wants a key: name its variable with `key_env`"
        case Reason.BAD_KEY:
            return f"the endpoint does not accept the key in {endpoint.key_env}"
        case Reason.UNKNOWN_MODEL:
            return f"the endpoint does not know the model {endpoint.model!r}: check `model`"
        case Reason.TOO_LARGE:
            return "the request is larger than the endpoint takes: shorten the prompts, or `max_output_tokens`"
        case _:
            return VERDICTS.get(reason)


def _on_status(refusal: Refusal, url: str) -> str:
    match refusal.status:
        case 403:
            return "the endpoint forbids this: the key may lack the right to this model"
        case 404 | 405:
            return f"nothing answers at {url}: check the url's path (most end in /v1)"
        case status if 300 <= status < 400:
            return f"the url has moved to {refusal.headers.get('location', 'an unnamed place')}: write that one"
        case status if status >= 500:
            return "the endpoint failed"
        case _:
            return "the endpoint does not accept the request"


def _quote(error: ApiError, body: bytes) -> str:
    text = " ".join((error.message or body.decode(errors="replace")).split())
    if not text:
        return ""
    return f'; it says: "{text[:200]}{"..." if len(text) > 200 else ""}"'


def on_answer(reply: Reply, headers: Mapping[str, str], endpoint: Endpoint, *, streamed: bool) -> list[str]:
    """Say what is wrong with an answer that came with status 200."""
    kind = headers.get("content-type", "").split(";")[0].strip().lower()
    problems = []
    if kind == "text/html":
        problems.append("the answer is a web page: check the url's path (most end in /v1)")
    elif streamed and kind == "application/json" and endpoint.api != "generic":
        problems.append(
            "the answer does not stream though streaming was asked for: set `stream: false`, or mend the server"
        )
    if encoding := headers.get("content-encoding"):
        problems.append(
            f"the answer is compressed ({encoding}) though identity was asked for: its chunks come late, and cost CPU"
        )
    return problems + _on_outcome(reply)


def _on_outcome(reply: Reply) -> list[str]:
    problems = []
    if reply.outcome is Outcome.STREAM_TRUNCATED:
        problems.append(
            "the stream ended without its end marker or finish reason: every answer would count as truncated"
        )
    elif reply.outcome is Outcome.STREAM_ERROR:
        problems.append("the stream broke off with an error" + _quote(reply.error or ApiError(), b""))
    elif reply.outcome is Outcome.BAD_RESPONSE:
        problems.append("the answer is not what this API sends: check `api` and `url`")
    elif reply.outcome is Outcome.FILTERED:
        problems.append("a content filter ended the answer")
    elif reply.outcome is Outcome.REFUSED:
        problems.append("the model refused the prompt")
    if reply.malformed_events:
        problems.append(f"{reply.malformed_events} events of the stream could not be read")
    if reply.usage is None and reply.outcome in ANSWERED:
        problems.append("the answer carries no usage: tokens and cost cannot be counted")
    return problems
