"""Planning: how many turns decide a margin, and what a comparison of this size can find."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import chdtri, ndtri

from analysis.model import NotEstimable
from analysis.stats.effect import Effect
from analysis.stats.quantiles import Z

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scenarios.slo import Slo

LEVEL = 0.025
"""Of each one-sided test: the two sides of a 95 % interval."""

POWER = 0.80
PLANNED = 0.90
"""Chance to plan for: the spread of a pilot is itself an estimate, and four in five should be found all the same."""

FEWEST_OF_PILOT = 10
"""Values of a side from which its spread can be guessed."""

LONGEST = 20
"""A line that would need more than this many times the turns is too close to its margin to be decided by running."""


def found_at(found: Effect, slo: Slo, tests: int) -> float | None:
    """Give the least true effect that fails with a chance of `POWER`: margin + (z(level / tests) + z(power)) error."""
    reach = float(ndtri(1 - LEVEL / tests) + ndtri(POWER)) * found.error
    value = found.on_scale(slo.limit) + (reach if slo.comparator.startswith("<") else -reach)
    if not math.isfinite(value) or value > 700:
        return None
    return float(math.exp(value)) if found.form == "ratio" else float(value)


def turns_to_find(found: Effect, slo: Slo, true: float, tests: int = 1) -> int | None:
    """Give the turns per side at which a true effect is found on its side of the margin with a chance of `PLANNED`."""
    return _turns(found, found.on_scale(true) - found.on_scale(slo.limit), tests)


def planned_turns(found: Effect | NotEstimable, slo: Slo, tests: int) -> int | None:
    """Give the turns per side that a margin asks for, whatever was seen.

    With them no change passes and one of twice the margin fails, each with a chance of `PLANNED`. None for a margin of
    no change, and where the run is the unit.
    """
    if isinstance(found, NotEstimable):
        return None
    none = 1.0 if found.form == "ratio" else 0.0
    twice = none + 2 * (slo.limit - none)
    ends = [none] if found.form == "ratio" and twice <= 0 else [none, twice]
    needs = [turns_to_find(found, slo, end, tests) for end in ends]
    return None if None in needs else max(need for need in needs if need is not None)


def needed_turns(found: Effect | NotEstimable, slo: Slo, tests: int) -> int | None:
    """Give the turns per side that would decide an open line with a chance of `PLANNED`, were its figure true.

    At least the planned ones, for the figure of a small run may lie far from the truth. None where it lies too near to
    the margin.
    """
    if isinstance(found, NotEstimable):
        return found.needed_turns
    if found.n_even is None:
        return None
    planned = planned_turns(found, slo, tests) or 0
    seen = _turns(found, found.value - found.on_scale(slo.limit), tests)
    if seen is None or seen > LONGEST * found.n_even:
        return planned if planned > found.n_even else None
    return max(seen, planned, math.ceil(1.1 * found.n_even))


def pilot(base: NDArray[np.float64], candidate: NDArray[np.float64], slo: Slo) -> Effect | None:
    """Give what two samples too small for a quantile's interval let expect of its ratio, as if they were lognormal.

    Var(ln quantile) = p (1 - p) / (n density^2), at the quantile of the normal of their logarithms; whose variance is
    taken at its upper 80 % bound, for a plan by the estimate itself fails half the time (Browne 1995).
    """
    sides = [np.log(side[side > 0]) for side in (base, candidate)]
    if slo.quantile is None or slo.form != "ratio" or min(map(len, sides)) < FEWEST_OF_PILOT:
        return None
    p, z = slo.quantile, float(ndtri(slo.quantile))
    df = sum(map(len, sides)) - len(sides)
    variance = float(np.mean([side.var(ddof=1) for side in sides])) * df / float(chdtri(df, 0.80))
    each = p * (1 - p) * 2 * math.pi * math.exp(z * z) * variance
    n = min(map(len, sides))
    half = Z * math.sqrt(each * sum(1 / len(side) for side in sides))
    even = len(sides) / sum(1 / len(side) for side in sides)
    return Effect("ratio", 0.0, -half, half, math.inf, n, "as if lognormal", even)


def _turns(found: Effect, distance: float, tests: int) -> int | None:
    """Give n (reach / distance)^2; failing takes Holm's level, and where that is not known it is taken."""
    reach = float(ndtri(1 - LEVEL / tests) + ndtri(PLANNED)) * found.error
    if found.n_even is None or not math.isfinite(distance) or not math.isfinite(reach) or not distance:
        return None
    return math.ceil(found.n_even * (reach / distance) ** 2)
