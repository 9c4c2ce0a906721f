"""A refusal by a limit: when to come back, said in the one form that the scenario asks for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from scenarios.simulated import Limit
from scenarios.simulator.response import http_date

CODES = {429: "rate_limit_exceeded", 503: "server_is_overloaded", 529: "overloaded_error"}
RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"


@dataclass(frozen=True, slots=True)
class Hint:
    """A wait as told: headers, words for the message, fields for the error body.

    `told_s` is the number that a reader of the hint computes; `wait_s` the least that honours it. They differ for
    HTTP dates, which are read against the whole seconds of the `Date` header.
    """

    told_s: float | None = None
    wait_s: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    words: str = ""
    details: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """The response to a request beyond the limit."""

    status: int
    body: dict[str, object]
    headers: dict[str, str]
    hint: Hint


def refuse(limit: Limit, wait_s: float, unix_s: float | None = None, dimension: str = "requests") -> Refusal:
    """Build the refusal of a request that would be taken in `wait_s` from `unix_s` (now by default)."""
    now = time.time() if unix_s is None else unix_s
    hint = FORMS[limit.retry_after](wait_s, now)
    each = limit.tokens if dimension == "tokens" else limit.requests
    error: dict[str, object] = {
        "message": f"Rate limit reached: {each} {dimension} per {limit.per:g} s.{hint.words}",
        "type": dimension if limit.status == 429 else "server_error",
        "param": None,
        "code": CODES[limit.status],
    }
    if hint.details:
        error |= {"status": "RESOURCE_EXHAUSTED", "details": list(hint.details)}
    headers = {"x-ratelimit-limit-requests": str(each), "x-ratelimit-remaining-requests": "0", **hint.headers}
    if dimension == "tokens":
        headers = {_exchanged(name): text for name, text in headers.items() if not name.endswith("-tokens")}
    return Refusal(limit.status, {"error": error}, {"Date": http_date(now), **headers}, hint)


def _exchanged(name: str) -> str:
    """Name the other dimension: the forms are written for requests."""
    other = {"requests": "tokens", "tokens": "requests"}
    return "-".join(other.get(word, word) for word in name.split("-"))


def too_large(limit: Limit, tokens: int) -> Refusal:
    """Build the refusal of a request that no wait can make fit, in the words of OpenAI."""
    message = f"Request too large on tokens per {limit.per:g} s: Limit {limit.tokens}, Requested {tokens}."
    error = {"message": message, "type": "tokens", "param": None, "code": CODES[429]}
    return Refusal(429, {"error": error}, {}, Hint())


def go_duration(seconds: float) -> str:
    """Write a duration as Go does, in milliseconds: `644ms`, `2.512s`, `1m9.696s`, `1h0m0s`."""
    milliseconds = math.ceil(round(seconds * 1000, 6))
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest / 1000:g}s" if rest % 1000 == 0 else f"{rest / 1000:.3f}".rstrip("0") + "s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text


def _seconds(name: str, pattern: str = "{}") -> Callable[[float, float], Hint]:
    """Say it in whole seconds, rounded up."""

    def form(wait_s: float, _: float) -> Hint:
        told = math.ceil(wait_s)
        return Hint(told, told, {name: pattern.format(told)})

    return form


def _milliseconds(wait_s: float) -> int:
    return math.ceil(round(wait_s * 1000, 6))


def _in_milliseconds(name: str) -> Callable[[float, float], Hint]:
    def form(wait_s: float, _: float) -> Hint:
        told = _milliseconds(wait_s)
        return Hint(told / 1000, told / 1000, {name: str(told)})

    return form


def _fraction(wait_s: float, _: float) -> Hint:
    told = _milliseconds(wait_s) / 1000
    return Hint(told, told, {"Retry-After": f"{told:.3f}"})


def _date(pattern: str) -> Callable[[float, float], Hint]:
    """Give an HTTP date at or after the end of the wait, whichever clock it is read against."""

    def form(wait_s: float, now: float) -> Hint:
        at = math.ceil(now + wait_s)
        text = datetime.fromtimestamp(at, UTC).strftime(pattern)
        return Hint(float(at - math.floor(now)), at - now, {"Retry-After": text})

    return form


def _asctime(wait_s: float, now: float) -> Hint:
    hint = _date("")(wait_s, now)
    at = time.asctime(time.gmtime(math.ceil(now + wait_s)))
    return Hint(hint.told_s, hint.wait_s, {"Retry-After": at})


def _retry_info(wait_s: float, _: float) -> Hint:
    told = _milliseconds(wait_s) / 1000
    return Hint(told, told, details=({"@type": RETRY_INFO, "retryDelay": f"{told:.3f}s"},))


def _text(wait_s: float, _: float) -> Hint:
    told = _milliseconds(wait_s) / 1000
    return Hint(told, told, words=f" Please try again in {go_duration(told)}.")


def _reset_header(wait_s: float, _: float) -> Hint:
    """Say it as OpenAI does: a Go duration for the exhausted dimension, a longer one for the other."""
    told = _milliseconds(wait_s) / 1000
    other = {"x-ratelimit-limit-tokens": "90000", "x-ratelimit-remaining-tokens": "89000"}
    reset = {"x-ratelimit-reset-requests": go_duration(told), "x-ratelimit-reset-tokens": "6m0s"}
    return Hint(told, told, {**other, **reset})


def _reset_rfc3339(wait_s: float, now: float) -> Hint:
    at = math.ceil((now + wait_s) * 1000) / 1000
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    prefix = "anthropic-ratelimit-requests"
    return Hint(at - now, at - now, {f"{prefix}-remaining": "0", f"{prefix}-reset": text})


def _reset_epoch(per_second: int) -> Callable[[float, float], Hint]:
    def form(wait_s: float, now: float) -> Hint:
        at = math.ceil((now + wait_s) * per_second)
        wait = at / per_second - now
        return Hint(wait, wait, {"x-ratelimit-reset-requests": str(at)})

    return form


def _none(_wait_s: float, _now: float) -> Hint:
    return Hint()


FORMS: dict[str, Callable[[float, float], Hint]] = {
    "seconds": _seconds("Retry-After"),
    "fraction": _fraction,
    "date": _date("%a, %d %b %Y %H:%M:%S GMT"),
    "date_rfc850": _date("%A, %d-%b-%y %H:%M:%S GMT"),
    "date_asctime": _asctime,
    "milliseconds": _in_milliseconds("retry-after-ms"),
    "amz_milliseconds": _in_milliseconds("x-amz-retry-after"),
    "retry_info": _retry_info,
    "text": _text,
    "ratelimit": _seconds("RateLimit", '"requests";r=0;t={}'),
    "reset_header": _reset_header,
    "reset_rfc3339": _reset_rfc3339,
    "reset_epoch": _reset_epoch(1),
    "reset_epoch_ms": _reset_epoch(1000),
    "reset_seconds": _seconds("x-ratelimit-reset-requests"),
    "none": _none,
}
"""By the scenario's word for it: (wait in seconds, wall clock) → hint."""
