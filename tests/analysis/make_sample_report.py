"""Make `golden/sample.json`: a realistic report of two endpoints, "large" (slow, rate-limited) and "small" (fast).

`golden/hostile.json` is the same with names that would harm who obeys them.

Run by hand when the report's shape changes: `python tests/analysis/make_sample_report.py`.
"""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Literal

import numpy as np

from analysis.figure import INFINITE
from analysis.measures.distribution import of_values
from analysis.model import Distribution as Spread
from analysis.model import (
    Estimate,
    Figure,
    Group,
    Marks,
    NotEstimable,
    PhaseSpan,
    Plots,
    Report,
    ServerTime,
    Slice,
    SloLine,
    Spectrum,
    Timeline,
    Validity,
)
from analysis.verdicts.headline import headline
from analysis.verdicts.next_steps import next_steps
from analysis.verdicts.standing import standings
from analysis.words.server_words import sentence
from scenarios.distribution import Distribution
from scenarios.records import Outcome

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99_9": 0.999}
NEEDED = {"p50": 8, "p90": 36, "p95": 72, "p99": 368, "p99_9": 3688}
GRID = [1 - 10 ** -(0.02 + 0.0503797 * step) for step in range(66)]

LATENCIES = {
    "large": {
        "ttft_ms": Distribution.of(520, 2600),
        "tpot_ms": Distribution.of(21, 34),
        "response_time_ms": Distribution.of(3900, 21000),
        "service_time_ms": Distribution.of(3300, 9800),
        "throttled_time_ms": Distribution.of(140, 11000),
        "schedule_lag_ms": Distribution.of(0.4, 3.1),
    },
    "small": {
        "ttft_ms": Distribution.of(118, 395),
        "tpot_ms": Distribution.of(12.4, 14.8),
        "response_time_ms": Distribution.of(1520, 4300),
        "service_time_ms": Distribution.of(1510, 4290),
        "throttled_time_ms": Distribution.of(0.2, 0.5),
        "schedule_lag_ms": Distribution.of(0.3, 2.8),
    },
}
GAPS = {"large": Distribution.of(21, 95), "small": Distribution.of(12.5, 31)}
FAILED = {"large": 0.028, "small": 0.0019}
COSTS = {"large": Distribution.of(0.006, 0.02), "small": Distribution.of(0.0006, 0.002)}
OUTCOMES = [o.value if o is not Outcome.THROTTLED else "waiting_at_end" for o in Outcome]
TURNS = {"large": 3188, "small": 6204}


def estimate(value: float, spread: float, n: int, method: str = "order statistics, blocks by user") -> Estimate:
    """Give a value with an interval of `spread` times its size on each side."""
    return Estimate(
        value=round(value, 6),
        low=round(value * (1 - spread), 6),
        high=round(value * (1 + 1.2 * spread), 6),
        n=n,
        method=method,
    )


def quantile(dist: Distribution, p: float, n: int, needed: int) -> Figure:
    """Give a quantile with an interval that widens to the tail, or why there is none."""
    if n < needed:
        return NotEstimable(not_estimable=f"{n:,} turns; {needed:,} needed")
    return estimate(dist.quantile(p), 0.9 / math.sqrt(n * (1 - p)), n)


def metrics(endpoint: str, n: int) -> dict[str, dict[str, Figure]]:
    """Give each metric's quantiles and mean."""
    return {
        name: {
            **{key: quantile(dist, p, n, NEEDED[key]) for key, p in QUANTILES.items()},
            "mean": estimate(dist.mean, 1.9 / math.sqrt(n), n, "mean, blocks by user"),
        }
        for name, dist in LATENCIES[endpoint].items()
    }


def with_failures(endpoint: str, n: int) -> dict[str, dict[str, Figure]]:
    """Give the quantiles where failed turns are infinitely late: those of the others, as long as one is left."""
    failed = FAILED[endpoint]

    def of(dist: Distribution, p: float, needed: int) -> Figure:
        return quantile(dist, p / (1 - failed), n, needed) if p < 1 - failed else INFINITE

    return {
        f"{name}_with_failures_ms": {
            key: of(LATENCIES[endpoint][f"{name}_ms"], p, NEEDED[key]) for key, p in QUANTILES.items()
        }
        for name in ("response_time", "ttft")
    }


