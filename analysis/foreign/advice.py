"""Advice on an imported run: what failed, how many requests the open lines need, and what to set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from analysis.model import Estimate
from analysis.words import wording

if TYPE_CHECKING:
    from analysis.foreign.locust_csv import Failure
    from analysis.model import Group, SloLine, Verdict

FAILED = 0.01
"""Share of requests from which failures are worth a step."""


def next_steps(
    found: Verdict, lines: Sequence[SloLine], groups: Sequence[Group], failures: Sequence[Failure]
) -> list[str]:
    """Say what to do, the most urgent first."""
    steps = [step for group in groups for step in _of_failures(group, failures)]
    steps += _longer(lines)
    if not lines:
        steps.append("set limits, so that the import has a verdict: --slo 'p95(service_time_ms) < 800'")
    if found == "pass" and lines:
        steps.append("hold the next run against this one: tailgate compare THIS-RUN NEXT-RUN")
    return steps


def _of_failures(group: Group, failures: Sequence[Failure]) -> Iterator[str]:
    failed = group.shares["failed"]
    if not isinstance(failed, Estimate) or failed.value <= FAILED:
        return
    own = sorted((one for one in failures if one.label == group.endpoint), key=lambda one: -one.occurrences)
    most = f", most often with {own[0].error[:120]}" if own else ""
    share = wording.number(failed.value, "share")
    yield f"{group.endpoint} failed in {share} of its {group.turns:,} requests{most}: mend that first"


def _longer(lines: Sequence[SloLine]) -> Iterator[str]:
    """Say how many requests decide what is open: of the line that needs most."""
    longer = [line for line in lines if line.verdict == "inconclusive" and line.needed_turns]
    if longer:
        most = max(longer, key=lambda line: line.needed_turns or 0)
        also = f" (and {wording.more(len(longer) - 1, 'line')} with it)" if len(longer) > 1 else ""
        yield f"run longer to decide {most.line} on {most.endpoint}{also}: about {most.needed_turns:,} requests of it"
