"""The experiment: arms against each other and against the same model without a limit, from rows made for it."""

from __future__ import annotations

import csv
import json
import random
import statistics
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from analysis.measures.experiment import block_tails, quotient
from analysis.model import Contrast, Estimate, Experiment, Figure, NotEstimable, Report
from analysis.render.experiment_grid import grids, sentences
from analysis.render.html import html
from analysis.render.markdown import to_markdown
from analysis.report import build
from scenarios.records import Attempt, Outcome, to_row, write_header

TURNS, SPAN_S = 400, 60.0
INPUT, OUTPUT = 1.0, 4.0
MODEL = {"ttft": "100ms"}
LIMIT = {"kind": "token_bucket", "requests": 5}
SCENARIO = {
    "endpoints": {"limited": {"simulated": {**MODEL, "limit": LIMIT}}, "free": {"simulated": MODEL}},
    "arms": {
        "hammer": {"endpoints": ["limited"], "throttle": {"policy": "naive"}},
        "wait": {"throttle": {"policy": "honor"}},
    },
}
LOADS = (("limited", "hammer", 4), ("limited", "wait", 0), ("free", "wait", 0))
"""Endpoint, arm, and the most refusals of a turn."""


def attempts(endpoint: str, arm: str, most: int, start_s: float) -> list[Attempt]:
    """Give the rows of one arm: each turn is refused up to `most` times, 0.5 s apart, and then served in 1 s."""
    rng = random.Random(f"{endpoint}{arm}")
    rows = []
    for number in range(TURNS):
        at = start_s + SPAN_S * number / TURNS
        refusals = rng.randint(0, most)
        for attempt_no in range(1, refusals + 2):
            sent_s = at + 0.5 * (attempt_no - 1)
            row = Attempt(
                run_id="r",
                worker="w0",
                seq=len(rows) + int(start_s) * 10_000,
                user_id=f"{endpoint}{arm}{number % 20}",
                conversation_id=f"{endpoint}{arm}{number}",
                turn_id=f"{endpoint}{arm}{number}",
                case_id="c",
                endpoint=endpoint,
                arm=arm,
                phase="steady",
                attempt_no=attempt_no,
                intended_s=at,
                sent_s=sent_s,
                end_s=sent_s,
                outcome=Outcome.THROTTLED,
                http_status=429,
                input_tokens=100,
                output_tokens=0,
                usage_source="server",
                waited_s=0.5 if attempt_no > 1 else None,
            )
            if attempt_no == refusals + 1:
                end_s = sent_s + rng.lognormvariate(0, 0.1)
                row.outcome, row.http_status, row.output_tokens = Outcome.OK, 200, rng.randint(50, 60)
                row.first_token_s, row.last_token_s, row.end_s = sent_s + 0.1, end_s, end_s
            rows.append(row)
    return rows


