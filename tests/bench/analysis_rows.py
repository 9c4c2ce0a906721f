"""Ten million attempts as a run folder, made with numpy from a seed: what the report's speed is measured on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from hdrh.histogram import HdrHistogram

from scenarios.records import COLUMNS, SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

PIECE = 200_000
WORKERS = 4
THROTTLED_SHARE = 0.05
RETRY_S = 1.5
PRICES = {"large": ("1.25", "10.0"), "small": ("0.15", "0.60")}
MEDIAN_TTFT_S = {"large": 0.3, "small": 0.12}
TURNS_EACH = 3


@dataclass(frozen=True, slots=True)
class Size:
    """How many attempts, from how many users on each of how many endpoints (at most two)."""

    rows: int = 10_000_000
    users: int = 2000
    endpoints: int = 2
    seed: int = 1

    @property
    def names(self) -> list[str]:
        """The endpoints."""
        return list(PRICES)[: self.endpoints]

    @property
    def turns(self) -> int:
        """Turns of each endpoint."""
        return round(self.rows / self.endpoints / (1 + THROTTLED_SHARE))

    @property
    def steady_s(self) -> float:
        """Length of each endpoint's steady phase, at one turn in four seconds and user."""
        return self.turns / self.users * 4.0


def write_run(folder: Path, size: Size) -> int:
    """Write attempts.csv, gaps.csv and run.json; give the number of rows."""
    folder.mkdir(parents=True)
    rows, phases = 0, []
    with (folder / "attempts.csv").open("w", encoding="ascii", newline="") as file:
        file.write(",".join(COLUMNS) + "\n")
        for number, endpoint in enumerate(size.names):
            start_s = number * (size.steady_s + 60)
            phases += _phases(endpoint, start_s, size.steady_s)
            for lines in _lines(endpoint, start_s, size):
                file.writelines(lines)
                rows += len(lines)
    (folder / "run.json").write_text(json.dumps(_meta(phases, rows)), encoding="utf-8")
    _write_gaps(folder / "gaps.csv", phases, size.seed)
    return rows


def _lines(endpoint: str, start_s: float, size: Size) -> Iterator[list[str]]:
    rng = np.random.default_rng([size.seed, list(PRICES).index(endpoint)])
    at_s = start_s + 30 + np.sort(rng.uniform(-30, size.steady_s, size.turns))
    for first in range(0, size.turns, PIECE):
        turn = np.arange(first, min(first + PIECE, size.turns))
        yield _piece(endpoint, turn, at_s[turn], start_s + 30, size, rng)


def _piece(  # noqa: PLR0917 - what rows are made of
    endpoint: str,
    turn: NDArray[np.intp],
    at_s: NDArray[np.float64],
    steady_s: float,
    size: Size,
    rng: np.random.Generator,
) -> list[str]:
    n = len(turn)
    ttft = MEDIAN_TTFT_S[endpoint] * np.exp(0.5 * rng.normal(size=n))
    tokens = np.maximum(np.exp(np.log(120) + 0.5 * rng.normal(size=n)), 1).astype(int)
    refused = rng.uniform(size=n) < THROTTLED_SHARE
    sent = at_s + rng.uniform(0.0002, 0.001, n)
    again = np.where(refused, sent + 0.004 + RETRY_S, sent)
    first = again + ttft
    last = first + (tokens - 1) / 80
    broken = rng.uniform(size=n) < 0.002
    columns = (turn, at_s, sent, again, first, last, tokens, refused, broken, rng.integers(40, 4000, n))
    lines: list[str] = []
    for values in zip(*(column.tolist() for column in columns), strict=True):
        lines += _turn(endpoint, steady_s, size.users, *values)
    return lines


