"""Wait hints: every form that servers use, in order of precedence, never earlier than asked."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.durations import LONGEST_S, http_date
from scenarios.wait_hint import BACKOFF, BACKOFF_CAP_S, BACKOFF_FLOOR_S, SOURCES, Hint, backoff, jittered_s, wait_hint

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
EPOCH_S = int(NOW.timestamp())
DATE = "Mon, 23 Nov 2026 12:00:00 GMT"


def retry_info(delay: str, *more: dict[str, object]) -> bytes:
    """Write Google's error body."""
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    return json.dumps({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [*more, info]}}).encode()


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        pytest.param({"retry-after-ms": "1500"}, b"", Hint(1.5, "retry-after-ms"), id="OpenAI, Azure milliseconds"),
        pytest.param({"retry-after-ms": "1.5"}, b"", Hint(0.0015, "retry-after-ms"), id="with a fraction"),
        pytest.param({"x-amz-retry-after": "250"}, b"", Hint(0.25, "x-amz-retry-after"), id="AWS milliseconds"),
        pytest.param({"retry-after": "7"}, b"", Hint(7, "retry-after"), id="seconds"),
        pytest.param({"retry-after": " 7 "}, b"", Hint(7, "retry-after"), id="seconds with blanks"),
        pytest.param({"retry-after": "0.25"}, b"", Hint(0.25, "retry-after"), id="seconds with a fraction"),
        pytest.param({"retry-after": "1000000"}, b"", Hint(1e6, "retry-after"), id="absurd but said"),
        pytest.param({"retry-after": "9" * 500}, b"", Hint(LONGEST_S, "retry-after"), id="beyond all numbers"),
        pytest.param({"retry-after": "Mon, 23 Nov 2026 12:00:30 GMT"}, b"", Hint(30, "retry-after"), id="IMF-fixdate"),
        pytest.param({"retry-after": "Monday, 23-Nov-26 12:00:30 GMT"}, b"", Hint(30, "retry-after"), id="RFC 850"),
        pytest.param({"retry-after": "Mon Nov 23 12:00:30 2026"}, b"", Hint(30, "retry-after"), id="asctime"),
        pytest.param(
            {"retry-after": "Mon, 23 Nov 2026 09:00:30 GMT", "date": "Mon, 23 Nov 2026 09:00:00 GMT"},
            b"",
            Hint(30, "retry-after"),
            id="a date by the server's clock, three hours slow",
        ),
        pytest.param(
            {"retry-after": "Mon, 23 Nov 2026 12:00:30 GMT", "date": "yesterday"},
            b"",
            Hint(30, "retry-after"),
            id="a broken Date is no clock",
        ),
        pytest.param(
            {"retry-after": "2, 7"}, b"", Hint(7, "retry-after"), id="a repeated header: the longest of its values"
        ),
        pytest.param(
            {"retry-after": "Mon, 23 Nov 2026 12:00:30 GMT, 5, Monday, 23-Nov-26 12:00:40 GMT"},
            b"",
            Hint(40, "retry-after"),
            id="repeated dates",
        ),
        pytest.param({"retry-after-ms": "500, 900"}, b"", Hint(0.9, "retry-after-ms"), id="repeated milliseconds"),
        pytest.param({}, retry_info("57.238747106s"), Hint(57.238747106, "retry-info"), id="google.rpc.RetryInfo"),
        pytest.param({}, b"[" + retry_info("3s") + b"]", Hint(3, "retry-info"), id="RetryInfo in an array"),
        pytest.param(
            {}, retry_info("3s", {"@type": "Help"}), Hint(3, "retry-info"), id="RetryInfo after other details"
        ),
        pytest.param({}, b"Please try again in 1m9.696s. Visit", Hint(69.696, "text"), id="OpenAI minutes"),
        pytest.param({}, b"Please try again in 644ms.", Hint(0.644, "text"), id="OpenAI milliseconds"),
        pytest.param({}, b"try again in 2.512s", Hint(2.512, "text"), id="OpenAI seconds"),
        pytest.param({}, b"try again in 7h12m0s", Hint(25920, "text"), id="hours"),
        pytest.param({}, b"Please retry in 57.2s.", Hint(57.2, "text"), id="Gemini"),
        pytest.param({}, b"Please retry after 26 seconds.", Hint(26, "text"), id="Azure"),
        pytest.param({}, b"Please retry after 26.", Hint(26, "text"), id="no unit is seconds"),
        pytest.param({}, b"Try again in 5 minutes", Hint(300, "text"), id="minutes in words"),
        pytest.param({}, b"try again in 1 hour, 5 minutes and 3 seconds", Hint(3903, "text"), id="several words"),
        pytest.param({}, b"try again in 1,200 seconds", Hint(1200, "text"), id="thousands"),
        pytest.param({}, b"retry after 1,200.", Hint(1200, "text"), id="thousands without a unit"),
        pytest.param({}, b"try again in about 9 seconds", Hint(9, "text"), id="about"),
        pytest.param({}, b"try again in 1 day", Hint(86400, "text"), id="day"),
        pytest.param({}, b"try again in 2s or try again in 9s", Hint(9, "text"), id="the longest of two"),
        pytest.param({"ratelimit": '"default";r=0;t=30'}, b"", Hint(30, "ratelimit"), id="RateLimit"),
        pytest.param({"ratelimit": "default;r=0;t=30"}, b"", Hint(30, "ratelimit"), id="RateLimit, token name"),
        pytest.param({"ratelimit": '"burst";r=9;t=2, "day";r=0;t=70'}, b"", Hint(70, "ratelimit"), id="spent window"),
        pytest.param({"ratelimit": '"a";r=0;t=3,"b";r=0;t=7'}, b"", Hint(7, "ratelimit"), id="two spent windows"),
        pytest.param({"ratelimit": '"a";r=5;t=3'}, b"", Hint(3, "ratelimit"), id="one window, not enough left"),
        pytest.param({"ratelimit": "limit=10, remaining=0, reset=4"}, b"", Hint(4, "ratelimit"), id="draft 07"),
        pytest.param(
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "6m0s",
                "x-ratelimit-remaining-tokens": "900",
                "x-ratelimit-reset-tokens": "12ms",
            },
            b"",
            Hint(360, "ratelimit-reset"),
            id="OpenAI, requests exhausted",
        ),
        pytest.param(
            {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1h16m0.667s"},
            b"",
            Hint(4560.667, "ratelimit-reset"),
            id="Go duration",
        ),
        pytest.param(
            {
                "anthropic-ratelimit-tokens-remaining": "0",
                "anthropic-ratelimit-tokens-reset": "2026-11-23T12:00:08Z",
                "anthropic-ratelimit-requests-remaining": "3",
                "anthropic-ratelimit-requests-reset": "2026-11-23T13:00:00Z",
            },
            b"",
            Hint(8, "ratelimit-reset"),
            id="Anthropic, tokens exhausted",
        ),
        pytest.param({"x-ratelimit-reset": str(EPOCH_S + 9)}, b"", Hint(9, "ratelimit-reset"), id="Cohere, epoch"),
        pytest.param(
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str((EPOCH_S + 9) * 1000)},
            b"",
            Hint(9, "ratelimit-reset"),
            id="epoch in milliseconds",
        ),
        pytest.param(
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "17"},
            b"",
            Hint(17, "ratelimit-reset"),
            id="Azure seconds",
        ),
        pytest.param(
            {"x-ratelimit-remaining-minute": "0", "x-ratelimit-remaining-hour": "5", "ratelimit-reset": "17"},
            b"",
            Hint(17, "ratelimit-reset"),
            id="Kong: a reset without dimension",
        ),
        pytest.param(
            {"x-ratelimit-remaining": "4, 0", "x-ratelimit-reset": "3, 9"},
            b"",
            Hint(9, "ratelimit-reset"),
            id="repeated resets",
        ),
        pytest.param(
            {"ratelimit-remaining": "0", "ratelimit-reset": "17"}, b"", Hint(17, "ratelimit-reset"), id="drafts to 06"
        ),
    ],
)
def test_forms(headers: dict[str, str], body: bytes, expected: Hint) -> None:
    """Each form gives its wait and its name."""
    hint = wait_hint(headers, body, NOW)
    assert hint is not None
    assert (hint.source, hint.seconds) == (expected.source, pytest.approx(expected.seconds, rel=1e-9, abs=1e-6))


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "-1",
        "0",
        "0.0",
        "-0",
        "+5",
        "1e3",
        "1.5.2",
        ".5",
        "5.",
        "inf",
        "nan",
        "0x10",
        "soon",
        "5 seconds",
        "٣",
        "1_000",
        "Mon, 23 Nov 2026 12:00:00 GMT",
        "Mon, 23 Nov 2026 11:00:00 GMT",
        "mon, 23 nov 2026 12:00:30 gmt",
        "Mon, 23 Nov 2026 12:00:30 PST",
        "Mon, 31 Feb 2027 12:00:30 GMT",
        "Mon, 23 Nov 2026 25:00:30 GMT",
        "\x00",
        "Mon, 23 Foo 2026 12:00:30 GMT",
        "2026-11-23T12:00:30Z",
        "Monday, 23-Nov-77 12:00:30 GMT",
    ],
)
def test_retry_after_says_nothing(value: str) -> None:
    """Zero, negative, past, malformed and long-gone values say nothing, and the next source is asked."""
    assert wait_hint({"retry-after": value}, b"", NOW) is None
    assert wait_hint({"retry-after": value}, b"try again in 3s", NOW) == Hint(3, "text")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param({"retry-after-ms": "-1"}, b"", id="ms -1"),
        pytest.param({"x-amz-retry-after": "soon"}, b"", id="AWS garbage"),
        pytest.param({}, retry_info("-3s"), id="RetryInfo negative"),
        pytest.param({}, retry_info("3"), id="RetryInfo without unit"),
        pytest.param({}, retry_info("0s"), id="RetryInfo zero"),
        pytest.param({}, b'{"error": {"details": [{"@type": "RetryInfo", "retryDelay": 3}]}}', id="RetryInfo number"),
        pytest.param({}, b'{"error": {"details": "RetryInfo"}}', id="details is text"),
        pytest.param({}, b"RetryInfo " + b"[" * 10_000, id="bottomless nesting"),
        pytest.param({}, b"Please try again later.", id="text without a time"),
        pytest.param({}, b"try again in 0s", id="text zero"),
        pytest.param({}, b"retry after 2026-11-23", id="text with a date"),
        pytest.param({}, b"try again in -5s", id="text negative"),
        pytest.param({"ratelimit": '"a";r=0'}, b"", id="no reset"),
        pytest.param({"ratelimit": '"a";r=0;t=-1'}, b"", id="negative reset"),
        pytest.param({"ratelimit": '"a";r=0;t=5,;;'}, b"", id="malformed"),
        pytest.param({"ratelimit": '"a";r=4;t=5,"b";r=4;t=50'}, b"", id="two windows, neither spent"),
        pytest.param(
            {"x-ratelimit-remaining-requests": "5", "x-ratelimit-reset-requests": "6m0s"}, b"", id="not spent"
        ),
        pytest.param({"x-ratelimit-reset-requests": "6m0s"}, b"", id="a dimension of unknown state"),
        pytest.param({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "-1"}, b"", id="Azure -1"),
        pytest.param({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "0"}, b"", id="Azure 0"),
        pytest.param({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "5000000"}, b"", id="neither delay nor epoch"),
        pytest.param({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(EPOCH_S - 9)}, b"", id="epoch gone by"),
        pytest.param({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-11-23T11:00:00Z"}, b"", id="gone by"),
        pytest.param(
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-11-23T13:00:00"}, b"", id="no time zone"
        ),
        pytest.param({"x-ratelimit-remaining": "0"}, b"", id="no reset header"),
        pytest.param({}, b"", id="nothing"),
    ],
)
def test_no_hint(headers: dict[str, str], body: bytes) -> None:
    """What says nothing gives None."""
    assert wait_hint(headers, body, NOW) is None


