"""How often intervals cover, verdicts err and changes are found: generated run folders whose truth is known.

`python -m bench.intervals [--runs N]` prints a table: per kind of run the share of intervals that hold the truth, then
comparisons of a model with itself, and of one that is 20 % slower at the number of turns that a pilot's comparison asks
for. It takes eight minutes of one core.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.special import gammaincinv, ndtr, ndtri

from analysis.comparing.compare import compare
from analysis.comparing.comparison import MarginLine
from analysis.comparing.side import Wanted, entries_of, known
from analysis.model import Estimate, Figure
from analysis.rows.read import read_run
from analysis.stats.quantiles import name_of
from analysis.stats.shares import wilson
from scenarios.records import SCHEMA_VERSION

Values = NDArray[np.float64]

QUANTILES = (0.5, 0.9, 0.95, 0.99)
STEADY_S = 300.0
INPUT_TOKENS, OUTPUT_TOKENS = 100, (20, 180)
PRICES = {"input": "1", "output": "10"}
COST_PER_1K_USD = (INPUT_TOKENS * 1 + sum(OUTPUT_TOKENS) / 2 * 10) / 1000
PILOT_TURNS = 400
SLOWER = 1.2
P95 = "p95(response_time_ms)"

_GRID = np.exp(np.linspace(math.log(1), math.log(60_000), 200_001))
_CACHED = 0.3 * ndtr(np.log(_GRID / 40) / 0.3) + 0.7 * ndtr(np.log(_GRID / 500) / 0.4)

SHAPES: dict[str, Callable[[Values], Values]] = {
    "lognormal": lambda u: 300 * np.exp(0.5 * ndtri(u)),
    "gamma": lambda u: 150 * gammaincinv(2, u),
    "bimodal": lambda u: np.interp(u, _CACHED, _GRID),  # three in ten from a cache
    "pareto": lambda u: 100 * (1 - u) ** (-1 / 2.2),
    "in 10 ms": lambda u: 10 * np.round(30 * np.exp(0.5 * ndtri(u))),
}
"""Milliseconds at each share of the turns."""


@dataclass(frozen=True)
class Kind:
    """A kind of run. `phi` is the AR(1) correlation from one turn to the next; with `by_user`, of the same user's."""

    turns: int
    shape: str = "lognormal"
    phi: float = 0.0
    by_user: bool = False
    users: int = 50
    failed: float = 0.0
    slower: float = 1.0

    @property
    def name(self) -> str:
        """Say what it is."""
        alike = f"AR(1) {self.phi:g}{' of each user' if self.by_user else ''}" if self.phi else "independent"
        failed = f", {self.failed:.0%} failed" if self.failed else ""
        return f"{self.turns:,} turns, {self.shape}, {alike}, {self.users} users{failed}"


KINDS = (
    Kind(200),
    Kind(1000),
    Kind(1000, "gamma", users=500),
    Kind(1000, "bimodal", users=10),
    Kind(1000, "pareto"),
    Kind(1000, "in 10 ms"),
    Kind(5000, users=200, failed=0.1),
    Kind(500, phi=0.8),
    Kind(1000, phi=0.8),
    Kind(4000, phi=0.8, failed=0.1),
    Kind(2000, phi=0.8, by_user=True, users=20),
    Kind(2000, phi=0.8, by_user=True, users=200),
)


def write(folder: Path, kind: Kind, seed: tuple[int, ...]) -> Path:
    """Write a run of this kind: one endpoint `m`, each turn one attempt; ttft is a quarter of the service time."""
    rng = np.random.default_rng(seed)
    n = kind.turns
    at_s = 10 + np.sort(rng.uniform(0, STEADY_S, n))
    user = rng.permutation(np.arange(n) % kind.users)
    service_s = SHAPES[kind.shape](ndtr(_normal(rng, kind, user))) * kind.slower / 1000
    failed = rng.random(n) < kind.failed
    tokens = rng.integers(OUTPUT_TOKENS[0], OUTPUT_TOKENS[1] + 1, n)
    frame = pd.DataFrame(index=range(n))
    for name, stamp in (("first_token_s", at_s + service_s / 4), ("last_token_s", at_s + service_s)):
        frame[name] = np.where(failed, np.nan, stamp)
    for name, count in (("input_tokens", np.full(n, INPUT_TOKENS)), ("output_tokens", tokens)):
        frame[name] = pd.Series(count).where(~failed).astype("Int64")
    numbered = {"user_id": user, "conversation_id": np.arange(n), "turn_id": np.arange(n)}
    frame = frame.assign(
        **{name: [f"{name[0]}{number}" for number in numbers] for name, numbers in numbered.items()},
        schema=SCHEMA_VERSION,
        worker="w1",
        seq=np.arange(n),
        endpoint="m",
        phase="steady",
        attempt_no=1,
        intended_s=at_s,
        sent_s=at_s,
        end_s=at_s + service_s,
        outcome=np.where(failed, "timeout", "ok"),
    )
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / "attempts.csv", index=False, float_format="%.6f")
    phase = {"endpoint": "m", "arm": "", "phase": "steady", "start_s": 10.0, "end_s": 10.0 + STEADY_S}
    meta = {
        "schema_version": 1,
        "seed": seed[-1],
        "phases": [phase],
        "scenario": {"endpoints": {"m": {"prices": PRICES}}},
    }
    (folder / "run.json").write_text(json.dumps(meta), encoding="utf-8")
    return folder


