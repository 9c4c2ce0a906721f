"""Sides: the runs that stand for the base or for the candidate, read once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.entry import Entry
from analysis.foreign.imported import is_imported
from analysis.foreign.imported_entry import entries
from analysis.measures import cost
from analysis.measures.disturbed import windows
from analysis.measures.gaps import gaps_of, histogram
from analysis.measures.month import monthly_turns
from analysis.measures.parts import parts
from analysis.measures.spans import spans
from analysis.model import Report
from analysis.report import report, seed_of
from analysis.rows.grades import grades
from analysis.rows.read import Run, read_run
from analysis.rows.turns import turns
from analysis.verdicts.slo_eval import slos
from scenarios.errors import TailgateError
from scenarios.rubric import Rubric

Key = tuple[str, str]
"""Endpoint and arm."""


@dataclass(frozen=True)
class Wanted:
    """A run folder, and the endpoint and arm that are wanted of it; "" is all."""

    folder: Path
    endpoint: str = ""
    arm: str = ""


@dataclass(frozen=True)
class Known:
    """One run: its report, and by endpoint and arm what its steady phases know."""

    folder: Path
    scenario: Mapping[str, Any]
    report: Report
    entries: Mapping[Key, Entry]


def wanted(texts: Iterable[str]) -> list[Wanted]:
    """Read `RUN`, `RUN:endpoint`, `RUN:endpoint/arm`, or several with commas between. Raises TailgateError."""
    found = []
    for text in texts:
        names = [text] if Path(text).is_dir() else [name for name in text.split(",") if name]
        found += [_wanted(name) for name in names]
    return found


def _wanted(text: str) -> Wanted:
    folder, mark, endpoint = text.rpartition(":")
    if Path(text).is_dir() or not mark:
        folder, endpoint = text, ""
    if not Path(folder).is_dir():
        raise TailgateError(f"{folder}: no such run folder; write RUN, or RUN:ENDPOINT for one endpoint of it")
    endpoint, _, arm = endpoint.partition("/")
    return Wanted(Path(folder), endpoint, arm)


def known(want: Wanted) -> Known:
    """Read a run. Raises TailgateError when there is none, or it lacks what is wanted."""
    run = read_run(want.folder)
    scenario = run.meta.get("scenario")
    every = entries_of(run)
    entries = {key: entry for key, entry in every.items() if want.endpoint in ("", key[0]) and want.arm in ("", key[1])}
    if want.endpoint and not entries:
        names = ", ".join(map(label, every)) or "none"
        asked = label((want.endpoint, want.arm))
        raise TailgateError(f"{want.folder}: no steady phase of {asked}; there are {names}")
    return Known(want.folder, scenario if isinstance(scenario, dict) else {}, report(run), entries)


def entries_of(run: Run, rubric: Rubric | None = None) -> dict[Key, Entry]:
    """Give the steady parts of a run by endpoint and arm, in the order in which they began.

    Answers are graded by `rubric`, else by the run's own.
    """
    if is_imported(run.meta):
        return entries(report(run))
    prices = cost.prices_of(run.meta, [])
    attempts = cost.with_cost(run.attempts, prices)
    every = turns(attempts)
    graded = grades(run.folder, run.meta, [], rubric)
    every = every if graded is None else graded.mark(every)
    lines, _ = slos(run.meta)
    cases = run.meta.get("cases")
    return {
        (part.endpoint, part.arm): Entry(
            part,
            histogram(gaps_of(run.gaps, part), part.seed),
            prices.get(part.endpoint),
            cases,
            lines,
            monthly_turns(run.meta, part.endpoint),
        )
        for part in parts(every, attempts, spans(run.meta, every), seed_of(run.meta), windows(run.meta))
        if part.phase == "steady"
    }


def label(key: Key) -> str:
    """Give an endpoint and arm as they are written after RUN: `large/burst`."""
    return "/".join(part for part in key if part)


def keys(side: Sequence[Known]) -> list[Key]:
    """Give the endpoints and arms that all runs of a side have, in the first one's order."""
    return [key for key in side[0].entries if all(key in run.entries for run in side)]