@pytest.mark.parametrize(
    ("date_s", "expected_s"),
    [
        pytest.param(0, 5.25, id="the same second"),
        pytest.param(-1, 5.25, id="a Date that the server made a second ago"),
        pytest.param(-2, 8.0, id="a clock that is slow"),
        pytest.param(1, 5.0, id="a clock that is fast"),
        pytest.param(-3600, 3606.0, id="an hour slow"),
    ],
)
def test_fine_points_in_time_are_read_by_our_clock_unless_the_servers_is_another(
    date_s: int, expected_s: float
) -> None:
    """`Date` has whole seconds: it serves only where it shows that the server's clock is not ours."""
    now = NOW + timedelta(seconds=0.75)
    headers = {
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-reset": (NOW + timedelta(seconds=6)).isoformat(),
        "date": format_datetime(NOW + timedelta(seconds=date_s), usegmt=True),
    }
    hint = wait_hint(headers, b"", now)
    assert hint is not None
    assert hint.seconds == pytest.approx(expected_s)


def test_first_valid_source_wins() -> None:
    """With all sources present each wins over those after it."""
    headers = {
        "retry-after-ms": "1000",
        "x-amz-retry-after": "2000",
        "retry-after": "3",
        "ratelimit": '"a";r=0;t=6',
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "7",
    }
    body = retry_info("4s", {"message": "try again in 5s"})
    seen = []
    for removed in ("retry-after-ms", "x-amz-retry-after", "retry-after", "body", "text", "ratelimit", None):
        hint = wait_hint(headers, body, NOW)
        seen.append((hint.source, round(hint.seconds)) if hint else None)
        body = {"body": b"try again in 5s", "text": b""}.get(removed or "", body)
        headers.pop(removed or "", None)
    assert seen == list(zip(SOURCES, range(1, 8), strict=True))


