"""How long a server asks to wait, wherever it says so, and how long to wait when it does not.

The first valid source wins, in the order of `SOURCES`; values of 0, below 0, gone by or malformed say nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
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


SAME_CLOCK_S = 2.0
"""`Date` is cut to whole seconds and often a second old: up to here behind our clock, the server's may be the same."""


class Answer(NamedTuple):
    """What a wait can stand in. `dated` is its `Date`, or `now`: the server's clock as far as it is known."""

    headers: Mapping[str, str]
    text: str
    dated: datetime
    now: datetime


def wait_hint(headers: Mapping[str, str], body: bytes, now: datetime) -> Hint | None:
    """Give the wait that an answer asks for, in seconds from its arrival; None if it asks for none.

    `headers` have lower-case names, and repeated ones are joined by `, `: the longest of several waits counts. `now`
    is when the answer arrived, with a time zone. An HTTP date is held against the answer's own `Date`; a finer point in
    time too, where that clock is another than ours.
    """
    text = bytes(body[:BODY_BYTES]).decode("utf-8", "replace")
    dated = durations.http_date(headers.get("date", "").strip(), now) or now
    same_clock = 0 <= (now - dated).total_seconds() <= SAME_CLOCK_S
    answer = Answer(headers, text, dated, now if same_clock else dated)
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


def _longest(waits: Iterable[float | None]) -> float | None:
    return max((wait for wait in waits if wait is not None), default=None)


_SEPARATOR = re.compile(r"(?<!Mon)(?<!Tue)(?<!Wed)(?<!Thu)(?<!Fri)(?<!Sat)(?<!Sun)(?<!day),\s+")
"""Between the values of a repeated header, and not within a date."""


def _values(text: str) -> list[str]:
    return [value.strip() for value in _SEPARATOR.split(text)]


def _milliseconds(name: str) -> Callable[[Answer], float | None]:
    return lambda answer: _longest(
        durations.plain_number(value, per_second=1000) for value in _values(answer.headers.get(name, ""))
    )


def _retry_after(answer: Answer) -> float | None:
    return _longest(
        durations.plain_number(value) or durations.moment(value, answer.dated)
        for value in _values(answer.headers.get("retry-after", ""))
    )


def _retry_info(answer: Answer) -> float | None:
    """Read google.rpc.RetryInfo: `{"error": {"details": [{"@type": "…RetryInfo", "retryDelay": "57.2s"}]}}`."""
    if "RetryInfo" not in answer.text:
        return None
    try:
        value = json.loads(answer.text)
    except (ValueError, RecursionError):
        return None
    delays = [detail.get("retryDelay") for detail in _details(value) if "RetryInfo" in str(detail.get("@type"))]
    return _longest(
        durations.plain_number(delay[:-1]) for delay in delays if isinstance(delay, str) and delay.endswith("s")
    )


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
    return _longest(spent)


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

    A reset without dimension is that of any (Kong), and needs no count of what remains where there is none (Cohere).
    """
    remaining, reset = dimensions(answer.headers)
    spent = {dimension for dimension, count in remaining.items() if count <= 0}
    if (spent or not remaining) and "" not in remaining:
        spent.add("")
    return _longest(
        durations.reset_time(value, answer.now)
        for dimension, values in reset.items()
        if dimension in spent
        for value in values
    )


def dimensions(headers: Mapping[str, str]) -> tuple[dict[str, int], dict[str, list[str]]]:
    """Give what remains, the least if several say so, and when it resets, by dimension.

    `x-ratelimit-reset-tokens`, `anthropic-ratelimit-tokens-reset`, `ratelimit-reset`.
    """
    remaining: dict[str, int] = {}
    reset: dict[str, list[str]] = {}
    for name, text in headers.items():
        match = _LIMIT_HEADER.fullmatch(name)
        words = match[1].split("-") if match else []
        dimension = "-".join(word for word in words if word not in {"remaining", "reset"})
        if "reset" in words:
            reset.setdefault(dimension, []).extend(_values(text))
        elif "remaining" in words:
            counts = [count for value in _values(text) if (count := _integer(value)) is not None]
            remaining.update({dimension: min([*counts, remaining.get(dimension, counts[0])])} if counts else {})
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
