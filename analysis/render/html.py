"""`report.html`: one page that needs no network, made from templates that escape every name."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis.render import bars, charts, experiment_grid, grid, levels, server_times, spreads, summary, trust
from analysis.render.graded import graded
from analysis.render.selection import selection
from analysis.render.sides import sides
from analysis.render.variation import between, variations
from analysis.words.plaintext import clean
from analysis.words.wording import more, span, target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis.model import Group, Report, Standing

_HERE = Path(__file__).parent

TOLD, STEPS = 4, 4
"""Endpoints and steps that the verdict shows at once; the others are folded."""


PHASES = 12
"""Endpoints, arms and phases up to which the page has the latencies of every phase, not of the steady ones alone."""


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
    return {
        "report": report,
        **_head(report, groups),
        **_verdict(report),
        **_levels(report),
        **_sides(report, groups, names),
        **_pictures(report, groups),
        "selection": selection(report.selection) if report.selection and report.verdict != "invalid" else None,
        "experiment": _experiment(report),
        "outcomes": [(name, bars.outcome_parts(summary.parts(g))) for name, g in zip(names, groups, strict=True)],
        "kinds": bars.KIND_LABELS,
        "graded": graded(report.quality) if report.quality else None,
        "variations": variations(groups, names),
        "between": between(report),
        "own_error": trust.own_error(report, groups),
        "tables": _tables(report, groups, names),
        "contents": _contents(report),
    }


def _head(report: Report, groups: Sequence[Group]) -> dict[str, object]:
    state = summary.state(report)
    word = summary.WORDS[state]
    facts = [summary.started(report), f"{clean(report.load_model)} loop", *([_users(groups)] if groups else [])]
    return {
        "title": f"{word}: {clean(report.name)}",
        "heading": clean(report.name),
        "facts": facts,
        "word": word,
        "state": state,
    }


def _users(groups: Sequence[Group]) -> str:
    users = list(dict.fromkeys(group.users for group in groups if group.users is not None))
    if not users:
        return "users unknown"
    return f"{users[0]:,} users on each endpoint" if len(users) == 1 else ", ".join(f"{n:,}" for n in users) + " users"


def _verdict(report: Report) -> dict[str, object]:
    told = [] if report.verdict == "invalid" else report.standings
    return {
        "headline": summary.headline(report),
        "standings": [_standing(one) for one in told],
        "standings_folded": _folded(told[TOLD:]),
        "told": TOLD,
        "steps": STEPS,
        "warnings": summary.warnings(report),
        "meaning": summary.MEANINGS[summary.state(report)],
        "counts": summary.verdict_counts(report),
    }


def _standing(one: Standing) -> dict[str, str]:
    name = target(one.endpoint, one.arm)
    rest = clean(one.sentence.removeprefix(name))
    whole = re.sub(r"\[[^\]]*\]", lambda found: found[0].replace(" ", "\u00a0"), rest)  # no interval over two lines
    return {"verdict": one.verdict, "name": clean(name), "rest": whole}


def _folded(rest: Sequence[Standing]) -> str:
    counts: Counter[str] = Counter(one.verdict for one in rest)
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in summary.ORDER if counts[verdict])
    return f"{more(len(rest), 'endpoint')}: {said}"


def _levels(report: Report) -> dict[str, object]:
    found = levels.levels(report)
    return {
        "levels": found,
        "shown": levels.SHOWN,
        "levels_folded": levels.folded_title(found[levels.SHOWN :]),
        "void": summary.VOID if report.verdict == "invalid" else "",
    }


def _sides(report: Report, groups: Sequence[Group], names: Sequence[str]) -> dict[str, object]:
    colours = summary.colours(report)
    steady = any(group.phase == "steady" for group in groups)
    return {
        "columns": [
            (name, colours[target(group.endpoint, group.arm)]) for name, group in zip(names, groups, strict=True)
        ],
        "sections": [(name, list(rows)) for name, rows in groupby(sides(report), key=lambda side: side.section)],
        "phase_words": "Steady phase." if steady else "There was no steady phase: these are all phases, for a look.",
    }


def _pictures(report: Report, groups: Sequence[Group]) -> dict[str, object]:
    tails, courses, spread = charts.tail_plots(report), charts.courses(report), spreads.spread_plots(report)
    return {
        "tails": [(plot, charts.alternative(report, plot), charts.at_standard(report, plot)) for plot in tails],
        "courses": courses,
        "spreads": [(plot, spreads.alternative(plot)) for plot in spread],
        "data": {"tails": tails, "courses": courses, "spreads": spread},
        "cuts": [
            f"{clean(target(group.endpoint, group.arm))} was still warming up for the first {span(group.cut_s)} of its "
            f"steady phase: the {group.cut_turns:,} turns of that time are in no figure."
            for group in groups
            if group.cut_s
        ],
    }


def _experiment(report: Report) -> dict[str, object] | None:
    if report.experiment is None:
        return None
    return {"sentences": experiment_grid.sentences(report), "grids": experiment_grid.grids(report.experiment)}


def _tables(report: Report, groups: list[Group], names: list[str]) -> dict[str, object]:
    told = report.groups if len(report.groups) <= PHASES else groups
    every = [(group, summary.group_name(group, told)) for group in told]
    return {
        "shares": grid.shares(groups, names, "Share of all intended turns by outcome, with 95% interval"),
        "group_costs": grid.costs(groups, names, "Cost by endpoint, with 95% interval"),
        "tries": grid.tries(groups, names, "Attempts and refusals by endpoint, with 95% interval"),
        "variances": grid.variances(groups, names, "Variance by endpoint, with 95% interval")
        if len(groups) <= grid.MOST_COLUMNS
        else None,
        "slices": grid.slices(report),
        "server": server_times.grid(report),
        "server_sentences": server_times.sentences(report),
        "cost": grid.block(report.cost),
        "latencies_title": "All latencies, every phase"
        if told is report.groups
        else "All latencies; those of other phases are in report.json",
        "load": trust.load(groups, names),
        "health": trust.instrument(report),
        "health_fields": trust.all_fields(report),
        "latencies": [
            grid.latencies(group, f"{name}: {group.turns:,} turns, {group.attempts:,} attempts")
            for group, name in every
        ],
    }


def _contents(report: Report) -> list[tuple[str, str]]:
    """Give the places that a reader jumps to, those that the page has."""
    steady = bool(report.groups)
    found = [
        ("levels-title", "Service levels", True),
        ("sides-title", "Side by side", steady),
        ("selection-title", "Which to take", report.selection is not None and report.verdict != "invalid"),
        ("experiment-title", "Arms", report.experiment is not None),
        ("tails-title", "Tails", bool(report.plots.spectra)),
        ("courses-title", "Over time", bool(report.plots.timelines)),
        ("spreads-title", "Spread", bool(report.plots.gaps or report.plots.costs)),
        ("cost-title", "Cost", any(group.cost for group in report.groups)),
        ("quality-title", "Quality", bool(report.quality)),
        ("variance-title", "Variation", any(group.variance for group in report.groups)),
        ("server-title", "Server's clock", bool(report.server_times)),
        ("health-title", "Trust", True),
        ("method", "Method", True),
        ("glossary", "Glossary", True),
    ]
    return [(anchor, title) for anchor, title, there in found if there]
