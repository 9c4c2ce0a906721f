"""The month: what the scenario's traffic of a month would cost at the measured cost per turn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from analysis.model import Estimate, Figure, NotEstimable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analysis.model import Group

NAME = "cost_per_month_usd"


def monthly_turns(meta: Mapping[str, Any], endpoint: str) -> int | None:
    """Give `cost.monthly_turns` of an endpoint: its own part of a mix, or the number that it would serve alone."""
    turns = _asked(meta)
    number = turns.get(endpoint) if isinstance(turns, dict) else turns
    return number if isinstance(number, int) else None


def _asked(meta: Mapping[str, Any]) -> object:
    scenario = meta.get("scenario")
    block = scenario.get("cost") if isinstance(scenario, dict) else None
    return block.get("monthly_turns") if isinstance(block, dict) else None


def mixed(meta: Mapping[str, Any], groups: Sequence[Group]) -> Figure | None:
    """Estimate a month of the whole mix, the sum over its endpoints; None where the scenario has no mix.

    Endpoints are independent, so the squared distances to their bounds add up (MOVER; Zou & Donner 2008).
    """
    turns = _asked(meta)
    if not isinstance(turns, dict) or not turns:
        return None
    parts = []
    for endpoint in map(str, turns):
        own = [group.cost.get(NAME) for group in groups if group.phase == "steady" and group.endpoint == endpoint]
        if len(own) != 1:
            return NotEstimable(not_estimable=f"{endpoint} has {len(own)} steady parts: one is needed for its month")
        if not isinstance(own[0], Estimate):
            reason = own[0].not_estimable if own[0] else "no cost"
            return NotEstimable(not_estimable=f"{endpoint}: {reason}")
        parts.append(own[0])
    value = sum(part.value for part in parts)
    return Estimate(
        value=value,
        low=value - math.hypot(*(part.value - (part.low or 0.0) for part in parts)),
        high=value + math.hypot(*((part.high or math.inf) - part.value for part in parts)),
        n=sum(part.n for part in parts),
        method=f"sum over {len(parts)} endpoints of the mix (MOVER)",
    )
