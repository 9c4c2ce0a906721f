"""What headers say is left of a limit, in every provider's way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.limit_headers import Allowance, allowances

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
INPUT, OUTPUT = 100, 400


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param(
            {
                "x-ratelimit-limit-requests": "60",
                "x-ratelimit-remaining-requests": "59",
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-limit-tokens": "10000",
                "x-ratelimit-remaining-tokens": "5000",
                "x-ratelimit-reset-tokens": "30s",
            },
            {"requests": Allowance(60, 59, 1), "tokens": Allowance(20, 10, 30)},
            id="OpenAI: tokens in requests of this size",
        ),
        pytest.param(
            {
                "anthropic-ratelimit-input-tokens-limit": "10000",
                "anthropic-ratelimit-input-tokens-remaining": "1000",
                "anthropic-ratelimit-input-tokens-reset": (NOW + timedelta(seconds=12)).isoformat(),
                "anthropic-ratelimit-output-tokens-limit": "8000",
                "anthropic-ratelimit-output-tokens-remaining": "4000",
                "anthropic-ratelimit-output-tokens-reset": (NOW + timedelta(seconds=6)).isoformat(),
            },
            {"input-tokens": Allowance(100, 10, 12), "output-tokens": Allowance(20, 10, 6)},
            id="Anthropic",
        ),
        pytest.param({"ratelimit": '"burst";r=50;t=30'}, {"ratelimit burst": Allowance(None, 50, 30)}, id="the draft"),
        pytest.param(
            {"ratelimit-limit": "10", "ratelimit-remaining": "0", "ratelimit-reset": "4"},
            {"": Allowance(10, 0, 4)},
            id="a gateway",
        ),
        pytest.param({"x-ratelimit-remaining": "-1", "x-ratelimit-reset": "4"}, {}, id="Azure: below nothing"),
        pytest.param(
            {"x-ratelimit-limit": "0", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "4"}, {}, id="Azure: zeros"
        ),
        pytest.param(
            {"x-ratelimit-limit": "-1", "x-ratelimit-remaining": "3", "x-ratelimit-reset": "4"},
            {"": Allowance(None, 3, 4)},
            id="a limit below nothing",
        ),
        pytest.param(
            {"x-ratelimit-remaining-requests": "14370", "x-ratelimit-reset-requests": "2m59.56s"}, {}, id="Groq's day"
        ),
        pytest.param({"x-ratelimit-remaining-tokens-minute": "9"}, {}, id="Mistral: no reset"),
        pytest.param({"x-ratelimit-remaining": "9", "x-ratelimit-reset": "-1"}, {}, id="Azure: no information"),
        pytest.param({"content-type": "text/plain"}, {}, id="no such header"),
    ],
)
def test_forms(headers: dict[str, str], expected: dict[str, Allowance]) -> None:
    """Each is read in requests and seconds; quotas of hours are left alone."""
    assert allowances(headers, NOW, INPUT, OUTPUT) == expected


def test_tokens_of_requests_of_unknown_size_say_nothing() -> None:
    """A server that does not count the input leaves its tokens without a meaning in requests."""
    headers = {"x-ratelimit-remaining-tokens": "5000", "x-ratelimit-reset-tokens": "30s"}
    assert allowances(headers, NOW, None, OUTPUT) == {}


NAMES = st.sampled_from(
    ["x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-limit-tokens", "ratelimit", "x-ratelimit-reset-tokens"]
)


@given(st.dictionaries(NAMES, st.text(max_size=20) | st.integers().map(str)))
def test_any_headers(headers: dict[str, str]) -> None:
    """No header raises; what is left is never below nothing, and resets later than now."""
    for left in allowances(headers, NOW, INPUT, OUTPUT).values():
        assert left.remaining >= 0
        assert left.reset_s > 0
