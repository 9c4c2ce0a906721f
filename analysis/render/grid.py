"""Tables of a report's free-form parts: health and cost blocks, and every figure of a group."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from analysis.model import Estimate, Figure, Group, NotEstimable, Report
from analysis.render import summary
from analysis.render.summary import Cell
from analysis.words import figures
from analysis.words.plaintext import clean
from analysis.words.wording import target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from analysis.words.figures import Unit

_FIGURE: TypeAdapter[Figure] = TypeAdapter(Figure)
_DECIMAL = re.compile(r"\d+(\.\d+)?")
WIDE = 7
"""Columns from which few records read better side by side."""

QUANTILES = ("mean", "p50", "p90", "p95", "p99", "p99_9")


@dataclass(frozen=True, slots=True)
class Grid:
    """A captioned table: the first head stands over the row names."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A free-form part: single facts first, then its tables."""

    facts: tuple[tuple[str, Cell], ...] = ()
    grids: tuple[Grid, ...] = field(default=())


def block(content: Mapping[str, object]) -> Block:
    """Give a dictionary as facts and tables: a dictionary of dictionaries or a list of them becomes a table."""
    facts: list[tuple[str, Cell]] = []
    grids: list[Grid] = []
    for name, value in content.items():
        title = figures.label(clean(name))
        if (records := _records(value)) is not None:
            table = grid(title, records)
            is_wide = len(table.heads) > WIDE and len(table.rows) <= MOST_COLUMNS
            grids.append(turned(table, "") if is_wide else table)
        elif isinstance(value, dict) and _figure(value) is None:
            facts += [(f"{title}: {figures.label(clean(key))}", value_cell(key, inner)) for key, inner in value.items()]
        else:
            facts.append((title, value_cell(name, value)))
    return Block(tuple(facts), tuple(grids))


def _records(value: object) -> list[tuple[str, dict[str, object]]] | None:
    """Give named records when `value` holds nothing else."""
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return [(str(index + 1), item) for index, item in enumerate(value)]
    if not isinstance(value, dict) or not value or _figure(value) is not None:
        return None
    if all(isinstance(item, dict) and _figure(item) is None for item in value.values()):
        return [(str(key), item) for key, item in value.items()]
    return None


def grid(caption: str, records: Iterable[tuple[str, Mapping[str, object]]], corner: str = "") -> Grid:
    """Give named records as a table with one column per key, in the order of first mention."""
    named = list(records)
    keys = list(dict.fromkeys(key for _, record in named for key in record))
    heads = tuple(figures.label(clean(key)) for key in keys)
    rows = tuple((clean(name), tuple(value_cell(key, record.get(key)) for key in keys)) for name, record in named)
    return Grid(caption, (corner, *heads), rows)


def value_cell(name: str, value: object) -> Cell:
    """Give any JSON value in words, with the unit that ends its name."""
    if (figure := _figure(value)) is not None:
        return summary.cell(figure, figures.unit_of(name))
    if isinstance(value, dict):
        items = [f"{clean(key)} {value_cell(key, inner).value}" for key, inner in value.items()]
    elif isinstance(value, list | tuple):
        items = [value_cell("", inner).value for inner in value]
    else:
        items = [_scalar_text(name, value)]
    return Cell(", ".join(items) or figures.MISSING)


