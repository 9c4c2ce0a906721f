"""Refusals, read by the reader that the load run uses."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.simulated import Limit, WaitForm
from scenarios.simulator.refusal import CODES, FORMS, go_duration, refuse
from scenarios.wait_hint import wait_hint

SOURCES = [form for form in get_args(WaitForm) if form != "none"]
UNITS_S = {"h": 3600, "m": 60, "s": 1, "ms": 0.001}


def limit(form: str, status: int = 429) -> Limit:
    """Give a limit that refuses in `form`."""
    return Limit.model_validate(
        {"kind": "token_bucket", "requests": 5, "per": "1s", "retry_after": form, "status": status}
    )


def test_every_form_of_a_scenario_is_built() -> None:
    """The scenario's words and the builders are the same set."""
    assert set(get_args(WaitForm)) == set(FORMS)


@pytest.mark.parametrize("form", SOURCES)
@given(wait_s=st.floats(0.001, 300), unix_s=st.floats(1.7e9, 1.9e9))
def test_every_form_is_read_as_told_and_never_short(form: str, wait_s: float, unix_s: float) -> None:
    """The client's reader computes what the truth log notes, and that is at least the wait needed."""
    refusal = refuse(limit(form), wait_s, unix_s)
    headers = {name.lower(): value for name, value in refusal.headers.items()}
    hint = wait_hint(headers, json.dumps(refusal.body).encode(), datetime.fromtimestamp(unix_s, UTC))
    assert hint is not None
    assert hint.seconds == pytest.approx(refusal.hint.told_s, abs=1e-3)
    assert refusal.hint.wait_s >= wait_s - 1e-6
    assert hint.seconds >= refusal.hint.wait_s - 1e-6


def test_the_form_none_says_nothing() -> None:
    """Neither headers nor body hold a wait."""
    refusal = refuse(limit("none"), 3.0, 1.8e9)
    headers = {name.lower(): value for name, value in refusal.headers.items()}
    assert wait_hint(headers, json.dumps(refusal.body).encode(), datetime.fromtimestamp(1.8e9, UTC)) is None
    assert refusal.hint.told_s is None


@pytest.mark.parametrize("status", [429, 503, 529])
def test_status_and_code_go_together(status: int) -> None:
    """The body names the status in its provider's word."""
    refusal = refuse(limit("seconds", status), 1.0)
    assert isinstance(refusal.body, dict)
    assert (refusal.status, refusal.body["error"]["code"]) == (status, CODES[status])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.644, "644ms"),
        (2.512, "2.512s"),
        (69.696, "1m9.696s"),
        (360, "6m0s"),
        (1.5, "1.5s"),
        (3600, "1h0m0s"),
        (2, "2s"),
    ],
)
def test_go_duration_is_written_as_go_writes_it(seconds: float, text: str) -> None:
    """Examples from real replies."""
    assert go_duration(seconds) == text


@given(st.integers(1, 10**8))
def test_go_duration_keeps_every_millisecond(milliseconds: int) -> None:
    """Reading it back gives the same number."""
    parts = re.findall(r"([0-9.]+)(h|ms|m|s)", go_duration(milliseconds / 1000))
    assert round(sum(float(number) * UNITS_S[unit] for number, unit in parts) * 1000) == milliseconds
