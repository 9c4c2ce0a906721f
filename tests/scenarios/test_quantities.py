"""Durations and random quantities: what is read, what is refused, and that writing loses nothing."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from scenarios.distribution import Distribution
from scenarios.quantities import (
    DURATION_PATTERN,
    Duration,
    RandomCount,
    RandomDuration,
    format_duration,
    parse_duration,
)

YEAR_S = 366 * 24 * 3600.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120ms", 0.12),
        ("30s", 30.0),
        ("5m", 300.0),
        ("1h", 3600.0),
        ("1h30m", 5400.0),
        ("1m30s250ms", 90.25),
        ("0.5s", 0.5),
        (" 2s ", 2.0),
        ("0", 0.0),
        (0, 0.0),
        ("0s", 0.0),
    ],
)
def test_a_duration_is_read(text: object, seconds: float) -> None:
    """Each unit and their combination give seconds."""
    assert parse_duration(text) == seconds
    if isinstance(text, str):
        assert re.fullmatch(DURATION_PATTERN, text.strip())


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (30, "30 has no unit: write 30s"),
        ("30", "30 has no unit: write 30s"),
        (0.5, "0.5 has no unit: write 0.5s"),
        ("5 minutes", "'5 minutes' is not a duration"),
        ("30s1h", "'30s1h' is not a duration"),
        ("-5s", "'-5s' is not a duration"),
        ("5M", "'5M' is not a duration"),
        ("", "'' is not a duration"),
        (None, "nothing is not a duration"),
        (True, "true is not a duration"),
        (["5s"], "['5s'] is not a duration"),
        ("٣s", "'٣s' is not a duration"),
        ("9000000h", "9000000h is longer than a year"),
        ("9" * 400 + "s", "is longer than a year"),
    ],
)
def test_a_bad_duration_says_what_would_be_right(value: object, said: str) -> None:
    """What is refused is refused with a remedy."""
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_duration(value)
    assert not (isinstance(value, str) and len(value) < 8 and re.fullmatch(DURATION_PATTERN, value))


@given(st.floats(min_value=0, max_value=YEAR_S))
def test_a_duration_survives_being_written(seconds: float) -> None:
    """Reading what was written gives the same float, and an editor accepts it."""
    text = format_duration(seconds)
    assert parse_duration(text) == seconds
    assert re.fullmatch(DURATION_PATTERN, text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(90.0, "90s"), (300.0, "5m"), (7200.0, "2h"), (0.12, "120ms"), (1.5, "1.5s"), (0.0, "0s")]
)
def test_a_duration_is_written_short(seconds: float, text: str) -> None:
    """The largest unit without a fraction is taken."""
    assert format_duration(seconds) == text


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text ends in anything but seconds or ValueError."""
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert 0 <= seconds <= YEAR_S


@given(st.floats(min_value=1e-6, max_value=1e5), st.floats(min_value=1, max_value=100))
def test_a_random_duration_survives_being_written(median: float, ratio: float) -> None:
    """Writing and reading changes neither the value nor its text."""
    adapter = TypeAdapter(RandomDuration)
    distribution = Distribution.of(median, median * ratio)
    written = adapter.dump_python(distribution, mode="json")
    assert adapter.validate_python(written) == distribution
    assert adapter.dump_python(adapter.validate_python(written), mode="json") == written


def test_a_plain_value_is_a_constant() -> None:
    """A duration or a count alone never varies."""
    assert TypeAdapter(RandomDuration).validate_python("4s") == Distribution(4.0)
    assert TypeAdapter(RandomCount).validate_python(12) == Distribution(12.0)


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (RandomDuration, {"median": "4s", "p99": "3s"}, "p99 (3s) cannot be below median (4s)"),
        (RandomDuration, {"median": "0s", "p99": "3s"}, "0 is too short"),
        (RandomDuration, {"median": "4s"}, "p99"),
        (RandomDuration, {"median": "4s", "p99": 9}, "9 has no unit"),
        (RandomDuration, {"median": "4s", "p95": "9s", "p99": "9s"}, "p95 is not a known key: did you mean p99?"),
        (RandomCount, {"median": 12, "p99": 3}, "p99 (3) cannot be below median (12)"),
        (RandomCount, 0, "greater than 0"),
        (RandomCount, 1.5, "valid integer"),
        (RandomCount, "12", "valid integer"),
        (RandomCount, True, "valid integer"),
        (Duration, "x", "'x' is not a duration"),
    ],
)
def test_a_bad_random_quantity_is_refused(kind: object, value: object, said: str) -> None:
    """Impossible spreads and wrong types do not pass."""
    with pytest.raises(ValidationError, match=re.escape(said)):
        TypeAdapter(kind).validate_python(value)
