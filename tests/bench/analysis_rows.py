"""Ten million attempts as a run folder, made with numpy from a seed: what the report's speed is measured on.

Rows look and lie as the load wing leaves them: by when they ended, in one parcel per worker and second.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from hdrh.histogram import HdrHistogram

from scenarios.classes import LENGTH_CLASSES
from scenarios.gaps import COLUMNS as GAP_COLUMNS
from scenarios.gaps import DIGITS, HIGHEST_US, LOWEST_US, window_s
from scenarios.records import COLUMNS, SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO

    from numpy.typing import NDArray

RUN_ID = "bench-20260102T030405Z"
PIECE = 200_000
WORKERS = 4
CASES = 200
KINDS = ("support", "longform", "code")
RETRY_S = 1.5
TURNS_EACH = 3
MODELS = {"large": (0.3, "1.25", "10.0"), "small": (0.12, "0.15", "0.60")}
"""Median TTFT in seconds, prices of a million input and output tokens."""

Made = list[tuple[float, int, str]]
"""Rows as (end_s, worker, text), the text with a place for the row's `seq`."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many attempts, from how many users on each of how many endpoints; `throttled` = share of turns refused once.

    With `graded` every case expects something, and `answers.jsonl` holds `answers` of each endpoint.
    """

    rows: int = 10_000_000
    users: int = 2000
    endpoints: int = 2
    throttled: float = 0.05
    graded: bool = False
    answers: int = 5000
    seed: int = 1

    @property
    def models(self) -> dict[str, tuple[float, str, str]]:
        """The endpoints: the two models in turns, later ones with a number."""
        every = list(MODELS.items())
        numbered = ((*every[i % 2], i // 2) for i in range(self.endpoints))
        return {f"{name}-{again}" if again else name: model for name, model, again in numbered}

    @property
    def turns(self) -> int:
        """Turns of each endpoint."""
        return round(self.rows / self.endpoints / (1 + self.throttled))

    @property
    def steady_s(self) -> float:
        """Length of each endpoint's steady phase, at one turn in four seconds and user."""
        return self.turns / self.users * 4.0


def write_run(folder: Path, size: Size) -> int:
    """Write attempts.csv, gaps.csv, run.json and perhaps answers.jsonl; give the number of rows."""
    folder.mkdir(parents=True)
    phases: list[dict[str, object]] = []
    seqs = [0] * WORKERS
    with (folder / "attempts.csv").open("w", encoding="ascii", newline="") as file:
        file.write(",".join(COLUMNS) + "\n")
        for number, endpoint in enumerate(size.models):
            start_s = number * (size.steady_s + 60)
            phases += _phases(endpoint, start_s, size.steady_s)
            for made in _pieces(endpoint, start_s, size):
                _write(file, made, seqs)
    (folder / "run.json").write_text(json.dumps(_meta(phases, seqs, size)), encoding="utf-8")
    _write_gaps(folder / "gaps.csv", phases, size)
    if size.graded:
        _write_answers(folder / "answers.jsonl", size)
    return sum(seqs)


def _write(file: TextIO, made: Made, seqs: list[int]) -> None:
    """Write rows as parcels of one worker and second, each worker's numbered from 1."""
    for _, worker, text in sorted(made, key=lambda row: (int(row[0]), row[1], row[0])):
        seqs[worker] += 1
        file.write(text.replace("#", str(seqs[worker]), 1))


def _pieces(endpoint: str, start_s: float, size: Size) -> Iterator[Made]:
    rng = np.random.default_rng([size.seed, list(size.models).index(endpoint)])
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
) -> Made:
    n = len(turn)
    ttft = size.models[endpoint][0] * np.exp(0.5 * rng.normal(size=n))
    tokens = np.maximum(np.exp(np.log(120) + 0.5 * rng.normal(size=n)), 1).astype(int)
    refused = rng.uniform(size=n) < size.throttled
    sent = at_s + rng.uniform(0.0002, 0.001, n)
    again = np.where(refused, sent + 0.004 + RETRY_S, sent)
    first = again + ttft
    last = first + (tokens - 1) / 80
    broken = rng.uniform(size=n) < 0.002
    columns = (turn, at_s, sent, again, first, last, tokens, refused, broken, rng.integers(40, 4000, n))
    made: Made = []
    for values in zip(*(column.tolist() for column in columns), strict=True):
        made += _turn(endpoint, steady_s, size.users, *values)
    return made


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
) -> Iterator[tuple[float, int, str]]:
    user, number = turn % users, turn // users
    worker = user % WORKERS
    name = f"w{worker}-{endpoint}-{user}"
    phase = "steady" if at_s >= steady_s else "warm_up"
    case = turn % CASES
    ids = f"{name},{name}-c{number // TURNS_EACH + 1},{name}-t{number + 1},{KINDS[case % 3]}-{case:03d}"
    head = f"1,{RUN_ID},w{worker},#,{ids},{endpoint},,{phase}"
    connect = "0.000372" if number == 0 else ""
    attempt, waited = 1, ""
    if refused:
        end = sent + 0.004
        facts = f"1,{at_s:.6f},{sent:.6f},{end:.6f},,,,{end:.6f},throttled,429,rate_limit_exceeded,1.000000,retry-after"
        yield end, worker, f"{head},{facts},,,,,,,,none,,,,356,{connect},0.000086\n"
        attempt, waited, connect = 2, f"{RETRY_S:.6f}", ""
    facts = f"{attempt},{at_s:.6f},{again:.6f},{again + 0.01:.6f},{first:.6f},{first:.6f}"
    if broken:
        end = first + 0.1
        facts += f",{first + 0.05:.6f},{end:.6f},stream_truncated,200,cut,,,{waited},,,,,,,none,5,0,0.012500,1180"
        yield end, worker, f"{head},{facts},{connect},0.000200\n"
        return
    end = last + 0.0005
    facts += f",{last:.6f},{end:.6f},ok,200,,,,{waited},stop,{prompt},{prompt % 2 * 16},,{tokens},0,server,{tokens},0"
    yield end, worker, f"{head},{facts},0.025000,{tokens * 180},{connect},0.000{tokens % 900 + 100}\n"


