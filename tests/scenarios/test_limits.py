"""Classification of refusals: recorded answers of many providers, and rules that hold for any answer."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.limits import RULES, VERDICTS, Decision, Reason, classify
from scenarios.records import Outcome
from scenarios.wire import ApiError
from scenarios.wire.api_error import parse_error

QUOTA_FAILURE = "type.googleapis.com/google.rpc.QuotaFailure"


def openai(message: str, code: str | None = None, kind: str | None = None) -> bytes:
    """Write an error as OpenAI does."""
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()


def anthropic(kind: str, message: str, **more: object) -> bytes:
    """Write an error as Anthropic does."""
    return json.dumps({"type": "error", "error": {"type": kind, "message": message, **more}}).encode()


def google(message: str, *quotas: str, status: str = "RESOURCE_EXHAUSTED") -> bytes:
    """Write an error as Google does."""
    details = [{"@type": QUOTA_FAILURE, "violations": [{"quotaId": quota} for quota in quotas]}]
    return json.dumps({"error": {"code": 429, "message": message, "status": status, "details": details}}).encode()


PLAIN: dict[str, str] = {}
CASES = [
    pytest.param(
        429, PLAIN, openai("Rate limit reached", "rate_limit_exceeded", "requests"), Reason.THROTTLED, id="OpenAI"
    ),
    pytest.param(
        429,
        PLAIN,
        openai(
            "Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 29000, Requested 1500. "
            "Please try again in 1m9.696s.",
            "rate_limit_exceeded",
            "tokens",
        ),
        Reason.THROTTLED,
        id="OpenAI tokens per minute",
    ),
    pytest.param(429, PLAIN, openai("Slow down", "slow_down"), Reason.RAMPED_TOO_FAST, id="OpenAI slow_down"),
    pytest.param(503, PLAIN, openai("Overloaded", "server_is_overloaded"), Reason.OVERLOADED, id="OpenAI overloaded"),
    pytest.param(
        429,
        PLAIN,
        openai("You exceeded your current quota, please check your plan and billing details.", "insufficient_quota"),
        Reason.OUT_OF_MONEY,
        id="OpenAI insufficient_quota",
    ),
    pytest.param(429, PLAIN, openai("x", None, "insufficient_quota"), Reason.OUT_OF_MONEY, id="only in the type"),
    pytest.param(429, PLAIN, openai("x", "credit_balance_exhausted"), Reason.OUT_OF_MONEY, id="OpenAI credit balance"),
    pytest.param(400, PLAIN, openai("x", "billing_hard_limit_reached"), Reason.OUT_OF_MONEY, id="OpenAI billing limit"),
    pytest.param(
        429,
        PLAIN,
        openai(
            "Request too large for gpt-4o in organization o on tokens per min (TPM): Limit 30000, Requested 31538.",
            "rate_limit_exceeded",
        ),
        Reason.TOO_LARGE,
        id="OpenAI request too large",
    ),
    pytest.param(429, PLAIN, openai("Limit 30,000, Requested 31,538"), Reason.TOO_LARGE, id="by the numbers alone"),
    pytest.param(
        429,
        PLAIN,
        openai(
            "Rate limit reached for m on requests per day (RPD): Limit 200, Used 200, Requested 1.",
            "rate_limit_exceeded",
        ),
        Reason.DAILY_QUOTA,
        id="OpenAI requests per day",
    ),
    pytest.param(400, PLAIN, openai("too long", "context_length_exceeded"), Reason.TOO_LARGE, id="OpenAI context"),
    pytest.param(
        400,
        PLAIN,
        b'{"object":"error","message":"This model\'s maximum context length is 2048 tokens.","code":400}',
        Reason.TOO_LARGE,
        id="vLLM context",
    ),
    pytest.param(401, PLAIN, openai("Incorrect API key", "invalid_api_key"), Reason.BAD_KEY, id="OpenAI key"),
    pytest.param(
        404, PLAIN, openai("The model `x` does not exist", "model_not_found"), Reason.UNKNOWN_MODEL, id="OpenAI model"
    ),
    pytest.param(
        404,
        PLAIN,
        b'{"message":"The model `x` does not exist.","type":"NotFoundError"}',
        Reason.UNKNOWN_MODEL,
        id="vLLM model",
    ),
    pytest.param(404, PLAIN, b"404 page not found", Reason.PERMANENT, id="wrong path"),
    pytest.param(
        429,
        PLAIN,
        openai("The system is currently experiencing high demand", "429"),
        Reason.OVERLOADED,
        id="Azure demand",
    ),
    pytest.param(429, PLAIN, openai("exceeded call rate limit", "429"), Reason.THROTTLED, id="Azure rate"),
    pytest.param(
        429,
        PLAIN,
        anthropic(
            "rate_limit_error",
            "This request would exceed your organization's rate limit of 50,000 input tokens per minute. "
            "Please reduce the prompt length or the maximum tokens requested, or try again later.",
        ),
        Reason.THROTTLED,
        id="Anthropic",
    ),
    pytest.param(529, PLAIN, anthropic("overloaded_error", "Overloaded"), Reason.OVERLOADED, id="Anthropic overloaded"),
    pytest.param(
        429,
        PLAIN,
        anthropic("rate_limit_error", "Exceeds your organization's acceleration limit"),
        Reason.RAMPED_TOO_FAST,
        id="Anthropic acceleration",
    ),
    pytest.param(
        429,
        PLAIN,
        anthropic("rate_limit_error", "x", details={"error_code": "enforced_spend_limit_reached"}),
        Reason.OUT_OF_MONEY,
        id="Anthropic spend limit",
    ),
    pytest.param(
        400,
        PLAIN,
        anthropic("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
        Reason.OUT_OF_MONEY,
        id="Anthropic credit balance",
    ),
    pytest.param(413, PLAIN, anthropic("request_too_large", "x"), Reason.TOO_LARGE, id="Anthropic too large"),
    pytest.param(
        429,
        PLAIN,
        google(
            "You exceeded your current quota, please check your plan and billing details. Please retry in 57.2s.",
            "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
        ),
        Reason.THROTTLED,
        id="Gemini per minute",
    ),
    pytest.param(
        429,
        PLAIN,
        google("You exceeded your current quota", "PerMinute-x", "GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
        Reason.DAILY_QUOTA,
        id="Gemini per day",
    ),
    pytest.param(429, PLAIN, google("Quota exceeded, limit: 0, model: m"), Reason.NO_QUOTA, id="Gemini, none granted"),
    pytest.param(
        429, PLAIN, google("Quota exceeded, limit: 20, model: m"), Reason.THROTTLED, id="Gemini, some granted"
    ),
    pytest.param(
        503, PLAIN, google("The model is overloaded.", status="UNAVAILABLE"), Reason.OVERLOADED, id="Gemini overloaded"
    ),
    pytest.param(429, PLAIN, google("Resource exhausted, please try again later."), Reason.THROTTLED, id="Vertex"),
    pytest.param(429, PLAIN, b'{"__type":"ThrottlingException","message":"slow"}', Reason.THROTTLED, id="Bedrock"),
    pytest.param(
        400, {"x-amzn-errortype": "ThrottlingException:http://x"}, b'{"message":"m"}', Reason.THROTTLED, id="AWS header"
    ),
    pytest.param(
        400,
        {"x-amzn-errortype": "ServiceQuotaExceededException"},
        b'{"message":"m"}',
        Reason.NO_QUOTA,
        id="Bedrock service quota",
    ),
    pytest.param(
        429,
        {"x-amzn-errortype": "ModelNotReadyException"},
        b'{"message":"m"}',
        Reason.OVERLOADED,
        id="Bedrock not ready",
    ),
    pytest.param(424, PLAIN, b'{"message":"m"}', Reason.SERVER_ERROR, id="Bedrock, TGI model error"),
    pytest.param(
        429,
        PLAIN,
        b'{"object":"error","message":"Rate limit exceeded","type":"rate_limited","code":"1300"}',
        Reason.THROTTLED,
        id="Mistral",
    ),
    pytest.param(429, PLAIN, b'{"message":"Service tier capacity exceeded"}', Reason.OVERLOADED, id="Mistral capacity"),
    pytest.param(
        429,
        PLAIN,
        openai(
            "Rate limit reached on tokens per day (TPD): Limit 100000, Used 99800, Requested 500. Try again in 4m19s."
        ),
        Reason.DAILY_QUOTA,
        id="Groq per day",
    ),
    pytest.param(503, PLAIN, openai("busy"), Reason.OVERLOADED, id="Together"),
    pytest.param(402, PLAIN, openai("requires more credits"), Reason.OUT_OF_MONEY, id="OpenRouter"),
    pytest.param(402, {"retry-after": "5"}, openai("in flight budget"), Reason.THROTTLED, id="OpenRouter in flight"),
    pytest.param(
        402, {"retry-after": "5"}, openai("insufficient credits"), Reason.OUT_OF_MONEY, id="no credits, with a wait"
    ),
    pytest.param(429, PLAIN, b'{"error":"Model is overloaded","error_type":"overloaded"}', Reason.OVERLOADED, id="TGI"),
    pytest.param(429, PLAIN, openai("x", "budget_exceeded"), Reason.OUT_OF_MONEY, id="LiteLLM budget"),
    pytest.param(503, PLAIN, b"<html>503 Service Temporarily Unavailable</html>", Reason.OVERLOADED, id="NGINX"),
    pytest.param(503, {"x-envoy-ratelimited": "true"}, b"", Reason.THROTTLED, id="Envoy"),
    pytest.param(503, PLAIN, openai("slow", "rate_limit_exceeded"), Reason.THROTTLED, id="a gateway's own status"),
    pytest.param(429, PLAIN, b'{"message":"API rate limit exceeded"}', Reason.THROTTLED, id="Kong"),
    pytest.param(429, PLAIN, b"", Reason.THROTTLED, id="429 without a word"),
    pytest.param(
        403, PLAIN, openai("account_suspended", "account_suspended"), Reason.PERMANENT, id="suspended is not spend"
    ),
    pytest.param(400, PLAIN, openai("Invalid parameter: temperature"), Reason.PERMANENT, id="400"),
    pytest.param(422, PLAIN, b'{"detail":[{"msg":"field required"}]}', Reason.PERMANENT, id="422"),
    pytest.param(301, PLAIN, b"", Reason.PERMANENT, id="redirect"),
    pytest.param(500, PLAIN, b"", Reason.SERVER_ERROR, id="500"),
    pytest.param(500, PLAIN, openai("The engine is overloaded"), Reason.OVERLOADED, id="500 overloaded"),
    pytest.param(204, PLAIN, b"", Reason.SERVER_ERROR, id="204"),
    *(pytest.param(status, PLAIN, b"", Reason.TRANSIENT, id=str(status)) for status in (408, 409, 425, 502, 504, 522)),
    pytest.param(
        200,
        PLAIN,
        openai("Rate limit reached. Please try again in 2.512s.", "rate_limit_exceeded"),
        Reason.THROTTLED,
        id="throttled inside a stream",
    ),
    pytest.param(
        200, PLAIN, anthropic("overloaded_error", "Overloaded"), Reason.OVERLOADED, id="overloaded inside a stream"
    ),
    pytest.param(200, PLAIN, b'{"error":{"code":429,"message":"m"}}', Reason.THROTTLED, id="429 inside a stream"),
    pytest.param(200, PLAIN, b'{"error":{"code":402,"message":"m"}}', Reason.OUT_OF_MONEY, id="402 inside a 200"),
    pytest.param(400, PLAIN, google("API key not valid.", status="INVALID_ARGUMENT"), Reason.BAD_KEY, id="Gemini key"),
    pytest.param(200, PLAIN, openai("boom", "internal"), Reason.STREAM_ERROR, id="other error inside a stream"),
]


@pytest.mark.parametrize(("status", "headers", "body", "expected"), CASES)
def test_recorded_answers(status: int, headers: dict[str, str], body: bytes, expected: Reason) -> None:
    """Each provider's answer is told apart."""
    assert classify(status, headers, parse_error(body)).reason is expected


