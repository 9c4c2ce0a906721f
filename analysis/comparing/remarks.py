"""Remarks: what makes the two sides of a comparison unlike, so that their figures are not like for like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from analysis.comparing import verdict_text
from analysis.comparing.like_length import LIKE_LENGTH
from analysis.entry import TOKENWISE
from analysis.model import Estimate
from analysis.stats.effect import Effect

if TYPE_CHECKING:
    from analysis.comparing.comparison import Contrast
    from analysis.comparing.contrasts import Couple

LENGTH = 0.10
"""Answers of unlike length beyond this are not like for like (MLPerf asks for 90 to 110 % of the reference)."""

LOAD = 0.10


def remarks(couple: Couple, found: Sequence[Contrast]) -> list[str]:
    """Give what a reader must know before believing a ratio."""
    by_name = {(one.name, one.statistic): one for one in found}
    return [
        *_length(by_name),
        *_throttled(by_name),
        *_lost(couple),
        *_load(couple),
        *_prices(couple),
        *_right(by_name),
    ]


def _length(found: dict[tuple[str, str], Contrast]) -> Iterator[str]:
    tokens = found.get(("output_tokens", "mean"))
    if tokens is None or tokens.seen in ("unknown", "no difference shown") or not isinstance(tokens.ratio, Estimate):
        return
    word = "longer" if tokens.seen == "higher" else "shorter"
    text = f"the candidate's answers are {word}: {verdict_text.ratio_text(tokens.ratio)} the output tokens"
    if abs(tokens.ratio.value - 1) <= LENGTH:
        yield f"{text}, within the {LENGTH:.0%} that is still called alike"
        return
    per = [found.get(key) for key in ((TOKENWISE, "p95"), ("cost_per_million_output_tokens_usd", ""))]
    each = "; ".join(verdict_text.change(one) for one in per if one is not None)
    yield f"{text}, so response time and cost per response are not like for like; per output token: {each}"
    matched = found.get((f"{LIKE_LENGTH}response_time_ms", "p95"))
    if matched is None or not isinstance(matched.ratio, Estimate):
        yield "too few answers of both sides are of like length to be held against each other"
        return
    yield f"{verdict_text.change(matched)}: {matched.ratio.n:,} turns a side, each with a counterpart of like length"


def _right(found: dict[tuple[str, str], Contrast]) -> Iterator[str]:
    """Tell answers that one side alone got right from those of the other."""
    accuracy = found.get(("accuracy", ""))
    unlike = accuracy.discordant if accuracy is not None else None
    if unlike is not None and unlike.pairs:
        yield (
            f"of {unlike.pairs:,} answers to the same case, the base alone was right on {unlike.only_base:,} and the "
            f"candidate alone on {unlike.only_candidate:,}"
        )


def _throttled(found: dict[tuple[str, str], Contrast]) -> Iterator[str]:
    share = found.get(("throttled_share", ""))
    if share is not None and share.seen in ("higher", "lower"):
        yield (
            f"the sides were throttled unlike ({verdict_text.difference_text(share.difference, 'share')}): "
            "compare models only at a load that both sustain"
        )


def _lost(couple: Couple) -> Iterator[str]:
    found = couple.effect("difference", lambda entry: entry.lost)
    if isinstance(found, Effect) and (found.low > 0 or found.high < 0):
        text = verdict_text.difference_text(found.figure(), "share")
        yield f"the share of turns without an answer differs ({text}); they have no latency, so the tails hide them"


def _load(couple: Couple) -> Iterator[str]:
    """Name offered loads that differ by more than a tenth; each is a count over a time, so it has no interval here."""
    speeds = [
        [len(entry.part.turns) / entry.part.span_s for entry in side if entry.part.span_s > 0]
        for side in (couple.base, couple.candidate)
    ]
    base, candidate = (sum(side) / len(side) if side else 0.0 for side in speeds)
    if base > 0 and abs(candidate / base - 1) > LOAD:
        yield f"the offered load differs: {base:.3g} turns per second for the base, {candidate:.3g} for the candidate"


def _prices(couple: Couple) -> Iterator[str]:
    tables = [entry.table for entry in (*couple.base, *couple.candidate)]
    if any(table is None for table in tables) and any(table is not None for table in tables):
        yield "only one side has prices, so cost cannot be compared"
        return
    rates = [table.model_dump(exclude={"source", "as_of"}) for table in tables if table is not None]
    if any(each != rates[0] for each in rates[1:]):
        yield "prices differ between the sides: cost moves with them, not only with the tokens"
