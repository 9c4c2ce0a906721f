"""Margins, relative bounds and filters: what is read, what is refused with a remedy."""

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.errors import ScenarioError
from scenarios.scenario import Scenario, load
from scenarios.slo import METRICS, Slo, parse_margin, parse_slo

ONE = "endpoints: {a: {simulated: {}}}\n"


@pytest.mark.parametrize(
    ("line", "form", "limit"),
    [
        ("p95(response_time_ms) <= 1.10", "ratio", 1.10),
        ("p95(response_time_ms) <= 1.10x", "ratio", 1.10),
        ("cost_per_1k_responses_usd <= +5%", "ratio", 1.05),
        ("turns_per_second >= -5%", "ratio", 0.95),
        ("p95(ttft_ms) <= +50", "difference", 50),
        ("p95(ttft_ms) <= +0.05s", "difference", 50),
        ("cost_per_response_usd <= +$0.01", "difference", 0.01),
        ("failed_share <= +1pp", "difference", 0.01),
        ("ok_share >= -2 pp", "difference", -0.02),
        ("p95(ttft_ms) <= baseline", "ratio", 1),
    ],
)
def test_a_margin_is_read(line: str, form: str, limit: float) -> None:
    """A bare number is a ratio; a signed one changes the baseline's figure in the metric's own unit."""
    found = parse_margin(line)
    assert (found.form, found.limit) == (form, limit)


@pytest.mark.parametrize(
    ("line", "form", "limit"),
    [
        ("p95(ttft_ms) < 800", "limit", 800),
        ("p95(ttft_ms) <= 1.10 x baseline", "ratio", 1.10),
        ("p95(ttft_ms) <= 1.10*baseline", "ratio", 1.10),
        ("p95(ttft_ms) <= baseline * 1.2", "ratio", 1.2),
        ("p95(ttft_ms) <= baseline + 5%", "ratio", 1.05),
        ("p95(ttft_ms) <= baseline + 50ms", "difference", 50),
        ("failed_share <= baseline + 1pp", "difference", 0.01),
    ],
)
def test_an_slo_may_be_relative(line: str, form: str, limit: float) -> None:
    """A bound that names the baseline is relative to it."""
    found = parse_slo(line)
    assert (found.form, found.limit) == (form, limit)


def test_conditions_narrow_a_line() -> None:
    """Each condition sets one filter; the text holds them all."""
    found = parse_slo("p95(ttft_ms)  <  800 where endpoint=large and arm=burst and kind=support")
    assert (found.endpoint, found.arm, found.kind) == ("large", "burst", "support")
    assert parse_slo(found.text) == found


@pytest.mark.parametrize(
    ("parse", "line", "said"),
    [
        (parse_margin, "p95(ttft_ms) <= 50ms", "write a ratio such as 1.10, or a change such as +5% or +50ms"),
        (parse_margin, "failed_share <= +1%", "write +1pp (points), or a ratio"),
        (parse_margin, "p95(ttft_ms) <= 0", "a ratio is above 0"),
        (parse_margin, "p95(ttft_ms) <= -100%", "a ratio is above 0"),
        (parse_margin, "p95(ttft_ms) <= +5pp", "'+5pp' is no change of ttft_ms"),
        (parse_slo, "p95(ttft_ms) < 2 x baseline x 2", "write 1.10 x baseline"),
        (parse_slo, "p95(ttft_ms) < baseline please", "write 1.10 x baseline"),
        (parse_slo, "p95(ttft_ms) < 800 where model=x", "write where endpoint=NAME, arm=NAME or kind=NAME"),
        (parse_slo, "p95(ttft_ms) < 800 where kind=a and kind=b", "kind stands twice after where: keep one"),
    ],
)
def test_a_bad_bound_says_what_would_be_right(parse: Callable[[str], Slo], line: str, said: str) -> None:
    """Each refusal names the remedy."""
    with pytest.raises(ValueError, match=re.escape(said)):
        parse(line)


SUBJECTS = st.one_of(
    st.sampled_from([name for name, metric in METRICS.items() if metric.kind != "latency"]),
    st.sampled_from(["p95(ttft_ms)", "mean(tpot_ms)", "p99.9(response_time_ms)"]),
)


@given(SUBJECTS, st.sampled_from(["<", "<=", ">", ">="]), st.decimals("0.01", "9", places=2))
def test_a_margin_survives_being_written(subject: str, comparator: str, ratio: object) -> None:
    """The text of what was read reads as the same, with the subject it was written with."""
    line = parse_margin(f"{subject} {comparator} {ratio}")
    assert (parse_margin(line.text), line.subject) == (line, subject)


@given(st.text(alphabet="p95(ms)<>=% _.+-xbaselinwhrkd*pp$", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text ends in anything but a line or ValueError."""
    for parse in (parse_slo, parse_margin):
        with contextlib.suppress(ValueError):
            assert isinstance(parse(text), Slo)


def test_a_scenario_holds_margins_and_selection(tmp_path: Path) -> None:
    """The keys load, and come back from the document that run.json holds."""
    path = tmp_path / "x.yaml"
    path.write_text(
        ONE + "compare: [p95(ttft_ms) <= 1.10, failed_share <= +1pp where endpoint=a]\n"
        "selection: {limits: [p95(ttft_ms) < 800], weights: {p95(response_time_ms): 1}}\n"
    )
    scenario = load(path)
    assert [line.form for line in scenario.compare] == ["ratio", "difference"]
    assert Scenario.from_document(scenario.to_document()) == scenario


def test_what_is_nowhere_is_named(tmp_path: Path) -> None:
    """Lines about endpoints and arms that there are not, and weights of no figure, are errors."""
    path = tmp_path / "x.yaml"
    path.write_text(
        ONE + "slo: [p95(ttft_ms) < 800 where endpoint=b]\ncompare: [p95(ttft_ms) <= 1.1 where arm=c]\n"
        "selection: {weights: {speed: 1}}\n"
    )
    with pytest.raises(ScenarioError) as caught:
        load(path)
    said = "\n".join(caught.value.problems)
    assert "there is no endpoint b (p95(ttft_ms) < 800 where endpoint=b): known are a" in said
    assert "there is no arm c" in said
    assert "'speed' is not a metric" in said
