"""SLO lines held against a run: pass or fail only where the whole interval says so."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from analysis.measures.rates import rate
from analysis.measures.slices import kinds
from analysis.measures.unit_costs import ABSENT
from analysis.model import Figure, NotEstimable, SloLine
from analysis.stats.quantiles import mean, quantile
from analysis.stats.shares import mark, share
from analysis.words import wording
from scenarios.slo import METRICS, parse_slo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from analysis.measures.gaps import Histogram
    from analysis.measures.part import Part
    from scenarios.slo import Slo

Verdict = Literal["pass", "fail", "inconclusive"]
WORDS: dict[Verdict, str] = {"pass": "keeps", "fail": "breaks", "inconclusive": "cannot be judged on"}
COMPARE: dict[str, Callable[[Any, float], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
LONGEST = 100
"""A line that would need more than this many times the turns is too close to its limit to be decided by running."""


def slos(meta: Mapping[str, Any]) -> tuple[list[Slo], dict[str, str]]:
    """Read the SLO lines of run.json's scenario; give those that cannot be read apart, with the reason."""
    scenario = meta.get("scenario")
    return parsed(scenario if isinstance(scenario, dict) else {}, "slo", parse_slo)


def parsed(scenario: Mapping[str, Any], key: str, parse: Callable[[str], Slo]) -> tuple[list[Slo], dict[str, str]]:
    """Read the lines under a key of a scenario; give those that cannot be read apart, with the reason."""
    lines = scenario.get(key) or []
    found, unread = [], {}
    for line in map(str, lines if isinstance(lines, list) else [lines]):
        try:
            found.append(parse(line))
        except ValueError as error:
            unread[line] = str(error)
    return found, unread


def undecided(line: str, reason: str, endpoint: str = "", arm: str = "") -> SloLine:
    """Give the verdict on a line that has no figure at an endpoint and arm: it was asked for, so it is no pass."""
    return SloLine(
        line=line,
        endpoint=endpoint,
        arm=arm,
        verdict="inconclusive",
        figure=NotEstimable(not_estimable=reason),
        limit=0.0,
        comparator="",
        unit="",
        sentence=f"{endpoint or 'the run'} cannot be judged on {line}: {reason}",
    )


def evaluate(slo: Slo, part: Part, gaps: Histogram | None, given: Mapping[str, Figure]) -> SloLine:
    """Hold one line against one part of the run."""
    figure = measure(slo, part, gaps, given)
    verdict = judge(slo, figure)
    reason = ""
    if METRICS[slo.metric].kind == "latency":
        verdict, reason = _with_failures(slo, part, verdict)
    if METRICS[slo.metric].kind == "quality" and verdict == "inconclusive":
        reason = _more_cases(slo, figure)
    needed = needed_turns(slo, figure) if verdict == "inconclusive" and not reason else None
    if needed is not None and slo.metric == "gap_ms" and gaps is not None:
        needed = math.ceil(needed * len(part.turns) / gaps.n)
    return told(slo, (part.endpoint, part.arm), verdict, figure, reason + _longer(part, needed), needed)


def told(  # noqa: PLR0913, PLR0917 - what a line's verdict is made of
    slo: Slo, where: tuple[str, str], verdict: Verdict, figure: Figure, after: str, needed: int | None
) -> SloLine:
    """Give a line's verdict at an endpoint and arm, with the sentence that says it and what comes after."""
    name = wording.target(*where)
    said = f"{name} {WORDS[verdict]} {slo.text} with {wording.figure(figure, slo.unit)}"
    return SloLine(
        line=slo.text,
        endpoint=where[0],
        arm=where[1],
        verdict=verdict,
        figure=figure,
        limit=slo.limit,
        comparator=slo.comparator,
        unit=slo.unit,
        sentence=said.replace("with not estimable", "because it is not estimable") + after,
        needed_turns=needed,
    )


def measure(slo: Slo, part: Part, gaps: Histogram | None, given: Mapping[str, Figure]) -> Figure:
    """Estimate what the line is about; `given` holds costs, quality, attainment and goodput by name."""
    kind = METRICS[slo.metric].kind
    if kind == "quality":
        return given.get(slo.metric, NotEstimable(not_estimable="no graded answers"))
    if kind == "share":
        return share(mark(part.turns, slo.metric.removesuffix("_share")), part.blocks, part.seed)
    if slo.metric in ("turns_per_second", "output_tokens_per_second"):
        return rate(part, slo.metric)
    if kind == "scalar":
        return given.get(slo.metric, NotEstimable(not_estimable=ABSENT.get(slo.metric, "it was not measured")))
    if slo.metric == "gap_ms" and gaps is None:
        return NotEstimable(not_estimable=f"no gaps were recorded{' of this kind' if slo.kind else ''}")
    data = gaps if slo.metric == "gap_ms" and gaps is not None else part.sample(slo.metric)
    return mean(data) if slo.quantile is None else quantile(data, slo.quantile)


