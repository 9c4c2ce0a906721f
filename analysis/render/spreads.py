"""The pictures of distributions: gaps between chunks, and cost per response, all endpoints on one logarithmic axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from analysis.model import Estimate, Figure, Report
from analysis.render import summary
from analysis.words import figures
from analysis.words.plaintext import clean
from analysis.words.wording import target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analysis.model import Distribution, Group
    from analysis.words.figures import Unit


class Spread(TypedDict):
    """One endpoint's shares per bin; `mark` is where its mean or median lies, `said` its figures in words."""

    name: str
    colour: int
    shares: list[float | None]
    mark: float | None
    said: str


class SpreadPlot(TypedDict):
    """One distribution: bin `i` lies between `edges[i]` and `edges[i + 1]`, shares are in percent."""

    label: str
    unit: str
    lead: str
    edges: list[float]
    curves: list[Spread]


GAPS = "A chunk is what arrives at once, mostly one token. The upright lines are medians."
COSTS = "All attempts of a turn, for each answered turn. The upright lines are means."


def spread_plots(report: Report) -> list[SpreadPlot]:
    """Give the pictures for which there are values."""
    groups = {target(group.endpoint, group.arm): group for group in summary.headline_groups(report)}
    gaps, costs = report.plots.gaps, report.plots.costs
    colours = summary.colours(report)
    found: list[SpreadPlot] = [
        {
            "label": "Gap between chunks",
            "unit": "ms",
            "lead": GAPS,
            "edges": _edges(gaps),
            "curves": _curves(gaps, colours, {name: _of_gaps(group) for name, group in groups.items()}),
        },
        {
            "label": "Cost per response",
            "unit": "usd",
            "lead": COSTS,
            "edges": _edges(costs),
            "curves": _curves(costs, colours, {name: _of_cost(group) for name, group in groups.items()}),
        },
    ]
    return [plot for plot in found if plot["curves"]]


Said = tuple[float | None, str]
"""Where the mark of a curve lies, and its figures."""


def _edges(found: Mapping[str, Distribution]) -> list[float]:
    return sorted({edge for one in found.values() for edge in one.edges})


def _curves(found: Mapping[str, Distribution], colours: Mapping[str, int], said: Mapping[str, Said]) -> list[Spread]:
    edges = _edges(found)
    return [_curve(name, colours.get(name, 0), one, edges, said.get(name, (None, ""))) for name, one in found.items()]


def _curve(name: str, colour: int, found: Distribution, edges: list[float], said: Said) -> Spread:
    """Put the shares onto the common grid, with 0 where a curve ends; farther out it has none."""
    share = dict(zip(found.edges, [*found.shares, 0.0], strict=True))
    mark, text = said
    return {
        "name": clean(name),
        "colour": colour,
        "shares": [round(100 * share[edge], 2) if edge in share else None for edge in edges[:-1]],
        "mark": mark,
        "said": f"{text}, n = {found.n:,}" if text else f"n = {found.n:,}",
    }


def _of_gaps(group: Group) -> Said:
    quantiles = group.metrics.get("gap_ms", {})
    texts = [f"{name} {_text(quantiles[name], 'ms')}" for name in ("p50", "p99") if name in quantiles]
    return _value(quantiles.get("p50")), ", ".join(texts)


def _of_cost(group: Group) -> Said:
    mean, spread = group.cost.get("cost_per_response_usd"), group.variance.get("cost_per_response_cv")
    texts = [f"mean {_text(mean, 'usd')}"] if mean is not None else []
    texts += [f"CV {_text(spread, '')}"] if spread is not None else []
    return _value(mean), ", ".join(texts)


def _text(figure: Figure, unit: Unit) -> str:
    return figures.figure_text(figure, unit)


def _value(figure: Figure | None) -> float | None:
    return figure.value if isinstance(figure, Estimate) else None


def alternative(plot: SpreadPlot) -> str:
    """Say in words what the picture shows."""
    return (
        f"Distribution: {plot['label']}. " + ". ".join(f"{one['name']}: {one['said']}" for one in plot["curves"]) + "."
    )
