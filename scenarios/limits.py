"""What an error answer means for the user who got it, decided before any waiting.

One 429 can mean: throttled, overloaded, ramped too fast, out of money, a daily quota that is spent, or a request that
can never fit. Only the first three are waited on. `RULES` is the table, read from the top; the first row that fits
decides. Sources of the words: the providers' error references and recorded answers, named beside each row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from scenarios.records import Outcome
from scenarios.wait_hint import Hint, backoff, jittered_s, wait_hint

if TYPE_CHECKING:
    from scenarios.wire.protocol import ApiError

__all__ = ["VERDICTS", "WAITED_ON", "Decision", "Hint", "Reason", "backoff", "classify", "jittered_s", "wait_hint"]


class Reason(StrEnum):
    """Why an attempt got no answer."""

    THROTTLED = "throttled"
    RAMPED_TOO_FAST = "ramped_too_fast"
    OVERLOADED = "overloaded"
    TRANSIENT = "transient"
    OUT_OF_MONEY = "out_of_money"
    DAILY_QUOTA = "daily_quota"
    NO_QUOTA = "no_quota"
    TOO_LARGE = "too_large"
    BAD_KEY = "bad_key"
    UNKNOWN_MODEL = "unknown_model"
    PERMANENT = "permanent"
    SERVER_ERROR = "server_error"
    STREAM_ERROR = "stream_error"


_OUTCOMES = {
    Reason.THROTTLED: Outcome.THROTTLED,
    Reason.RAMPED_TOO_FAST: Outcome.THROTTLED,
    Reason.OVERLOADED: Outcome.OVERLOADED,
    Reason.TRANSIENT: Outcome.OVERLOADED,
    Reason.OUT_OF_MONEY: Outcome.QUOTA_EXHAUSTED,
    Reason.DAILY_QUOTA: Outcome.QUOTA_EXHAUSTED,
    Reason.NO_QUOTA: Outcome.QUOTA_EXHAUSTED,
    Reason.TOO_LARGE: Outcome.REQUEST_TOO_LARGE,
    Reason.BAD_KEY: Outcome.CLIENT_ERROR,
    Reason.UNKNOWN_MODEL: Outcome.CLIENT_ERROR,
    Reason.PERMANENT: Outcome.CLIENT_ERROR,
    Reason.SERVER_ERROR: Outcome.BAD_RESPONSE,
    Reason.STREAM_ERROR: Outcome.STREAM_ERROR,
}

VERDICTS: dict[Reason, str] = {
    Reason.OUT_OF_MONEY: "the account is out of money or over its spending limit",
    Reason.DAILY_QUOTA: "the quota of the day is spent",
    Reason.NO_QUOTA: "the account has no quota for this model, or all of it is spent",
    Reason.BAD_KEY: "the server refuses the key",
    Reason.UNKNOWN_MODEL: "the server does not know the model",
}
"""Reasons that stop an endpoint's load at once, in words: no later request can fare better."""

WAITED_ON = frozenset({Outcome.THROTTLED, Outcome.OVERLOADED})
"""What may heal by waiting."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to record and what to do. `retry` holds only for `throttled` and `overloaded`."""

    outcome: Outcome
    retry: bool
    stop_endpoint: bool
    reason: Reason


class Refusal(NamedTuple):
    """An error answer as the rules see it, in lower case. `words`: code and kind; `text`: those and the message."""

    status: int
    headers: Mapping[str, str]
    words: str
    text: str


def classify(status: int, headers: Mapping[str, str], error: ApiError) -> Decision:
    """Decide what an answer without success means.

    `headers` have lower-case names. Status 200 stands for an error inside the answer: it says what its words say,
    `stream_error` if those are of no known kind. `x-should-retry: false` forbids a retry; `true` grants one to server
    errors only.
    """
    words = f"{error.code} {error.kind} {headers.get('x-amzn-errortype', '')}".lower()
    refusal = Refusal(status, headers, words, f"{words} {error.message.lower()}")
    reason = next(reason for reason, fits in RULES if fits(refusal))
    wishes = {wish.strip() for wish in headers.get("x-should-retry", "").lower().split(",")}
    if wishes == {"true"} and reason is Reason.SERVER_ERROR:
        reason = Reason.TRANSIENT
    outcome = _OUTCOMES[reason]
    return Decision(outcome, outcome in WAITED_ON and "false" not in wishes, reason in VERDICTS, reason)


Rule = Callable[[Refusal], bool]


def _status(*statuses: int) -> Rule:
    return lambda refusal: refusal.status in statuses


def _word(pattern: str) -> Rule:
    search = re.compile(pattern).search
    return lambda refusal: search(refusal.words) is not None


def _text(pattern: str) -> Rule:
    search = re.compile(pattern).search
    return lambda refusal: search(refusal.text) is not None


def _any(*rules: Rule) -> Rule:
    return lambda refusal: any(rule(refusal) for rule in rules)


def _all(*rules: Rule) -> Rule:
    return lambda refusal: all(rule(refusal) for rule in rules)


