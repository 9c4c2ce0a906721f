"""The lines of a run held against its steady parts, each against those that it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.model import NotEstimable
from analysis.verdicts import slo_eval

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from analysis.entry import Entry
    from analysis.measures.part import Part
    from analysis.model import SloLine
    from scenarios.slo import Slo

NO_STEADY = "no data, for it has no steady phase"
RELATIVE = "it is relative to a baseline: tailgate gate RUN --baseline BASE"


def hold(lines: Sequence[Slo], entry: Entry) -> Iterator[SloLine]:
    """Give the verdict of each line that concerns the entry; relative ones have none without a baseline."""
    for slo in lines:
        if not slo_eval.concerns(slo, entry.part):
            continue
        if slo.form != "limit":
            yield slo_eval.undecided(slo.text, RELATIVE, entry.part.endpoint, entry.part.arm)
            continue
        own = entry.of_kind(slo.kind) if slo.kind else entry
        yield slo_eval.evaluate(slo, own.part, own.gaps, own.given)


def unread(lines: Mapping[str, str], found: Sequence[Part]) -> Iterator[SloLine]:
    """Give each line that cannot be read, with the reason, once for each steady part; without one, of the run."""
    steady = [(part.endpoint, part.arm) for part in found if part.phase == "steady"]
    for line, reason in lines.items():
        yield from (slo_eval.undecided(line, reason, *pair) for pair in steady or [("", "")])


def unmeasured(lines: Sequence[Slo], found: Sequence[Part], meta: Mapping[str, Any]) -> Iterator[SloLine]:
    """Give each line at each endpoint and arm that it is about and that has no steady phase: not a pass."""
    steady = {(part.endpoint, part.arm) for part in found if part.phase == "steady"}
    asked = dict.fromkeys([*_asked(meta), *((part.endpoint, part.arm) for part in found)])
    for slo in lines:
        own = [pair for pair in asked if slo.endpoint in ("", pair[0]) and slo.arm in ("", pair[1])]
        for endpoint, arm in own or [(slo.endpoint, slo.arm)]:
            if (endpoint, arm) not in steady:
                yield slo_eval.undecided(slo.text, NO_STEADY, endpoint, arm)


def _asked(meta: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give the endpoints and arms that the run set out to load, the keys of run.json's `users`."""
    users = meta.get("users")
    for lane in users if isinstance(users, dict) else ():
        endpoint, _, arm = str(lane).partition(".")
        yield endpoint, arm


def is_relative(line: SloLine) -> bool:
    """Tell whether a line of a report waits for a baseline."""
    return isinstance(line.figure, NotEstimable) and line.figure.not_estimable == RELATIVE
