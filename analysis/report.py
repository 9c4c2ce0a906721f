"""The report: from a run folder to everything that is said about it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.entry import Entry
from analysis.foreign import imported
from analysis.measures import bill, cost, disturbed, latency, month, quality, rates, steady
from analysis.measures.between import between_endpoints
from analysis.measures.experiment import experiment
from analysis.measures.gaps import gaps_of, histogram
from analysis.measures.gaps import lost as lost_gaps
from analysis.measures.gaps import notes as gap_notes
from analysis.measures.parts import USED_UP, grouped, parts
from analysis.measures.plots import plots, spectra
from analysis.measures.server_times import server_times
from analysis.measures.slices import slices
from analysis.measures.spans import spans
from analysis.measures.tries import peak_per_second, tries
from analysis.measures.unit_costs import UnitCosts
from analysis.measures.variance import variance
from analysis.model import Group, PhaseSpan, Report, Spectrum
from analysis.progress import Tell, each, quiet
from analysis.rows.grades import grades
from analysis.rows.grouping import group
from analysis.rows.read import read_run
from analysis.rows.told import TOLD_OF, Told
from analysis.rows.turns import INGREDIENTS, LEAN, columns_of, turns_of
from analysis.selecting.choice import section
from analysis.stats.shares import share, shares
from analysis.verdicts import slo_eval
from analysis.verdicts.headline import headline, verdict
from analysis.verdicts.held import hold, unmeasured, unread
from analysis.verdicts.next_steps import next_steps
from analysis.verdicts.standing import standings
from analysis.verdicts.validity import notes as validity_notes
from analysis.verdicts.validity import validity, workers
from analysis.words.wording import target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from analysis.measures.gaps import Histogram
    from analysis.measures.part import Part
    from analysis.rows.grades import Grades
    from analysis.rows.read import Run
    from scenarios.pricing import PriceTable
    from scenarios.slo import Slo

ROWS_KEPT = ("endpoint", "arm", "phase", "outcome", "http_status", "sent_s")
"""What is asked of single attempts once their turns and costs are known."""


def build(folder: Path, tell: Tell = quiet) -> Report:
    """Compute the report of a run folder; `tell` hears how far it is. Raises TailgateError when it holds no run."""
    return report(read_run(folder, tell), tell)


def report(run: Run, tell: Tell = quiet) -> Report:
    """Compute the report of a run: the same run gives the same report."""
    if imported.is_imported(run.meta):
        return imported.report(run.folder, run.meta)
    notes = list(run.notes)
    prices = cost.prices_of(run.meta, notes)
    attempts = _slim(run.attempts)
    rows = [run.attempts]
    run = replace(run, attempts=attempts.iloc[:0].copy())  # no view: it would hold them all
    graded = grades(run.folder, run.meta, notes)
    tell("putting turns together", 0.0)
    every, billed = _turns_and_bills(run, rows, prices, graded, notes)
    attempts = grouped(attempts)
    found = parts(every, attempts, spans(run.meta, every), seed_of(run.meta), disturbed.windows(run.meta))
    every = every.drop(columns=list(USED_UP))
    lines, illegible = slo_eval.slos(run.meta)
    groups, entries, tails = _measured(run, found, prices, lines, tell)
    steady, cases = [entry.part for entry in entries], run.meta.get("cases")
    held = [line for entry in entries for line in hold(lines, entry)]
    held += [*unread(illegible, found), *unmeasured(lines, found, run.meta)]
    judged = validity(run.meta, _lateness(found), _stops(run.meta), disturbed.too_little_left(found, run.meta))
    result = verdict(judged, held, groups)
    standing = standings(held, groups)
    cutting = zip(each(steady, "cutting by kind and length", tell), entries, strict=True)
    return Report(
        run_id=_text(run.meta, "run_id", run.folder.name),
        name=_text(run.meta, "name", run.folder.name),
        started_at=_text(run.meta, "started_at", "unknown"),
        load_model=_text(run.meta, "load_model", "unknown"),
        verdict=result,
        headline=headline(result, judged, held, groups, standing),
        standings=standing,
        next_steps=[*_unverified(run.meta), *next_steps(result, judged, held, groups, _stops(run.meta))],
        validity=judged,
        disturbances=disturbed.told(found, run.meta),
        slo=held,
        groups=groups,
        slices=[one for part, entry in cutting for one in slices(part, cases, entry.gaps)],
        server_times=[one for part in found for one in server_times(part)],
        phases=[span for part in found for span in _spans(part)],
        health=workers(run.meta),
        variance=between_endpoints(steady),
        quality=quality.quality(found, graded),
        cost=_cost(run, found, groups, billed, prices),
        notes=notes + _notes(run, billed) + [note for entry in entries for note in _doubts(entry, run.gaps)],
        versions=_versions(run.meta),
        experiment=experiment(found, groups, run.meta),
        selection=section(entries, run.meta.get("scenario"), valid=judged.verdict == "valid"),
        plots=plots(found, entries, tails, every, attempts),
    )


def _measured(
    run: Run, found: list[Part], prices: Mapping[str, PriceTable], lines: list[Slo], tell: Tell
) -> tuple[list[Group], list[Entry], dict[str, dict[str, Spectrum]]]:
    """Make the figures of every part that has turns or is steady, and of each steady one an entry and its spectra."""
    groups, entries, tails = [], [], {}
    for part in each(found, "making figures", tell):
        gaps = histogram(gaps_of(run.gaps, part), part.seed)
        if part.phase == "steady":
            tails[target(part.endpoint, part.arm)] = spectra(part)
        group = _group(part, gaps, prices.get(part.endpoint), lines, run.meta)
        if len(part.turns) or part.phase == "steady":
            groups.append(group)
        if part.phase == "steady":
            monthly = month.monthly_turns(run.meta, part.endpoint)
            entries.append(Entry(part, gaps, prices.get(part.endpoint), run.meta.get("cases"), lines, monthly))
    return groups, entries, tails


def _slim(attempts: pd.DataFrame) -> pd.DataFrame:
    columns = {name: attempts[name] for name in ROWS_KEPT}
    return pd.DataFrame({**columns, "http_status": attempts["http_status"].fillna(0).astype("int16")}, copy=False)


def _turns_and_bills(
    run: Run, rows: list[pd.DataFrame], prices: Mapping[str, PriceTable], graded: Grades | None, notes: list[str]
) -> tuple[pd.DataFrame, dict[str, bill.Bill]]:
    """Take the rows, which may be all that holds them: what turns and bills do not need is given up on the way."""
    attempts = rows.pop()
    of = group(columns_of(attempts))
    billed = bill.bills(attempts, prices, of.last)
    columns = columns_of(cost.with_cost(attempts, prices))
    del attempts
    lean = LEAN if graded is None else LEAN | {"turn_id"}
    for name in columns.keys() - (lean | INGREDIENTS | TOLD_OF):
        del columns[name]
    told = Told(columns, of.last, _text(run.meta, "run_id", "")) if run.told else None
    every = turns_of(columns, lean, of)
    del of
    every = every if graded is None else graded.mark(every)
    return every if told is None else told.mark(every, run.told, notes), billed


def _group(
    part: Part, gaps: Histogram | None, table: PriceTable | None, lines: list[Slo], meta: dict[str, Any]
) -> Group:
    good = slo_eval.good_turns(lines, part, meta.get("cases"))
    speeds = rates.rates(part)
    if part.span_s > 0:
        speeds["goodput_turns_per_second"] = float(good.sum()) / part.span_s
    if part.attempts["sent_s"].notna().any():
        speeds["peak_arrivals_per_second"] = peak_per_second(part)
    return Group(
        endpoint=part.endpoint,
        arm=part.arm,
        phase=part.phase,
        start_s=part.start_s,
        end_s=part.end_s,
        cut_s=part.settled.cut_s,
        cut_turns=part.cut_turns,
        left_out_s=part.left_out_s,
        left_out_turns=part.left_out_turns,
        paused_s=part.paused_s,
        turns=len(part.turns),
        attempts=len(part.attempts),
        users=_users(part, meta),
        shares=shares(part.turns, part.blocks, part.seed),
        metrics=latency.metrics(part, gaps),
        cost=UnitCosts(
            part,
            table,
            meta.get("cases"),
            good & quality.not_wrong(part.turns),
            month.monthly_turns(meta, part.endpoint),
        ).figures(),
        rates=speeds,
        attainment=share(good, part.blocks, part.seed),
        variance=variance(part) if part.phase == "steady" else {},
        tries=tries(part),
    )


def _cost(
    run: Run, found: list[Part], groups: list[Group], billed: Mapping[str, bill.Bill], prices: Mapping[str, PriceTable]
) -> dict[str, object]:
    """Give the cost block: the bill, and a month of the scenario's mix."""
    endpoints = list(dict.fromkeys(part.endpoint for part in found))
    block = bill.summary(billed, prices, endpoints, _text(run.meta, "started_at", "unknown")[:10])
    mix = month.mixed(run.meta, groups)
    return block if mix is None else {**block, month.NAME: mix.model_dump(exclude_none=True)}