def shares(endpoint: str, n: int) -> dict[str, Figure]:
    """Give the share of turns by outcome, and of turns with at least one 429."""
    parts = {
        "large": {"ok": 0.951, "ok_length": 0.021, "gave_up": 0.013, "stream_error": 0.004, "timeout": 0.003},
        "small": {"ok": 0.986, "ok_length": 0.0121, "stream_truncated": 0.0004},
    }[endpoint]
    parts = dict.fromkeys(OUTCOMES, 0.0) | {
        **parts,
        "in_flight": 1 - sum(parts.values()),
        "throttled": {"large": 0.083, "small": 0.0}[endpoint],
    }
    parts["failed"] = 1 - parts["ok"] - parts["ok_length"]
    found: dict[str, Figure] = {}
    for name, share in parts.items():
        half = 1.96 * math.sqrt(max(share * (1 - share), 1e-7) / n)
        low, high = max(0.0, share - half), min(1.0, share + half)
        found[name] = Estimate(
            value=round(share, 6),
            low=round(low, 6),
            high=round(high, 6),
            n=n,
            n_effective=round(n / 1.4, 1),
            method="Wilson at effective n by block bootstrap, 500 blocks",
        )
    return found


def group(endpoint: str, phase: str, start_s: float, end_s: float, turns: int) -> Group:
    """Give one endpoint and phase."""
    per_1k = {"large": 6.84, "small": 0.72}[endpoint]
    rate = round(turns / (end_s - start_s), 2)
    return Group(
        endpoint=endpoint,
        arm="",
        phase=phase,
        start_s=start_s,
        end_s=end_s,
        turns=turns,
        attempts=int(turns * (1.19 if endpoint == "large" else 1.0)),
        users=500,
        shares=shares(endpoint, turns),
        metrics=metrics(endpoint, turns) | with_failures(endpoint, turns),
        cost={
            "cost_per_1k_responses_usd": estimate(per_1k, 2.1 / math.sqrt(turns), turns, "ratio, blocks by user"),
            "cost_per_response_usd": estimate(per_1k / 1000, 2.1 / math.sqrt(turns), turns, "ratio, blocks by user"),
            "cost_per_month_usd": estimate(per_1k * 3000, 2.1 / math.sqrt(turns), turns, "ratio per turn x 3,000,000"),
        },
        rates={
            "turns_offered_per_second": rate,
            "turns_per_second": round(rate * 0.972, 2),
            "output_tokens_per_second": round(rate * 131.4, 1),
        },
        attainment=shares(endpoint, turns)["ok"],
        variance=variance(endpoint, turns) if phase == "steady" else {},
        tries={"attempts_per_success": estimate(1.19 if endpoint == "large" else 1.0, 0.02, turns, "ratio")},
        cut_s=6.0 if (endpoint, phase) == ("large", "steady") else 0.0,
        cut_turns=310 if (endpoint, phase) == ("large", "steady") else 0,
    )


def variance(endpoint: str, turns: int) -> dict[str, Figure]:
    """Give coefficients of variation, the split of response time's variance, and what groupings explain."""
    waits = {"large": 0.31, "small": 0.0}[endpoint]
    split = {"throttled_time": waits, "service_time": 0.97 - waits}
    found: dict[str, Figure] = {
        "response_time_cv": estimate(0.84, 0.04, turns, "sd / mean; block bootstrap"),
        **{f"{name}_variance_share": estimate(share, 0.08, turns, "block bootstrap") for name, share in split.items()},
        "covariance_share": estimate(0.03, 0.5, turns, "block bootstrap"),
        "cost_per_response_cv": estimate(0.52, 0.03, turns, "sd / mean; block bootstrap"),
    }
    explained = {"throttled": waits, "length_class": 0.42, "worker": 0.001, "time_block": 0.05}
    for name, share in explained.items():
        found[f"response_time_between_{name}_share"] = Estimate(value=share, n=turns, method="law of total variance")
    found["cost_per_response_between_length_class_share"] = Estimate(
        value=0.61, n=turns, method="law of total variance"
    )
    return found


