"""Cost: to the last digit, with what is not known named."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import BASE, LARGE, TWO_ENDPOINTS, Plan, write_run

from analysis.measures import bill, cost
from analysis.model import NotEstimable, Report
from analysis.report import build
from analysis.rows.attempts import SMALL
from scenarios.pricing import PriceTable, Tier, cost_usd

TABLE = PriceTable(
    input=Decimal("1.25"),
    output=Decimal("10.0"),
    cached_input=Decimal("0.125"),
    source="test",
    tiers=(Tier(input=Decimal("2.5"), output=Decimal(15), above_input_tokens=1000),),
)
COUNTS = st.one_of(st.none(), st.integers(0, 5000))


def attempts(rows: list[tuple[int | None, ...]]) -> pd.DataFrame:
    """Make the part of an attempts frame that cost looks at; every attempt has status 200."""
    names = ["input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens"]
    frame = pd.DataFrame(rows, columns=names, dtype="float32")
    return frame.assign(http_status=200.0, outcome="ok", endpoint="small", usage_source="server")


def exact_usd(frame: pd.DataFrame) -> Decimal:
    """Give the total of the bill, each attempt being a turn of its own."""
    return bill.bills(frame, {"small": TABLE}, np.arange(len(frame))).get("small", bill.Bill()).total


@given(st.lists(st.tuples(COUNTS, COUNTS, COUNTS, COUNTS), max_size=30))
def test_each_attempt_costs_what_the_ground_floor_says(rows: list[tuple[int | None, ...]]) -> None:
    """The vectorised cost is that of `scenarios.pricing`, attempt by attempt and in sum, tiers included."""
    expected = [cost_usd(TABLE, *row) for row in rows]
    frame = cost.with_cost(attempts(rows), {"small": TABLE})
    found = [None if np.isnan(value) else value for value in frame["cost_usd"]]
    assert [None if e is None else pytest.approx(float(e), rel=1e-12) for e in expected] == found
    assert sum((e for e in expected if e is not None), Decimal(0)) == exact_usd(attempts(rows))


def test_totals_are_exact(tmp_path: Path) -> None:
    """The run's total is the truth's to the last digit."""
    truth = write_run(tmp_path / "run", TWO_ENDPOINTS)
    block = build(tmp_path / "run").cost
    assert sum(truth.cost_usd.values()) == Decimal(str(block["total_usd"]))


def test_no_price_is_not_estimable(tmp_path: Path) -> None:
    """Without a price there is no cost, and the reason says whose price is missing."""
    write_run(tmp_path / "run", Plan(models=(replace(BASE, prices=None),), turns=100))
    report = build(tmp_path / "run")
    figure = report.groups[-1].cost["cost_per_1k_responses_usd"]
    assert NotEstimable(not_estimable="no price for small: set its prices in the scenario") == figure
    assert report.cost["total_usd"] is None


def test_unknown_usage_is_named(tmp_path: Path) -> None:
    """Attempts without usage are counted by name, and their turns left out of the ratio."""
    truth = write_run(tmp_path / "run", replace(TWO_ENDPOINTS, models=(replace(LARGE, in_flight=0),)))
    failed = sum(n for (_, _, outcome), n in truth.outcomes.items() if outcome == "stream_error")
    report = build(tmp_path / "run")
    assert failed == report.cost["endpoints"]["large"]["attempts_of_unknown_usage"]
    assert f"attempts without known token usage: {failed:,}; their cost is unknown and in no total" in report.notes
    assert "turns of unknown usage left out" in report.groups[-1].cost["cost_per_1k_responses_usd"].method


def test_refused_attempts_are_free_and_others_unknown() -> None:
    """A 429 costs nothing; a cut stream without usage costs nobody knows what."""
    frame = attempts([(None, None, None, None)] * 2).assign(
        http_status=[429.0, 200.0], outcome=["throttled", "timeout"]
    )
    found = cost.with_cost(frame, {"small": TABLE})["cost_usd"]
    assert [found[0], bool(np.isnan(found[1]))] == [0.0, True]


def test_waste(tmp_path: Path) -> None:
    """What broken attempts cost is waste: here half of the output of each second turn."""
    folder = tmp_path / "run"
    write_run(folder, Plan(models=(BASE,), turns=200))
    path = folder / "attempts.csv"
    frame = pd.read_csv(path, dtype="str", keep_default_na=False)
    frame.loc[::2, "outcome"] = "stream_truncated"
    frame.to_csv(path, index=False)
    report = build(folder)
    own = report.cost["endpoints"]["small"]
    share = report.groups[-1].cost["wasted_share"]
    assert 0.3 < float(own["wasted_usd"]) / float(own["total_usd"]) < 0.7
    assert (0.3 < share.value < 0.7, share.low < share.value < share.high) == (True, True)


@pytest.mark.parametrize("entry", [{"input": "free"}, {"input": "1", "output": "-2"}, 7, {"output": "1"}])
def test_unreadable_price(tmp_path: Path, entry: object) -> None:
    """A price that cannot be read is no price, and a note."""
    folder = tmp_path / "run"
    write_run(folder, Plan(models=(BASE,), turns=50))
    meta = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**meta, "prices": {"small": entry}}))
    assert "the price of small in run.json cannot be read: its cost is unknown" in build(folder).notes


def with_meta(folder: Path, plan: Plan, **changes: object) -> Report:
    """Write a run, change its run.json, and report on it."""
    write_run(folder, plan)
    path = folder / "run.json"
    meta = json.loads(path.read_text(encoding="utf-8"))
    scenario = {**meta["scenario"], **changes.pop("scenario", {})}  # type: ignore[dict-item]
    path.write_text(json.dumps({**meta, **changes, "scenario": scenario}), encoding="utf-8")
    return build(folder)


def test_a_document_is_a_conversation_of_a_batch_kind(tmp_path: Path) -> None:
    """Cost per document is that of all turns of documents over the documents; another kind has no part in it."""
    cases = {f"case-{i}": {"kind": "document" if i < 2 else "support"} for i in range(5)}
    found = with_meta(tmp_path / "run", Plan(turns=1500), cases=cases).groups[-1].cost
    frame = pd.read_csv(tmp_path / "run" / "attempts.csv")
    rows = frame[(frame["phase"] == "steady") & frame["case_id"].isin(["case-0", "case-1"])]
    plain = rows["input_tokens"] - rows["cached_input_tokens"]
    usd = (plain * 0.15 + rows["cached_input_tokens"] * 0.075 + rows["output_tokens"] * 0.6).sum() / 1e6
    expected = usd / rows["conversation_id"].nunique()
    assert found["cost_per_document_usd"].value == pytest.approx(expected)  # type: ignore[union-attr]
    assert "cost_per_document_usd" not in with_meta(tmp_path / "other", Plan(turns=200)).groups[-1].cost


def test_a_million_input_tokens(tmp_path: Path) -> None:
    """All that was paid over the input tokens of the turns: with the output's share in it, dearer than their price."""
    report = with_meta(tmp_path / "run", Plan(turns=400))
    frame = pd.read_csv(tmp_path / "run" / "attempts.csv")
    rows = frame[frame["phase"] == "steady"]
    per_1k, per_million = (
        report.groups[-1].cost[name].value  # type: ignore[union-attr]
        for name in ("cost_per_1k_responses_usd", "cost_per_million_input_tokens_usd")
    )
    assert per_million == pytest.approx(per_1k / 1000 * len(rows) / rows["input_tokens"].sum() * 1e6)


