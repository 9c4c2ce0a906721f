"""Quality on the page: verdicts on the answers as bars, shares with intervals, and answers that were not right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.render.bars import Part
from analysis.render.grid import Grid, fitted
from analysis.render.summary import Cell, cell
from analysis.words import figures
from analysis.words.plaintext import clean
from analysis.words.wording import target

if TYPE_CHECKING:
    from analysis.model import GradedExample, Quality, QualityRow

VERDICTS = {
    "right": ("right", "answered"),
    "fallback": ("said it could not, and offered a way on", "declined"),
    "terse": ("too short", "open"),
    "over_refused": ("refused without need", "held"),
    "wrong": ("wrong", "held"),
    "hallucinated": ("hallucinated", "failed"),
    "unsafe": ("unsafe", "failed"),
}
"""Verdicts from good to bad, with their words and the colour of their pieces."""

COUNTS = ("cases", "intended", "answered", "graded")


@dataclass(frozen=True, slots=True)
class Example:
    """An answer that is not right, every text of it made safe to show."""

    name: str
    case: str
    verdict: str
    evidence: str
    prompt: str
    answer: str


@dataclass(frozen=True, slots=True)
class Graded:
    """The section: a bar per endpoint and arm, the table, and the examples with the worst verdicts first."""

    bars: tuple[tuple[str, tuple[Part, ...]], ...]
    table: Grid
    examples: tuple[Example, ...]


def graded(quality: Quality) -> Graded:
    """Give what the page shows of the graded answers."""
    order = list(VERDICTS)
    worst = sorted(quality.examples, key=lambda one: -order.index(one.verdict) if one.verdict in order else 0)
    names = [clean(target(row.endpoint, row.arm)) for row in quality.endpoints]
    return Graded(
        tuple((name, _pieces(row)) for name, row in zip(names, quality.endpoints, strict=True)),
        _table(quality, names),
        tuple(_example(one) for one in worst),
    )


def _pieces(row: QualityRow) -> tuple[Part, ...]:
    start, pieces = 0.0, []
    for verdict, (label, kind) in VERDICTS.items():
        count = row.verdicts.get(verdict, 0)
        width = round(100 * count / row.graded, 3) if row.graded else 0.0
        if count:
            pieces.append(Part(label, kind, round(start, 3), width, f"{count:,} of {row.graded:,}"))
        start += width
    return tuple(pieces)


def _table(quality: Quality, names: list[str]) -> Grid:
    found = dict.fromkeys(name for row in quality.endpoints for name in row.figures)
    counts = [
        (figures.label(name), tuple(Cell(f"{getattr(row, name):,}") for row in quality.endpoints)) for name in COUNTS
    ]
    shares = [
        (figures.label(name), tuple(cell(row.figures.get(name), "share") for row in quality.endpoints))
        for name in found
    ]
    caption = "Shares of the graded answers, with 95% interval; the same case asked again is not one more case"
    return fitted(Grid(caption, ("Figure", *names), (*shares, *counts)))


def _example(one: GradedExample) -> Example:
    return Example(
        clean(target(one.endpoint, one.arm)),
        clean(one.case_id),
        VERDICTS.get(one.verdict, (clean(one.verdict), ""))[0],
        clean(one.evidence),
        clean(one.prompt),
        clean(one.answer),
    )
