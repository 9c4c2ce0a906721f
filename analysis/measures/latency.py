"""Latency: every per-turn metric of a part as quantiles and mean, with failures left out and with failures as never."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.model import Estimate, Figure, NotEstimable
from analysis.rows.turns import LATENCIES
from analysis.stats.quantiles import STANDARD, figures, name_of, quantiles
from analysis.stats.sample import sample
from analysis.words.wording import target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analysis.measures.gaps import Histogram
    from analysis.measures.part import Part

WITH_FAILURES = "response_time_with_failures_ms"


def metrics(part: Part, gaps: Histogram | None) -> dict[str, dict[str, Figure]]:
    """Give each metric's figures."""
    all_turns = with_failures(part)  # first, for it asks for the values of response time that pictures have asked for
    found = {name: figures(part.sample(name)) for name in LATENCIES}
    found[WITH_FAILURES] = all_turns
    part.forget()
    if gaps is not None:
        found["gap_ms"] = figures(gaps)
    return found


def with_failures(part: Part) -> dict[str, Figure]:
    """Give response time over all intended turns, a turn without success counting as infinitely late."""
    finite = part.sample("response_time_ms")
    values = np.where(part.turns["successful"].to_numpy(dtype=bool), finite.as_came, np.inf)
    found = quantiles(sample(values, part.blocks, part.pairs, part.seed, finite), STANDARD)
    return {name_of(p): _finite(figure) for p, figure in zip(STANDARD, found, strict=True)}


def unmeasured(part: Part) -> Iterator[str]:
    """Say how many turns with success lack a latency that others have: their stamps are missing or out of order."""
    successful = int(part.turns["successful"].sum())
    for metric in ("response_time_ms", "ttft_ms"):
        known = part.sample(metric).n
        if 0 < known < successful:
            yield (
                f"{target(part.endpoint, part.arm)}: {successful - known:,} of {successful:,} answered turns have no "
                f"{metric.removesuffix('_ms')}, for their stamps are missing or out of order"
            )


def _finite(figure: Figure) -> Figure:
    if isinstance(figure, NotEstimable) or (np.isfinite(figure.value) and np.isfinite(figure.high or 0.0)):
        return figure
    if np.isfinite(figure.value):
        return Estimate(**{**figure.model_dump(), "high": None})
    return NotEstimable(not_estimable="infinite: too many turns had no success")