OUTCOMES = {
    Reason.THROTTLED: Decision(Outcome.THROTTLED, retry=True, stop_endpoint=False, reason=Reason.THROTTLED),
    Reason.RAMPED_TOO_FAST: Decision(Outcome.THROTTLED, retry=True, stop_endpoint=False, reason=Reason.RAMPED_TOO_FAST),
    Reason.OVERLOADED: Decision(Outcome.OVERLOADED, retry=True, stop_endpoint=False, reason=Reason.OVERLOADED),
    Reason.TRANSIENT: Decision(Outcome.OVERLOADED, retry=True, stop_endpoint=False, reason=Reason.TRANSIENT),
    Reason.OUT_OF_MONEY: Decision(Outcome.QUOTA_EXHAUSTED, retry=False, stop_endpoint=True, reason=Reason.OUT_OF_MONEY),
    Reason.DAILY_QUOTA: Decision(Outcome.QUOTA_EXHAUSTED, retry=False, stop_endpoint=True, reason=Reason.DAILY_QUOTA),
    Reason.NO_QUOTA: Decision(Outcome.QUOTA_EXHAUSTED, retry=False, stop_endpoint=True, reason=Reason.NO_QUOTA),
    Reason.TOO_LARGE: Decision(Outcome.REQUEST_TOO_LARGE, retry=False, stop_endpoint=False, reason=Reason.TOO_LARGE),
    Reason.BAD_KEY: Decision(Outcome.CLIENT_ERROR, retry=False, stop_endpoint=True, reason=Reason.BAD_KEY),
    Reason.UNKNOWN_MODEL: Decision(Outcome.CLIENT_ERROR, retry=False, stop_endpoint=True, reason=Reason.UNKNOWN_MODEL),
    Reason.PERMANENT: Decision(Outcome.CLIENT_ERROR, retry=False, stop_endpoint=False, reason=Reason.PERMANENT),
    Reason.SERVER_ERROR: Decision(Outcome.BAD_RESPONSE, retry=False, stop_endpoint=False, reason=Reason.SERVER_ERROR),
    Reason.STREAM_ERROR: Decision(Outcome.STREAM_ERROR, retry=False, stop_endpoint=False, reason=Reason.STREAM_ERROR),
}