def _users(part: Part, meta: dict[str, Any]) -> int:
    """Give the users asked for, else those seen."""
    asked = meta.get("users")
    lane = f"{part.endpoint}.{part.arm}" if part.arm else part.endpoint
    number = asked.get(lane) if isinstance(asked, dict) else None
    return number if isinstance(number, int) else int(part.turns["user_id"].nunique())


def _lateness(found: list[Part]) -> dict[str, tuple[float, float]]:
    """Give each endpoint's steady schedule lag p99 and median response time, in seconds."""
    late = {}
    for part in found:
        lag, response = (part.sample(name) for name in ("schedule_lag_ms", "response_time_ms"))
        if part.phase == "steady" and lag.n and response.n:
            late[target(part.endpoint, part.arm)] = (lag.value(0.99) / 1000, response.value(0.5) / 1000)
    return late


def seed_of(meta: dict[str, Any]) -> int:
    """Give the run's seed."""
    seed = meta.get("seed")
    return abs(seed) if isinstance(seed, int) else 0


def _text(meta: dict[str, Any], key: str, default: str) -> str:
    return str(meta.get(key) or default)


def _stops(meta: dict[str, Any]) -> dict[str, str]:
    stops = meta.get("endpoint_stops")
    named = stops.items() if isinstance(stops, dict) else ()
    return {target(*str(lane).split(".", 1)): str(reason) for lane, reason in named}