def distribution(dist: Distribution, n: int, seed: str) -> Spread:
    """Give what a seeded sample of a distribution looks like."""
    rng = random.Random(seed)
    found = of_values(np.array([dist.sample(rng) for _ in range(n)]))
    assert found is not None
    return found


def marks(endpoint: str, start_s: float) -> list[Marks]:
    """Give throttled turns, and failed ones, of the endpoint with a limit."""
    if endpoint == "small":
        return []
    rng = random.Random("marks")
    at = sorted(round(start_s + rng.uniform(5, 85), 2) for _ in range(60))
    lost = [round(start_s + 52 + i * 0.8, 2) for i in range(9)]
    return [
        Marks(fate="throttled", of=265, t_s=at, response_ms=[round(rng.uniform(4000, 24000), 1) for _ in at]),
        Marks(fate="failed", of=9, t_s=lost, response_ms=[None] * len(lost)),
    ]


def slices(endpoint: str, held: Group) -> list[Slice]:
    """Give two kinds of conversation, one of them too rare for its tail."""
    few = {q: NotEstimable(not_estimable="12 turns; 72 needed") for q in QUANTILES}
    names = ("ttft_ms", "tpot_ms", "response_time_ms")
    known = {name: held.metrics[name] for name in names}
    known["gap_ms"] = {key: quantile(GAPS[endpoint], p, held.turns * 100, NEEDED[key]) for key, p in QUANTILES.items()}
    return [
        Slice(endpoint=endpoint, arm="", by="kind", label="support", turns=held.turns - 12, metrics=known),
        Slice(endpoint=endpoint, arm="", by="kind", label="long", turns=12, metrics=dict.fromkeys(names, few)),
    ]


def server_time(endpoint: str, held: Group) -> ServerTime:
    """Give what the server tells: all but the network of a small model's answers, half of what a large one's took."""
    seen = held.metrics["service_time_ms"]
    part = {"large": 0.5, "small": 0.98}[endpoint]

    def scaled(by: float) -> dict[str, Figure]:
        return {
            name: estimate(figure.value * by, 0.03, figure.n, figure.method)
            for name, figure in seen.items()
            if isinstance(figure, Estimate)
        }

    found = ServerTime(
        endpoint=endpoint,
        arm="",
        phase="steady",
        source={"large": "llama.cpp", "small": "groq"}[endpoint],
        turns=held.turns,
        told=held.turns,
        claims_more={"large": 0, "small": 12}[endpoint],
        server={"total_ms": scaled(part), "prefill_ms": scaled(part / 5), "decode_ms": scaled(part * 4 / 5)},
        seen={"total_ms": seen},
        beyond={"total_ms": scaled(1 - part)},
        sentence="",
    )
    return found.model_copy(update={"sentence": sentence(found)})


def slo_line(
    line: str, endpoint: str, figure: Figure, limit: float, unit: str, *, sentence: str, needed_turns: int | None = None
) -> SloLine:
    """Give one line, its verdict from the interval."""
    verdict: Literal["pass", "fail", "inconclusive"] = "inconclusive"
    said = "not estimable"
    if isinstance(figure, Estimate) and figure.low is not None and figure.high is not None:
        verdict = "pass" if figure.high < limit else "fail" if figure.low >= limit else "inconclusive"
        said = f"{figure.value:,.0f} [{figure.low:,.0f}, {figure.high:,.0f}] (n {figure.n:,})"
    word = {"pass": "keeps", "fail": "breaches", "inconclusive": "does not decide"}[verdict]
    undecided = verdict == "inconclusive"
    return SloLine(
        line=line,
        endpoint=endpoint,
        verdict=verdict,
        figure=figure,
        limit=limit,
        comparator="<",
        unit=unit,
        sentence=sentence.format(word, said) if undecided else sentence.partition(";")[0].format(word, said),
        needed_turns=needed_turns if undecided else None,
    )