def test_a_month_of_a_mix_adds_up(tmp_path: Path) -> None:
    """Each endpoint's month is its cost per turn times its turns; the mix is their sum; objectives may be on it."""
    mix = {"large": 100_000, "small": 900_000}
    lines = ["cost_per_month_usd < 1000000 where endpoint=small", "cost_per_document_usd < 1"]
    report = with_meta(tmp_path / "run", TWO_ENDPOINTS, scenario={"cost": {"monthly_turns": mix}, "slo": lines})
    steady = [group for group in report.groups if group.phase == "steady"]
    months = [group.cost["cost_per_month_usd"] for group in steady]
    whole = report.cost["cost_per_month_usd"]
    assert whole["value"] == pytest.approx(sum(month.value for month in months))  # type: ignore[index, union-attr]
    assert whole["low"] < whole["value"] < whole["high"]  # type: ignore[index]
    assert [(line.verdict, line.endpoint) for line in report.slo if "month" in line.line] == [("pass", "small")]
    assert "no conversation is of the kind document or batch" in report.slo[-1].sentence


def test_prices_have_a_date_and_estimates_are_named(tmp_path: Path) -> None:
    """Prices of the scenario are of the run's day; usage that the server did not state is counted."""
    folder = tmp_path / "run"
    write_run(folder, Plan(turns=100))
    path = folder / "attempts.csv"
    frame = pd.read_csv(path, dtype="str", keep_default_na=False)
    frame.loc[:9, "usage_source"] = "estimated"
    frame.to_csv(path, index=False)
    report = build(folder)
    own = report.cost["endpoints"]["small"]  # type: ignore[index]
    assert (own["prices_as_of"], own["attempts_of_estimated_usage"]) == ("2026-11-23", 10)
    assert "attempts whose token usage is an estimate, not the server's: 10; so is their cost" in report.notes


def test_counts_are_small_floats() -> None:
    """Token counts are read as 32-bit floats, so they must be among the columns documented as such."""
    assert {"input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens"} <= set(SMALL)


def test_prices_of_the_scenario_stand_in(tmp_path: Path) -> None:
    """A run.json without a price table of its own takes the prices that its scenario gives."""
    write_run(tmp_path / "run", Plan(models=(BASE,)))
    expected = build(tmp_path / "run").groups
    meta = json.loads((tmp_path / "run" / "run.json").read_text())
    meta["scenario"]["endpoints"] = {"small": {"prices": dict(meta.pop("prices")["small"])}}
    (tmp_path / "run" / "run.json").write_text(json.dumps(meta))
    assert expected == build(tmp_path / "run").groups
