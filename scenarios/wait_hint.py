"""How long a server asks to wait, wherever it says so, and how long to wait when it does not.

The first valid source wins, in the order of `SOURCES`; values of 0, below 0, gone by or malformed say nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from scenarios import durations
from scenarios.limit_headers import dimensions, values, windows

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
    """What a wait can stand in; `dated` and `now`: see `durations.clocks`."""

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
    answer = Answer(headers, text, *durations.clocks(headers.get("date", "").strip(), now))
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


def _milliseconds(name: str) -> Callable[[Answer], float | None]:
    return lambda answer: _longest(
        durations.plain_number(value, per_second=1000) for value in values(answer.headers.get(name, ""))
    )


def _retry_after(answer: Answer) -> float | None:
    return _longest(
        durations.plain_number(value) or durations.moment(value, answer.dated)
        for value in values(answer.headers.get("retry-after", ""))
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


def _rate_limit(answer: Answer) -> float | None:
    """Of several windows the exhausted ones count, the longest of them; of one alone its reset."""
    found = windows(answer.headers.get("ratelimit", ""))
    spent = [window.reset_s for window in found if window.remaining is not None and window.remaining <= 0]
    return _longest(spent or ([found[0].reset_s] if len(found) == 1 else []))


def _reset_headers(answer: Answer) -> float | None:
    """Read the reset of the exhausted dimensions only, the longest of them.

    A reset without dimension is that of any (Kong), and needs no count of what remains where there is none (Cohere).
    """
    found = dimensions(answer.headers)
    counted = {name: own.remaining for name, own in found.items() if own.remaining is not None}
    spent = {name for name, remaining in counted.items() if remaining <= 0}
    if (spent or not counted) and "" not in counted:
        spent.add("")
    return _longest(
        durations.reset_time(text, answer.now) for name, own in found.items() if name in spent for text in own.resets
    )


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