def test_leap_second_and_centuries() -> None:
    """Second 60 is the next minute's first; two digits of a year more than 50 years ahead are of the past century."""
    assert wait_hint({"retry-after": "Mon, 23 Nov 2026 12:00:60 GMT"}, b"", NOW) == Hint(60, "retry-after")
    assert http_date("Sunday, 06-Nov-94 08:49:37 GMT", NOW) == datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
    assert http_date("Sunday, 06-Nov-70 08:49:37 GMT", NOW) == datetime(2070, 11, 6, 8, 49, 37, tzinfo=UTC)
    assert http_date("Sun Nov  6 08:49:37 1994", NOW) == datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)


MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2070, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
WHOLE = st.integers(1, 10**8)


def go(seconds: float) -> str:
    """Write a duration as Go does."""
    return f"{int(seconds // 3600)}h{int(seconds % 3600 // 60)}m{seconds % 60:.3f}s"


FORMS = {
    "retry-after-ms": lambda s: ({"retry-after-ms": str(s * 1000)}, b""),
    "x-amz-retry-after": lambda s: ({"x-amz-retry-after": str(s * 1000)}, b""),
    "seconds": lambda s: ({"retry-after": str(s)}, b""),
    "fraction": lambda s: ({"retry-after": f"{s}.0"}, b""),
    "date": lambda s: ({"retry-after": format_datetime(NOW + timedelta(seconds=s), usegmt=True), "date": DATE}, b""),
    "asctime": lambda s: ({"retry-after": (NOW + timedelta(seconds=s)).ctime()}, b""),
    "retry-info": lambda s: ({}, retry_info(f"{s}.000000001s")),
    "text": lambda s: ({}, f"Please try again in {go(s)}.".encode()),
    "words": lambda s: ({}, f"retry after {s} seconds".encode()),
    "ratelimit": lambda s: ({"ratelimit": f'"a";r=0;t={s}'}, b""),
    "go": lambda s: ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": go(s)}, b""),
    "epoch": lambda s: ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(EPOCH_S + s)}, b""),
    "rfc3339": lambda s: (
        {
            "anthropic-ratelimit-requests-remaining": "0",
            "anthropic-ratelimit-requests-reset": (NOW + timedelta(seconds=s)).isoformat(),
        },
        b"",
    ),
}


