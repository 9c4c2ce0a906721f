"""Headers that say what is left of a limit, as the providers write them.

`x-ratelimit-{limit,remaining,reset}-<dimension>` (OpenAI, Groq, Azure), `anthropic-ratelimit-<dimension>-…`, the same
without a dimension (gateways, Cohere), and the two drafts of `RateLimit`. Repeated headers come joined by `, `.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from scenarios import durations

if TYPE_CHECKING:
    from datetime import datetime

LONGEST_RESET_S = 120.0
"""What resets later is a quota of the hour or the day: to be spent, not to be spread."""


@dataclass(slots=True)
class Dimension:
    """What is limited, such as `requests` or `tokens`: the least of several words on what remains, and all resets."""

    limit: int | None = None
    remaining: int | None = None
    resets: list[str] = field(default_factory=list)


_SEPARATOR = re.compile(r"(?<!Mon)(?<!Tue)(?<!Wed)(?<!Thu)(?<!Fri)(?<!Sat)(?<!Sun)(?<!day),\s+")
"""Between the values of a repeated header, and not within a date."""


def values(text: str) -> list[str]:
    """Take a header's values apart."""
    return [value.strip() for value in _SEPARATOR.split(text)]


_LIMIT_HEADER = re.compile(r"(?:x-|anthropic-)?rate-?limit-(.{1,60})", re.ASCII)


def dimensions(headers: Mapping[str, str]) -> dict[str, Dimension]:
    """Give each dimension by its name, "" where it has none."""
    found: dict[str, Dimension] = {}
    for name, text in headers.items():
        match = _LIMIT_HEADER.fullmatch(name)
        words = match[1].split("-") if match else []
        kind = next((word for word in words if word in {"limit", "remaining", "reset"}), None)
        if kind is None:
            continue
        own = found.setdefault("-".join(word for word in words if word != kind), Dimension())
        if kind == "reset":
            own.resets += values(text)
            continue
        counts = [count for value in values(text) if (count := integer(value)) is not None]
        known = getattr(own, kind)
        setattr(own, kind, min(counts + ([] if known is None else [known]), default=None))
    return found


class Window(NamedTuple):
    """One window of a `RateLimit` header."""

    name: str
    remaining: int | None
    reset_s: float | None


_ITEM = re.compile(r"\s*(?:\"([^\"]{0,100})\"|([\w.*:-]{1,100}))((?:\s*;\s*\w{1,20}=[^;,\"]{1,60})+)\s*", re.ASCII)
_PAIR = re.compile(r"\s*(limit|remaining|reset)\s*=\s*(\d{1,18})\s*", re.ASCII)


def windows(text: str) -> list[Window]:
    """Read `"name";r=0;t=30, …` (draft 08 on) or `limit=10, remaining=0, reset=30` (draft 07).

    Gives nothing if any part is malformed, as the draft demands.
    """
    parts = text.split(",")
    pairs = [_PAIR.fullmatch(part) for part in parts]
    if all(pairs):
        fields = {pair[1]: pair[2] for pair in pairs if pair}
        return [_window("", fields.get("remaining"), fields.get("reset"))]
    items = [_ITEM.fullmatch(part) for part in parts]
    if not all(items):
        return []
    read = [(item[1] or item[2] or "", _parameters(item[3])) for item in items if item]
    return [_window(name, fields.get("r"), fields.get("t")) for name, fields in read]


def _parameters(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";") if part.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _window(name: str, remaining: str | None, reset: str | None) -> Window:
    return Window(name, integer(remaining or ""), durations.plain_number(reset or ""))


def integer(text: str) -> int | None:
    """Read a whole number."""
    text = text.strip()
    return int(text) if re.fullmatch(r"-?\d{1,18}", text, re.ASCII) else None


class Allowance(NamedTuple):
    """What a limit leaves, in requests: `remaining` until it resets, or is full again, in `reset_s`."""

    limit: float | None
    remaining: float
    reset_s: float


def allowances(
    headers: Mapping[str, str], now: datetime, input_tokens: int | None, output_tokens: int
) -> dict[str, Allowance]:
    """Give what is left by dimension; of tokens, as requests of that size. `now`: when the headers came.

    `output_tokens` is the most that may be answered: providers take it off in advance. A limit of 0 and what is below
    0 mean nothing (Azure).
    """
    _, now = durations.clocks(headers.get("date", "").strip(), now)
    told: dict[str, Allowance | None] = {}
    for name, own in dimensions(headers).items():
        waits = [wait for text in own.resets if (wait := durations.reset_time(text, now)) is not None]
        size = _size(name, input_tokens, output_tokens)
        told[name] = _allowance(own.limit, own.remaining, max(waits, default=None), size)
    for window in windows(headers.get("ratelimit", "")):
        told[f"ratelimit {window.name}"] = _allowance(None, window.remaining, window.reset_s, 1)
    return {name: allowance for name, allowance in told.items() if allowance is not None}


def _allowance(limit: int | None, remaining: int | None, reset_s: float | None, size: int | None) -> Allowance | None:
    if remaining is None or remaining < 0 or limit == 0 or not size or reset_s is None or reset_s > LONGEST_RESET_S:
        return None
    return Allowance(limit / size if limit is not None and limit > 0 else None, remaining / size, reset_s)


def _size(dimension: str, input_tokens: int | None, output_tokens: int) -> int | None:
    """Give what one request takes of a dimension; None when that is not known."""
    if "token" not in dimension:
        return 1
    if "output" in dimension:
        return output_tokens
    if input_tokens is None:
        return None
    return max(input_tokens + (0 if "input" in dimension else output_tokens), 1)