@pytest.mark.parametrize(("status", "headers", "body", "expected"), CASES)
def test_what_follows(status: int, headers: dict[str, str], body: bytes, expected: Reason) -> None:
    """Each reason has one outcome, one answer to "again?" and one to "stop?"."""
    assert classify(status, headers, parse_error(body)) == OUTCOMES[expected]


def test_every_reason_is_reached() -> None:
    """No reason exists without a rule and a recorded answer."""
    assert {case.values[3] for case in CASES} | {Reason.TRANSIENT} == {reason for reason, _ in RULES} == set(Reason)


@pytest.mark.parametrize(
    ("status", "wish", "retry", "outcome"),
    [
        (429, "false", False, Outcome.THROTTLED),
        (503, " False ", False, Outcome.OVERLOADED),
        (429, "true", True, Outcome.THROTTLED),
        (500, "true", True, Outcome.OVERLOADED),
        (400, "true", False, Outcome.CLIENT_ERROR),
        (413, "true", False, Outcome.REQUEST_TOO_LARGE),
        (429, "maybe", True, Outcome.THROTTLED),
        (429, "true, false", False, Outcome.THROTTLED),
    ],
)
def test_should_retry_header(status: int, wish: str, retry: bool, outcome: Outcome) -> None:  # noqa: FBT001
    """The server may forbid a retry, and may grant one for its own errors, never for ours."""
    decision = classify(status, {"x-should-retry": wish}, ApiError())
    assert (decision.retry, decision.outcome) == (retry, outcome)