def _normal(rng: np.random.Generator, kind: Kind, user: NDArray[np.intp]) -> Values:
    """Draw standard normals, alike with `phi` from one turn to the next."""
    if not kind.by_user:
        return _autoregressive(rng.standard_normal(kind.turns), kind.phi)
    found = np.empty(kind.turns)
    for one in range(kind.users):
        found[user == one] = _autoregressive(rng.standard_normal(int((user == one).sum())), kind.phi)
    return found


def _autoregressive(noise: Values, phi: float) -> Values:
    noise[1:] *= math.sqrt(1 - phi**2)
    return np.asarray(lfilter([1.0], [1.0, -phi], noise))


def coverage(kind: Kind, runs: int, folder: Path) -> dict[str, tuple[int, int]]:
    """Count, by figure, the intervals that hold the truth, and all there are."""
    truth = {name_of(p): float(SHAPES[kind.shape](np.array(p))) for p in QUANTILES}
    truth |= {"cost": COST_PER_1K_USD, **({"failed": kind.failed} if kind.failed else {})}
    counts = dict.fromkeys(truth, (0, 0))
    for seed in range(runs):
        entry = entries_of(read_run(write(folder, kind, (1, seed))))["m", ""]
        found: dict[str, Figure] = {name_of(p): entry.quantile("response_time_ms", p) for p in QUANTILES}
        found |= {"cost": entry.costs["cost_per_1k_responses_usd"], "failed": entry.share("failed")}
        for name in truth:
            figure = found[name]
            if isinstance(figure, Estimate) and figure.low is not None and figure.high is not None:
                held, every = counts[name]
                near = 1e-6 * truth[name]  # stamps have microseconds
                counts[name] = held + (figure.low - near <= truth[name] <= figure.high + near), every + 1
    return counts


def held(base: Kind, candidate: Kind, seed: tuple[int, ...], folder: Path) -> list[MarginLine]:
    """Compare two runs by the default margins."""
    sides = [
        [known(Wanted(write(folder / name, kind, (number, *seed))))]
        for number, (name, kind) in enumerate((("base", base), ("candidate", candidate)))
    ]
    return compare(sides[0], sides[1]).lines


def power(kind: Kind, seed: int, folder: Path) -> tuple[int, bool]:
    """Give the turns that a pilot's comparison of equals asks for, and whether these find the slower candidate."""
    pilot = replace(kind, turns=PILOT_TURNS)
    line = next(line for line in held(pilot, pilot, (2, seed), folder) if line.line.startswith(P95))
    turns = max(line.needed_turns or 0, line.planned_turns or 0, PILOT_TURNS)
    base = replace(kind, turns=turns)
    lines = held(base, replace(base, slower=SLOWER), (3, seed), folder)
    return turns, any(line.line.startswith(P95) and line.verdict == "fail" for line in lines)


def share(hits: int, every: int) -> str:
    """Write a share with its 95 % interval by Wilson: what so many runs can tell."""
    low, high = wilson(hits / every, every)
    return f"{hits / every:.1%} [{100 * low:.1f}, {100 * high:.1f}]"


def report(runs: int, folder: Path) -> Iterator[str]:
    """Give the lines of the table, each as soon as it is known; comparisons and searches take longer and are fewer."""
    comparisons, searches = max(runs // 3, 1), max(runs // 8, 1)
    yield "share of 95 % intervals that hold the truth, of those that are estimable; in brackets what so many can tell"
    for kind in KINDS:
        counts = coverage(kind, runs, folder)
        cells = [f"{name} {share(hits, every)}" for name, (hits, every) in counts.items() if every]
        yield f"{kind.name}: {', '.join(cells)}"
    for kind in (Kind(1000), Kind(1000, phi=0.8), Kind(1000, failed=0.1), Kind(60), Kind(20)):
        found = [held(kind, kind, (4, seed), folder) for seed in range(comparisons)]
        fails = sum(any(line.verdict == "fail" for line in lines) for lines in found)
        passes = sum(all(line.verdict == "pass" for line in lines) for lines in found)
        told = f"{share(fails, comparisons)} fail, {share(passes, comparisons)} pass, the rest open"
        yield f"the same model twice, {kind.name}: {told}"
    for kind in (Kind(PILOT_TURNS), Kind(PILOT_TURNS, "gamma")):
        seen = [power(kind, seed, folder) for seed in range(searches)]
        turns = f"{int(np.median([n for n, _ in seen])):,} per side"
        hits = sum(found for _, found in seen)
        at = f"at the turns that a pilot asks for (median {turns})"
        yield f"20 % slower, {kind.shape}, {at}: found {share(hits, searches)}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.intervals", description=__doc__)
    parser.add_argument("--runs", type=int, default=300, help="generated runs per line of intervals; default 300")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for line in report(options.runs, Path(folder)):
            print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
