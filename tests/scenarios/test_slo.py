"""SLO lines: what is read, what is refused with a remedy, and that the text says all."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.slo import METRICS, Slo, parse_slo


@pytest.mark.parametrize(
    ("line", "metric", "quantile", "limit"),
    [
        ("p95(ttft_ms) < 800", "ttft_ms", 0.95, 800),
        ("p95(ttft_ms) < 0.8s", "ttft_ms", 0.95, 800),
        ("p99.9( response_time_ms )<=1 m", "response_time_ms", 0.999, 60_000),
        ("mean(tpot_ms) < 30ms", "tpot_ms", None, 30),
        ("cost_per_1k_responses_usd < 2.50", "cost_per_1k_responses_usd", None, 2.5),
        ("cost_per_response_usd < $0.01", "cost_per_response_usd", None, 0.01),
        ("throttled_share < 1%", "throttled_share", None, 0.01),
        ("ok_share >= 99.9%", "ok_share", None, 0.999),
        ("failed_share <= 0.05", "failed_share", None, 0.05),
        ("turns_per_second > 12/s", "turns_per_second", None, 12),
        ("goodput >= 3", "goodput_turns_per_second", None, 3),
        ("attainment >= 95%", "attainment", None, 0.95),
        ("accuracy >= 0.85", "accuracy", None, 0.85),
        ("hallucination_share < 2%", "hallucination_share", None, 0.02),
        ("cost_per_good_response_usd < $0.02", "cost_per_good_response_usd", None, 0.02),
        ("wasted_share < 5%", "wasted_share", None, 0.05),
    ],
)
def test_a_line_is_read(line: str, metric: str, quantile: float | None, limit: float) -> None:
    """Limits come in the metric's own unit."""
    slo = parse_slo(line)
    assert (slo.metric, slo.quantile, slo.limit, slo.unit) == (metric, quantile, limit, METRICS[metric].unit)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("p95(ttft) < 800", "'ttft' is not a metric: did you mean ttft_ms?"),
        ("p95(ttft_ms)", "is not an SLO line: write a line such as"),
        ("p95(ttft_ms) = 800", "compare with <, <=, > or >="),
        ("p95(ttft_ms) == 800", "compare with <, <=, > or >="),
        ("ttft_ms < 800", "write p95(ttft_ms) or mean(ttft_ms)"),
        ("p95(throttled_share) < 1%", "write throttled_share without p95()"),
        ("p100(ttft_ms) < 1", "use a percentile from p50 to p99.9"),
        ("p1(ttft_ms) < 1", "use a percentile from p50 to p99.9"),
        ("max(ttft_ms) < 1", "use mean or a percentile"),
        ("throttled_share < 1", "write 1% or a number below 1"),
        ("throttled_share < 120%", "out of range"),
        ("throttled_share < 3ms", "write a number, alone or with %"),
        ("p95(ttft_ms) < 8%", "alone or with ms, s, m"),
        ("p95(ttft_ms) < fast", "'fast' is no limit for ttft_ms"),
        ("p95(ttft_ms) < -3", "'-3' is no limit"),
        ("p95(accuracy) >= 0.85", "write accuracy without p95()"),
        ("accuracy >= 85", "write 85% or a number below 1"),
        ("acuracy >= 0.85", "did you mean accuracy?"),
        ("goodputs > 3", "'goodputs' is not a metric"),
        ("qwerty < 3", "'qwerty' is not a metric: known are ttft_ms"),
        ("p95(ttft_ms < 3", "is no metric"),
        ("p95(ttft_ms) < 3 < 4", "is no metric"),
        ("", "is not an SLO line"),
    ],
)
def test_a_bad_line_says_what_would_be_right(line: str, said: str) -> None:
    """Each refusal names the remedy."""
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_slo(line)


LATENCIES = [name for name, metric in METRICS.items() if metric.kind == "latency"]
OTHERS = [name for name, metric in METRICS.items() if metric.kind != "latency"]
SUBJECTS = st.one_of(
    st.sampled_from(OTHERS),
    st.builds("{}({})".format, st.sampled_from(["mean", "p50", "p95", "p99.9"]), st.sampled_from(LATENCIES)),
)
LIMITS = st.decimals(min_value=0, max_value="0.999", places=3).map(str)


@given(SUBJECTS, st.sampled_from(["<", "<=", ">", ">="]), LIMITS, st.sampled_from(["", " ", "  "]))
def test_a_line_survives_being_written(subject: str, comparator: str, limit: str, gap: str) -> None:
    """The text of what was read reads as the same, and hashes the same."""
    slo = parse_slo(f"{subject}{gap}{comparator}{gap}{limit}")
    assert parse_slo(slo.text) == slo
    assert len({slo, parse_slo(slo.text)}) == 1
    assert (slo.comparator, slo.limit) == (comparator, float(limit))


@given(st.text(alphabet="p95(ms)<>=% _.ratehn/$", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text ends in anything but an SLO or ValueError."""
    with contextlib.suppress(ValueError):
        assert isinstance(parse_slo(text), Slo)


@pytest.mark.parametrize(
    ("comparator", "met"),
    [
        ("<", (True, False, False)),
        ("<=", (True, True, False)),
        (">", (False, False, True)),
        (">=", (False, True, True)),
    ],
)
def test_a_limit_is_met_on_the_right_side(comparator: str, met: tuple[bool, ...]) -> None:
    """Below, at and above the limit."""
    slo = parse_slo(f"p95(ttft_ms) {comparator} 10")
    assert tuple(slo.met_by(value) for value in (9.0, 10.0, 11.0)) == met