@given(WHOLE, st.sampled_from(sorted(FORMS)), st.integers(0, 2**32))
def test_never_earlier(seconds: int, form: str, seed: int) -> None:
    """In each form, for any wait, the hint is what was asked and the wait obeyed is never less."""
    headers, body = FORMS[form](seconds)
    hint = wait_hint(headers, body, NOW)
    assert hint is not None
    assert hint.seconds == pytest.approx(seconds, abs=1e-6)
    assert jittered_s(hint, random.Random(seed)) >= hint.seconds


@given(MOMENTS, MOMENTS)
def test_dates_against_the_standard_library(now: datetime, when: datetime) -> None:
    """A date is read as `email.utils` wrote it, and waited for by the server's clock."""
    headers = {"retry-after": format_datetime(when, usegmt=True), "date": format_datetime(now, usegmt=True)}
    hint = wait_hint(headers, b"", NOW)
    expected = (when.replace(microsecond=0) - now.replace(microsecond=0)).total_seconds()
    assert (hint.seconds if hint else None) == (min(expected, LONGEST_S) if expected > 0 else None)


NAMES = st.sampled_from(
    [
        "retry-after",
        "retry-after-ms",
        "x-amz-retry-after",
        "date",
        "ratelimit",
        "x-ratelimit-reset",
        "ratelimit-reset",
        "x-ratelimit-remaining",
        "x-ratelimit-reset-tokens",
        "x-ratelimit-remaining-tokens",
        "x-should-retry",
    ]
)
VALUES = st.one_of(
    st.text(max_size=30),
    st.floats().map(str),
    st.integers().map(str),
    st.from_regex(r"[-+]?\d{1,20}(\.\d{1,5})?(ns|us|ms|s|m|h)?([;,=\"rt0-9]{0,9})", fullmatch=True),
    st.from_regex(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", fullmatch=True),
)
TEXTS = st.one_of(
    st.text(max_size=40), VALUES.map("try again in {}".format), VALUES.map(lambda text: retry_info(text).decode())
)


@given(st.dictionaries(NAMES, VALUES), TEXTS)
def test_any_input(headers: dict[str, str], text: str) -> None:
    """No answer raises; what is given is a positive, finite wait from a named source."""
    hint = wait_hint(headers, text.encode("utf-8", "replace"), NOW)
    assert hint is None or (0 < hint.seconds <= LONGEST_S and hint.source in SOURCES)


@given(st.binary(max_size=200))
def test_any_body(body: bytes) -> None:
    """No body raises."""
    hint = wait_hint({}, body, NOW)
    assert hint is None or hint.seconds > 0


def test_hostile_sizes() -> None:
    """Long repetitions give no wait beyond the longest."""
    for text in (
        "1h" * 30_000,
        "try again in " + "1s " * 20_000,
        "try again in " * 5_000,
        "1" * 60_000,
        '"a";r=0;' * 7_000,
    ):
        hint = wait_hint({"retry-after": text, "ratelimit": text, "x-ratelimit-reset": text}, text.encode(), NOW)
        assert hint is None or 0 < hint.seconds <= LONGEST_S


@given(st.integers(0, 2000), st.integers(0, 2**32))
def test_backoff(retries: int, seed: int) -> None:
    """Without a hint the wait lies between floor and cap, is marked, and gets no second jitter."""
    rng = random.Random(seed)
    hint = backoff(retries, rng)
    assert BACKOFF_FLOOR_S <= hint.seconds <= min(BACKOFF_CAP_S, max(BACKOFF_FLOOR_S, 2.0 ** min(retries, 10)))
    assert (hint.source, jittered_s(hint, rng)) == (BACKOFF, hint.seconds)


def test_backoff_is_spread() -> None:
    """Full jitter: the waits of many users after the same number of retries fill the range evenly."""
    rng = random.Random(1)
    waits = [backoff(6, rng).seconds for _ in range(2000)]
    assert [sum(wait < limit for wait in waits) / 2000 for limit in (15, 30, 45)] == pytest.approx(
        [0.25, 0.5, 0.75], abs=0.05
    )