def slo(groups: dict[str, Group]) -> list[SloLine]:
    """Give lines of every verdict."""
    found = []
    for endpoint, held in groups.items():
        found += [
            slo_line(
                "p95(ttft_ms) < 800",
                endpoint,
                held.metrics["ttft_ms"]["p95"],
                800,
                "ms",
                sentence=f"{endpoint} {{}} p95(ttft_ms) < 800 with {{}}",
            ),
            slo_line(
                "p99(response_time_ms) < 20000",
                endpoint,
                held.metrics["response_time_ms"]["p99"],
                20000,
                "ms",
                sentence=f"{endpoint} {{}} p99(response_time_ms) < 20000 with {{}}; 9,600 turns would decide",
                needed_turns=9600,
            ),
            slo_line(
                "p99.9(ttft_ms) < 4000",
                endpoint,
                held.metrics["ttft_ms"]["p99_9"],
                4000,
                "ms",
                sentence=f"{endpoint} {{}} p99.9(ttft_ms) < 4000 with {{}}; 3,688 turns (70 s) are needed",
                needed_turns=3688,
            ),
            slo_line(
                "throttled_share < 1%",
                endpoint,
                held.shares["throttled"],
                0.01,
                "share",
                sentence=f"{endpoint} {{}} throttled_share < 1% with {{}}",
            ),
            slo_line(
                "cost_per_1k_responses_usd < 7.50",
                endpoint,
                held.cost["cost_per_1k_responses_usd"],
                7.5,
                "usd",
                sentence=f"{endpoint} {{}} cost_per_1k_responses_usd < 7.50 with {{}}",
            ),
        ]
    return found


def spectrum(endpoint: str, metric: str) -> Spectrum:
    """Give the curve behind the tail plot, with an interval where enough turns lie beyond."""
    dist, n = LATENCIES[endpoint][metric], TURNS[endpoint]
    values = [dist.quantile(p) for p in GRID]
    half = [0.9 / math.sqrt(n * (1 - p)) if n * (1 - p) >= 3.68 else None for p in GRID]
    return Spectrum(
        p=GRID,
        values=[round(v, 2) for v in values],
        low=[None if h is None else round(v * (1 - h), 2) for v, h in zip(values, half, strict=True)],
        high=[None if h is None else round(v * (1 + 1.2 * h), 2) for v, h in zip(values, half, strict=True)],
    )


def timeline(endpoint: str, start_s: float, end_s: float) -> Timeline:
    """Give the course of the run: a ramp, a steady stretch with one disturbance, a drain."""
    rng = random.Random(endpoint)
    bins = [start_s + 0.5 + i for i in range(int(end_s - start_s))]
    ramp = [min(1.0, (t - start_s) / 15) if t < end_s - 8 else max(0.0, (end_s - t) / 16) for t in bins]
    top = TURNS[endpoint] / 60
    bump = [1 + 1.6 * math.exp(-(((t - start_s - 55) / 5) ** 2)) if endpoint == "large" else 1.0 for t in bins]
    offered = [round(r * top * rng.uniform(0.9, 1.1), 2) for r in ramp]
    throttled = [
        round(o * min(0.6, 0.08 * b * b) * rng.uniform(0.5, 1.5), 2) if endpoint == "large" else 0.0
        for o, b in zip(offered, bump, strict=True)
    ]
    failed = [
        round(o * (0.02 if endpoint == "large" and b > 1.5 else 0.0) * rng.uniform(0, 2), 2)
        for o, b in zip(offered, bump, strict=True)
    ]

    def course(metric: str, p: float) -> list[float | None]:
        dist = LATENCIES[endpoint][metric]
        return [
            None if r < 0.1 else round(dist.quantile(p) * (0.7 + 0.3 * r) * b * rng.uniform(0.88, 1.12), 1)
            for r, b in zip(ramp, bump, strict=True)
        ]

    return Timeline(
        t_s=bins,
        bin_s=1.0,
        offered=offered,
        admitted=[round(o - t - f, 2) for o, t, f in zip(offered, throttled, failed, strict=True)],
        throttled=throttled,
        failed=failed,
        ttft_p50_ms=course("ttft_ms", 0.5),
        ttft_p95_ms=course("ttft_ms", 0.95),
        response_p50_ms=course("response_time_ms", 0.5),
        response_p95_ms=course("response_time_ms", 0.95),
        marks=marks(endpoint, start_s),
    )


def phases(endpoint: str, start_s: float) -> list[PhaseSpan]:
    """Give 25 s of ramp and warm-up, 60 s steady, 10 s drain."""
    spans = [("warm_up", 0, 25), ("steady", 25, 85), ("drain", 85, 95)]
    return [
        PhaseSpan(endpoint=endpoint, arm="", phase=name, start_s=start_s + a, end_s=start_s + b) for name, a, b in spans
    ]


