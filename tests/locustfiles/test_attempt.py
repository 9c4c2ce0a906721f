"""From what was seen on the wire to a row, and to what is done next."""

from __future__ import annotations

import json
import re
from array import array
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nasty_server import ANSWER, DONE, ROLE, WORDS, event, finish

from locustfiles._attempt import FAILURES, final, hint_of, note_answer, note_no_connection, note_trace, word
from locustfiles._clock import RunClock
from locustfiles._connect import ConnectError
from locustfiles._trace import Trace
from scenarios.limits import Decision
from scenarios.records import Attempt, Outcome, to_row
from scenarios.scenario import Endpoint
from scenarios.wire import API, Reply

EPOCH_UNIX_S = 1_000_000.0
IT = Endpoint(url="http://127.0.0.1/v1")


def row() -> Attempt:
    """Give an attempt that nothing has happened to."""
    return Attempt("run", "w0", 1, "u", "c", "t", "case", "it", "", "steady", 1, 0.0)


def noted(trace: Trace, body: bytes = b"") -> tuple[Attempt, Reply | None, Decision]:
    """Fill a row from a trace and a 200 body."""
    attempt, decoder = row(), API["openai-chat"].decoder(IT, True)
    decoder.feed(body)
    note_trace(attempt, trace, 0.001, RunClock(EPOCH_UNIX_S))
    reply, decision = note_answer(attempt, trace, decoder, API["openai-chat"])
    return attempt, reply, decision


def answered(**changes: object) -> Trace:
    """Give the trace of a whole answer of three chunks."""
    now = perf_counter()
    facts: dict[str, object] = {
        "sent": now,
        "headers_at": now + 1,
        "first_token": now + 2,
        "first_output": now + 2,
        "arrivals": array("d", [now + 2, now + 3, now + 4]),
        "end": now + 5,
        "bytes_in": 900,
        "lag_s": 0.002,
        "status": 200,
        "coalesced": 1,
    }
    return Trace(**{**facts, **changes})  # type: ignore[arg-type]


def refused(status: int, body: object = None, **headers: str) -> Trace:
    """Give the trace of a refusal."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    body_bytes = bytearray(json.dumps(body).encode())
    return answered(
        status=status, headers=names, error_body=body_bytes, arrivals=array("d"), first_token=None, first_output=None
    )


def test_row_of_a_whole_answer() -> None:
    """Stamps keep their distances, counts and tokens are the server's."""
    trace = answered()
    attempt, reply, _ = noted(trace, ANSWER)
    stamps = [attempt.sent_s, attempt.headers_s, attempt.first_token_s, attempt.first_output_s, attempt.last_token_s]
    assert attempt.sent_s is not None
    assert attempt.end_s is not None
    assert [round(stamp - attempt.sent_s, 6) for stamp in [*stamps, attempt.end_s] if stamp is not None] == [
        0, 1, 2, 2, 4, 5]  # fmt: skip
    assert reply is not None
    assert (
        str(attempt.outcome), attempt.http_status, attempt.finish_reason, attempt.chunks, attempt.coalesced,
        attempt.input_tokens, attempt.output_tokens, attempt.usage_source, attempt.bytes_in, attempt.connect_s,
        attempt.client_lag_s, attempt.error_code,
    ) == ("ok", 200, "stop", 3, 1, 9, 3, "server", 900, 0.001, 0.002, "")  # fmt: skip


def test_row_of_no_answer_is_empty_not_zero() -> None:
    """What was not measured is an empty field."""
    attempt = noted(Trace(sent=perf_counter(), end=perf_counter(), failure="closed_before_answer"))[0]
    fields = dict(zip(("schema", *Attempt.__slots__), to_row(attempt), strict=True))
    empty = {"headers_s", "first_token_s", "first_output_s", "last_token_s", "http_status", "input_tokens",
             "output_tokens", "chunks", "coalesced", "client_lag_s", "wait_hint_s", "waited_s"}  # fmt: skip
    assert {name for name in empty if fields[name] != ""} == set()