@given(
    st.sampled_from(
        [200, 204, 301, 400, 401, 402, 403, 404, 408, 409, 413, 422, 424, 429, 500, 502, 503, 504, 529, 599]
    ),
    st.dictionaries(st.sampled_from(["retry-after", "x-should-retry", "x-envoy-ratelimited"]), st.text(max_size=5)),
    st.builds(ApiError, st.text(max_size=20), st.text(max_size=60), st.text(max_size=20)),
)
def test_any_answer(status: int, headers: dict[str, str], error: ApiError) -> None:
    """Retry only what is throttled or overloaded; what stops an endpoint has a verdict in words and is not retried."""
    decision = classify(status, headers, error)
    assert not decision.retry or decision.outcome in {Outcome.THROTTLED, Outcome.OVERLOADED}
    assert decision.stop_endpoint == (decision.reason in VERDICTS)
    assert not (decision.retry and decision.stop_endpoint)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b"", ApiError(), id="nothing"),
        pytest.param(b"<html>no</html>", ApiError(message="<html>no</html>"), id="HTML"),
        pytest.param(b"\xff\xfe", ApiError(message="\ufffd\ufffd"), id="no UTF-8"),
        pytest.param(b'"busy"', ApiError(message="busy"), id="JSON text"),
        pytest.param(b"null", ApiError(message="null"), id="null"),
        pytest.param(b"[]", ApiError(message="[]"), id="empty array"),
        pytest.param(b'{"detail":"Not Found"}', ApiError(message="Not Found"), id="FastAPI"),
        pytest.param(b'{"error":{"code":400,"message":"m"}}', ApiError("400", "m", ""), id="number only"),
        pytest.param(b'{"error":{"code":null,"message":null,"type":7}}', ApiError("7", "", ""), id="odd types"),
        pytest.param(google("m", "a", "b"), ApiError("RESOURCE_EXHAUSTED", "m", "a b"), id="Google"),
        pytest.param(
            b"[" + google("m") + b"]", ApiError("RESOURCE_EXHAUSTED", "m", "RESOURCE_EXHAUSTED"), id="in an array"
        ),
        pytest.param(b"[" * 100_000, ApiError(message="[" * 1000), id="bottomless nesting"),
    ],
)
def test_error_bodies(body: bytes, expected: ApiError) -> None:
    """Any body gives an error with what it says."""
    assert parse_error(body) == expected


@pytest.mark.parametrize("secret", ["sk-abcdefghijkl", "gsk_abcdefghijkl", "Bearer abcdefghijkl"])
def test_keys_are_masked(secret: str) -> None:
    """A server that repeats the key does not get it into our files."""
    assert "abcdefgh" not in parse_error(openai(f"Incorrect API key provided: {secret}.")).message


@given(st.binary(max_size=200))
def test_any_error_body(body: bytes) -> None:
    """No body raises."""
    assert isinstance(parse_error(body), ApiError)