def _turn(  # noqa: PLR0917
    endpoint: str,
    steady_s: float,
    users: int,
    turn: int,
    at_s: float,
    sent: float,
    again: float,
    first: float,
    last: float,
    tokens: int,
    refused: bool,  # noqa: FBT001
    broken: bool,  # noqa: FBT001
    prompt: int,
) -> Iterator[str]:
    user, number = turn % users, turn // users
    worker = f"w{user % WORKERS}"
    name = f"{worker}-{endpoint}-{user}"
    head = f"1,bench,{worker}"
    phase = "steady" if at_s >= steady_s else "warm_up"
    ids = f"{name},{name}-c{number // TURNS_EACH},{name}-t{number},case-{turn % 200},{endpoint},,{phase}"
    seq, attempt = 2 * turn + (list(PRICES).index(endpoint) << 28), 1
    if refused:
        yield (
            f"{head},{seq},{ids},1,{at_s:.6f},{sent:.6f},{sent + 0.004:.6f},,,,{sent + 0.004:.6f},throttled,429,"
            "rate_limit_exceeded,1,retry-after,,,,,,,,none,,,,240,,0.000100\n"
        )
        seq, attempt = seq + 1, 2
    waited = f"{RETRY_S:.6f}" if refused else ""
    if broken:
        yield (
            f"{head},{seq},{ids},{attempt},{at_s:.6f},{again:.6f},{first:.6f},{first:.6f},{first:.6f},{first:.6f},"
            f"{first + 0.1:.6f},stream_truncated,200,,,,{waited},,,,,,,none,1,0,,180,,0.000200\n"
        )
        return
    yield (
        f"{head},{seq},{ids},{attempt},{at_s:.6f},{again:.6f},{again + 0.01:.6f},{first:.6f},{first:.6f},{last:.6f},"
        f"{last + 0.0005:.6f},ok,200,,,,{waited},stop,{prompt},16,,{tokens},,server,{tokens},0,0.025000,"
        f"{tokens * 180},,0.000200\n"
    )


def _phases(endpoint: str, start_s: float, steady_s: float) -> list[dict[str, object]]:
    edges = (start_s, start_s + 30, start_s + 30 + steady_s, start_s + 60 + steady_s)
    names = ("warm_up", "steady", "drain")
    return [
        {"endpoint": endpoint, "arm": "", "phase": name, "start_s": low, "end_s": high}
        for name, low, high in zip(names, edges[:-1], edges[1:], strict=True)
    ]


def _meta(phases: list[dict[str, object]], rows: int) -> dict[str, object]:
    workers = [
        {"worker": f"w{i}", "host": "localhost", "clock_offset_s": 0.0, "rows": rows // WORKERS, "rows_lost": 0}
        for i in range(WORKERS)
    ]
    slo = [
        "p95(ttft_ms) < 800",
        "p99(response_time_ms) < 8000",
        "cost_per_1k_responses_usd < 5",
        "throttled_share < 6%",
    ]
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": "bench",
        "name": "bench",
        "started_at": "2026-11-23T10:00:00Z",
        "ended_at": "2026-11-23T20:00:00Z",
        "seed": 1,
        "load_model": "closed",
        "scenario": {"name": "bench", "slo": slo},
        "phases": phases,
        "workers": workers,
        "validity": {"verdict": "valid", "reasons": []},
        "cases": {f"case-{i}": {"kind": ("support", "long", "code")[i % 3]} for i in range(200)},
        "users": {},
        "prices": {
            name: {"input": low, "output": high, "cached_input": None, "cache_write": None, "source": "bench"}
            for name, (low, high) in PRICES.items()
        },
    }


def _write_gaps(path: Path, phases: list[dict[str, object]], seed: int) -> None:
    """Write one histogram of ten thousand gaps per worker and ten seconds, the way the load wing does."""
    rng = np.random.default_rng(seed)
    texts = []
    for _ in range(20):
        found = HdrHistogram(1, 3_600_000_000, 3)
        for value in rng.lognormal(np.log(12_500), 0.3, 10_000).astype(int).tolist():
            found.record_value(value)
        texts.append(found.encode().decode("ascii"))
    with path.open("w", encoding="ascii", newline="") as file:
        file.write("run_id,worker,endpoint,arm,phase,window_start_s,window_s,count,histogram\n")
        for span in phases:
            if span["phase"] == "drain":
                continue
            for start in np.arange(float(str(span["start_s"])), float(str(span["end_s"])), 10.0).tolist():
                file.writelines(
                    f"bench,w{i},{span['endpoint']},,{span['phase']},{start},10,10000,{texts[int(start + i) % 20]}\n"
                    for i in range(WORKERS)
                )