def build() -> Report:
    """Give the whole report."""
    starts = {"large": 0.0, "small": 95.0}
    steady = {e: group(e, "steady", s + 25, s + 85, TURNS[e]) for e, s in starts.items()}
    held, valid = slo(steady), Validity(verdict="valid", reasons=[])
    standing = standings(held, list(steady.values()))
    warm = [group(e, "warm_up", s, s + 25, 640) for e, s in starts.items()]
    return Report(
        run_id="quickstart-20260801T101500Z",
        name="quickstart",
        started_at="2026-08-01T10:15:00Z",
        load_model="closed",
        verdict="fail",
        headline=headline("fail", valid, held, list(steady.values()), standing),
        standings=standing,
        next_steps=next_steps("fail", valid, held, list(steady.values()), {}),
        validity=valid,
        slo=held,
        groups=[warm[0], steady["large"], warm[1], steady["small"]],
        slices=[one for e, held_group in steady.items() for one in slices(e, held_group)],
        server_times=[server_time(e, held_group) for e, held_group in steady.items()],
        phases=[span for e, s in starts.items() for span in phases(e, s)],
        health=[
            {
                "worker": f"worker-{i}",
                "rows": 5210 + i,
                "rows_lost": 0,
                "client_lag_p99_s": 0.00041 + i / 1e5,
                "loop_lag_p99_s": 0.0023,
                "cpu_max": 0.61,
                "clock_offset_s": 0.0,
            }
            for i in (1, 2)
        ],
        cost={
            "total_usd": "26.281204",
            "endpoints": {
                "large": {
                    "total_usd": "21.806",
                    "wasted_usd": "0.3121",
                    "attempts_of_unknown_usage": 0,
                    "prices_usd_per_million_tokens": {"input": "1.25", "cached_input": "0.125", "output": "10.0"},
                    "source": "scenario",
                },
                "small": {
                    "total_usd": "4.475204",
                    "wasted_usd": "0.0018",
                    "attempts_of_unknown_usage": 3,
                    "prices_usd_per_million_tokens": {"input": "0.25", "cached_input": "0.025", "output": "2.0"},
                    "source": "genai-prices 0.2.3",
                },
            },
            "assumption": "attempts refused by an error status, or never connected, are taken as not billed",
        },
        notes=[
            "Latencies cover turns with outcome ok or ok_length; every other turn stays in the denominators.",
            "Intervals are 95%, by order statistics over blocks of users.",
        ],
        versions={"tailgate": "0.1.0", "locust": "2.47.0", "python": "3.11.2"},
        plots=Plots(
            spectra={e: {m: spectrum(e, m) for m in ("ttft_ms", "response_time_ms")} for e in starts},
            timelines={e: timeline(e, s, s + 95) for e, s in starts.items()},
            gaps={e: distribution(GAPS[e], 4000, f"{e} gaps") for e in starts},
            costs={e: distribution(COSTS[e], TURNS[e], f"{e} costs") for e in starts},
        ),
    )


HOSTILE = {
    "large": "</script><img src=x onerror=alert(1)>`|@octocat\u202egnp.exe\x1b[31m=cmd|'/c calc'!A1 {{ 7*7 }}",
    "small": "\u05e9\u05dc\u05d5\u05dd \u0639\u0627\u0644\u0645 " + "w" * 120,
    "quickstart": "<script>document.title = 'owned'</script>",
}


def hostile(value: object) -> object:
    """Give a JSON document with the names replaced by hostile ones, wherever they stand."""
    if isinstance(value, dict):
        return {HOSTILE.get(key, key): hostile(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [hostile(inner) for inner in value]
    if not isinstance(value, str):
        return value
    return HOSTILE.get(value, value.replace("large", HOSTILE["large"]).replace("small", HOSTILE["small"]))


if __name__ == "__main__":
    folder = Path(__file__).parent / "golden"
    sample = build()
    bad = Report.model_validate(hostile(sample.model_dump(mode="json")))
    for name, made in (("sample", sample), ("hostile", bad)):
        (folder / f"{name}.json").write_text(made.model_dump_json() + "\n", encoding="utf-8")
