"""Certainty: how sure it is that a figure lies on the side of its limit where its value lies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from analysis.comparing import verdict_text
from analysis.model import Estimate
from analysis.render.summary import slo_unit
from analysis.stats.quantiles import Z
from analysis.words import figures

if TYPE_CHECKING:
    from analysis.model import Figure, SloLine


def p_value(figure: Figure, limit: float) -> float | None:
    """Give the one-sided p-value of the figure's side of the limit: z = distance / (half width / 1.96)."""
    if not isinstance(figure, Estimate):
        return None
    near = figure.low if figure.value > limit else figure.high
    if near is None or figure.value == limit:
        return None
    half = abs(figure.value - near)
    return 0.0 if half == 0 else 0.5 * math.erfc(abs(figure.value - limit) / (half / Z) / math.sqrt(2))


def in_words(line: SloLine) -> str:
    """Say by how much a line is kept or broken, and how sure: `14% over the limit of 800 ms, 99.8% sure`."""
    if not isinstance(line.figure, Estimate) or not line.comparator:
        return ""
    margin = figures.margin_text(line.figure.value, line.limit, line.comparator)
    found = [f"{margin} of {figures.limit_text(line.limit, slo_unit(line))}"] if margin else []
    p = p_value(line.figure, line.limit)
    only = "only " if line.verdict == "inconclusive" else ""
    return ", ".join(found if p is None else [*found, f"{only}{verdict_text.sure(p)}"])
