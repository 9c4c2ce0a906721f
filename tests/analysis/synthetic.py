"""Run folders made from a seed, with the truth known: for tests of everything that reads a run folder."""

from __future__ import annotations

import csv
import json
import math
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from scenarios.distribution import Distribution
from scenarios.records import ANSWERED, SCHEMA_VERSION, Attempt, Outcome, to_row, write_header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


FAST = Distribution.of(0.12, 0.4)
LENGTHS = Distribution.of(120, 400)


@dataclass(frozen=True)
class Model:
    """One endpoint's true behaviour; `phi` is the AR(1) correlation of ln TTFT from one turn to the next."""

    name: str = "small"
    ttft: Distribution = FAST
    tokens_per_second: float = 80.0
    output_tokens: Distribution = LENGTHS
    phi: float = 0.0
    throttled_share: float = 0.0
    failed_share: float = 0.0
    in_flight: int = 0
    prices: dict[str, str | None] | None = field(
        default_factory=lambda: {"input": "0.15", "cached_input": "0.075", "cache_write": None, "output": "0.60"},
    )


@dataclass(frozen=True)
class Plan:
    """What a synthetic run is made of; `turns` are steady turns per endpoint, a quarter as many fall in the warm-up."""

    seed: int = 1
    models: tuple[Model, ...] = (Model(),)
    users: int = 50
    turns: int = 2000
    turns_per_conversation: int = 3
    warm_up_s: float = 30.0
    steady_s: float = 120.0
    drain_s: float = 10.0
    workers: int = 2
    slo: tuple[str, ...] = ("p95(ttft_ms) < 800", "throttled_share < 5%")
    healthy: bool = True
    interrupted: bool = False


@dataclass
class Truth:
    """What the folder holds, counted while it was made."""

    turns: Counter[tuple[str, str]] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    throttled: Counter[tuple[str, str]] = field(default_factory=Counter)
    attempts: int = 0
    cost_usd: dict[str, Decimal] = field(default_factory=dict)
    ttft: dict[str, Distribution] = field(default_factory=dict)


BASE = Model()
LARGE = Model(
    name="large",
    ttft=Distribution.of(0.3, 1.2),
    tokens_per_second=40.0,
    throttled_share=0.08,
    failed_share=0.01,
    in_flight=2,
    prices={"input": "1.25", "cached_input": "0.125", "cache_write": None, "output": "10.0"},
)
TWO_ENDPOINTS = Plan(models=(LARGE, BASE))
"""Two endpoints as in the quickstart: a slow, throttled one and a fast one."""


def write_run(folder: Path, plan: Plan = TWO_ENDPOINTS) -> Truth:
    """Write `attempts.csv` and `run.json` into `folder` and give the truth."""
    folder.mkdir(parents=True, exist_ok=True)
    truth = Truth()
    with (folder / "attempts.csv").open("w", newline="") as file:
        write_header(file)
        writer = csv.writer(file, lineterminator="\n")
        for attempt in attempts(plan, truth):
            writer.writerow(to_row(attempt))
    (folder / "run.json").write_text(json.dumps(run_json(plan, truth), indent=1))
    return truth


def attempts(plan: Plan, truth: Truth) -> Iterator[Attempt]:
    """Make all attempts in the order of their endpoints and turns."""
    counters = [0] * plan.workers
    for number, model in enumerate(plan.models):
        rng = random.Random(f"{plan.seed}/{model.name}")
        truth.ttft[model.name] = model.ttft
        truth.cost_usd[model.name] = Decimal(0)
        turns = list(_turns(plan, model, rng, number * _length(plan)))
        for i, turn in enumerate(turns):
            cut = i >= len(turns) - model.in_flight
            for attempt in (replace(turn[0], sent_s=turn[0].intended_s),) if cut else _attempts_of(turn, model, rng):
                worker = int(attempt.worker)
                counters[worker] += 1
                yield _account(replace(attempt, worker=f"w{worker}", seq=counters[worker]), model, truth)


def _length(plan: Plan) -> float:
    return plan.warm_up_s + plan.steady_s + plan.drain_s


def _turns(plan: Plan, model: Model, rng: random.Random, start_s: float) -> Iterator[tuple[Attempt, float]]:
    """Give each turn's first row, still without stamps but the intended start, with its standard normal TTFT score."""
    z = rng.gauss(0.0, 1.0)
    warm = plan.turns // 4
    for i in range(warm + plan.turns):
        z = model.phi * z + math.sqrt(1 - model.phi**2) * rng.gauss(0.0, 1.0)
        phase = "warm_up" if i < warm else "steady"
        share = (i + rng.random()) / warm if i < warm else (i - warm + rng.random()) / plan.turns
        offset = share * plan.warm_up_s if i < warm else plan.warm_up_s + share * plan.steady_s
        user = i % plan.users
        conversation = i // plan.users // plan.turns_per_conversation
        yield (
            Attempt(
                run_id=f"run-{plan.seed}",
                worker=str(user % plan.workers),
                seq=0,
                user_id=f"{model.name}-{user}",
                conversation_id=f"{model.name}-{user}-{conversation}",
                turn_id=f"{model.name}-{i}",
                case_id=f"case-{i % 5}",
                endpoint=model.name,
                arm="",
                phase=phase,
                attempt_no=1,
                intended_s=start_s + offset,
                connect_s=0.0005 if i < plan.users else None,
            ),
            z,
        )


