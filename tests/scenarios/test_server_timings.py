"""What servers say of their own time, in each form, and what is no such thing."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.server_timings import COLUMNS, LONGEST_S, ServerTimings, header_line, in_answer, in_response, to_line
from scenarios.wire.generic import TextDecoder
from scenarios.wire.openai_chat import JsonDecoder
from scenarios.wire.openai_stream import StreamDecoder

STREAM = {"content-type": "text/event-stream; charset=utf-8"}

IN_HEADERS = [
    ({"openai-processing-ms": "1234"}, ServerTimings("openai-processing-ms", total_s=1.234)),
    ({"openai-processing-ms": "1234", **STREAM}, ServerTimings("openai-processing-ms", headers_s=1.234)),
    ({"x-envoy-upstream-service-time": "52"}, ServerTimings("envoy", total_s=0.052)),
    (
        {"x-envoy-upstream-service-time": "52", "openai-processing-ms": "40"},
        ServerTimings("openai-processing-ms", total_s=0.04),
    ),
    (
        {"x-envoy-upstream-service-time": "52", "openai-processing-ms": "-1"},
        ServerTimings("envoy", total_s=0.052),
    ),
    (
        {"server-timing": 'cfL4;desc="a, b", Queue; DUR=2.5, total;desc="all, of it";dur="300", total;dur=1'},
        ServerTimings("server-timing", total_s=0.3, queue_s=0.0025),
    ),
    (
        {"server-timing": "total;dur=300, prefill;dur=100", **STREAM},
        ServerTimings("server-timing", headers_s=0.3, prefill_s=0.1),
    ),
    ({"server-timing": "db;dur=53, app;dur=47.2"}, None),
    (
        {"x-total-time": "310", "x-queue-time": "10", "x-validation-time": "0", "x-inference-time": "300"},
        ServerTimings("tgi", total_s=0.31, queue_s=0.01),
    ),
    ({"x-total-time": "0.310"}, None),
    (
        {"fireworks-server-processing-time": "0.41", "fireworks-prefill-queue-duration": "0.01"},
        ServerTimings("fireworks", total_s=0.41, queue_s=0.01),
    ),
    (
        {"fireworks-server-time-to-first-token": "0.25", "fireworks-prefill-duration": "0.2", **STREAM},
        ServerTimings("fireworks", ttft_s=0.25, prefill_s=0.2),
    ),
    ({"content-length": "12"}, None),
]

TIMES = {"queue_time": 0.02, "prompt_time": 0.1, "completion_time": 0.5, "total_time": 0.6}

IN_ANSWER = [
    (
        {"timings": {"prompt_n": 9, "prompt_ms": 25.5, "predicted_n": 20, "predicted_ms": 400.0}},
        ServerTimings("llama.cpp", total_s=0.4255, prefill_s=0.0255, decode_s=0.4),
    ),
    ({"time_info": TIMES}, ServerTimings("cerebras", total_s=0.6, queue_s=0.02, prefill_s=0.1, decode_s=0.5)),
    ({"usage": TIMES}, ServerTimings("groq", total_s=0.62, queue_s=0.02, prefill_s=0.1, decode_s=0.5)),
    (
        {"usage": None, "x_groq": {"id": "req", "usage": TIMES}},
        ServerTimings("groq", total_s=0.62, queue_s=0.02, prefill_s=0.1, decode_s=0.5),
    ),
    (
        {"perf_metrics": {"server-processing-time": "1.25", "server-time-to-first-token": 0.25}},
        ServerTimings("fireworks", total_s=1.25, ttft_s=0.25),
    ),
    (
        {"total_duration": 6 * 10**8, "load_duration": 10**8, "prompt_eval_duration": 2 * 10**8, "eval_duration": 1},
        ServerTimings("ollama", total_s=0.6, load_s=0.1, prefill_s=0.2, decode_s=1e-9),
    ),
    ({"usage": {"prompt_tokens": 3, "completion_tokens": 4}}, None),
    ({"timings": {"prompt_ms": "25", "predicted_ms": [400]}}, None),
    ({"timings": {"prompt_ms": float("nan"), "predicted_ms": 1e300}}, None),
    ({"timings": [], "time_info": "x", "x_groq": 1, "usage": [], "perf_metrics": None, "total_duration": True}, None),
    ({"total_duration": 10**400, "eval_duration": -5}, None),
]


@pytest.mark.parametrize(("headers", "told"), IN_HEADERS)
def test_headers(headers: dict[str, str], told: ServerTimings | None) -> None:
    """Each form of header is read in its unit; of a stream, a total in a header reaches to the headers only."""
    assert in_response(headers, None) == told


@pytest.mark.parametrize(("answer", "told"), IN_ANSWER)
def test_answers(answer: dict[str, Any], told: ServerTimings | None) -> None:
    """Each form in the JSON of an answer is read in its unit; what is no time is not told."""
    assert in_answer(answer) == (told if told is None else pytest.approx(told))


def test_an_answer_knows_more_than_its_headers() -> None:
    """What the answer tells stands, whatever its headers say besides."""
    told = ServerTimings("groq", total_s=0.5)
    assert in_response({"openai-processing-ms": "7"}, told) == told


WILD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*TIMES, "prompt_ms", "usage"]), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["timings", "time_info", "usage", "x_groq", "perf_metrics"]), WILD))
def test_whatever_an_answer_holds(answer: dict[str, Any]) -> None:
    """Nothing is told that is not a number of seconds between 0 and a few days, and nothing raises."""
    told = in_answer(answer)
    assert told is None or all(value is None or 0 <= value <= 2 * LONGEST_S for value in told[1:])


@given(
    st.dictionaries(
        st.sampled_from(["openai-processing-ms", "server-timing", "x-total-time", "fireworks-server-processing-time"]),
        st.text(max_size=30) | st.floats().map(str) | st.floats().map("total;dur={}".format),
    )
)
def test_whatever_headers_hold(headers: dict[str, str]) -> None:
    """The same of headers."""
    told = in_response(headers, None)
    assert told is None or all(value is None or 0 <= value <= LONGEST_S for value in told[1:])


SECONDS = st.none() | st.floats(0, LONGEST_S)


@given(st.tuples(*[SECONDS] * 7))
def test_a_line_is_read_back(seconds: tuple[float | None, ...]) -> None:
    """A line holds what was told, to the microsecond; what was not told is an empty field."""
    told = ServerTimings("groq", *seconds)
    (row,) = csv.DictReader(io.StringIO(header_line() + to_line("run", "w1", 7, told)))
    expected = ["" if value is None else f"{value:.6f}" for value in seconds]
    assert (list(row), list(row.values())) == (list(COLUMNS), ["run", "w1", "7", "groq", *expected])


def test_decoders_read_them() -> None:
    """A whole answer, one by template, and a stream tell what their JSON tells, wherever in the stream it stands."""
    whole, template, stream = JsonDecoder(), TextDecoder("response"), StreamDecoder()
    whole.feed(b'{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"timings":{"prompt_ms":5}}')
    template.feed(b'{"response":"a","total_duration":5000000}')
    for event in (
        b'{"choices":[{"delta":{"content":"a"}}]}',
        b'{"choices":[{"delta":{"content":"b"}}]}',
        b'{"choices":[{"delta":{},"finish_reason":"stop"}],"x_groq":{"usage":{"total_time":0.005}}}',
        b'{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}',
        b"[DONE]",
    ):
        stream.feed(b"data: " + event + b"\n\n")
    replies = [decoder.finish() for decoder in (whole, template, stream)]
    assert [reply.timings for reply in replies] == [
        ServerTimings("llama.cpp", total_s=0.005, prefill_s=0.005),
        ServerTimings("ollama", total_s=0.005),
        ServerTimings("groq", total_s=0.005),
    ]
