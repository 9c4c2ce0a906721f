"""Service levels on the page: each SLO line with its bar, how far and how sure it is, and why it is open."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.model import Estimate, NotEstimable
from analysis.render import bars, summary
from analysis.verdicts.certainty import p_value
from analysis.words import figures
from analysis.words.plaintext import clean

if TYPE_CHECKING:
    from analysis.model import Report, SloLine
    from analysis.render.summary import SloRow

SHOWN = 12
"""Lines shown at once, the worst first; the others are folded."""


OPEN = 0.025
"""One-sided p-value from which the 95% interval of a figure holds the limit."""


@dataclass(frozen=True, slots=True)
class Level:
    """One line's row; `distance` says how far from the limit, `sureness` how sure, `reason` what its figures do not."""

    row: SloRow
    bar: bars.Bar | None
    distance: str
    sureness: str
    reason: str


def levels(report: Report) -> list[Level]:
    """Give every line, breached first, then undecided."""
    return [_level(row) for row in summary.slo_rows(report)]


def _level(row: SloRow) -> Level:
    figure, line = row.source.figure, row.source
    if isinstance(figure, NotEstimable):
        return Level(row, None, "", "", clean(figure.not_estimable))
    far = figures.margin_text(figure.value, line.limit, line.comparator) if line.comparator else ""
    far = re.sub(r"(over|under) the (limit|floor)", r"\1", far)
    return Level(row, bars.bar(line), far, _sureness(line, figure), clean(line.sentence.partition("; ")[2]))


def _sureness(line: SloLine, figure: Estimate) -> str:
    """Say how sure the side of the limit is; nothing where it is sure and the line is open for another reason."""
    p = p_value(figure, line.limit) if line.comparator else None
    if p is None or (line.verdict == "inconclusive" and p < OPEN):
        return ""
    sure = ">99.9%" if p < 0.001 else f"{100 * (1 - p):.1f}%"
    return f"{'only ' if line.verdict == 'inconclusive' else ''}{sure} sure"


def folded_title(levels: list[Level]) -> str:
    """Say what is folded: `126 more lines: 4 inconclusive, 122 pass`."""
    counts = Counter(level.row.verdict for level in levels)
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in ("fail", "inconclusive", "pass") if counts[verdict])
    return f"{len(levels)} more {'line' if len(levels) == 1 else 'lines'}: {said}"