@pytest.mark.parametrize(
    ("failure", "body", "headers_at", "expected"),
    [
        ("cut", ROLE + WORDS[0], 1.0, Outcome.STREAM_TRUNCATED),
        ("connection_lost", ROLE + WORDS[0], 1.0, Outcome.STREAM_TRUNCATED),
        ("cut", b"", None, Outcome.BAD_RESPONSE),
        ("not_http", b"", None, Outcome.BAD_RESPONSE),
        ("first_byte_timeout", b"", None, Outcome.TIMEOUT),
        ("idle_timeout", ROLE, 1.0, Outcome.TIMEOUT),
        ("total_timeout", ROLE + WORDS[0], 1.0, Outcome.TIMEOUT),
        ("internal", b"", None, Outcome.CLIENT_ERROR),
    ],
)
def test_broken_off(failure: str, body: bytes, headers_at: float | None, expected: Outcome) -> None:
    """Each way to break off is an outcome; its own name is the error code; the turn ends."""
    trace = answered(failure=failure, headers_at=headers_at, status=200 if headers_at else None)
    attempt, _, decision = noted(trace, body)
    assert (attempt.outcome, attempt.error_code, decision.retry) == (expected, failure, False)


@pytest.mark.parametrize("failure", ["closed_before_answer", "connection_lost"])
def test_lost_before_any_byte(failure: str) -> None:
    """Without a byte of an answer there was no stream to truncate."""
    trace = Trace(sent=perf_counter(), end=perf_counter(), failure=failure)
    assert noted(trace)[0].outcome == Outcome.CONNECT_ERROR


def test_every_failure_of_an_exchange_has_an_outcome() -> None:
    """The names in `Trace`'s documentation are those that rows know."""
    documented = set(re.findall(r"`([a-z_]+)`", Trace.__doc__ or "")) - {"perf_counter", "failure"}
    assert documented == set(FAILURES)


@pytest.mark.parametrize("failure", sorted(FAILURES))
def test_lost_after_the_end_is_an_answer(failure: str) -> None:
    """What goes wrong after the answer's own end marker changes nothing."""
    attempt = noted(answered(failure=failure), ANSWER)[0]
    assert (attempt.outcome, attempt.error_code) == (Outcome.OK, "")


@pytest.mark.parametrize(
    ("body", "expected", "code"),
    [
        (ROLE + WORDS[0] + finish("length") + DONE, Outcome.OK_LENGTH, ""),
        (ROLE + WORDS[0] + finish("content_filter") + DONE, Outcome.FILTERED, ""),
        (ROLE + WORDS[0], Outcome.STREAM_TRUNCATED, ""),
        (ROLE + WORDS[0] + finish(), Outcome.STREAM_TRUNCATED, ""),
        (ROLE + WORDS[0] + DONE, Outcome.STREAM_TRUNCATED, ""),
        (ROLE + WORDS[0] + event({"error": {"code": "boom", "message": "no"}}), Outcome.STREAM_ERROR, "boom"),
        (b"<html>hello</html>", Outcome.BAD_RESPONSE, None),
        (b"", Outcome.STREAM_TRUNCATED, None),
    ],
)
def test_200_is_not_success(body: bytes, expected: Outcome, code: str | None) -> None:
    """A body that ended in order is what its events say."""
    attempt = noted(answered(), body)[0]
    assert (attempt.outcome, attempt.error_code if code is not None else None) == (expected, code)