def every() -> list[Attempt]:
    """Give the rows of all arms, one after the other."""
    return [row for index, load in enumerate(LOADS) for row in attempts(*load, start_s=index * 100.0)]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Build the report of a run folder with those rows."""
    folder = tmp_path_factory.mktemp("run")
    with (folder / "attempts.csv").open("w", newline="", encoding="utf-8") as file:
        write_header(file)
        csv.writer(file, lineterminator="\n").writerows(to_row(row) for row in every())
    phases = [
        {"endpoint": name, "arm": arm, "phase": "steady", "start_s": index * 100.0, "end_s": index * 100.0 + SPAN_S}
        for index, (name, arm, _) in enumerate(LOADS)
    ]
    prices = {name: {"input": str(INPUT), "output": str(OUTPUT)} for name in ("limited", "free")}
    document: dict[str, Any] = {
        "schema_version": 1,
        "run_id": "r",
        "ended_at": "2026-11-23T00:00:00+00:00",
        "scenario": SCENARIO,
        "phases": phases,
        "prices": prices,
        "workers": [],
    }
    (folder / "run.json").write_text(json.dumps(document), encoding="utf-8")
    return build(folder)


@pytest.fixture
def experiment(report: Report) -> Experiment:
    """Give its experiment."""
    assert report.experiment is not None
    return report.experiment


def value(figure: Figure) -> float:
    """Give the value of a figure that is known."""
    assert isinstance(figure, Estimate), figure
    return figure.value


def contrast(experiment: Experiment, candidate: str, base: str) -> Contrast:
    """Give one contrast."""
    (found,) = [each for each in experiment.contrasts if (each.candidate, each.base) == (candidate, base)]
    return found


def test_the_figures_are_those_of_the_rows(experiment: Experiment) -> None:
    """Attempts per success, refusals, peak and costs of the hammering arm, recomputed from its rows by hand."""
    rows = [row for row in every() if row.arm == "hammer"]
    sent = sorted(row.sent_s or 0.0 for row in rows)
    usd = {row.turn_id: 0.0 for row in rows}
    for row in rows:
        usd[row.turn_id] += ((row.input_tokens or 0) * INPUT + (row.output_tokens or 0) * OUTPUT) / 1e6 * 1000
    refused = [row for row in rows if row.http_status == 429]
    figures = experiment.arms[0].figures
    assert experiment.arms[0].policy == "naive"
    assert value(figures["attempts_per_success"]) == pytest.approx(len(rows) / TURNS)
    assert value(figures["refusals_per_turn"]) == pytest.approx(len(refused) / TURNS)
    assert value(figures["peak_arrivals_per_second"]) == max(sum(at <= s < at + 1 for s in sent) for at in sent)
    assert value(figures["cost_per_1k_responses_usd"]) == pytest.approx(sum(usd.values()) / TURNS)
    assert value(figures["wasted_per_1k_responses_usd"]) == pytest.approx(len(refused) * 100 * INPUT / 1e3 / TURNS)
    assert value(figures["cost_variance"]) == pytest.approx(statistics.variance(usd.values()))


def test_the_share_that_throttling_caused_is_by_the_law_of_total_variance(experiment: Experiment) -> None:
    """(Var(T) + 2 Cov(T, S)) / Var(T + S), over the turns; nothing where nobody was refused."""
    waited: dict[str, float] = {}
    served: dict[str, float] = {}
    for row in every():
        if row.arm == "hammer":
            waited[row.turn_id] = 0.5 * (row.attempt_no - 1)
            served[row.turn_id] = (row.end_s or 0.0) - (row.sent_s or 0.0)
    pairs = [(waited[turn], served[turn]) for turn in waited]
    whole = statistics.pvariance([w + s for w, s in pairs])
    means = [statistics.fmean(column) for column in zip(*pairs, strict=True)]
    covariance = statistics.fmean([(w - means[0]) * (s - means[1]) for w, s in pairs])
    expected = (statistics.pvariance([w for w, _ in pairs]) + 2 * covariance) / whole
    assert value(experiment.arms[0].figures["throttling_variance_share"]) == pytest.approx(expected, rel=1e-6)
    assert value(experiment.arms[1].figures["throttling_variance_share"]) == pytest.approx(0, abs=1e-9)


def test_tails_between_blocks_are_those_of_hundreds_of_turns() -> None:
    """The p95 of service time of each hundred turns in the order of time; its variance is told, and its ratio."""
    turns = pd.DataFrame(
        {
            "conversation_id": [f"c{number}" for number in range(300)],
            "intended_s": [float(number) for number in range(300)],
            "service_time_ms": [float(number % 100 + 1000 * (number // 100)) for number in range(300)],
        }
    )
    tails = block_tails(SimpleNamespace(turns=turns), 0.95)  # type: ignore[arg-type]
    assert tails.tolist() == pytest.approx([94.05, 1094.05, 2094.05])


def test_a_part_without_answers_has_no_tails(experiment: Experiment) -> None:
    """Nothing is made of nothing, and every arm tells both tails or why not."""
    empty = pd.DataFrame({"conversation_id": [], "intended_s": [], "service_time_ms": []})
    assert block_tails(SimpleNamespace(turns=empty), 0.95).tolist() == []  # type: ignore[arg-type]
    names = {f"service_time_{name}_between_blocks_variance_ms2" for name in ("p95", "p99")}
    assert [names <= set(arm.figures) for arm in experiment.arms] == [True] * len(experiment.arms)


def test_waiting_is_held_against_hammering(experiment: Experiment) -> None:
    """The base is the arm that ignores waits, and its variance of cost is more than halved."""
    found = contrast(experiment, "limited · wait", "limited · hammer")
    figure = found.figures["cost_variance_ratio"]
    assert isinstance(figure, Estimate)
    assert figure.high is not None
    assert figure.high < 0.5
    assert found.sentence.endswith("at least halved")


def test_the_false_conclusion_is_seen_and_gone(experiment: Experiment) -> None:
    """By response time the limited model looks slower than its twin while hammered; by service time it never does."""
    hammered = contrast(experiment, "limited · hammer", "free · wait").sentence
    waited = contrast(experiment, "limited · wait", "free · wait").sentence
    assert "times as slow by response time (p95) and shows no difference by service time" in hammered
    assert "shows no difference by response time (p95) and shows no difference by service time" in waited


def test_first_tries_and_later_ones_are_apart(report: Report) -> None:
    """Turns that were answered at once are a slice of their own, and refusals per turn stand with each group."""
    labels = {(one.arm, one.label) for one in report.slices if one.by == "tries"}
    assert labels == {("hammer", "first try"), ("hammer", "after a refusal")}
    assert set(report.groups[0].tries) == {"attempts_per_success", "refusals_per_turn", "first_try_share"}


def test_every_report_shows_it(report: Report, experiment: Experiment) -> None:
    """The page, the summary and the tables hold the arms and what they say."""
    first = sentences(report)[0]
    assert first in html(report)
    assert first.split(" has ")[0] in to_markdown(report)
    assert [len(grid.rows) for grid in grids(experiment)][1:] == [1, 2]


def test_a_run_without_arms_has_none(report: Report) -> None:
    """Nothing to compare, nothing shown."""
    plain = report.model_copy(update={"experiment": None})
    assert sentences(plain) == []
    assert "The arms against each other" not in html(plain)


KNOWN = Estimate(value=2.0, low=1.0, high=4.0, n=10, method="m")


def test_quotient_takes_the_far_ends() -> None:
    """Low over high and high over low."""
    found = quotient(KNOWN, KNOWN)
    assert isinstance(found, Estimate)
    assert (found.value, found.low, found.high, found.n) == (1.0, 0.25, 4.0, 20)


@pytest.mark.parametrize(
    ("top", "bottom"),
    [
        (NotEstimable(not_estimable="why"), KNOWN),
        (KNOWN, KNOWN.model_copy(update={"low": None})),
        (KNOWN, KNOWN.model_copy(update={"low": 0.0})),
    ],
)
def test_quotient_of_what_is_not_known(top: Figure, bottom: Figure) -> None:
    """No number is made of none."""
    assert isinstance(quotient(top, bottom), NotEstimable)
