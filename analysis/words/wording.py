"""Wording: numbers in sentences, to three digits or to the whole."""

from __future__ import annotations

from analysis.model import Estimate, Figure, NotEstimable


def target(endpoint: str, arm: str = "") -> str:
    """Name what was loaded: the endpoint, and its arm where the run has arms."""
    return f"{endpoint} · {arm}" if arm else endpoint


def number(value: float, unit: str) -> str:
    """Write 412, 41.2, 4.12 for ms and rates; 1.23% for a share; $0.00412 for dollars."""
    if unit == "share":
        return f"{digits(value * 100)}%"
    return f"${digits(value)}" if unit == "usd" else digits(value)


def digits(value: float) -> str:
    """Give three significant digits, never fewer than the whole number, never an exponent."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    text = f"{value:.3g}"
    return f"{value:.9f}".rstrip("0") if "e" in text else text


def figure(found: Figure, unit: str) -> str:
    """Write `412 [398, 430] (n 5,210)`, or why there is no number."""
    if isinstance(found, NotEstimable):
        return f"not estimable: {found.not_estimable}"
    return f"{number(found.value, unit)}{bounds(found, unit)} (n {found.n:,})"


def bounds(found: Estimate, unit: str) -> str:
    """Write ` [398, 430]`; an unknown bound is a question mark, no bounds are nothing."""
    if found.low is None and found.high is None:
        return ""
    low, high = ("?" if side is None else number(side, unit) for side in (found.low, found.high))
    return f" [{low}, {high}]"


def more(count: int, noun: str) -> str:
    """Write `1 more line`, `2 more lines`."""
    return f"{count} more {noun}{'' if count == 1 else 's'}"


def span(seconds: float) -> str:
    """Write a length of time: `45 s`, `12 min`, `3.5 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 600:
        return f"{seconds / 60:.2g} min"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
