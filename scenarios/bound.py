"""Bounds: what a figure is held against, a limit of its own or a baseline's figure."""

import math
import re
from dataclasses import dataclass
from typing import Literal

Form = Literal["limit", "ratio", "difference"]

SCALES: dict[str, dict[str, float]] = {
    "ms": {"": 1, "ms": 1, "s": 1000, "m": 60_000},
    "share": {"": 1, "%": 0.01},
    "usd": {"": 1, "usd": 1},
    "per_second": {"": 1, "/s": 1},
}
"""Units that a number may carry, and their size in the metric's own."""

_DIFFERENCES = {**SCALES, "share": {"": 1, "pp": 0.01}}
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_LIMIT = re.compile(rf"\$?\s*(?P<number>{_NUMBER})\s*(?P<unit>[A-Za-z%/]*)")
_CHANGE = re.compile(rf"(?P<sign>[+-])\s*\$?\s*(?P<number>{_NUMBER})\s*(?P<unit>[A-Za-z%/]*)")
_FACTOR = re.compile(rf"(?P<number>{_NUMBER})\s*x?")
_TIMES = re.compile(rf"(?:(?P<before>{_NUMBER})\s*[x*]\s*)?baseline(?:\s*[x*]\s*(?P<after>{_NUMBER}))?")
_PLUS = re.compile(r"baseline\s*(?P<change>[+-].*)")


@dataclass(frozen=True, slots=True)
class Bound:
    """`value` in the metric's unit: a limit, or what the difference to the baseline may be; or the ratio to it."""

    form: Form
    value: float


def limit(text: str, name: str, unit: str) -> Bound:
    """Read `800`, `0.8s`, `1%`, `$2.50`. Raises ValueError with what would be right."""
    match = _LIMIT.fullmatch(text)
    scales = SCALES[unit]
    if match is None or match["unit"].lower() not in scales:
        units = ", ".join(each for each in scales if each)
        raise ValueError(f"'{text}' is no limit for {name}: write a number, alone or with {units}")
    number = float(match["number"])
    value = round(number * scales[match["unit"].lower()], 12)
    if unit == "share" and not match["unit"] and number >= 1:
        raise ValueError(f"'{text}' is no share: write {text}% or a number below 1")
    if not math.isfinite(value) or (unit == "share" and value > 1):
        raise ValueError(f"'{text}' is out of range for {name}")
    return Bound("limit", value)


def of_baseline(text: str, name: str, unit: str) -> Bound:
    """Read `baseline`, `1.10 x baseline`, `baseline + 5%`, `baseline + 50ms`. Raises ValueError."""
    if (times := _TIMES.fullmatch(text)) and not (times["before"] and times["after"]):
        return _ratio(float(times["before"] or times["after"] or 1), text, name)
    if plus := _PLUS.fullmatch(text):
        return change(plus["change"].strip(), name, unit)
    raise ValueError(f"'{text}' says nothing of a baseline: write 1.10 x baseline, baseline + 5% or {_example(unit)}")


def margin(text: str, name: str, unit: str) -> Bound:
    """Read `1.10` (a ratio), `+5%`, `+50ms`, `-2pp`: what the baseline's figure may become. Raises ValueError."""
    if factor := _FACTOR.fullmatch(text):
        return _ratio(float(factor["number"]), text, name)
    if text.startswith(("+", "-")):
        return change(text, name, unit)
    raise ValueError(f"'{text}' is no margin for {name}: write a ratio such as 1.10, or a change such as {_sign(unit)}")


def change(text: str, name: str, unit: str) -> Bound:
    """Read `+5%` as a ratio and `+50ms`, `-2pp`, `+$0.10` as a difference. Raises ValueError."""
    match = _CHANGE.fullmatch(text)
    word = match["unit"].lower() if match else ""
    if match is None or (word != "%" and word not in _DIFFERENCES[unit]):
        raise ValueError(f"'{text}' is no change of {name}: write one such as {_sign(unit)}")
    amount = float(match["sign"] + match["number"])
    if word == "%" and unit == "share":
        raise ValueError(f"'{text}' of {name} is ambiguous: write {text[:-1]}pp (points), or a ratio such as 1.05")
    if word == "%":
        return _ratio(1 + amount / 100, text, name)
    return Bound("difference", round(amount * _DIFFERENCES[unit][word], 12))


def _ratio(value: float, text: str, name: str) -> Bound:
    if not 0 < value < math.inf:
        raise ValueError(f"'{text}' is out of range for {name}: a ratio is above 0")
    return Bound("ratio", round(value, 12))


def _sign(unit: str) -> str:
    return {"ms": "+5% or +50ms", "share": "+1pp", "usd": "+5% or +$0.10", "per_second": "-5% or -0.5/s"}[unit]


def _example(unit: str) -> str:
    return f"baseline {_sign(unit).split(' or ')[-1].replace('+', '+ ').replace('-', '- ')}"
