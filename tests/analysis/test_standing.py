"""The sentence of each endpoint, and what to do next, from lines and groups made by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.model import Estimate, Figure, Group, NotEstimable, Report, SloLine, Validity
from analysis.verdicts.headline import headline
from analysis.verdicts.next_steps import next_steps
from analysis.verdicts.standing import clause, standings

GOLDEN = Path(__file__).parent / "golden"
VALID = Validity(verdict="valid")


def figure(value: float, low: float, high: float, n: int = 3000) -> Estimate:
    """Give a figure with its interval."""
    return Estimate(value=value, low=low, high=high, n=n, method="test")


def line(
    text: str, found: Figure, verdict: str, limit: float, unit: str = "ms", *, needed: int | None = None
) -> SloLine:
    """Give a line about `small`."""
    comparator = next(sign for sign in ("<=", "<", ">=") if sign in text)
    return SloLine.model_validate(
        {
            "line": text,
            "endpoint": "small",
            "verdict": verdict,
            "figure": found,
            "limit": limit,
            "comparator": comparator,
            "unit": unit,
            "sentence": "",
            "needed_turns": needed,
        }
    )


@pytest.fixture(scope="module")
def small() -> Group:
    """Give the steady group of the fast endpoint: 6,204 turns in 60 s at USD 0.72 per 1k."""
    report = Report.model_validate_json((GOLDEN / "sample.json").read_text(encoding="utf-8"))
    return next(group for group in report.groups if (group.endpoint, group.phase) == ("small", "steady"))


P95 = line("p95(ttft_ms) < 300", figure(210, 198, 224), "pass", 300)
COST = line("cost_per_1k_responses_usd < 2", figure(0.72, 0.70, 0.74), "pass", 2.0, "usd")
SHARE = line("throttled_share < 1%", figure(0.083, 0.073, 0.093), "fail", 0.01, "share")
SLOW = line("p95(response_time_ms) < 1s", figure(3171, 3009, 3365), "fail", 1000)
OPEN = line("p99.9(ttft_ms) < 300", NotEstimable(not_estimable="too few"), "inconclusive", 300, needed=62_040)


def test_a_pass_is_one_sentence(small: Group) -> None:
    """Verdict, tail with interval and limit, cost."""
    (found,) = standings([P95], [small])
    assert found.verdict == "pass"
    assert found.sentence == "small passes: p95 TTFT 210 ms [198, 224] of 300 allowed; cost USD 0.720 per 1k"


def test_a_failure_says_what_broke(small: Group) -> None:
    """Broken lines come first, the tail and the cost stay beside them."""
    (found,) = standings([P95, COST, SHARE], [small])
    assert found.sentence == (
        "small fails: throttled 8.3% [7.3, 9.3] of 1% allowed; p95 TTFT 210 ms [198, 224] of 300 allowed; "
        "cost USD 0.720 per 1k of 2.00 allowed"
    )


def test_accuracy_is_told_where_a_line_is_about_it(small: Group) -> None:
    """Beside the tail and before the cost."""
    (found,) = standings([P95, line("accuracy >= 0.85", figure(0.91, 0.89, 0.93), "pass", 0.85, "ratio")], [small])
    assert "; accuracy 91.0% [89.0, 93.0] of at least 85% asked for; cost USD" in found.sentence


def test_many_broken_lines_are_counted(small: Group) -> None:
    """Two are told, the rest is a number."""
    (found,) = standings([SHARE, SLOW, SHARE, SHARE], [small])
    assert "of 1,000 allowed; and 2 more; cost" in found.sentence


def test_the_worst_comes_first_and_the_rest_is_counted(small: Group) -> None:
    """Of many endpoints the headline tells two and counts the others."""
    groups = [small.model_copy(update={"endpoint": name}) for name in ("a", "b", "c", "d")]
    lines = [P95.model_copy(update={"endpoint": name}) for name in ("a", "b", "c")]
    lines.append(SHARE.model_copy(update={"endpoint": "d"}))
    found = standings(lines, groups)
    assert [one.endpoint for one in found] == ["d", "a", "b", "c"]
    said = headline("fail", VALID, lines, groups, found)
    assert said.startswith("FAIL: d fails: throttled 8.3%")
    assert said.endswith(". Of 2 more, 2 pass")


def test_nothing_measured_is_no_pass(small: Group) -> None:
    """An endpoint without turns, and one that lines name and no phase has, are undecided."""
    empty = small.model_copy(update={"turns": 0, "endpoint": "empty"})
    found = {one.endpoint: one for one in standings([OPEN], [empty])}
    assert {name: one.verdict for name, one in found.items()} == {"small": "inconclusive", "empty": "inconclusive"}
    assert found["empty"].sentence == "empty is undecided: no turn was intended"
    assert found["small"].sentence == "small is undecided: p99.9 TTFT not estimable (too few)"


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (COST, "cost USD 0.720 [0.700, 0.740] per 1k of 2.00 allowed"),
        (
            line("turns_per_second >= 40", figure(51.6, 50, 53), "pass", 40, "per_second"),
            "successful turns per second 51.6 /s [50.0, 53.0] of at least 40 /s asked for",
        ),
        (line("mean(tpot_ms) < 30", figure(21, 20, 22), "pass", 30), "mean TPOT 21.0 ms [20.0, 22.0] of 30 allowed"),
        (
            line("p95(ttft_ms) < 300 where kind = support", figure(210, 198, 224), "pass", 300),
            "p95 TTFT of support 210 ms [198, 224] of 300 allowed",
        ),
        (
            line("p95(gap_ms) < 20 where kind=code", NotEstimable(not_estimable="chunks waited"), "fail", 20),
            "p95 gap of code infinite, for too many turns failed",
        ),
    ],
)
def test_each_kind_of_line_has_its_clause(held: SloLine, expected: str) -> None:
    """Figure, interval and limit in the unit of the line."""
    assert clause(held) == expected


def test_steps_name_what_to_set(small: Group) -> None:
    """How long to run is a key and a length; a slow endpoint is told from one that waits."""
    steps = next_steps("fail", VALID, [SLOW, OPEN], [small], {})
    assert steps == [
        (
            "small is too slow at 500 users (3.17 \u00d7 the limit of 1,000 ms): find the load it holds, such as "
            "--users 250, or make it faster"
        ),
        (
            "run longer to decide p99.9(ttft_ms) < 300 on small: about 62,040 steady turns, so set traffic.steady to "
            "10 min (now 60 s)"
        ),
    ]
    waits = small.model_copy(update={"metrics": {**small.metrics, "service_time_ms": {"p95": figure(900, 880, 950)}}})
    (step, _) = next_steps("fail", VALID, [SLOW, OPEN], [waits], {})
    assert step.startswith("small is slow because its turns wait for a limit, not because it answers slowly (p95 serv")


def test_bad_answers_lead_to_the_answers(small: Group) -> None:
    """An objective on quality that is broken names where to read on."""
    bad = line("accuracy >= 0.85", figure(0.781, 0.728, 0.827), "fail", 0.85, "ratio")
    (step,) = next_steps("fail", VALID, [bad], [small], {})
    assert step.startswith("small does not answer well enough (accuracy 78.1% [72.8, 82.7] of at least 85% asked for):")


def test_an_invalid_run_is_mended_first(small: Group) -> None:
    """Each kind of reason has its own repair."""
    reasons = ["worker w0's event loop was late by 400 ms at p99", "worker w1 lost 300 rows"]
    (step, *_) = next_steps("invalid", Validity(verdict="invalid", reasons=reasons), [], [small], {})
    assert step.startswith("do not use these figures for a decision: give the load generator more room")
    assert "find out why rows or workers were lost" in step


def test_a_pass_offers_itself_as_baseline(small: Group) -> None:
    """The next step of a pass is the comparison with the next run."""
    assert next_steps("pass", VALID, [P95], [small], {}) == [
        "hold the next run against this one: tailgate gate RUN --baseline latest"
    ]
