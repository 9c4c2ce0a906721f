"""Effects: how far a candidate's figure lies from a baseline's, as ratio or difference, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtr, stdtrit

from analysis.model import Estimate, Figure, NotEstimable
from analysis.stats.quantiles import Z

Form = Literal["ratio", "difference"]

MOVER = "interval recovered from both sides' intervals (MOVER; Zou & Donner 2008)"


@dataclass(frozen=True)
class Joint:
    """How both sides vary together over what they share, such as cases.

    `of_candidate` and `of_base` are each side's variance over it, `covariance` theirs, as multiples of the variance
    (standard deviations) behind its own interval; `df` are the degrees of freedom of Student's t; `over` says of what.
    """

    of_candidate: float
    of_base: float
    covariance: float
    df: float
    over: str

    def reach(self, candidate: float, base: float) -> float:
        """Give the distance to a bound of candidate - base from each side's own: Zou 2007, for correlated sides."""
        squared = self.of_candidate * candidate**2 + self.of_base * base**2 - 2 * self.covariance * candidate * base
        return math.sqrt(max(squared, 0.0)) * float(stdtrit(self.df, 0.975)) / Z


@dataclass(frozen=True)
class Effect:
    """`value`, `low`, `high`: ln(candidate / base) or candidate - base, with its 95 % interval.

    `df` are the degrees of freedom of Student's t behind the interval; infinite for the normal. `n_even` are the turns
    per side that would tell as much were there equally many: the harmonic mean; None where the run is the unit.
    """

    form: Form
    value: float
    low: float
    high: float
    df: float
    n: int
    method: str
    n_even: float | None = None

    @property
    def crossing(self) -> float:
        """Give how many standard errors the interval reaches to each side."""
        return Z if math.isinf(self.df) else float(stdtrit(self.df, 0.975))

    def on_scale(self, limit: float) -> float:
        """Put a limit on the effect's own scale: the logarithm of a ratio."""
        return math.log(limit) if self.form == "ratio" else limit

    def beyond(self, limit: float, *, above: bool) -> float:
        """Give the one-sided p-value of the true effect lying beyond the limit: small = it surely does."""
        distance = (self.value - self.on_scale(limit)) * (1 if above else -1)
        lower = (distance > 0) == above
        error = (self.value - self.low if lower else self.high - self.value) / self.crossing
        if error == 0:
            return 0.0 if distance > 0 else 1.0
        z = distance / error
        return float(stdtr(self.df, -z)) if math.isfinite(self.df) else 0.5 * math.erfc(z / math.sqrt(2))

    @property
    def error(self) -> float:
        """Give the standard error, the wider side's."""
        return max(self.value - self.low, self.high - self.value) / self.crossing

    def figure(self) -> Estimate:
        """Give the ratio or the difference with its interval; an infinite bound is None."""
        back = _exp if self.form == "ratio" else float
        low, high = back(self.low), back(self.high)
        return Estimate(
            value=back(self.value),
            low=low if math.isfinite(low) else None,
            high=high if math.isfinite(high) else None,
            n=self.n,
            method=self.method,
        )


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


def effect(
    form: Form, candidate: Sequence[Figure], base: Sequence[Figure], joint: Joint | None = None
) -> Effect | NotEstimable:
    """Compare one figure of each side, or of several runs of each side; the run is then the unit (Student's t).

    Without `joint` the sides are taken as independent.
    """
    missing = [figure for figure in (*base, *candidate) if isinstance(figure, NotEstimable)]
    if missing:
        return missing[0]
    of_base = [figure for figure in base if isinstance(figure, Estimate)]
    of_candidate = [figure for figure in candidate if isinstance(figure, Estimate)]
    if form == "ratio" and any(figure.value <= 0 for figure in of_base):
        return NotEstimable(not_estimable="no ratio to a baseline of 0")
    if len(of_base) == len(of_candidate) == 1:
        return _mover(form, of_candidate[0], of_base[0], joint)
    return _student(form, of_candidate, of_base)