def _phases(endpoint: str, start_s: float, steady_s: float) -> list[dict[str, object]]:
    edges = (start_s, start_s + 30, start_s + 30 + steady_s, start_s + 60 + steady_s)
    names = ("warm_up", "steady", "drain")
    return [
        {"endpoint": endpoint, "arm": "", "phase": name, "start_s": low, "end_s": high}
        for name, low, high in zip(names, edges[:-1], edges[1:], strict=True)
    ]


def _meta(phases: list[dict[str, object]], rows: list[int], size: Size) -> dict[str, object]:
    slo = [
        "p95(ttft_ms) < 800",
        "p99(response_time_ms) < 8000",
        "cost_per_1k_responses_usd < 5",
        "throttled_share < 6%",
    ]
    cases = [(f"{KINDS[i % 3]}-{i:03d}", KINDS[i % 3]) for i in range(CASES)]
    prompts = [{"id": case, "turns": ["What is it?"], "expect": [{"facts": ["forty"]}]} for case, _ in cases]
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": RUN_ID,
        "name": "bench",
        "started_at": "2026-01-02T03:04:05Z",
        "ended_at": "2026-01-02T13:04:05Z",
        "seed": 1,
        "load_model": "closed",
        "scenario": {"name": "bench", "slo": slo, "conversation": {"prompts": prompts if size.graded else []}},
        "phases": phases,
        "workers": [
            {"worker": f"w{i}", "host": "localhost", "clock_offset_s": 0.0, "rows": rows[i], "rows_lost": 0}
            for i in range(WORKERS)
        ],
        "validity": {"verdict": "valid", "reasons": []},
        "cases": {case: {"kind": kind} for case, kind in cases},
        "users": dict.fromkeys(size.models, size.users),
        "prices": {
            name: {"input": low, "output": high, "cached_input": None, "cache_write": None, "source": "bench"}
            for name, (_, low, high) in size.models.items()
        },
    }


def _write_gaps(path: Path, phases: list[dict[str, object]], size: Size) -> None:
    """Write one histogram of ten thousand gaps per worker, window, kind and length, the way the load wing does."""
    rng = np.random.default_rng(size.seed)
    texts = []
    for _ in range(20):
        found = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
        for value in rng.lognormal(np.log(12_500), 0.3, 10_000).astype(int).tolist():
            found.record_value(value)
        texts.append(found.encode().decode("ascii"))
    width_s = window_s(size.steady_s)
    with path.open("w", encoding="ascii", newline="") as file:
        file.write(",".join(GAP_COLUMNS) + "\n")
        for span in phases:
            if span["phase"] == "drain":
                continue
            starts = np.arange(float(str(span["start_s"])), float(str(span["end_s"])), width_s).tolist()
            cells = product(starts, range(WORKERS), KINDS, LENGTH_CLASSES[1:3])
            for number, (start, worker, kind, length) in enumerate(cells):
                lane = f"{RUN_ID},w{worker},{span['endpoint']},,{span['phase']}"
                file.write(f"{lane},{start},{width_s:g},10000,0,{texts[number % 20]},{kind},{length}\n")


def _write_answers(path: Path, size: Size) -> None:
    """Write answers to conversations' first turns in the middle of each steady phase, nine in ten right."""
    with path.open("w", encoding="ascii") as file:
        for endpoint in size.models:
            start = size.turns // size.users // 2 // TURNS_EACH * TURNS_EACH * size.users
            for turn in range(start, start + size.answers):
                user, number = turn % size.users, turn // size.users
                case = turn % CASES
                answer = {
                    "endpoint": endpoint,
                    "arm": "",
                    "phase": "steady",
                    "worker": f"w{user % WORKERS}",
                    "turn_id": f"w{user % WORKERS}-{endpoint}-{user}-t{number + 1}",
                    "case_id": f"{KINDS[case % 3]}-{case:03d}",
                    "turn_no": number % TURNS_EACH + 1,
                    "prompt": "What is it?",
                    "answer": "It is forty." if turn % 10 else "It is fifty.",
                    "outcome": "ok",
                }
                file.write(json.dumps(answer) + "\n")
