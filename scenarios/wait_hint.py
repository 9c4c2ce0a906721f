"""How long a server asks to wait, wherever it says so, and how long to wait when it does not.

The first valid source wins, in the order of `SOURCES`; values of 0, below 0, gone by or malformed say nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from scenarios import durations

if TYPE_CHECKING:
    from datetime import datetime
    from random import Random

BODY_BYTES = 65_536
"""How much of a body is searched."""

BACKOFF_BASE_S = 1.0
BACKOFF_FLOOR_S = 0.5
BACKOFF_CAP_S = 60.0
BACKOFF = "backoff"
"""The source of a wait that no server asked for."""

JITTER_FLOOR_S = 1.0
JITTER_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Hint:
    """What a server asked for: at least `seconds`, said in `source`."""

    seconds: float
    source: str


class Answer(NamedTuple):
    """What a wait can stand in. `now` is the server's own clock where it sent one."""

    headers: Mapping[str, str]
    text: str
    now: datetime


def wait_hint(headers: Mapping[str, str], body: bytes, now: datetime) -> Hint | None:
    """Give the wait that an answer asks for, in seconds from its arrival; None if it asks for none.

    `headers` have lower-case names. `now` must carry a time zone; the answer's own `Date` is preferred to it.
    """
    text = bytes(body[:BODY_BYTES]).decode("utf-8", "replace")
    served = durations.http_date(headers.get("date", "").strip(), now)
    answer = Answer(headers, text, served or now)
    for name, read in SOURCES.items():
        if (seconds := read(answer)) is not None:
            return Hint(seconds, name)
    return None


def backoff(retries: int, rng: Random) -> Hint:
    """Give a wait for an answer without a hint: U(0, min(cap, base * 2^retries)), at least the floor."""
    ceiling = BACKOFF_CAP_S if retries > 16 else min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2**retries)
    return Hint(max(BACKOFF_FLOOR_S, rng.uniform(0, ceiling)), BACKOFF)


def jittered_s(hint: Hint, rng: Random) -> float:
    """Give the wait to obey: the hint plus U(0, max(1 s, 10 % of it)), never less. A back-off is jittered already."""
    if hint.source == BACKOFF:
        return hint.seconds
    return hint.seconds + rng.uniform(0, max(JITTER_FLOOR_S, JITTER_SHARE * hint.seconds))


def _milliseconds(name: str) -> Callable[[Answer], float | None]:
    return lambda answer: durations.plain_number(answer.headers.get(name, "").strip(), per_second=1000)


def _retry_after(answer: Answer) -> float | None:
    text = answer.headers.get("retry-after", "").strip()
    return durations.plain_number(text) or durations.moment(text, answer.now)


def _retry_info(answer: Answer) -> float | None:
    """Read google.rpc.RetryInfo: `{"error": {"details": [{"@type": "…RetryInfo", "retryDelay": "57.2s"}]}}`."""
    if "RetryInfo" not in answer.text:
        return None
    try:
        value = json.loads(answer.text)
    except (ValueError, RecursionError):
        return None
    delays = [detail.get("retryDelay") for detail in _details(value) if "RetryInfo" in str(detail.get("@type"))]
    waits = [durations.plain_number(delay[:-1]) for delay in delays if isinstance(delay, str) and delay.endswith("s")]
    return max((wait for wait in waits if wait is not None), default=None)


def _details(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [detail for item in value for detail in _details(item)]
    error = value.get("error") if isinstance(value, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    return [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []


_RATE_LIMIT_ITEM = re.compile(
    r"\s*(?:\"[^\"]{0,100}\"|[\w.*:-]{1,100})((?:\s*;\s*\w{1,20}=[^;,\"]{1,60})+)\s*", re.ASCII
)
_RATE_LIMIT_PAIR = re.compile(r"\s*(limit|remaining|reset)\s*=\s*(\d{1,18})\s*", re.ASCII)


def _rate_limit(answer: Answer) -> float | None:
    """Read `RateLimit: "name";r=0;t=30` (draft 08 on) or `limit=10, remaining=0, reset=30` (draft 07).

    Of several windows the exhausted ones count, the longest of them; of one alone its reset.
    """
    text = answer.headers.get("ratelimit", "")
    windows = _windows(text)
    spent = [wait for remaining, wait in windows if remaining is not None and remaining <= 0]
    if not spent and len(windows) == 1:
        spent = [windows[0][1]]
    return max((wait for wait in spent if wait is not None), default=None)


def _windows(text: str) -> list[tuple[int | None, float | None]]:
    """Give (remaining, reset in seconds) per window; nothing if any part is malformed, as the draft demands."""
    parts = text.split(",")
    pairs = [_RATE_LIMIT_PAIR.fullmatch(part) for part in parts]
    if all(pairs):
        fields = {pair[1]: pair[2] for pair in pairs if pair}
        return [_window(fields.get("remaining"), fields.get("reset"))]
    items = [_RATE_LIMIT_ITEM.fullmatch(part) for part in parts]
    if not all(items):
        return []
    parameters = [dict(_parameters(item[1])) for item in items if item]
    return [_window(fields.get("r"), fields.get("t")) for fields in parameters]


def _parameters(text: str) -> list[tuple[str, str]]:
    pairs = (part.partition("=") for part in text.split(";") if part.strip())
    return [(name.strip(), value.strip()) for name, _, value in pairs]


def _window(remaining: str | None, reset: str | None) -> tuple[int | None, float | None]:
    return _integer(remaining or ""), durations.plain_number(reset or "")


_LIMIT_HEADER = re.compile(r"(?:x-|anthropic-)?rate-?limit-(.{1,60})", re.ASCII)


def _reset_headers(answer: Answer) -> float | None:
    """Read the reset of the exhausted dimensions only, the longest of them.

    A lone reset without dimension and without a count of what remains (Cohere) is taken too.
    """
    remaining, reset = _dimensions(answer.headers)
    spent = {dimension for dimension, count in remaining.items() if count <= 0}
    if not spent and not remaining:
        spent = {""}
    waits = [durations.reset_time(text, answer.now) for dimension, text in reset.items() if dimension in spent]
    return max((wait for wait in waits if wait is not None), default=None)


def _dimensions(headers: Mapping[str, str]) -> tuple[dict[str, int], dict[str, str]]:
    """Give what remains and when it resets, by dimension.

    `x-ratelimit-reset-tokens`, `anthropic-ratelimit-tokens-reset`, `ratelimit-reset`.
    """
    remaining: dict[str, int] = {}
    reset: dict[str, str] = {}
    for name, value in headers.items():
        match = _LIMIT_HEADER.fullmatch(name)
        words = match[1].split("-") if match else []
        dimension = "-".join(word for word in words if word not in {"remaining", "reset"})
        if "reset" in words:
            reset[dimension] = value.strip()
        elif "remaining" in words and (count := _integer(value)) is not None:
            remaining[dimension] = count
    return remaining, reset


def _integer(text: str) -> int | None:
    text = text.strip()
    return int(text) if re.fullmatch(r"-?\d{1,18}", text, re.ASCII) else None


SOURCES: dict[str, Callable[[Answer], float | None]] = {
    "retry-after-ms": _milliseconds("retry-after-ms"),
    "x-amz-retry-after": _milliseconds("x-amz-retry-after"),
    "retry-after": _retry_after,
    "retry-info": _retry_info,
    "text": lambda answer: durations.wait_in_text(answer.text),
    "ratelimit": _rate_limit,
    "ratelimit-reset": _reset_headers,
}
"""Where a wait may stand, in order of precedence; the names go into `wait_source`."""
