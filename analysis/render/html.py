"""`report.html`: one page that needs no network, made from templates that escape every name."""

from __future__ import annotations

import re
from functools import cache
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis.model import Group, Report
from analysis.render import charts, experiment_grid, grid, summary
from analysis.words.plaintext import clean

_HERE = Path(__file__).parent


def html(report: Report) -> str:
    """Give the whole page; the same report gives the same text."""
    page = environment().get_template("report.html.j2").render(_context(report))
    return re.sub(r"\n\s+", "\n", page)


@cache
def environment() -> Environment:
    """Give what renders every page: templates that escape every name, and undefined names as errors."""
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.policies["json.dumps_kwargs"] = {"sort_keys": True, "separators": (",", ":")}
    made.filters["clean"] = clean
    made.globals["asset"] = _asset
    return made


@cache
def _asset(folder: str, name: str) -> Markup:
    """Give a file of this package as it is: only our own and vendored text goes through here, never a report's."""
    return Markup((_HERE / folder / name).read_text(encoding="utf-8"))  # noqa: S704


def _context(report: Report) -> dict[str, object]:
    groups = summary.headline_groups(report)
    names = [summary.group_name(group, groups) for group in groups]
    colours = {name: index for index, name in enumerate(summary.endpoint_names(report))}
    tails, courses = charts.tail_plots(report), charts.courses(report)
    return {
        "report": report,
        "word": summary.WORDS[report.verdict],
        "headline": summary.headline(report),
        "reasons": summary.further_reasons(report),
        "started": summary.started(report),
        "void": summary.VOID if report.verdict == "invalid" else "",
        "meaning": summary.MEANINGS[report.verdict] if report.slo else "",
        "counts": summary.verdict_counts(report),
        "slo": [(row, charts.bar(row.source)) for row in summary.slo_rows(report)],
        "columns": [(name, colours[group.endpoint]) for name, group in zip(names, groups, strict=True)],
        "sections": [
            (name, list(rows)) for name, rows in groupby(summary.sides(report), key=lambda side: side.section)
        ],
        "tails": [(plot, charts.alternative(report, plot), charts.at_standard(report, plot)) for plot in tails],
        "courses": courses,
        "data": {"tails": tails, "courses": courses},
        "outcomes": [(name, charts.outcome_parts(summary.parts(g))) for name, g in zip(names, groups, strict=True)],
        "kinds": charts.KIND_LABELS,
        "tables": _tables(report, groups, names),
        "users": _users(groups),
        "experiment": _experiment(report),
    }


def _experiment(report: Report) -> dict[str, object] | None:
    if report.experiment is None:
        return None
    return {"sentences": experiment_grid.sentences(report), "grids": experiment_grid.grids(report.experiment)}


def _users(groups: list[Group]) -> str:
    users = list(dict.fromkeys(group.users for group in groups if group.users is not None))
    if not users:
        return "users unknown"
    return f"{users[0]:,} users on each endpoint" if len(users) == 1 else ", ".join(f"{n:,}" for n in users) + " users"


def _tables(report: Report, groups: list[Group], names: list[str]) -> dict[str, object]:
    every = [(group, summary.group_name(group, report.groups)) for group in report.groups]
    return {
        "shares": grid.shares(groups, names, "Share of all intended turns by outcome, with 95% interval"),
        "group_costs": grid.costs(groups, names, "Cost by endpoint, with 95% interval"),
        "tries": grid.tries(groups, names, "Attempts and refusals by endpoint, with 95% interval"),
        "variances": grid.variances(groups, names, "Variance by endpoint, with 95% interval"),
        "cost": grid.block(report.cost),
        "quality": grid.qualities(report.quality) if report.quality else None,
        "health": _health(report),
        "latencies": [
            grid.latencies(group, f"{name}: {group.turns:,} turns, {group.attempts:,} attempts")
            for group, name in every
        ],
    }


def _health(report: Report) -> grid.Grid:
    records = [(str(row.get("worker", index + 1)), row) for index, row in enumerate(report.health)]
    rest = [(name, {key: value for key, value in row.items() if key != "worker"}) for name, row in records]
    return grid.grid("The instrument, per worker", rest, "Worker")
