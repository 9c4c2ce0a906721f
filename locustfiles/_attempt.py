"""From what was seen on the wire to the facts of a row, and to the decision that follows from them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from time import perf_counter

from locustfiles._clock import RunClock
from locustfiles._connect import ConnectError
from locustfiles._trace import Trace
from scenarios.limit_headers import Allowance, allowances
from scenarios.limits import Decision, Hint, Reason, classify, wait_hint
from scenarios.records import Attempt, Outcome
from scenarios.server_timings import in_response
from scenarios.wire import Api, Decoder, Reply
from scenarios.wire.openai_usage import usage_of
from scenarios.wire.protocol import Usage

HTTP_OK = 200
WORD_LENGTH = 64

FAILURES: Mapping[str, Outcome] = {
    "connection_lost": Outcome.STREAM_TRUNCATED,
    "cut": Outcome.STREAM_TRUNCATED,
    "closed_before_answer": Outcome.CONNECT_ERROR,
    "not_http": Outcome.BAD_RESPONSE,
    "first_byte_timeout": Outcome.TIMEOUT,
    "idle_timeout": Outcome.TIMEOUT,
    "total_timeout": Outcome.TIMEOUT,
    "internal": Outcome.CLIENT_ERROR,
}


@lru_cache(maxsize=1024)
def word(text: str) -> str:
    """Make a server's text fit for a row: one short word that no spreadsheet or terminal takes for a command."""
    return re.sub(r"[^\w.:-]+", "_", text.strip()[:WORD_LENGTH], flags=re.ASCII).lstrip("-=+@")


def note_no_connection(attempt: Attempt, error: ConnectError, connect_s: float | None, clock: RunClock) -> Decision:
    """Fill the row of an attempt that found no server."""
    attempt.outcome, attempt.error_code = Outcome.CONNECT_ERROR, error.code
    attempt.connect_s, attempt.end_s = connect_s, clock.now()
    return final(Outcome.CONNECT_ERROR)


def note_trace(attempt: Attempt, trace: Trace, connect_s: float | None, clock: RunClock) -> None:
    """Fill in stamps and counts."""
    attempt.sent_s = clock.at(trace.sent)
    attempt.headers_s = clock.at(trace.headers_at)
    attempt.first_token_s = clock.at(trace.first_token)
    attempt.first_output_s = clock.at(trace.first_output)
    attempt.last_token_s = clock.at(trace.arrivals[-1]) if trace.arrivals else None
    attempt.end_s = clock.at(trace.end)
    attempt.http_status = trace.status
    attempt.chunks = len(trace.arrivals) or None
    attempt.coalesced = trace.coalesced if trace.arrivals else None
    attempt.bytes_in = trace.bytes_in
    attempt.connect_s = connect_s
    attempt.client_lag_s = trace.lag_s if trace.bytes_in else None


def note_answer(attempt: Attempt, trace: Trace, decoder: Decoder, api: Api) -> tuple[Reply | None, Decision]:
    """Fill in how it ended; say what to do next. Status and headers make a refusal, whatever becomes of its body."""
    if trace.status is not None and trace.status != HTTP_OK and (trace.headers_at is not None or not trace.failure):
        decision = _refusal(attempt, trace, api)
        reply = None
    else:
        reply = decoder.finish()
        decision = _ending(attempt, trace, reply)
        _note_reply(attempt, reply)
    attempt.outcome = decision.outcome
    trace.timings = in_response(trace.headers, reply.timings if reply else None)
    return reply, decision


def hint_of(trace: Trace, reply: Reply | None) -> Hint | None:
    """Give the wait that an answer asked for, in its headers, its body or its error event."""
    body = reply.error.message.encode() if reply and reply.error else bytes(trace.error_body)
    return wait_hint(trace.headers, body, _wall_clock(trace.end))


def left_of(trace: Trace, attempt: Attempt, output_tokens: int) -> dict[str, Allowance]:
    """Give what an answer's headers say is left of the key's limits, by dimension, in requests like this one."""
    if "ratelimit" not in " ".join(trace.headers):
        return {}
    return allowances(trace.headers, _wall_clock(trace.headers_at), attempt.input_tokens, output_tokens)


def _wall_clock(stamp: float | None) -> datetime:
    """Give the time of day at a `perf_counter` stamp; None is now."""
    ago_s = perf_counter() - stamp if stamp is not None else 0.0
    return datetime.fromtimestamp(time.time() - ago_s, UTC)


@cache
def final(outcome: Outcome) -> Decision:
    """Decide that the turn ends with this attempt."""
    return Decision(outcome, retry=False, stop_endpoint=False, reason=Reason.PERMANENT)


def _refusal(attempt: Attempt, trace: Trace, api: Api) -> Decision:
    assert trace.status is not None
    error = api.error(trace.status, bytes(trace.error_body))
    attempt.error_code = word(error.code or error.kind or f"{_kind(trace.status)}_{trace.status}")
    _note_usage(attempt, _billed(bytes(trace.error_body)))
    return classify(trace.status, trace.headers, error)


def _kind(status: int) -> str:
    """Name a status that came without words: redirects are not followed, for another place would be measured."""
    return "redirect" if status in (301, 302, 303, 307, 308) else "http"


def _ending(attempt: Attempt, trace: Trace, reply: Reply) -> Decision:
    if trace.failure and not reply.complete:
        attempt.error_code = trace.failure
        return final(_broken_off(trace))
    if reply.error is None:
        return final(reply.outcome)
    attempt.error_code = word(reply.error.code or reply.error.kind or "stream_error")
    if reply.outcome is Outcome.STREAM_ERROR and not trace.arrivals:
        return classify(HTTP_OK, trace.headers, reply.error)  # refused inside a 200, before any content
    return final(reply.outcome)


def _broken_off(trace: Trace) -> Outcome:
    outcome = FAILURES[trace.failure]
    if outcome is Outcome.STREAM_TRUNCATED and trace.headers_at is None:
        return Outcome.BAD_RESPONSE if trace.bytes_in else Outcome.CONNECT_ERROR
    return outcome


def _note_reply(attempt: Attempt, reply: Reply) -> None:
    attempt.finish_reason = word(reply.finish_reason)
    _note_usage(attempt, reply.usage)


def _note_usage(attempt: Attempt, usage: Usage | None) -> None:
    if usage is not None:
        attempt.usage_source = "server"
        attempt.input_tokens = usage.input_tokens
        attempt.cached_input_tokens = usage.cached_input_tokens
        attempt.cache_write_tokens = usage.cache_write_tokens
        attempt.output_tokens = usage.output_tokens
        attempt.reasoning_tokens = usage.reasoning_tokens


def _billed(body: bytes) -> Usage | None:
    """Give the usage that a refusal states: tokens that were paid for without an answer."""
    if b'"usage"' not in body:
        return None
    try:
        stated = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return usage_of(stated) if isinstance(stated, dict) else None
