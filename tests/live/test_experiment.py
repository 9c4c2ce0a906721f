"""The founding experiment as it ships, shortened: its figures are those of its rows, and they show what it claims."""

from __future__ import annotations

import csv
import json
import statistics
import subprocess
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Tailgate = Callable[..., subprocess.CompletedProcess[str]]
Row = dict[str, str]


def number(row: Row, key: str) -> float:
    """Give a field; an empty one adds nothing."""
    return float(row[key] or 0)


def turns_of(rows: list[Row], arm: str, start_s: float) -> list[list[Row]]:
    """Give an arm's steady turns, each as its attempts in order."""
    turns: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if (row["arm"], row["phase"]) == (arm, "steady") and number(row, "intended_s") >= start_s:
            turns[row["turn_id"]].append(row)
    return [sorted(attempts, key=lambda row: int(row["attempt_no"])) for attempts in turns.values()]


def figures_of(turns: list[list[Row]], prices: dict[str, str]) -> dict[str, float]:
    """Compute what the report computes, by another way."""
    answered = [attempts for attempts in turns if attempts[-1]["outcome"] in {"ok", "ok_length"}]
    rates = {"input_tokens": float(prices["input"]), "output_tokens": float(prices["output"])}

    def cost(attempts: list[Row]) -> float:
        return sum(number(row, key) * rate for row in attempts for key, rate in rates.items()) / 1e3

    served = [number(turn[-1], "end_s") - number(turn[-1], "sent_s") for turn in answered]
    refused = [sum(number(row, "end_s") - number(row, "sent_s") for row in turn[:-1]) for turn in answered]
    waited = [sum(number(row, "waited_s") for row in turn) for turn in answered]
    whole = [sum(parts) for parts in zip(served, refused, waited, strict=True)]
    return {
        "attempts_per_success": sum(map(len, turns)) / len(answered),
        "refusals_per_turn": sum(row["http_status"] == "429" for turn in turns for row in turn) / len(turns),
        "cost_per_1k_responses_usd": sum(map(cost, turns)) / len(answered),
        "cost_variance": statistics.variance(map(cost, answered)),
        "throttling_variance_share": 1 - statistics.pvariance(served) / statistics.pvariance(whole),
    }


def peak(rows: list[Row], arm: str, start_s: float) -> int:
    """Give the most attempts sent within any second of an arm's steady phase."""
    own = (row for row in rows if (row["arm"], row["phase"]) == (arm, "steady") and row["sent_s"])
    sent = sorted(moment for row in own if (moment := number(row, "sent_s")) >= start_s)
    return max(bisect_right(sent, moment + 1.0) - index for index, moment in enumerate(sent))


def test_its_figures_are_those_of_its_rows(tailgate: Tailgate, tmp_path: Path) -> None:
    """Each figure of each arm, from attempts.csv alone; hammering costs more than waiting, and more unsteadily."""
    shipped = Path(__file__).parents[2] / "scenarios" / "naive-vs-honored.yaml"
    tailgate("run", str(shipped), "WindowUser", "--run-time", "80s", "--results", "results", timeout=300)
    (run,) = (tmp_path / "results").glob("*/")
    with (run / "attempts.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    report: dict[str, Any] = json.loads((run / "report.json").read_text())
    prices = json.loads((run / "run.json").read_text())["prices"]["window"]
    starts = {span["arm"]: span["start_s"] for span in report["phases"] if span["phase"] == "steady"}
    told = {
        arm["arm"]: {name: figure.get("value") for name, figure in arm["figures"].items()}
        for arm in report["experiment"]["arms"]
    }
    assert set(told) == {"naive-burst", "honored-burst", "naive-steady", "honored-steady"}
    for arm, figures in told.items():
        expected = figures_of(turns_of(rows, arm, starts[arm]), prices)
        assert {name: figures[name] for name in expected} == pytest.approx(expected, rel=1e-6, abs=1e-6), arm
        assert figures["peak_arrivals_per_second"] == peak(rows, arm, starts[arm])
    (contrast,) = [
        each
        for each in report["experiment"]["contrasts"]
        if each["candidate"].endswith("honored-steady") and each["base"].endswith("naive-burst")
    ]
    assert contrast["figures"]["cost_variance_ratio"]["value"] < 0.5
    assert told["naive-burst"]["attempts_per_success"] > 3 * told["honored-burst"]["attempts_per_success"]