def _versions(meta: dict[str, Any]) -> dict[str, str]:
    found = meta.get("versions")
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _spans(part: Part) -> Iterator[PhaseSpan]:
    """Give when a part ran, and before it what was cut off its start."""
    until = part.start_s - part.settled.cut_s
    if part.settled.cut_s:
        yield PhaseSpan(endpoint=part.endpoint, arm=part.arm, phase="cut", start_s=until, end_s=part.start_s)
    yield PhaseSpan(
        endpoint=part.endpoint,
        arm=part.arm,
        phase=part.phase,
        start_s=part.start_s,
        end_s=part.end_s,
        pauses=list(part.pauses),
    )


def _notes(run: Run, billed: Mapping[str, bill.Bill]) -> list[str]:
    notes = []
    if run.meta.get("interrupted"):
        notes.append("the run was interrupted: its phases are shorter than asked for")
    notes += validity_notes(run.meta)
    missing = sum(sum(one.unknown.values()) for one in billed.values())
    if missing:
        notes.append(f"attempts without known token usage: {missing:,}; their cost is unknown and in no total")
    guessed = sum(one.estimated for one in billed.values())
    if guessed:
        notes.append(f"attempts whose token usage is an estimate, not the server's: {guessed:,}; so is their cost")
    return notes


def _unverified(meta: Mapping[str, Any]) -> list[str]:
    """Name endpoints whose certificates were not verified: anybody may have answered."""
    scenario = meta.get("scenario")
    endpoints = scenario.get("endpoints") if isinstance(scenario, dict) else None
    remedy = "set ca_file in place of insecure: true"
    return [
        f"{name}'s TLS certificate was not verified, so that anybody on the way may have answered: {remedy}"
        for name, endpoint in (endpoints.items() if isinstance(endpoints, dict) else ())
        if isinstance(endpoint, dict) and endpoint.get("insecure")
    ]


def _doubts(entry: Entry, recorded: pd.DataFrame) -> list[str]:
    part = entry.part
    name = target(part.endpoint, part.arm)
    unread = gap_notes(name, gaps_of(recorded, part), entry.gaps)
    return [*steady.notes(part), *latency.unmeasured(part), *unread, *lost_gaps(name, recorded, part.turns)]
