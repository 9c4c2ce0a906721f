"""The server's own clock beside ours: a table of what it told, what was seen, and what lies between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.render.grid import Grid, counted
from analysis.words import figures
from analysis.words.plaintext import clean
from analysis.words.server_words import WORDS
from analysis.words.wording import target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analysis.model import Figure, Report, ServerTime
    from analysis.render.summary import Cell

SIDES = (("Server", ("p50", "p95", "p99")), ("Seen", ("p95",)), ("Between", ("p50", "p95", "p99")))


def told(report: Report) -> list[ServerTime]:
    """Give those of the phases that the report is about: the steady ones, where there are any."""
    steady = any(group.phase == "steady" for group in report.groups)
    return [one for one in report.server_times if one.phase == "steady" or not steady]


def sentences(report: Report) -> list[str]:
    """Give a sentence for each endpoint and source."""
    return [one.sentence for one in told(report)]


def grid(report: Report) -> Grid:
    """Give one row per endpoint and stretch; parts of a stretch are told, not seen."""
    rows = [(_name(one, stretch), _row(one, stretch)) for one in told(report) for stretch in one.server]
    heads = [f"{side} {quantile}" for side, quantiles in SIDES for quantile in quantiles]
    caption = "The server's own clock, what was seen, and what lies between, with 95% interval"
    return Grid(caption, ("Endpoint and stretch", "n", *heads), tuple(rows))


def _name(one: ServerTime, stretch: str) -> str:
    return clean(f"{target(one.endpoint, one.arm)}: {WORDS.get(stretch, stretch)} ({one.source})")


def _row(one: ServerTime, stretch: str) -> tuple[Cell, ...]:
    sides: tuple[Mapping[str, Mapping[str, Figure]], ...] = (one.server, one.seen, one.beyond)
    found = [
        (f"{side} {figures.quantile_label(quantile)}", each.get(stretch, {}).get(quantile))
        for (side, quantiles), each in zip(SIDES, sides, strict=True)
        for quantile in quantiles
    ]
    return counted(None, found, "ms")