def _mover(form: Form, candidate: Estimate, base: Estimate, joint: Joint | None) -> Effect:
    """Give d -+ sqrt of the squared distances to the bounds: candidate's lower with base's upper, and crosswise."""
    c, c_low, c_high = _scaled(form, candidate)
    b, b_low, b_high = _scaled(form, base)
    value = c - b
    n, n_even = min(candidate.n, base.n), 2 / (1 / candidate.n + 1 / base.n)
    sides = (c - c_low, b_high - b, c_high - c, b - b_low)
    if joint is None or not all(map(math.isfinite, (value, *sides))):
        low = value - math.hypot(*sides[:2]) if math.isfinite(value) else -math.inf
        high = value + math.hypot(*sides[2:]) if math.isfinite(value) else _zero_high(c_high, b_low)
        return Effect(form, value, low, high, math.inf, n, MOVER, n_even)
    low, high = value - joint.reach(*sides[:2]), value + joint.reach(*sides[2:])
    return Effect(form, value, low, high, joint.df, n, f"{MOVER}, {joint.over}", n_even)


def _zero_high(c_high: float, b_low: float) -> float:
    """Bound the ratio of a candidate of 0: its own upper bound to the base's lower one."""
    return c_high - b_low


def _scaled(form: Form, figure: Estimate) -> tuple[float, float, float]:
    low = -math.inf if figure.low is None else figure.low
    high = math.inf if figure.high is None else figure.high
    if form == "difference":
        return figure.value, low, high
    return _ln(figure.value), _ln(low), _ln(high)


def _ln(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


def _student(form: Form, candidate: list[Estimate], base: list[Estimate]) -> Effect | NotEstimable:
    """Compare means over runs (of logarithms for a ratio) by Welch's t; a single run borrows the other's spread."""
    if form == "ratio" and any(figure.value <= 0 for figure in candidate):
        return NotEstimable(not_estimable="no ratio to the mean of runs of which one is 0")
    c = np.array([_scaled(form, figure)[0] for figure in candidate])
    b = np.array([_scaled(form, figure)[0] for figure in base])
    parts = [(float(side.var(ddof=1)) / len(side), len(side) - 1) for side in (c, b) if len(side) > 1]
    if len(parts) == 2:
        squared = sum(part for part, _ in parts)
        weight = sum(part**2 / df for part, df in parts)
        df = squared**2 / weight if weight else float(len(c) + len(b) - 2)
    else:
        many = c if len(c) > 1 else b
        squared, df = float(many.var(ddof=1)) * (1 + 1 / len(many)), float(len(many) - 1)
    value, half = float(c.mean() - b.mean()), float(stdtrit(df, 0.975)) * math.sqrt(squared)
    within = Z * math.hypot(_within(form, candidate), _within(form, base))
    if within > half:
        # Runs that agree by chance: what each alone cannot tell, their mean cannot tell much better.
        within_runs = f"{len(c)} runs against {len(b)}, which differ no more than their own intervals tell"
        return Effect(form, value, value - within, value + within, math.inf, min(len(c), len(b)), within_runs)
    method = f"{len(c)} runs against {len(b)}, the run is the unit, Student's t with {df:.1f} degrees of freedom"
    return Effect(form, value, value - half, value + half, df, min(len(c), len(b)), method)


def _within(form: Form, side: list[Estimate]) -> float:
    """Give the standard error of a mean over runs that the runs' own intervals imply."""
    halves = [max(value - low, high - value) for value, low, high in (_scaled(form, figure) for figure in side)]
    return math.sqrt(sum((half / Z) ** 2 for half in halves)) / len(side)


def over_runs(found: Sequence[Figure]) -> Figure:
    """Give one figure of several runs: their mean with Student's t between runs; one run's as it is."""
    if len(found) == 1:
        return found[0]
    known = [figure.value for figure in found if isinstance(figure, Estimate)]
    if len(known) < len(found):
        why = next(figure.not_estimable for figure in found if isinstance(figure, NotEstimable))
        return NotEstimable(not_estimable=f"in {len(found) - len(known)} of {len(found)} runs: {why}")
    values = np.array(known)
    half = float(stdtrit(len(values) - 1, 0.975)) * float(values.std(ddof=1)) / math.sqrt(len(values))
    value = float(values.mean())
    method = f"mean of {len(values)} runs, Student's t"
    return Estimate(value=value, low=value - half, high=value + half, n=len(values), method=method)
