"""Ten million attempts as a run folder, made with numpy from a seed: what the report's speed is measured on.

Rows look and lie as the load wing leaves them: by when they ended, in one parcel per worker and second.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from hdrh.histogram import HdrHistogram

from scenarios.classes import LENGTH_CLASSES
from scenarios.gaps import COLUMNS as GAP_COLUMNS
from scenarios.gaps import DIGITS, HIGHEST_US, LOWEST_US, window_s
from scenarios.records import COLUMNS, SCHEMA_VERSION
from scenarios.server_timings import FILE, ServerTimings, header_line, to_line

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
RETRY_S, REFUSED_S = 1.5, 0.004
LONG_NAME = "-locust-worker-7c9d8b6f5d-x2x9k"
LONG_ERROR = "-requests-per-minute-of-organization-tier-1-in-region-eu-central-1-exceeded-please-retry-later"
TURNS_EACH = 3
MODELS = {"large": (0.3, "1.25", "10.0"), "small": (0.12, "0.15", "0.60")}
"""Median TTFT in seconds, prices of a million input and output tokens."""

Made = list[tuple[float, int, str, str]]
"""Rows as (end_s, worker, row, what the server told of it), both texts with a place for the row's `seq`."""


class Lane(NamedTuple):
    """One endpoint in one arm."""

    endpoint: str
    arm: str

    @property
    def name(self) -> str:
        """Name it as users are named."""
        return f"{self.endpoint}-{self.arm}" if self.arm else self.endpoint


