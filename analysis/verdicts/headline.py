"""The headline: one verdict for the run, and the sentence that says why."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from analysis.model import Estimate, Group, SloLine, Validity
from analysis.verdicts.standing import ORDER
from analysis.words import wording

if TYPE_CHECKING:
    from analysis.model import Standing, Verdict

TOLD = 2
"""Endpoints that the headline tells of, the worst first; the others are counted."""


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


def headline(
    found: Verdict, validity: Validity, lines: list[SloLine], groups: list[Group], standing: list[Standing]
) -> str:
    """Say the verdict first, then the numbers that decided it, and what they leave out."""
    if found == "invalid":
        others = wording.more(len(validity.reasons) - 1, "reason")
        return f"INVALID: {validity.reasons[0]}{f' (and {others})' if len(validity.reasons) > 1 else ''}"
    return f"{_decided(found, lines, groups, standing)}{_without(groups)}"


def _without(groups: list[Group]) -> str:
    left_out_s = max((group.left_out_s for group in groups), default=0.0)
    return f" (without {wording.span(left_out_s)} disturbed by the loss of a worker)" if left_out_s else ""


def _decided(found: Verdict, lines: list[SloLine], groups: list[Group], standing: list[Standing]) -> str:
    if not any(group.turns for group in groups if group.phase == "steady"):
        return "INCONCLUSIVE: no turn was intended in a steady phase"
    loose = [line.sentence for line in lines if line.verdict == found and not line.endpoint]
    told = [*(one.sentence for one in standing[:TOLD]), *(loose if found != "pass" else [])[:TOLD]]
    lead = "" if lines else "no SLO was set; "
    others = standing[TOLD:]
    rest = _others(others) if lines else f". {len(others)} more" * bool(others)
    return f"{found.upper()}: {lead}{'. '.join(told)}{rest}"


def _others(standing: list[Standing]) -> str:
    """Count those that are not told of: `. Of 28 others 3 fail and 25 pass`."""
    if not standing:
        return ""
    counts = Counter(one.verdict for one in standing)
    words = ("fail", "are undecided", "pass")
    said = [f"{counts[one]} {word}" for one, word in zip(ORDER, words, strict=True) if counts[one]]
    return f". Of {len(standing)} more, {' and '.join(said)}"


def unanswered(groups: list[Group]) -> list[str]:
    """Name the endpoints whose steady phase had turns and not one success."""
    return [group.endpoint for group in groups if group.phase == "steady" and group.turns and _all_failed(group)]


def _all_failed(group: Group) -> bool:
    failed = group.shares.get("failed")
    return isinstance(failed, Estimate) and failed.value == 1