_LIMIT = re.compile(r"\blimit:?\s{0,3}(\d[\d,]{0,18})")
_REQUESTED = re.compile(r"\brequested:?\s{0,3}(\d[\d,]{0,18})")


def _asks_beyond_limit(refusal: Refusal) -> bool:
    """`Limit 30000, Requested 31538`: it would not fit into an empty window either."""
    limit, requested = _LIMIT.search(refusal.text), _REQUESTED.search(refusal.text)
    return bool(limit and requested and _number(requested[1]) > _number(limit[1]))


def _number(digits: str) -> int:
    return int(digits.replace(",", ""))


def _has_wait(refusal: Refusal) -> bool:
    return bool(refusal.headers.get("retry-after", "").strip())


def _envoy(refusal: Refusal) -> bool:
    return "x-envoy-ratelimited" in refusal.headers


_refused = _status(200, 400, 402, 403, 413, 422, 429, 503, 529)

RULES: tuple[tuple[Reason, Rule], ...] = (
    # 413 by status; OpenAI, Groq: "Request too large for …"; OpenAI, vLLM: context_length_exceeded
    (Reason.TOO_LARGE, _status(413)),
    (
        Reason.TOO_LARGE,
        _all(
            _refused,
            _any(
                _word(r"context_length_exceeded|string_above_max_length|request_too_large|max_tokens_exceeded"),
                _text(r"request too large|maximum context length|prompt is too long|context window|context size"),
                _asks_beyond_limit,
            ),
        ),
    ),
    # OpenAI: insufficient_quota, credit_balance_exhausted; Anthropic: enforced_spend_limit_reached; LiteLLM: budget
    (
        Reason.OUT_OF_MONEY,
        _all(
            _refused,
            _any(
                _word(
                    r"insufficient_(quota|balance|credits?|funds)|credit_balance|billing|(?<!su)spend|budget_exceeded"
                ),
                _text(
                    r"credit balance|insufficient (balance|credits|funds)|spend(ing)?[ _]limit|budget has been exceeded"
                ),
            ),
        ),
    ),
    # OpenRouter sends a 402 with Retry-After for requests in flight that exceed the balance
    (Reason.THROTTLED, _all(_status(402), _has_wait)),
    (Reason.OUT_OF_MONEY, _any(_status(402), _all(_status(200), _word(r"\b402\b")))),
    # Gemini: a free-tier limit of 0; Bedrock: ServiceQuotaExceededException; Azure: no quota for the deployment
    (
        Reason.NO_QUOTA,
        _all(_refused, _any(_word(r"servicequotaexceeded"), _text(r"\blimit: 0(?![\d.])|no quota|quota not assigned"))),
    ),
    # Gemini: quotaId …PerDay…; OpenAI, Groq: "requests per day (RPD)"
    (
        Reason.DAILY_QUOTA,
        _all(_refused, _any(_word(r"per_?day|daily"), _text(r"\bper[ -]day\b|\b[rt]pd\b|daily (limit|quota)"))),
    ),
    # OpenAI: slow_down; AWS: SlowDown; Anthropic: acceleration limit
    (Reason.RAMPED_TOO_FAST, _all(_refused, _any(_word(r"slow_?down"), _text(r"acceleration limit|\bramp")))),
    # TGI: 429 "Model is overloaded"; Mistral: "Service tier capacity exceeded"; Azure: "high demand"; Anthropic: 529
    (
        Reason.OVERLOADED,
        _all(
            _any(_refused, _status(500)),
            _any(
                _word(r"overloaded|modelnotready|serviceunavailable|server_busy|queue_full"),
                _text(r"overloaded|capacity exceeded|high demand|at capacity|queue is full"),
            ),
        ),
    ),
    # By its words whatever the status: inside a stream, AWS's 400, a gateway's 503
    (Reason.THROTTLED, _any(_envoy, _status(429))),
    (
        Reason.THROTTLED,
        _all(_refused, _word(r"rate_?limit|throttl|toomanyrequests|too_many_requests|resource_exhausted")),
    ),
    (Reason.OVERLOADED, _any(_status(503, 529), _all(_status(200), _word(r"unavailable|\b(503|529)\b")))),
    (Reason.THROTTLED, _all(_status(200), _word(r"\b429\b"))),
    (Reason.TRANSIENT, _status(408, 409, 425, 502, 504, 520, 521, 522, 523, 524)),
    # Gemini: 400 "API key not valid"
    (
        Reason.BAD_KEY,
        _any(_status(401), _all(_status(400, 403), _text(r"\bapi key (is )?(not valid|invalid|expired)"))),
    ),
    (
        Reason.UNKNOWN_MODEL,
        _all(
            _status(400, 404),
            _any(_word(r"model_?not_?found|deploymentnotfound"), _text(r"\bmodel\b.{0,200}(not exist|not found)")),
        ),
    ),
    (Reason.STREAM_ERROR, lambda refusal: refusal.status == 200),
    (Reason.PERMANENT, lambda refusal: 300 <= refusal.status < 500 and refusal.status != 424),
    # 500 and the like; 424 is a model's failure at Bedrock and TGI
    (Reason.SERVER_ERROR, lambda _: True),
)