def judge(slo: Slo, figure: Figure) -> Verdict:
    """Pass if the whole interval keeps the limit, fail if none of it does, else inconclusive."""
    if isinstance(figure, NotEstimable) or figure.low is None or figure.high is None:
        return "inconclusive"
    kept = {slo.met_by(figure.low), slo.met_by(figure.high)}
    if kept == {True}:
        return "pass"
    return "fail" if kept == {False} else "inconclusive"


def _with_failures(slo: Slo, part: Part, verdict: Verdict) -> tuple[Verdict, str]:
    """Let turns that failed count as infinitely late: beyond 1 - p of all turns, the p-quantile is one of them."""
    if slo.quantile is None or slo.comparator.startswith(">") or part.turns.empty:
        return verdict, ""
    unknown = _unmeasured_share(slo, part)
    if verdict == "pass" and unknown > 1 - slo.quantile:
        return "inconclusive", f"; {wording.number(unknown, 'share')} of the answered turns have no such figure"
    found = share(part.turns["lost"].to_numpy(dtype=bool), part.blocks, part.seed)
    room = 1 - slo.quantile
    if isinstance(found, NotEstimable) or found.value <= room:
        return verdict, ""
    text = f"; {wording.number(found.value, 'share')} of all turns failed and have no latency"
    if found.low is not None and found.low > room:
        return "fail", text
    return ("inconclusive" if verdict == "pass" else verdict), text


def _unmeasured_share(slo: Slo, part: Part) -> float:
    """Give the share of the turns with success whose response or service time is unknown, for their stamps are odd."""
    successful = int(part.turns["successful"].sum())
    if slo.metric not in ("response_time_ms", "service_time_ms") or not successful:
        return 0.0
    return 1 - int(part.turns[slo.metric].notna().sum()) / successful


def needed_turns(slo: Slo, figure: Figure) -> int | None:
    """Give about how many turns would decide the line: n (half width / distance to the limit)^2."""
    if isinstance(figure, NotEstimable):
        return figure.needed_turns
    if figure.low is None or figure.high is None:
        return None
    distance = abs(figure.value - slo.limit)
    width = figure.value - figure.low if slo.limit < figure.value else figure.high - figure.value
    if distance == 0 or width > distance * math.sqrt(LONGEST):
        return None
    return max(math.ceil(figure.n * (width / distance) ** 2), figure.n + 1)


def _more_cases(slo: Slo, figure: Figure) -> str:
    """Say about how many answers, each to a case of its own, would decide a line: repeats count for less."""
    if isinstance(figure, NotEstimable):
        return "; write `expect` in more prompts, or ask them more often"
    needed = needed_turns(slo, figure.model_copy(update={"n": math.ceil(figure.n_effective or figure.n)}))
    return f"; about {needed:,} answers, each to a case of its own, would tell" if needed else ""


def _longer(part: Part, needed: int | None) -> str:
    if needed is None or part.turns.empty or part.span_s <= 0:
        return ""
    seconds = part.span_s * needed / len(part.turns)
    if seconds <= part.span_s:
        return ""
    steady = f"steady for {wording.span(seconds)} instead of {wording.span(part.span_s)}"
    return f"; about {needed:,} turns would tell: {steady}"


def good_turns(lines: list[Slo], part: Part, cases: object = None) -> NDArray[np.bool_]:
    """Mark turns with success that met every per-turn limit: each line on a latency, read as a limit for each turn.

    Of the lines that concern the part; one of a `kind` binds the turns of that kind alone.
    """
    good = part.turns["successful"].to_numpy(dtype=bool).copy()
    for slo in lines:
        if not is_per_turn(slo) or not concerns(slo, part) or slo.metric not in part.turns:
            continue
        values = part.turns[slo.metric].to_numpy(dtype=np.float64)
        met = np.isnan(values) | COMPARE[slo.comparator](values, slo.limit)
        good &= met | (~of_kind(part, slo.kind, cases) if slo.kind else False)
    return good


def is_per_turn(slo: Slo) -> bool:
    """Tell whether a line can be read as a limit for each turn: an absolute one on a latency."""
    return METRICS[slo.metric].kind == "latency" and slo.form == "limit"


def concerns(slo: Slo, part: Part) -> bool:
    """Tell whether a line is about a part's endpoint and arm."""
    return slo.endpoint in ("", part.endpoint) and slo.arm in ("", part.arm)


def of_kind(part: Part, kind: str, cases: object) -> NDArray[np.bool_]:
    """Mark the turns of one kind of conversation; `cases` is run.json's."""
    return np.asarray(kinds(part.turns, cases) == kind, dtype=bool)
