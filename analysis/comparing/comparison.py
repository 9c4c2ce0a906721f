"""The shape of `compare.json`: everything that is said about a candidate beside a baseline."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from analysis.model import Figure, Frozen, Spectrum, Verdict

COMPARISON_SCHEMA_VERSION = 1


class RunOf(Frozen):
    """One run of a side."""

    run_id: str
    name: str
    started_at: str
    folder: str
    validity: Literal["valid", "invalid"]
    reasons: list[str] = Field(default_factory=list)


class Discordant(Frozen):
    """Turns of the same case side by side, the k-th of each beside the k-th: how many have a mark on one side alone."""

    pairs: int
    only_base: int
    only_candidate: int


class Contrast(Frozen):
    """One figure of both sides, with the ratio candidate / base and the difference candidate - base.

    `seen`: where the whole interval of the ratio (of a share: the difference) lies; `unknown` without an interval.
    `discordant`: of a share, where both sides answered the same cases.
    """

    name: str
    statistic: str
    unit: str
    base: Figure
    candidate: Figure
    ratio: Figure
    difference: Figure
    seen: Literal["higher", "lower", "no difference shown", "unknown"]
    discordant: Discordant | None = None


class Pair(Frozen):
    """One endpoint and arm of the base beside one of the candidate; `remarks` say what makes them unlike."""

    name: str
    base: str
    candidate: str
    base_turns: int
    candidate_turns: int
    contrasts: list[Contrast]
    remarks: list[str] = Field(default_factory=list)


class MarginLine(Frozen):
    """One margin held against one pair.

    `p_value` is the one-sided p-value of lying beyond the margin, `p_adjusted` the same by Holm over all lines; `fail`
    needs the latter below 2.5 %. `found_at`: the least true ratio or difference that such a comparison finds to be
    beyond the margin four times in five. `needed_turns` per side would decide an open line; of a line on
    quality whose cases repeat it is `needed_cases`, each answered as often as now. `planned_turns` per side
    are what the margin asks for, whatever was seen: with them no change passes and a change of twice the margin fails,
    four times in five.
    """

    line: str
    pair: str
    verdict: Literal["pass", "fail", "inconclusive"]
    form: Literal["ratio", "difference"]
    figure: Figure
    limit: float
    comparator: str
    unit: str
    p_value: float | None = None
    p_adjusted: float | None = None
    found_at: float | None = None
    needed_turns: int | None = None
    needed_cases: int | None = None
    planned_turns: int | None = None
    sentence: str


class Overlay(Frozen):
    """The percentile spectra of both sides of a pair, for one metric."""

    pair: str
    metric: str
    base: Spectrum
    candidate: Spectrum


class Comparison(Frozen):
    """Everything that is said about a candidate beside a baseline."""

    schema_version: int = COMPARISON_SCHEMA_VERSION
    base: list[RunOf]
    candidate: list[RunOf]
    verdict: Verdict
    conclusion: str
    next_steps: list[str]
    lines: list[MarginLine]
    pairs: list[Pair]
    notes: list[str]
    overlays: list[Overlay] = Field(default_factory=list)
