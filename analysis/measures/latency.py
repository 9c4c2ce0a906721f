"""Latency: every per-turn metric of a part as quantiles and mean, with failures left out and with failures as never."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.figure import INFINITE
from analysis.model import Estimate, Figure, NotEstimable
from analysis.rows.turns import LATENCIES
from analysis.stats.quantiles import STANDARD, figures, name_of, quantiles
from analysis.stats.sample import sample
from analysis.words.wording import target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analysis.measures.gaps import Histogram
    from analysis.measures.part import Part

WITH_FAILURES = {
    "response_time_with_failures_ms": "response_time_ms",
    "ttft_with_failures_ms": "ttft_ms",
}
"""Metrics over all intended turns, by the one that they are made of."""


def metrics(part: Part, gaps: Histogram | None) -> dict[str, dict[str, Figure]]:
    """Give each metric's figures."""
    # First, for these ask for the values of response time that pictures have asked for.
    all_turns = {name: with_failures(part, metric) for name, metric in WITH_FAILURES.items()}
    found = {name: figures(part.sample(name)) for name in LATENCIES}
    found |= {name: known for name, known in all_turns.items() if known}
    part.forget()
    if gaps is not None:
        found["gap_ms"] = figures(gaps)
    return found


def with_failures(part: Part, metric: str) -> dict[str, Figure]:
    """Give a latency over all intended turns, a turn without success counting as infinitely late.

    None where answers have none, as those that are not streamed have no first token.
    """
    finite, successful = part.sample(metric), part.turns["successful"].to_numpy(dtype=bool)
    if successful.any() and not finite.n:
        return {}
    values = np.where(successful, np.asarray(finite.as_came), np.inf)
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
    return INFINITE
