"""`tailgate check`: what a scenario will do, need and cost, before anything is sent."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.words.wording import target
from scenarios.errors import ExitCode

if TYPE_CHECKING:
    from rich.table import Table

    from scenarios.plan import Expectation, Stage
    from scenarios.scenario import Scenario

PIPE_WIDTH = 160
"""Columns when nobody's terminal sets them."""


def check_scenario(file: Path, workers: int = 1) -> ExitCode:
    """Validate `file` and print its plan for so many workers. Raises TailgateError."""
    from rich.console import Console

    from scenarios.plan import expectation, phases
    from scenarios.scenario import load

    scenario = load(file)
    expected = expectation(scenario)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
    piped = not console.is_terminal
    console.print(headline(scenario, expected), soft_wrap=piped)
    tables = [_phases(scenario, phases(scenario, list(scenario.endpoints))), _loads(expected)]
    for table in [*tables, _needs(expected)] if expected.slo else tables:
        console.print()
        console.print(table)
    for note in [*notes(scenario, expected), *_capacity(scenario, workers)]:
        console.print(f"\n! {note}", markup=False, soft_wrap=piped)
    return ExitCode.PASS


def headline(scenario: Scenario, expected: Expectation) -> str:
    """Give the plan in one line."""
    count = len(expected.endpoints)
    requests = sum(each.requests for each in expected.endpoints)
    names = f"{count} endpoint{'s' if count > 1 else ''}"
    return (
        f"{scenario.name}: {names}, {scenario.traffic.users} users each (closed loop), at most "
        f"{_duration(expected.duration_s)}, about {requests:,} requests, {_dollars(expected.cost_usd)}"
    )


def notes(scenario: Scenario, expected: Expectation) -> Iterator[str]:
    """Say what is missing, guessed or unsafe."""
    for name, endpoint in scenario.endpoints.items():
        yield from (f"{name}: {warning}" for warning in endpoint.warnings)
    for each in expected.endpoints:
        if each.cost_note:
            yield f"{each.endpoint}: {each.cost_note}"
        if each.assumed:
            yield f"{each.endpoint}: its speed is not known yet; assumed are {each.assumed}"
    for lacks in dict.fromkeys(need.lacks for need in expected.slo if need.lacks):
        lines = [f"{need.line} on {need.endpoint}" for need in expected.slo if need.lacks == lacks]
        yield f"{lacks}, so these lines will stay open: {', '.join(lines)}"
    short = [need for need in expected.slo if not need.enough and not need.lacks]
    if short:
        factor = max((need.needed_turns or 0) / max(need.expected_turns, 1) for need in short)
        steady_s = math.ceil(scenario.traffic.steady * factor)
        yield f"too few turns to decide every SLO line: raise traffic.steady to {_duration(steady_s)}, or the users"


def _capacity(scenario: Scenario, workers: int) -> Iterator[str]:
    """Say so when the workers cannot carry the load."""
    from scenarios.capacity import CHUNK_CPU_S, too_few

    if (demand := too_few(scenario, workers)) is None:
        return
    name = f"{demand.endpoint} · {demand.arm}" if demand.arm else demand.endpoint
    given = "1 worker has 1" if workers == 1 else f"{workers} workers have {workers}"
    yield (
        f"{name}: {demand.streams:,} users at {demand.tokens_per_second:g} tokens/s are up to "
        f"{demand.chunks_per_s:,.0f} chunks/s, with {demand.turns_per_s:,.0f} turns/s: that takes about "
        f"{demand.cores:.1f} cores ({CHUNK_CPU_S * 1e6:.0f} µs a chunk), and {given}: the run may come out invalid; "
        f"use --workers {demand.workers}, on as many cores"
    )


def _phases(scenario: Scenario, stages: Iterable[Stage]) -> Table:
    rounds = scenario.campaign.rounds
    table = _table("Phase", *(["Round>"] if rounds > 1 else []), "Endpoint", "Users>", "Starts>", "Length>")
    start_s, before = 0.0, (0, "", "")
    for stage in stages:
        load = stage.round, stage.endpoint, stage.arm
        ramps = load != before and scenario.for_arm(stage.arm).traffic.ramp > 0
        length = f"at most {_duration(stage.duration_s)}" if stage.phase == "drain" else _duration(stage.duration_s)
        phase = "ramp" if ramps else stage.phase
        row = [phase, *([str(stage.round)] if rounds > 1 else []), target(stage.endpoint, stage.arm)]
        table.add_row(*row, f"{stage.users:,}", _duration(start_s), length)
        start_s, before = start_s + stage.duration_s, load
    return table


def _loads(expected: Expectation) -> Table:
    table = _table(
        "Expected", "Turns\ncounted>", "Requests>", "Input\ntokens>", "Output\ntokens>", "Dollars>", "Limited\nby"
    )
    for each in expected.endpoints:
        numbers = (each.turns, each.requests, each.input_tokens, each.output_tokens)
        table.add_row(each.endpoint, *(f"{number:,}" for number in numbers), _dollars(each.cost_usd), each.limited_by)
    return table


def _needs(expected: Expectation) -> Table:
    table = _table("SLO", "Endpoint", "Needs turns>", "Expects>", "")
    for need in expected.slo:
        needs = "depends" if need.needed_turns is None else f"{need.needed_turns:,}"
        table.add_row(
            need.line,
            need.endpoint,
            needs,
            f"{need.expected_turns:,}",
            "enough" if need.enough else ("never" if need.lacks else "too few"),
        )
    return table


def _table(*heads: str) -> Table:
    """Give a table without lines; a head that ends in `>` is a column of numbers."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), title_justify="left", header_style="bold", title="")
    for head in heads:
        number = head.endswith(">")
        table.add_column(head.removesuffix(">"), justify="right" if number else "left", no_wrap=number, overflow="fold")
    return table


def _dollars(amount_usd: Decimal | None) -> str:
    if amount_usd is None:
        return "cost unknown"
    return f"${amount_usd:,.2f}" if amount_usd >= 1 or not amount_usd else f"${amount_usd:.4f}"


def _duration(seconds: float) -> str:
    whole, rest = divmod(round(seconds, 3), 60)
    if not whole:
        return f"{rest:g} s"
    return f"{whole:.0f} min" + (f" {rest:g} s" if rest else "")
