"""The lines of a run held against its steady parts, each against those that it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.model import NotEstimable
from analysis.verdicts import slo_eval

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analysis.entry import Entry
    from analysis.measures.part import Part
    from analysis.model import SloLine
    from scenarios.slo import Slo

RELATIVE = "it is relative to a baseline: tailgate gate RUN --baseline BASE"


def hold(lines: Sequence[Slo], entry: Entry) -> Iterator[SloLine]:
    """Give the verdict of each line that concerns the entry; relative ones have none without a baseline."""
    for slo in lines:
        if not slo_eval.concerns(slo, entry.part):
            continue
        if slo.form != "limit":
            yield slo_eval.undecided(slo, entry.part, RELATIVE)
            continue
        own = entry.of_kind(slo.kind) if slo.kind else entry
        yield slo_eval.evaluate(slo, own.part, own.gaps, own.costs)


def unmatched(lines: Sequence[Slo], found: Sequence[Part]) -> Iterator[SloLine]:
    """Give the lines that are about no steady part: what was asked for and not measured is not a pass."""
    steady = [part for part in found if part.phase == "steady"]
    for slo in lines:
        if steady and not any(slo_eval.concerns(slo, part) for part in steady):
            yield slo_eval.undecided(slo, None, "the run has no steady phase of it")


def is_relative(line: SloLine) -> bool:
    """Tell whether a line of a report waits for a baseline."""
    return isinstance(line.figure, NotEstimable) and line.figure.not_estimable == RELATIVE
