"""Where the variation comes from: variance split into parts that add up, and how much of it each grouping explains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.model import Estimate
from analysis.render import summary
from analysis.render.bars import Part
from analysis.render.summary import Cell, cell
from analysis.words import figures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis.model import Figure, Group, Report

SPLIT = {
    "service_time_variance_share": ("service time", "served"),
    "throttled_time_variance_share": ("throttled time", "held"),
    "covariance_share": ("both together", "open"),
}
"""Parts of the variance of response time, with their words and the colour of their pieces."""

CLASSES = {
    "length_class": "Length of answer",
    "throttled": "Throttled or not",
    "attempts": "Number of attempts",
    "worker": "Worker",
    "time_block": "Stretch of time",
}
"""What turns are grouped by."""


@dataclass(frozen=True, slots=True)
class Variation:
    """One endpoint: coefficient of variation, the split as pieces of a bar, and a cell per grouping with its width."""

    name: str
    spread: Cell
    pieces: tuple[Part, ...]
    words: str
    explained: tuple[tuple[Cell, float], ...]


@dataclass(frozen=True, slots=True)
class Variations:
    """The variation of one metric, one row per endpoint and arm."""

    title: str
    heads: tuple[str, ...]
    has_split: bool
    rows: tuple[Variation, ...]


def variations(groups: Sequence[Group], names: Sequence[str]) -> list[Variations]:
    """Give the tables of response time and of cost per response, where anything was estimated."""
    found = [
        _variations(groups, names, "response_time", "Response time"),
        _variations(groups, names, "cost_per_response", "Cost per response"),
    ]
    return [one for one in found if one.rows]


def _variations(groups: Sequence[Group], names: Sequence[str], stem: str, title: str) -> Variations:
    known = [
        (name, group.variance) for name, group in zip(names, groups, strict=True) if f"{stem}_cv" in group.variance
    ]
    kinds = [kind for kind in CLASSES if any(f"{stem}_between_{kind}_share" in found for _, found in known)]
    split = stem == "response_time"
    rows = tuple(_row(name, found, stem, kinds, split=split) for name, found in known)
    return Variations(title, tuple(CLASSES[kind] for kind in kinds), split, rows)


def _row(name: str, found: dict[str, Figure], stem: str, kinds: list[str], *, split: bool) -> Variation:
    between = [found.get(f"{stem}_between_{kind}_share") for kind in kinds]
    explained = tuple((_explained(figure), _width(figure)) for figure in between)
    words = [f"{label} {_text(found.get(key))}" for key, (label, _) in SPLIT.items()] if split else []
    pieces = _pieces(found) if split else ()
    return Variation(name, cell(found[f"{stem}_cv"], ""), pieces, ", ".join(words), explained)


def _explained(figure: Figure | None) -> Cell:
    """Give whole percents: the parts have no interval that would support more."""
    if not isinstance(figure, Estimate):
        return cell(figure, "share")
    return Cell("<1%" if 0 < figure.value < 0.01 else f"{100 * figure.value:.0f}%")


def _pieces(found: dict[str, Figure]) -> tuple[Part, ...]:
    """Place the parts from 0 to 100; a covariance below 0 takes nothing, and the others are scaled to the whole."""
    values = {key: max(figure.value, 0.0) for key in SPLIT if isinstance(figure := found.get(key), Estimate)}
    whole, start, pieces = sum(values.values()), 0.0, []
    for key, value in values.items():
        width = round(100 * value / whole, 2) if whole else 0.0
        label, kind = SPLIT[key]
        if width > 0:
            pieces.append(Part(label, kind, round(start, 2), width, _text(found[key])))
        start += width
    return tuple(pieces)


def _text(figure: Figure | None) -> str:
    return figures.MISSING if figure is None else figures.figure_text(figure, "share")


def _width(figure: Figure | None) -> float:
    return round(min(max(100 * figure.value, 0.0), 100.0), 1) if isinstance(figure, Estimate) else 0.0


def between(report: Report) -> list[str]:
    """Say which part of the variance of all turns together lies between endpoints and arms."""
    found = [
        f"{figures.label(name.removesuffix('_between_endpoint_share'))}: {figures.value_text(figure.value, 'share')}"
        for name, figure in report.variance.items()
        if isinstance(figure, Estimate) and name.endswith("_between_endpoint_share")
    ]
    return found if len(summary.headline_groups(report)) > 1 else []
