"""The geometry of small bars drawn as SVG: a figure against its limit, and shares that make up a whole."""

from __future__ import annotations

import math
from dataclasses import dataclass

from analysis.model import Estimate, SloLine
from analysis.words import figures
from analysis.words.plaintext import clean


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure against its limit, as percent of the bar's width."""

    allowed_from: float
    allowed_to: float
    value: float
    low: float
    high: float
    limit: float


def bar(line: SloLine) -> Bar | None:
    """Place value, interval and limit on one axis from 0; nothing for a figure that is not estimable or negative."""
    figure = line.figure
    if not isinstance(figure, Estimate) or min(figure.value, line.limit) < 0:
        return None
    low = figure.value if figure.low is None else max(0.0, figure.low)
    high = figure.value if figure.high is None else figure.high
    top = max(line.limit * 1.35, figure.value * 1.1, high * 1.05)
    if not math.isfinite(top) or top <= 0:
        return None

    def place(value: float) -> float:
        return round(100 * value / top, 2)

    upper = line.comparator.startswith("<")
    limit = place(line.limit)
    return Bar(0.0 if upper else limit, limit if upper else 100.0, place(figure.value), place(low), place(high), limit)


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of an outcome bar, as percent of its width."""

    name: str
    kind: str
    start: float
    width: float
    share: str


KINDS = {
    "ok": "answered",
    "ok_length": "answered",
    "filtered": "declined",
    "refused": "declined",
    "waiting_at_end": "held",
    "overloaded": "held",
    "quota_exhausted": "held",
    "gave_up": "held",
    "in_flight": "open",
}
KIND_LABELS = {
    "answered": "answered",
    "declined": "declined by the model",
    "held": "throttled or gave up",
    "failed": "failed",
    "open": "in flight at the end",
}


def outcome_parts(shares: dict[str, Estimate]) -> list[Part]:
    """Give the pieces of one group's outcome bar, answered first; kinds not known are failures."""
    order = list(KIND_LABELS)
    named = sorted(shares.items(), key=lambda item: order.index(KINDS.get(item[0], "failed")))
    pieces, start = [], 0.0
    for name, figure in named:
        width = round(100 * max(0.0, figure.value), 3)
        text = figures.value_text(figure.value, "share")
        if width > 0:
            pieces.append(Part(figures.label(clean(name)), KINDS.get(name, "failed"), round(start, 3), width, text))
        start += width
    return pieces