@pytest.mark.parametrize(
    ("status", "error", "expected", "retry", "stops"),
    [
        (429, {"code": "rate_limit_exceeded"}, Outcome.THROTTLED, True, False),
        (429, {"code": "insufficient_quota"}, Outcome.QUOTA_EXHAUSTED, False, True),
        (503, {"message": "busy"}, Outcome.OVERLOADED, True, False),
        (529, {"type": "overloaded_error"}, Outcome.OVERLOADED, True, False),
        (500, {"message": "oops"}, Outcome.BAD_RESPONSE, False, False),
        (401, {"code": "invalid_api_key"}, Outcome.CLIENT_ERROR, False, True),
        (404, {"code": "model_not_found"}, Outcome.CLIENT_ERROR, False, True),
        (413, {}, Outcome.REQUEST_TOO_LARGE, False, False),
        (307, {}, Outcome.CLIENT_ERROR, False, False),
    ],
)
def test_refusals(status: int, error: dict[str, str], expected: Outcome, retry: bool, stops: bool) -> None:  # noqa: FBT001
    """A status that is no success is classified: only what may pass is tried again."""
    attempt, reply, decision = noted(refused(status, {"error": error}))
    seen = attempt.outcome, attempt.http_status, reply, decision.retry, decision.stop_endpoint
    assert seen == (expected, status, None, retry, stops)


def test_error_code_says_the_status_when_the_body_says_nothing() -> None:
    """A refusal without words is named by its status."""
    assert [noted(refused(status))[0].error_code for status in (404, 302)] == ["http_404", "redirect_302"]


def test_refusal_inside_a_200() -> None:
    """A rate limit told inside the stream before any content is waited on like any other."""
    body = event({"error": {"code": "rate_limit_exceeded", "message": "Please try again in 2s."}})
    trace = answered(arrivals=array("d"), first_token=None, first_output=None)
    attempt, reply, decision = noted(trace, body)
    hint = hint_of(trace, reply)
    assert (attempt.outcome, decision.retry, hint and hint.seconds) == (Outcome.THROTTLED, True, 2.0)


def test_error_after_content_is_not_tried_again() -> None:
    """The same words after content are a stream that broke: the user has seen half an answer."""
    body = WORDS[0] + event({"error": {"code": "rate_limit_exceeded"}})
    attempt, _, decision = noted(answered(), body)
    assert (attempt.outcome, decision.retry) == (Outcome.STREAM_ERROR, False)


def test_hint_in_header_and_body() -> None:
    """The wait stands in the headers, or in the body."""
    header = hint_of(refused(429, {}, retry_after="7"), None)
    text = hint_of(refused(429, {"error": {"message": "Please try again in 20s."}}), None)
    nothing = hint_of(refused(429, {}), None)
    assert [(hint.seconds, hint.source) if hint else None for hint in (header, text, nothing)] == [
        (7.0, "retry-after"), (20.0, "text"), None]  # fmt: skip


def test_no_connection() -> None:
    """No server: the row has an end, a code, and no send."""
    attempt = row()
    note_no_connection(attempt, ConnectError("connection_refused", "nobody"), None, RunClock(EPOCH_UNIX_S))
    assert (attempt.outcome, attempt.error_code, attempt.sent_s, attempt.end_s is not None) == (
        Outcome.CONNECT_ERROR, "connection_refused", None, True)  # fmt: skip


def test_final_never_goes_on() -> None:
    """A final decision neither repeats nor stops anything."""
    assert [(final(outcome).retry, final(outcome).stop_endpoint) for outcome in Outcome] == [(False, False)] * len(
        Outcome
    )


@given(st.text())
def test_word_is_harmless(text: str) -> None:
    """Whatever a server says, its word is short ASCII that no spreadsheet takes for a formula."""
    assert re.fullmatch(r"(?![-=+@])[\w.:-]{0,64}", word(text), re.ASCII)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rate_limit_exceeded", "rate_limit_exceeded"),
        ("=cmd|' /C calc'!A0", "_cmd_C_calc_A0"),
        ("--help", "help"),
        ("\x1b[31mred\x1b[0m", "_31mred_0m"),
        ('a,b\n"c"', "a_b_c_"),
        ("", ""),
    ],
)
def test_word(text: str, expected: str) -> None:
    """Commas, quotes, line breaks, formulas and terminal codes do not survive."""
    assert word(text) == expected
