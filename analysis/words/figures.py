"""Numbers as a reader sees them: unit, digits that the interval supports, and a word for what is missing."""

from __future__ import annotations

import math
import re
from typing import Literal

from analysis.model import Estimate, Figure

Unit = Literal["ms", "s", "usd", "share", "per_second", "tokens", ""]

NOT_ESTIMABLE = "not estimable"
INFINITE = "infinite"
MISSING = "\u2013"
"""A dash: the report has no such figure."""
TIMES = "\u00d7"

_UNIT_WORDS: dict[str, Unit] = {
    "ms": "ms",
    "s": "s",
    "usd": "usd",
    "$": "usd",
    "%": "share",
    "share": "share",
    "ratio": "share",
    "1/s": "per_second",
    "/s": "per_second",
    "per_second": "per_second",
    "tokens": "tokens",
}

_LABELS = {
    "ttft_ms": "Time to first token",
    "ttfo_ms": "Time to first visible output",
    "tpot_ms": "Time per output token",
    "gap_ms": "Gap between chunks",
    "response_time_ms": "Response time",
    "service_time_ms": "Service time",
    "throttled_time_ms": "Throttled time",
    "schedule_lag_ms": "Schedule lag",
    "cost_per_1k_responses_usd": "Cost per 1,000 responses",
    "cost_per_response_usd": "Cost per response",
    "cost_per_1k_usd": "Cost per 1,000 responses",
    "total_usd": "Total cost",
    "endpoints": "What each endpoint was billed",
    "wasted_usd": "Spent without an answer",
    "prices_usd_per_million_tokens": "Prices (USD per million tokens)",
    "response_time_variance_ms2": "Variance of response time (ms squared)",
    "throttled_time_variance_ms2": "Variance of throttled time (ms squared)",
    "service_time_variance_ms2": "Variance of service time (ms squared)",
    "twice_covariance_ms2": "Twice their covariance (ms squared)",
    "cost_per_response_variance_usd2": "Variance of cost per response (USD squared)",
    "turns_per_second": "Successful turns per second",
    "goodput_turns_per_second": "Turns per second within every latency limit",
    "output_tokens_per_second": "Output tokens per second",
    "response_time_cv": "CV of response time",
    "response_time_block_cv": "CV of response time between blocks",
    "throttled_time_variance_share": "Throttled time's part of the variance",
    "service_time_variance_share": "Service time's part of the variance",
    "covariance_share": "Part of the variance that both have together",
    "cost_per_response_cv": "CV of cost per response",
    "cost_per_response_block_cv": "CV of cost per response between blocks",
    "ok": "Answered",
    "ok_length": "Answered, cut at the length asked for",
    "filtered": "Filtered by the provider",
    "refused": "Refused by the model",
    "refusals_per_turn": "Refusals (429) per turn",
    "first_try_share": "Turns of one attempt",
    "peak_arrivals_per_second": "Most attempts sent in a second",
    "in_flight": "Still in flight at the end",
    "gave_up": "Gave up waiting",
    "waiting_at_end": "Waiting for a limit at the end",
    "throttled": "All throttled turns: refused or held back",
    "failed": "All unsuccessful turns",
    "accuracy": "Accuracy",
    "accuracy_of_intended": "Right answers, of all turns that asked for one",
    "over_refusal_share": "Answers that refuse without need",
    "unsafe_share": "Answers that break the policy",
    "wrong_share": "Answers that are wrong",
    "hallucination_share": "Answers with a hallucination",
    "policy_safe_share": "Answers that keep the policy",
    "terse_share": "Answers that are too short",
    "fallback_share": "Answers that fall back gracefully",
    "wasted_share": "Cost without an answer",
    "attainment": "Turns within every latency limit",
    "bad_response": "Unreadable response",
    "quota_exhausted": "Out of quota",
}

_SHARES = ("accuracy", "accuracy_of_intended", "attainment")
"""Shares that are not called so."""

_EXPLAINED = re.compile(r"(\w+)_between_(\w+)_share")
"""A part of a variance that goes when turns are told apart by something."""

_ACRONYMS = {"cpu": "CPU", "usd": "USD", "slo": "SLO", "url": "URL", "ttft": "TTFT", "tpot": "TPOT", "id": "id"}

_SUFFIXES = ("_per_second", "_tokens", "_share", "_usd", "_ms", "_s")
"""The first is a word of its own in a label; the others are shown as the unit."""


def unit_of(name: str) -> Unit:
    """Give the unit that ends `name`: `ttft_ms` is in ms, `throttled_share` is a share, `turns_per_second` a rate."""
    if name in _SHARES:
        return "share"
    for suffix in _SUFFIXES:
        if name.endswith(suffix):
            return _UNIT_WORDS[suffix[1:]]
    return ""


