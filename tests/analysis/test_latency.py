"""Latencies with failures left out, and with failures as never."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic import BASE, LARGE, Plan, write_run

from analysis.figure import INFINITE
from analysis.measures.latency import WITH_FAILURES, metrics
from analysis.measures.part import Part
from analysis.measures.parts import parts
from analysis.measures.spans import spans
from analysis.model import Estimate, Figure
from analysis.render.sides import side_name, sides
from analysis.report import build
from analysis.rows.read import read_run
from analysis.rows.turns import turns

NAMES = list(WITH_FAILURES)


def steady(folder: Path, failed_share: float) -> Part:
    """Give the steady part of a run."""
    write_run(folder, Plan(models=(replace(BASE, failed_share=failed_share),), turns=1500))
    run = read_run(folder)
    every = turns(run.attempts)
    (part,) = (part for part in parts(every, run.attempts, spans(run.meta, every), 1) if part.phase == "steady")
    return part


def values(found: dict[str, Figure]) -> dict[str, float]:
    """Give the values of those that have one."""
    return {name: figure.value for name, figure in found.items() if isinstance(figure, Estimate)}


@pytest.mark.parametrize("name", NAMES)
def test_a_failed_turn_is_infinitely_late(tmp_path: Path, name: str) -> None:
    """Quantiles are those of all intended turns, up to where failures begin; n is all of them."""
    part = steady(tmp_path / "run", 0.03)
    found = metrics(part, None)[name]
    late = np.sort(part.turns[WITH_FAILURES[name]].fillna(np.inf).to_numpy())
    for quantile, p in (("p50", 0.5), ("p90", 0.9), ("p95", 0.95)):
        figure = found[quantile]
        assert isinstance(figure, Estimate)
        assert figure.value == pytest.approx(
            float(np.quantile(late[np.isfinite(late)], p * 1499 / (np.isfinite(late).sum() - 1)))
        )
        assert figure.n == 1500
    assert found["p99"] == INFINITE


def test_without_failures_they_are_the_others(tmp_path: Path) -> None:
    """Nothing is late that was not late before."""
    found = metrics(steady(tmp_path / "run", 0.0), None)
    for name, metric in WITH_FAILURES.items():
        expected = values(found[metric])
        del expected["mean"]
        assert expected == values(found[name])


def test_answers_without_a_first_token(tmp_path: Path) -> None:
    """Answers that are not streamed have no time to first token, and so none with failures; lost ones are infinite."""
    part = steady(tmp_path / "run", 0.03)
    whole = replace(part, turns=part.turns.assign(ttft_ms=np.nan))
    assert set(NAMES) & set(metrics(whole, None)) == {"response_time_with_failures_ms"}
    nothing = dict.fromkeys(("ttft_ms", "response_time_ms"), np.nan)
    lost = replace(part, turns=part.turns.assign(successful=False, **nothing))
    assert {metrics(lost, None)[name]["p50"] for name in NAMES} == {INFINITE}


def test_the_headline_has_them_where_turns_failed(tmp_path: Path) -> None:
    """Both stand below the others, infinite where they are; a run without failures is not told twice."""
    for name, model in (("whole", BASE), ("lossy", LARGE)):
        write_run(tmp_path / name, Plan(models=(model,), turns=2000))
    whole, lossy = (
        {side_name(side): side.cells[0].value for side in sides(build(tmp_path / name))} for name in ("whole", "lossy")
    )
    told = [f"{label} with failures p{p}" for label in ("TTFT", "Response time") for p in (95, 99)]
    assert [name for name in lossy if name not in whole] == told
    assert [lossy[name] for name in told if name.endswith("99")] == ["infinite"] * 2
