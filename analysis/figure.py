"""Figures: a number with its interval, or why there is none."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """An immutable part of the report."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(Frozen):
    """A number with its 95 % interval, sample size and method; `low`/`high` are None when one-sided or unknown.

    `n_effective` is the number of independent turns that would say as much, where it was estimated.
    """

    value: float
    low: float | None = None
    high: float | None = None
    n: int
    n_effective: float | None = None
    method: str


class NotEstimable(Frozen):
    """Why there is no number, and what would make one; `needed_turns` is how many turns, where that is all it takes."""

    not_estimable: str
    needed_turns: int | None = None


INFINITE = NotEstimable(not_estimable="infinite: too many turns had no success")
"""A quantile among turns that were never answered."""

Figure = Estimate | NotEstimable
