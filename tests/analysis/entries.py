"""Entries made from a seed: what comparisons need of a run, without its files."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.entry import Entry
from analysis.measures.part import Part
from scenarios.pricing import PriceTable

PRICES = PriceTable.model_validate({"input": "1", "output": "2", "source": "test"})


def entry(  # noqa: PLR0917 - a recipe has many knobs
    seed: int,
    turns: int = 1000,
    median_ms: float = 400.0,
    sigma: float = 0.5,
    phi: float = 0.0,
    lost: float = 0.0,
    tokens: float = 100.0,
    endpoint: str = "small",
) -> Entry:
    """Make turns with lognormal latency, ln AR(1) with `phi` from turn to turn, and a share of `lost` ones."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=turns)
    z = np.empty(turns)
    z[0] = noise[0]
    for i in range(1, turns):
        z[i] = phi * z[i - 1] + np.sqrt(1 - phi**2) * noise[i]
    gone = rng.random(turns) < lost
    response = np.where(gone, np.nan, median_ms * np.exp(sigma * z))
    count = np.where(gone, np.nan, np.round(tokens * np.exp(0.3 * rng.normal(size=turns))))
    frame = pd.DataFrame(
        {
            "intended_s": np.arange(turns) * 600.0 / turns,
            "conversation_id": np.arange(turns, dtype=np.uint64) + np.uint64(1),
            "case_id": "case-0",
            "outcome": np.where(gone, "stream_error", "ok"),
            "throttled": False,
            "lost": gone,
            "answered": ~gone,
            "successful": ~gone,
            "response_time_ms": response,
            "service_time_ms": response,
            "ttft_ms": response / 4,
            "tpot_ms": 10.0,
            "input_tokens": 50.0,
            "output_tokens": count,
            "cost_usd": np.where(gone, 0.0, count * 2e-6),
            "wasted_usd": 0.0,
        }
    )
    part = Part(endpoint, "", "steady", 0.0, 600.0, frame, frame.iloc[:0], seed % 7)
    return Entry(part, None, PRICES)
