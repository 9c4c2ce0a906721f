"""What to do next: repair the run, then the target, then the sample; each step names a figure or a command."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from analysis.model import Estimate, Group, SloLine
from analysis.verdicts.standing import clause, closest, parsed
from analysis.words import figures, wording
from scenarios.slo import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from analysis.model import Figure, Validity, Verdict

THROTTLED = 0.05
FAILED = 0.01
"""Shares of turns from which they are worth a step, whatever the lines say."""

REPAIRS = (
    (
        ("loop", "cpu", "core", "started late", "ran late"),
        "give the load generator more room: quit other work, add --workers N or machines, or load with fewer users",
    ),
    (("rows", "was lost", "left the run"), "find out why rows or workers were lost (disk full, killed, cable)"),
    (("clock",), "set the clocks of the workers' machines by NTP"),
    (("never ended", "interrupted"), "let the load run to its end"),
)
"""What a reason of invalidity speaks of, and what mends it."""


def next_steps(
    found: Verdict, validity: Validity, lines: Sequence[SloLine], groups: Sequence[Group], stops: Mapping[str, str]
) -> list[str]:
    """Say what to do, the most urgent first."""
    steady = [group for group in groups if group.phase == "steady"]
    steps = [f"{endpoint} was stopped ({reason}): mend that and run again" for endpoint, reason in stops.items()]
    if found == "invalid":
        steps += _repairs(validity)
    for group in steady:
        steps += _of_group(group, [line for line in lines if (line.endpoint, line.arm) == (group.endpoint, group.arm)])
    steps += _longer(lines, steady)
    if not lines and found != "invalid":  # a run that was cut short has none either, whatever the scenario says
        steps.append("set limits under `slo:` in the scenario, so that the next run has a verdict")
    if found == "pass" and lines:
        steps.append("hold the next run against this one: tailgate gate RUN --baseline latest")
    return steps


def _repairs(validity: Validity) -> Iterator[str]:
    """Say what mends each kind of reason."""
    text = " ".join(validity.reasons).lower()
    mends = [what for signs, what in REPAIRS if any(sign in text for sign in signs)]
    yield f"do not use these figures for a decision: {'; '.join(mends or ['mend what is named above'])}; then run again"


def _of_group(group: Group, lines: Sequence[SloLine]) -> Iterator[str]:
    name = wording.target(group.endpoint, group.arm)
    throttled, failed = group.shares.get("throttled"), group.shares.get("failed")
    if _exceeds(failed, 1.0 - 1e-9) and group.turns:
        yield f"{name} answered nothing{_worst(group)}: tailgate probe SCENARIO says what is wrong"
        return
    broken = [line for line in lines if line.verdict == "fail"]
    slow = [line for line in broken if line.unit == "ms" and isinstance(line.figure, Estimate)]
    if slow:
        yield _of_slowness(name, group, max(slow, key=_times))
    if _exceeds(throttled, THROTTLED) or any("throttled" in line.line for line in broken):
        yield _of_throttling(name, group)
    if _exceeds(failed, FAILED) and isinstance(failed, Estimate):
        share = wording.number(failed.value, "share")
        yield f"{name} left {share} of its turns without success{_worst(group)}: see their rows in attempts.csv"
    dear = [line for line in broken if line.unit == "usd"]
    if dear:
        yield f"{name} costs more than allowed ({clause(dear[0])}): {_of_cost(group)}"
    yield from _of_quality(name, broken)


def _of_quality(name: str, broken: Sequence[SloLine]) -> Iterator[str]:
    """Say where the answers stand that were not right."""
    found = [line for line in broken if (slo := parsed(line)) and METRICS[slo.metric].kind == "quality"]
    if found:
        told = " and ".join(clause(line) for line in found[:2])
        yield f"{name} does not answer well enough ({told}): read the answers under Quality, change model or prompt"


def _exceeds(figure: Figure | None, limit: float) -> bool:
    return isinstance(figure, Estimate) and figure.value > limit


def _times(line: SloLine) -> float:
    return line.figure.value / line.limit if isinstance(line.figure, Estimate) and line.limit else 0.0


def _of_slowness(name: str, group: Group, line: SloLine) -> str:
    """Tell a slow server from waits for a limit: where these broke the line, service time alone keeps it."""
    quantile, _, rest = line.line.partition("(")
    figure = group.metrics.get("service_time_ms", {}).get(quantile.strip().replace(".", "_"))
    if rest.startswith("response_time_ms") and isinstance(figure, Estimate) and figure.value < line.limit:
        return (
            f"{name} is slow because its turns wait for a limit, not because it answers slowly ({quantile.strip()} "
            f"service time is {figures.estimate_text(figure, 'ms')}): raise the limit, or load it with fewer users"
        )
    times = f"{wording.digits(_times(line))} {figures.TIMES} the limit of {figures.limit_text(line.limit, 'ms')}"
    users = group.users or 1
    fewer = f"find the load it holds, such as --users {max(users // 2, 1)}"
    return f"{name} is too slow at {users:,} users ({times}): {fewer}, or make it faster"


def _of_throttling(name: str, group: Group) -> str:
    share = group.shares["throttled"]
    told = wording.number(share.value, "share") if isinstance(share, Estimate) else "some"
    offered = group.rates.get("turns_offered_per_second")
    at = f" at {wording.digits(offered)} turns/s" if offered else ""
    return (
        f"{name} throttled {told} of its turns{at}: raise its limit, or run with fewer users; compare it with others "
        "only at a load that none of them throttles"
    )


def _of_cost(group: Group) -> str:
    wasted = group.cost.get("wasted_share")
    if isinstance(wasted, Estimate) and wasted.value > 0.01:
        return f"{wording.number(wasted.value, 'share')} of it bought no answer; end what fails and is tried again"
    return "shorten answers (max_output_tokens) or prompts, or cache the prompts' beginnings"


def _longer(lines: Sequence[SloLine], groups: Sequence[Group]) -> Iterator[str]:
    """Say how long to run for the undecided lines: the one that needs most; and name one that no length decides."""
    longer = [line for line in lines if line.verdict == "inconclusive" and line.needed_turns]
    if longer:
        most = max(longer, key=lambda line: line.needed_turns or 0)
        where = wording.target(most.endpoint, most.arm)
        also = f" (and {wording.more(len(longer) - 1, 'line')} with it)" if len(longer) > 1 else ""
        turns = f"about {most.needed_turns:,} steady turns"
        yield f"run longer to decide {most.line} on {where}{also}: {turns}{_steady(most, groups)}"
    near = [line for line in lines if line.verdict == "inconclusive" and not line.needed_turns]
    if near:
        line = closest(near)
        where = wording.target(line.endpoint, line.arm)
        yield f"{line.line}{f' on {where}' if where else ''} stays undecided: {_why(line)}"


def _why(line: SloLine) -> str:
    if isinstance(line.figure, Estimate):
        reason = line.sentence.partition("; ")[2]
        return reason or "its figure is too close to the limit for any longer run; move the limit or the load"
    return line.figure.not_estimable


def _steady(line: SloLine, groups: Sequence[Group]) -> str:
    """Give the key to set: `, so set steady to 4 min (it was 50 s)`."""
    group = next((one for one in groups if (one.endpoint, one.arm) == (line.endpoint, line.arm)), None)
    if group is None or not group.turns or not line.needed_turns:
        return ""
    span_s = group.end_s - group.start_s - group.paused_s
    seconds = span_s * line.needed_turns / group.turns
    if not seconds > span_s > 0:
        return ""
    rounded = math.ceil(seconds / 10) * 10 if seconds < 120 else math.ceil(seconds / 60) * 60
    return f", so set traffic.steady to {wording.span(rounded)} (now {wording.span(span_s)})"


def _worst(group: Group) -> str:
    good = {"ok", "ok_length", "throttled", "failed"}
    found = [(f.value, name) for name, f in group.shares.items() if name not in good and isinstance(f, Estimate)]
    value, name = max(found, default=(0.0, ""))
    return f", most of them {name.replace('_', ' ')}" if value > 0 else ""