def _attempts_of(turn: tuple[Attempt, float], model: Model, rng: random.Random) -> Iterator[Attempt]:
    row, z = turn
    sent = row.intended_s + 0.0002 + 0.0003 * rng.random()
    number, waited = 1, None
    while number < 4 and rng.random() < model.throttled_share:
        end = sent + 0.004
        yield replace(
            row,
            attempt_no=number,
            sent_s=sent,
            headers_s=end,
            end_s=end,
            outcome=Outcome.THROTTLED,
            http_status=429,
            error_code="rate_limit_exceeded",
            wait_hint_s=1.0,
            wait_source="retry-after",
            waited_s=waited,
            bytes_in=240,
            client_lag_s=0.0001,
        )
        waited = 1.0 + rng.random()
        sent = end + waited
        number += 1
    yield _final(replace(row, attempt_no=number, sent_s=sent, waited_s=waited), z, model, rng)


def _final(row: Attempt, z: float, model: Model, rng: random.Random) -> Attempt:
    sent = row.sent_s or 0.0
    if rng.random() < model.failed_share:
        return replace(row, headers_s=sent + 0.05, end_s=sent + 0.06, outcome=Outcome.STREAM_ERROR, http_status=200)
    ttft = model.ttft.median * math.exp(model.ttft.sigma * z)
    tokens = max(1, round(model.output_tokens.sample(rng)))
    last = sent + ttft + (tokens - 1) / model.tokens_per_second
    return replace(
        row,
        headers_s=sent + ttft * 0.9,
        first_token_s=sent + ttft,
        first_output_s=sent + ttft,
        last_token_s=last,
        end_s=last + 0.0005,
        outcome=Outcome.OK_LENGTH if tokens > 390 else Outcome.OK,
        http_status=200,
        finish_reason="length" if tokens > 390 else "stop",
        input_tokens=40 + row.seq % 7,
        cached_input_tokens=16,
        output_tokens=tokens,
        usage_source="server",
        chunks=tokens,
        coalesced=0,
        gap_max_s=2 / model.tokens_per_second,
        bytes_in=tokens * 180,
        client_lag_s=0.0002,
    )


def _account(row: Attempt, model: Model, truth: Truth) -> Attempt:
    group = (row.endpoint, row.phase)
    truth.attempts += 1
    if row.attempt_no == 1:
        truth.turns[group] += 1
        truth.throttled[group] += row.outcome == Outcome.THROTTLED
    if row.outcome != Outcome.THROTTLED:
        truth.outcomes[(*group, str(row.outcome))] += 1
    if model.prices and row.outcome in ANSWERED:
        truth.cost_usd[row.endpoint] += cost_usd(row, model.prices)
    return row


def cost_usd(row: Attempt, prices: dict[str, str | None]) -> Decimal:
    """Give (input - cached) x input price + cached x cached price + output x output price, exactly."""
    cached = row.cached_input_tokens or 0
    fresh = (row.input_tokens or 0) - cached
    return (
        fresh * Decimal(prices["input"] or 0)
        + cached * Decimal(prices["cached_input"] or prices["input"] or 0)
        + (row.output_tokens or 0) * Decimal(prices["output"] or 0)
    ) / 1_000_000


def run_json(plan: Plan, truth: Truth) -> dict[str, object]:
    """Give the `run.json` of a synthetic run."""
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": f"run-{plan.seed}",
        "name": "synthetic",
        "started_at": "2026-11-23T10:00:00Z",
        "ended_at": None if plan.interrupted else "2026-11-23T10:05:00Z",
        "interrupted": plan.interrupted,
        "command": "tailgate run synthetic.yaml",
        "seed": plan.seed,
        "versions": {"tailgate": "0.1.0", "python": "3.11", "locust": "2.47.0"},
        "load_model": "closed",
        "scenario": {"name": "synthetic", "seed": plan.seed, "slo": list(plan.slo), "throttle": {"policy": "honor"}},
        "phases": _phases(plan),
        "workers": [_worker(plan, number, truth) for number in range(plan.workers)],
        "validity": {"verdict": "valid", "reasons": []},
        "cases": {f"case-{i}": {"kind": ("support", "long")[i % 2], "expected_output_tokens": 120} for i in range(5)},
        "users": {model.name: plan.users for model in plan.models},
        "prices": {model.name: model.prices and {**model.prices, "source": "scenario"} for model in plan.models},
        "endpoint_stops": {},
    }


def _phases(plan: Plan) -> list[dict[str, object]]:
    spans: list[dict[str, object]] = []
    for number, model in enumerate(plan.models):
        at = number * _length(plan)
        for phase, seconds in (("warm_up", plan.warm_up_s), ("steady", plan.steady_s), ("drain", plan.drain_s)):
            spans.append(
                {"endpoint": model.name, "arm": "", "phase": phase, "start_s": at, "end_s": at + seconds},
            )
            at += seconds
    return spans


def _worker(plan: Plan, number: int, truth: Truth) -> dict[str, object]:
    return {
        "worker": f"w{number}",
        "host": "localhost",
        "clock_offset_s": 0.0,
        "rows": truth.attempts // plan.workers,
        "rows_lost": 0,
        "client_lag_p99_s": 0.0004,
        "loop_lag_p99_s": 0.003 if plan.healthy else 0.4,
        "cpu_max": 0.41 if plan.healthy else 0.99,
    }
