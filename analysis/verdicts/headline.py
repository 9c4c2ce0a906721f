"""The headline: one verdict for the run, one sentence that says why, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.model import Estimate, Group, NotEstimable, SloLine, Validity
from analysis.words import wording

if TYPE_CHECKING:
    from analysis.model import Verdict

ORDER = {"fail": 0, "inconclusive": 1, "pass": 2}


def verdict(validity: Validity, lines: list[SloLine], groups: list[Group]) -> Verdict:
    """Invalid before all; fail if any line fails; pass only if all pass and something was measured."""
    if validity.verdict == "invalid":
        return "invalid"
    found = {line.verdict for line in lines}
    if "fail" in found:
        return "fail"
    if "inconclusive" in found or not any(group.turns for group in groups if group.phase == "steady"):
        return "inconclusive"
    if unanswered(groups):
        return "inconclusive"
    return "pass"


def headline(found: Verdict, validity: Validity, lines: list[SloLine], groups: list[Group]) -> str:
    """Say the verdict first, then the numbers that decided it."""
    if found == "invalid":
        return f"INVALID: {validity.reasons[0]}{_more(len(validity.reasons) - 1, 'reason')}"
    if not any(group.turns for group in groups if group.phase == "steady"):
        return "INCONCLUSIVE: no turn was intended in a steady phase"
    if found == "inconclusive" and (silent := unanswered(groups)):
        return f"INCONCLUSIVE: not one turn of {', '.join(silent)} was answered"
    if not lines:
        return f"PASS: no SLO was set; {_tails(groups)}"
    if found == "pass":
        return f"PASS: {_all(len(lines))}; closest, {closest(lines).sentence}"
    decisive = [line for line in lines if line.verdict == found]
    return f"{found.upper()}: {decisive[0].sentence}{_more(len(decisive) - 1, 'line')}"


def unanswered(groups: list[Group]) -> list[str]:
    """Name the endpoints whose steady phase had turns and not one success."""
    return [group.endpoint for group in groups if group.phase == "steady" and group.turns and _all_failed(group)]


def _all_failed(group: Group) -> bool:
    failed = group.shares.get("failed")
    return isinstance(failed, Estimate) and failed.value == 1


def _all(count: int) -> str:
    return "the SLO line is kept" if count == 1 else f"all {count} SLO lines are kept"


def _more(count: int, noun: str) -> str:
    if count <= 0:
        return ""
    return f" (and {count} more {noun}{'s' if count > 1 else ''})"


def closest(lines: list[SloLine]) -> SloLine:
    """Give the passing line whose figure is nearest to its limit, in proportion."""
    return min(lines, key=_room)


def _room(line: SloLine) -> float:
    if isinstance(line.figure, NotEstimable) or not line.limit:
        return float("inf")
    return abs(line.limit - line.figure.value) / abs(line.limit)


def _tails(groups: list[Group]) -> str:
    parts = []
    for group in groups:
        if group.phase == "steady":
            figure = group.metrics.get("ttft_ms", {}).get("p95", NotEstimable(not_estimable="not measured"))
            parts.append(f"{wording.target(group.endpoint, group.arm)} p95(ttft_ms) {wording.figure(figure, 'ms')}")
    return "; ".join(parts)


def next_steps(found: Verdict, lines: list[SloLine], groups: list[Group], stops: dict[str, str]) -> list[str]:
    """Say what to do: repair the run, then the target, then the sample."""
    steps = [f"{endpoint} was stopped ({reason}): mend that and run again" for endpoint, reason in stops.items()]
    if found == "invalid":
        steps.append(
            "do not use these figures for a decision: mend what is named above and run again (was the machine busy? "
            "quit other work, add --workers N, or load with fewer users)"
        )
    for group in groups:
        steps += _of_group(group)
    longer = [line for line in lines if line.verdict == "inconclusive" and line.needed_turns]
    if longer:
        most = max(longer, key=lambda line: line.needed_turns or 0)
        where = wording.target(most.endpoint, most.arm)
        steps.append(f"run longer to decide {most.line} on {where}: about {most.needed_turns:,} steady turns")
    near = [line for line in lines if line.verdict == "inconclusive" and not line.needed_turns]
    steps += [
        f"{line.line} on {wording.target(line.endpoint, line.arm)} stays undecided: see its reason" for line in near[:1]
    ]
    if not lines and found != "invalid":  # a run that was cut short has none either, whatever the scenario says
        steps.append("set limits under `slo:` in the scenario, so that the next run has a verdict")
    return steps


def _of_group(group: Group) -> list[str]:
    if group.phase != "steady":
        return []
    steps = []
    name = wording.target(group.endpoint, group.arm)
    throttled, failed = group.shares.get("throttled"), group.shares.get("failed")
    if isinstance(throttled, Estimate) and throttled.value > 0.05:
        steps.append(
            f"{name} throttled {wording.number(throttled.value, 'share')} of its turns: compare it with "
            "others only at a load that none of them throttles, or raise its limit"
        )
    if isinstance(failed, Estimate) and failed.value > 0.01:
        worst = _worst(group)
        steps.append(f"{name} left {wording.number(failed.value, 'share')} of its turns without success{worst}")
    return steps


def _worst(group: Group) -> str:
    good = {"ok", "ok_length", "throttled", "failed"}
    found = [(f.value, name) for name, f in group.shares.items() if name not in good and isinstance(f, Estimate)]
    value, name = max(found, default=(0.0, ""))
    return f", most of them {name.replace('_', ' ')}" if value > 0 else ""
