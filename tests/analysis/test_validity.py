"""Validity: a generator that was the bottleneck makes every figure void."""

from __future__ import annotations

import pytest

from analysis.verdicts.validity import notes, validity

WELL = {
    "worker": "w0",
    "rows": 1000,
    "rows_lost": 0,
    "client_lag_p99_s": 0.001,
    "loop_lag_p99_s": 0.002,
    "cpu_max": 0.5,
}
META = {"ended_at": "2026-11-23T10:00:00Z", "validity": {"verdict": "valid", "reasons": []}}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"cpu_max": 0.97}, ["worker w0 was out of CPU: highest use 97 % of a core, the limit is 95"]),
        ({"loop_lag_p99_s": 0.3}, ["worker w0 ran late: loop lag p99 300 ms, the limit is 100"]),
        ({"client_lag_p99_s": 0.2}, []),  # a note: the kernel stamps arrivals
        ({"clock_offset_s": -2.0}, ["worker w0 has a clock that is off by -2,000 ms, the limit is 50"]),
        ({"rows_lost": 10}, ["worker w0 lost 10 of 1,010 rows"]),
        ({"cpu_max": None, "loop_lag_p99_s": "?", "client_lag_p99_s": True}, []),
    ],
)
def test_workers(change: dict[str, object], expected: list[str]) -> None:
    """Each limit names the worker, the value and the limit."""
    assert expected == validity({**META, "workers": [{**WELL, **change}]}, {}, {}).reasons


def test_late_reads_are_noted() -> None:
    """A worker that reads late is named, with what that may do to gaps."""
    expected = ["worker w0 read answers 200 ms late at p99"]
    assert expected == [n.split(":")[0] for n in notes({**META, "workers": [{**WELL, "client_lag_p99_s": 0.2}]})]


def test_a_run_json_of_the_contract_alone_is_of_a_whole_run() -> None:
    """Another writer's run.json need not say when the run ended."""
    assert validity({"validity": {"verdict": "valid", "reasons": []}}, {}, {}).verdict == "valid"


@pytest.mark.parametrize(
    ("meta", "late", "stops", "expected"),
    [
        ({}, {}, {}, "run.json is missing"),
        ({"unreadable": "run.json is torn"}, {}, {}, "run.json is torn: nobody knows"),
        ({**META, "ended_at": None}, {}, {}, "the run never ended"),
        ({**META, "validity": {"verdict": "invalid", "reasons": ["too hot"]}}, {}, {}, "too hot"),
        ({**META, "validity": {"verdict": "invalid"}}, {}, {}, "gave no reason"),
        (META, {"large": (0.4, 2.0)}, {}, "turns of large started late: schedule lag p99 400 ms, the limit is 100"),
        (META, {}, {"large": "insufficient_quota"}, "the test of large stopped early: insufficient_quota"),
    ],
)
def test_run(meta: dict, late: dict, stops: dict, expected: str) -> None:
    """A run that is unfinished, late or stopped is invalid."""
    found = validity(meta, late, stops)
    assert (found.verdict, expected in found.reasons[0]) == ("invalid", True)


def test_small_lags_of_fast_servers_are_no_bottleneck() -> None:
    """5 % of a response of 10 ms is half a millisecond: below 50 ms lag is nobody's bottleneck."""
    assert validity(META, {"fast": (0.049, 0.010)}, {}).verdict == "valid"