def _scalar_text(name: str, value: object) -> str:
    """Durations under a second are shown in ms."""
    unit = figures.unit_of(name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and unit in ("", "tokens"):
        return figures.measure(f"{value:,}", unit)
    if isinstance(value, float) and unit == "s" and 0 < abs(value) < 1:
        return figures.value_text(value * 1000, "ms")
    if isinstance(value, int | float):
        return figures.value_text(value, unit)
    if isinstance(value, str) and unit == "usd" and _DECIMAL.fullmatch(value):
        return figures.value_text(float(value), unit)
    return figures.MISSING if value is None else clean(value)


def _figure(value: object) -> Figure | None:
    if not isinstance(value, dict) or not ({"value", "not_estimable"} & value.keys()):
        return None
    try:
        return _FIGURE.validate_python(value)
    except ValidationError:
        return None


def latencies(group: Group, caption: str) -> Grid:
    """Give every metric of a group by n, mean and percentile; what n and the figures rest on stands with n."""
    keys = [key for key in QUANTILES if any(key in quantiles for quantiles in group.metrics.values())]
    rows = tuple(
        (
            figures.label(clean(metric)),
            counted(None, [(figures.quantile_label(k), quantiles.get(k)) for k in keys], figures.unit_of(metric)),
        )
        for metric, quantiles in group.metrics.items()
    )
    return Grid(caption, ("Metric", "n", *(figures.quantile_label(key) for key in keys)), rows)


def counted(n: int | None, found: Sequence[tuple[str, Figure | None]], unit: Unit) -> tuple[Cell, ...]:
    """Give n, noted with what the figures rest on, then the figures: one note for a row keeps long tables small."""
    known = [(name, figure) for name, figure in found if isinstance(figure, Estimate)]
    shown = n if n is not None else max((figure.n for _, figure in known), default=None)
    cells = (replace(summary.cell(figure, unit), note="") for _, figure in found)
    return (Cell(figures.count(shown), note=_rests_on(known, [figure for _, figure in found])), *cells)


def _rests_on(known: Sequence[tuple[str, Estimate]], every: Sequence[Figure | None]) -> str:
    """Give the independent values that each figure is worth, the methods, and why the first missing one is missing."""
    worth = ", ".join(f"{name} {one.n_effective:,.0f}" for name, one in known if one.n_effective is not None)
    methods = dict.fromkeys(clean(figure.method) for _, figure in known)
    missing = next((clean(figure.not_estimable) for figure in every if isinstance(figure, NotEstimable)), "")
    return ". ".join(filter(None, [f"worth independent values: {worth}" if worth else "", *methods, missing]))


SLICE_COLUMNS = (
    *(("ttft_ms", quantile) for quantile in ("p50", "p95")),
    *(("response_time_ms", quantile) for quantile in ("p50", "p95", "p99")),
    ("tpot_ms", "p50"),
    ("gap_ms", "p95"),
)
CUTS = {"kind": "Kind of conversation", "output_tokens": "Output tokens", "tries": "Tries"}


def slices(report: Report) -> list[Grid]:
    """Give one table per way of cutting: endpoint and label, n, and the tails of that slice."""
    return [_cut(report, by) for by in dict.fromkeys(one.by for one in report.slices)]


def _cut(report: Report, by: str) -> Grid:
    title = CUTS.get(by, figures.label(clean(by)))
    own = [one for one in report.slices if one.by == by]
    columns = [(metric, quantile) for metric, quantile in SLICE_COLUMNS if any(metric in one.metrics for one in own)]
    heads = [f"{_SHORT[metric]} {quantile}" for metric, quantile in columns]
    rows = []
    for one in own:
        found = [one.metrics.get(metric, {}).get(quantile) for metric, quantile in columns]
        name = clean(f"{target(one.endpoint, one.arm)}: {one.label}")
        rows.append((name, counted(one.turns, list(zip(heads, found, strict=True)), "ms")))
    return Grid(f"{title}, steady phase, with 95% interval", ("Endpoint and slice", "Turns", *heads), tuple(rows))


_SHORT = {"ttft_ms": "TTFT", "response_time_ms": "Response", "tpot_ms": "TPOT", "gap_ms": "Gap"}


def fitted(found: Grid) -> Grid:
    """Turn a table of many endpoints so that each is a row: names and figures then fit the page."""
    return found if len(found.heads) - 1 <= MOST_COLUMNS else turned(found, "Endpoint")


def turned(found: Grid, corner: str) -> Grid:
    """Give a table with rows as columns."""
    columns = zip(*(cells for _, cells in found.rows), strict=True)
    heads = (corner, *(name for name, _ in found.rows))
    return Grid(found.caption, heads, tuple(zip(found.heads[1:], columns, strict=True)))


MOST_COLUMNS = 4
"""Columns of figures with intervals that fit side by side."""


def shares(groups: list[Group], names: list[str], caption: str) -> Grid:
    """Give the share of all intended turns of each outcome that occurred, and the sums, one column per group."""
    outcomes = dict.fromkeys(name for group in groups for name in group.shares)
    rows = tuple(
        (figures.label(clean(name)), tuple(summary.cell(group.shares.get(name), "share") for group in groups))
        for name in outcomes
        if name in summary.OVERLAPPING or any(_occurred(group.shares.get(name)) for group in groups)
    )
    return fitted(Grid(caption, ("Outcome", *names), rows))


def _occurred(figure: Figure | None) -> bool:
    return figure is not None and not (isinstance(figure, Estimate) and figure.value == 0)


def costs(groups: list[Group], names: list[str], caption: str) -> Grid:
    """Give every cost figure, one column per group."""
    return _side_by_side([group.cost for group in groups], names, caption)


def variances(groups: list[Group], names: list[str], caption: str) -> Grid:
    """Give every figure on variance, one column per group."""
    return _side_by_side([group.variance for group in groups], names, caption)


def tries(groups: list[Group], names: list[str], caption: str) -> Grid:
    """Give attempts and refusals per turn, one column per group."""
    return _side_by_side([group.tries for group in groups], names, caption)


def _side_by_side(blocks: list[dict[str, Figure]], names: list[str], caption: str) -> Grid:
    found = dict.fromkeys(name for block in blocks for name in block)
    rows = tuple(
        (figures.label(clean(name)), tuple(summary.cell(block.get(name), figures.unit_of(name)) for block in blocks))
        for name in found
    )
    return fitted(Grid(caption, ("Figure", *names), rows))