def unit_word(text: str) -> Unit:
    """Give the unit that an SLO line's `unit` field means; an unknown word is no unit."""
    return _UNIT_WORDS.get(text.strip().lower(), "")


def label(name: str) -> str:
    """Give the words for a metric, outcome or column: known ones by table, others from their parts without the unit."""
    if name in _LABELS:
        return _LABELS[name]
    if found := _EXPLAINED.fullmatch(name):
        return f"{label(found[1])}: part explained by {found[2].replace('_', ' ')}"
    stem = name
    for suffix in _SUFFIXES[1:]:
        stem = stem.removesuffix(suffix) or stem
    words = [_ACRONYMS.get(word, word) for word in stem.split("_") if word]
    text = " ".join(words) or name
    return text[0].upper() + text[1:] if text else text


def quantile_label(name: str) -> str:
    """`p99_9` is shown as `p99.9`."""
    return name.replace("_", ".")


def number(value: float, unit: Unit, width: float | None = None) -> str:
    """Give `value` without its unit; shares become percent.

    Digits: two significant ones of the interval's `width` (in the unit of `value`), or three of the value when there
    is none; at most 6 decimals.
    """
    scale = 100.0 if unit == "share" else 1.0
    shown = value * scale
    if not math.isfinite(shown):
        return "∞" if shown > 0 else "-∞" if shown < 0 else "?"
    if shown == 0:
        return "0"
    decimals = _decimals(shown, width * scale if width else None)
    text = f"{shown:,.{max(decimals, 2) if unit == 'usd' else decimals}f}"
    return "0" if not text.strip("-0.") else text


def _decimals(shown: float, width: float | None) -> int:
    if width and math.isfinite(width):
        return min(6, max(0, 1 - math.floor(math.log10(width))))
    return min(6, max(0, 2 - math.floor(math.log10(abs(shown)))))


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def measure(text: str, unit: Unit) -> str:
    """Put the unit to a number's text."""
    after = {"ms": " ms", "s": " s", "share": "%", "per_second": " /s", "tokens": " tokens"}
    return f"${text}" if unit == "usd" else text + after.get(unit, "")


def value_text(value: float, unit: Unit) -> str:
    """Give `value` with its unit and no interval; trailing zeros are dropped."""
    text = number(value, unit)
    return measure(text if unit == "usd" else _trim(text), unit)


def limit_text(limit: float, unit: Unit) -> str:
    """Give an SLO's limit as exactly as it was written; dollars have at least two decimals."""
    scale = 100.0 if unit == "share" else 1.0
    text = _trim(f"{limit * scale:,.6f}")
    if unit == "usd" and len(text.partition(".")[2]) < 2:
        text = f"{limit:,.2f}"
    return measure(text, unit)


def estimate_text(figure: Figure, unit: Unit) -> str:
    """Give the value with its unit, or `not estimable`."""
    if not isinstance(figure, Estimate):
        return NOT_ESTIMABLE
    width = _width(figure)
    text = number(figure.value, unit, width)
    return measure(text if width else _trim(text), unit)


def interval_text(figure: Figure, unit: Unit) -> str:
    """Give `[low, high]`, `≥ low`, `≤ high` or, when no interval is known, nothing."""
    if not isinstance(figure, Estimate):
        return ""
    width = _width(figure)
    low = None if figure.low is None else number(figure.low, unit, width)
    high = None if figure.high is None else number(figure.high, unit, width)
    if low is not None and high is not None:
        return f"[{low}, {high}]"
    if low is not None:
        return f"≥ {low}"
    return "" if high is None else f"≤ {high}"


def figure_text(figure: Figure, unit: Unit) -> str:
    """Give value, unit and interval in one: `210 ms [198, 224]`."""
    return f"{estimate_text(figure, unit)} {interval_text(figure, unit)}".rstrip()


def _width(figure: Estimate) -> float | None:
    if figure.low is None or figure.high is None:
        return None
    return abs(figure.high - figure.low) or None


def count(value: int | None) -> str:
    """Give a count with thousands marked; an unknown one is a dash."""
    return MISSING if value is None else f"{value:,}"


def margin_text(value: float, limit: float, comparator: str) -> str:
    """Say how far `value` lies from `limit`: `26% under the limit`, `3.2 x the limit`."""
    if limit in (0, value):
        return "at the limit" if value == limit else ""
    ratio = value / limit
    word = "limit" if comparator.startswith("<") else "floor"
    if ratio >= 2:
        return f"{_trim(f'{ratio:.1f}')} {TIMES} the {word}"
    part = abs(ratio - 1) * 100
    amount = f"{part:.0f}%" if part >= 1 else f"{part:.1g}%"
    return f"{amount} {'over' if ratio > 1 else 'under'} the {word}"