@dataclass(frozen=True, slots=True)
class Size:
    """How many attempts, from how many users on each of how many endpoints, in each of how many arms.

    `throttled` = share of turns that are refused, each 1 to `refusals` times. With `graded` every case expects
    something, and `answers.jsonl` holds `answers` of each lane. With `long` ids and error codes are as long as they
    get. With `told` servers say how long they took.
    """

    rows: int = 10_000_000
    users: int = 2000
    endpoints: int = 2
    arms: int = 1
    throttled: float = 0.05
    refusals: int = 1
    graded: bool = False
    answers: int = 5000
    long: bool = False
    told: bool = False
    seed: int = 1

    @property
    def models(self) -> dict[str, tuple[float, str, str]]:
        """The endpoints: the two models in turns, later ones with a number."""
        every = list(MODELS.items())
        numbered = ((*every[i % 2], i // 2) for i in range(self.endpoints))
        return {f"{name}-{again}" if again else name: model for name, model, again in numbered}

    @property
    def lanes(self) -> list[Lane]:
        """Each endpoint in each arm; a run of one arm has none."""
        arms = [f"arm-{number}" for number in range(1, self.arms + 1)] if self.arms > 1 else [""]
        return [Lane(endpoint, arm) for endpoint in self.models for arm in arms]

    @property
    def turns(self) -> int:
        """Turns of each lane."""
        return round(self.rows / len(self.lanes) / (1 + self.throttled * (1 + self.refusals) / 2))

    @property
    def steady_s(self) -> float:
        """Length of each lane's steady phase, at one turn in four seconds and user."""
        return self.turns / self.users * 4.0

    def user(self, lane: Lane, user: int) -> str:
        """Give a user's id."""
        return f"{self.worker(user)}-{lane.name}-{user}"

    def worker(self, user: int) -> str:
        """Give the name of a user's worker."""
        return f"w{user % WORKERS}{LONG_NAME if self.long else ''}"

    def error(self, code: str) -> str:
        """Give an error code."""
        return f"{code}{LONG_ERROR if self.long else ''}"


def write_run(folder: Path, size: Size) -> int:
    """Write attempts.csv, gaps.csv, run.json and what else was asked for; give the number of rows."""
    folder.mkdir(parents=True)
    phases: list[dict[str, object]] = []
    seqs = [0] * WORKERS
    with ExitStack() as opened:
        file = opened.enter_context((folder / "attempts.csv").open("w", encoding="ascii", newline=""))
        file.write(",".join(COLUMNS) + "\n")
        told = opened.enter_context((folder / FILE).open("w", encoding="ascii", newline="")) if size.told else None
        if told:
            told.write(header_line())
        for number, lane in enumerate(size.lanes):
            start_s = number * (size.steady_s + 60)
            phases += _phases(lane, start_s, size.steady_s)
            for made in _pieces(lane, number, start_s, size):
                _write(file, told, made, seqs)
    (folder / "run.json").write_text(json.dumps(_meta(phases, seqs, size)), encoding="utf-8")
    _write_gaps(folder / "gaps.csv", phases, size)
    if size.graded:
        _write_answers(folder / "answers.jsonl", size)
    return sum(seqs)


def _write(file: TextIO, told: TextIO | None, made: Made, seqs: list[int]) -> None:
    """Write rows as parcels of one worker and second, each worker's numbered from 1."""
    for _, worker, text, said in sorted(made, key=lambda row: (int(row[0]), row[1], row[0])):
        seqs[worker] += 1
        file.write(text.replace("#", str(seqs[worker]), 1))
        if told and said:
            told.write(said.replace("#", str(seqs[worker]), 1))


def _pieces(lane: Lane, number: int, start_s: float, size: Size) -> Iterator[Made]:
    rng = np.random.default_rng([size.seed, number])
    at_s = start_s + 30 + np.sort(rng.uniform(-30, size.steady_s, size.turns))
    for first in range(0, size.turns, PIECE):
        turn = np.arange(first, min(first + PIECE, size.turns))
        yield _piece(lane, turn, at_s[turn], start_s + 30, size, rng)


class Turn(NamedTuple):
    """One turn as it is drawn."""

    number: int
    at_s: float
    sent: float
    again: float
    first: float
    last: float
    tokens: int
    refusals: int
    broken: bool
    prompt: int


def _piece(  # noqa: PLR0917 - what rows are made of
    lane: Lane,
    turn: NDArray[np.intp],
    at_s: NDArray[np.float64],
    steady_s: float,
    size: Size,
    rng: np.random.Generator,
) -> Made:
    n = len(turn)
    ttft = size.models[lane.endpoint][0] * np.exp(0.5 * rng.normal(size=n))
    tokens = np.maximum(np.exp(np.log(120) + 0.5 * rng.normal(size=n)), 1).astype(int)
    refusals = (rng.uniform(size=n) < size.throttled).astype(int)
    if size.refusals > 1:
        refusals *= rng.integers(1, size.refusals + 1, n)
    sent = at_s + rng.uniform(0.0002, 0.001, n)
    first = (again := sent + refusals * (REFUSED_S + RETRY_S)) + ttft
    last = first + (tokens - 1) / 80
    broken = rng.uniform(size=n) < 0.002
    columns = (turn, at_s, sent, again, first, last, tokens, refusals, broken, rng.integers(40, 4000, n))
    made: Made = []
    for values in zip(*(column.tolist() for column in columns), strict=True):
        made += _rows(lane, steady_s, size, Turn(*values))
    return made


def _rows(lane: Lane, steady_s: float, size: Size, turn: Turn) -> Iterator[tuple[float, int, str, str]]:
    user, number = turn.number % size.users, turn.number // size.users
    worker, name = user % WORKERS, size.user(lane, user)
    phase = "steady" if turn.at_s >= steady_s else "warm_up"
    ids = f"{name},{name}-c{number // TURNS_EACH + 1},{name}-t{number + 1},{_case(turn.number)}"
    head = f"1,{RUN_ID},{size.worker(user)},#,{ids},{lane.endpoint},{lane.arm},{phase}"
    connect, waited = "0.000372" if number == 0 else "", ""
    for refusal in range(turn.refusals):
        sent = turn.sent + refusal * (REFUSED_S + RETRY_S)
        end = sent + REFUSED_S
        facts = f"{refusal + 1},{turn.at_s:.6f},{sent:.6f},{end:.6f},,,,{end:.6f},throttled,429"
        error = size.error("rate_limit_exceeded")
        row = f"{head},{facts},{error},1.000000,retry-after,{waited},,,,,,,none,,,,356,{connect},0.000086\n"
        yield end, worker, row, ""
        connect, waited = "", f"{RETRY_S:.6f}"
    end, facts = _last(turn, waited, size)
    yield (
        end,
        worker,
        f"{head},{facts},{connect},0.000{turn.tokens % 900 + 100}\n",
        _said(turn, size, size.worker(user)),
    )


def _last(turn: Turn, waited: str, size: Size) -> tuple[float, str]:
    """Give the end of a turn's last attempt, and its fields from attempt_no to bytes_in."""
    first, last, prompt, tokens = turn.first, turn.last, turn.prompt, turn.tokens
    facts = f"{turn.refusals + 1},{turn.at_s:.6f},{turn.again:.6f},{turn.again + 0.01:.6f},{first:.6f},{first:.6f}"
    if turn.broken:
        end = first + 0.1
        error = size.error("cut")
        return end, (
            f"{facts},{first + 0.05:.6f},{end:.6f},stream_truncated,200,{error},,,{waited},,,,,,,none,5,0,0.012500,1180"
        )
    end = last + 0.0005
    usage = f"{prompt},{prompt % 2 * 16},,{tokens},0,server,{tokens},0"
    return end, f"{facts},{last:.6f},{end:.6f},ok,200,,,,{waited},stop,{usage},0.025000,{tokens * 180}"


def _said(turn: Turn, size: Size, worker: str) -> str:
    if not size.told or turn.broken:
        return ""
    told = ServerTimings("groq", turn.last - turn.again - 0.002, None, turn.first - turn.again - 0.001, 0.001)
    return to_line(RUN_ID, worker, 0, told).replace(",0,", ",#,", 1)


def _case(turn: int) -> str:
    case = turn % CASES
    return f"{KINDS[case % 3]}-{case:03d}"


def _phases(lane: Lane, start_s: float, steady_s: float) -> list[dict[str, object]]:
    edges = (start_s, start_s + 30, start_s + 30 + steady_s, start_s + 60 + steady_s)
    names = ("warm_up", "steady", "drain")
    return [
        {**lane._asdict(), "phase": name, "start_s": low, "end_s": high}
        for name, low, high in zip(names, edges[:-1], edges[1:], strict=True)
    ]


def _meta(phases: list[dict[str, object]], rows: list[int], size: Size) -> dict[str, object]:
    slo = [
        "p95(ttft_ms) < 800",
        "p99(response_time_ms) < 8000",
        "cost_per_1k_responses_usd < 5",
        "throttled_share < 6%",
    ]
    cases = [(_case(i), KINDS[i % 3]) for i in range(CASES)]
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
            {"worker": size.worker(i), "host": "localhost", "clock_offset_s": 0.0, "rows": rows[i], "rows_lost": 0}
            for i in range(WORKERS)
        ],
        "validity": {"verdict": "valid", "reasons": []},
        "cases": {case: {"kind": kind} for case, kind in cases},
        "users": dict.fromkeys([lane.name.replace("-arm", ".arm") for lane in size.lanes], size.users),
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
                lane = f"{RUN_ID},{size.worker(worker)},{span['endpoint']},{span['arm']},{span['phase']}"
                file.write(f"{lane},{start},{width_s:g},10000,0,{texts[number % 20]},{kind},{length}\n")


def _write_answers(path: Path, size: Size) -> None:
    """Write answers to conversations' first turns in the middle of each steady phase, nine in ten right."""
    with path.open("w", encoding="ascii") as file:
        for lane in size.lanes:
            start = size.turns // size.users // 2 // TURNS_EACH * TURNS_EACH * size.users
            for turn in range(start, start + size.answers):
                user, number = turn % size.users, turn // size.users
                answer = {
                    **lane._asdict(),
                    "phase": "steady",
                    "worker": size.worker(user),
                    "turn_id": f"{size.user(lane, user)}-t{number + 1}",
                    "case_id": _case(turn),
                    "turn_no": number % TURNS_EACH + 1,
                    "prompt": "What is it?",
                    "answer": "It is forty." if turn % 10 else "It is fifty.",
                    "outcome": "ok",
                }
                file.write(json.dumps(answer) + "\n")
