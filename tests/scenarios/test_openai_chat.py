"""The openai-chat API: what is asked, what is counted, and how each way of ending is judged."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.endpoint import Endpoint
from scenarios.errors import TailgateError
from scenarios.records import Outcome
from scenarios.wire import API, ApiError, Message, Reply, Usage, openai_stream

CHAT = API["openai-chat"]
HERE = Endpoint(url="http://127.0.0.1:9/v1", model="small")
DONE = b"data: [DONE]\n\n"


def event(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    """Write one chunk as OpenAI does."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "small", "choices": choices}
    return b"data: " + json.dumps({**chunk, **more}, separators=(",", ":")).encode() + b"\n\n"


ROLE = event({"role": "assistant", "content": ""})
STOP = event({}, "stop")
USAGE = event(usage={"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11})


def read(*pieces: bytes, stream: bool = True) -> tuple[Reply, list[int]]:
    """Feed pieces to one decoder; give the reply and what was counted per piece."""
    decoder = CHAT.decoder(HERE, stream)
    counts = [decoder.feed(piece) for piece in pieces]
    return decoder.finish(), counts


def test_counts_content_only() -> None:
    """Role, empty, ping and usage chunks count nothing; the answer is whole."""
    reply, counts = read(
        ROLE, b": ping\n\n", event({"content": "Hel"}), event({"content": ""}), event({"content": "lo"}), STOP
    )
    assert counts == [0, 0, 1, 0, 1, 0]
    assert reply.outcome is Outcome.STREAM_TRUNCATED
    reply, counts = read(ROLE, event({"content": "Hel"}), event({"content": "lo"}), STOP, USAGE, DONE)
    assert counts == [0, 1, 1, 0, 0, 0]
    assert reply == Reply("Hello", "", "stop", Usage(9, None, None, 2, None), None, True, 0, Outcome.OK)


def test_whitespace_is_content() -> None:
    """A chunk of white space is a token like any other."""
    assert read(event({"content": " "}), event({"content": "\n"}))[1] == [1, 1]


def test_visible_and_done() -> None:
    """Reasoning is content but not visible; the answer's text is; `done` comes with the marker."""
    decoder = CHAT.decoder(HERE, stream=True)
    thought, answer = event({"reasoning_content": "hm"}), event({"content": "A"})
    states = [(decoder.feed(piece), decoder.visible, decoder.done) for piece in (ROLE, thought, thought, answer, DONE)]
    assert states == [(0, False, False), (1, False, False), (1, False, False), (1, True, False), (0, True, True)]


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning(field: str) -> None:
    """Reasoning stands apart from the text, under either of its names, also when it comes back after the text."""
    pieces = [
        event({field: "a"}),
        event({field: "b"}),
        event({"content": "C"}),
        event({"content": "D"}),
        event({field: "e"}),
    ]
    reply, counts = read(*pieces, STOP, DONE)
    assert (reply.text, reply.reasoning, counts[:5]) == ("CD", "abe", [1, 1, 1, 1, 1])


def test_reasoning_twice() -> None:
    """A server that sends its reasoning under both names is read once."""
    pieces = [event({"reasoning": text, "reasoning_content": text, "content": None}) for text in ("a", "b", "b")]
    assert read(*pieces, STOP, DONE)[0].reasoning == "abb"


def test_reasoning_first_name_wins() -> None:
    """With both names present the first decides, however the second changes."""
    pieces = [event({"reasoning": text, "reasoning_content": "x"}) for text in ("a", "b", "c")]
    assert read(*pieces, STOP, DONE)[0].reasoning == "xxx"


def test_content_in_parts() -> None:
    """Mistral's parts: thinking is reasoning, text is text."""
    thinking = {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}
    reply, counts = read(event(thinking), event({"content": [{"type": "text", "text": "A"}]}), STOP, DONE)
    assert (reply.text, reply.reasoning, counts[:2]) == ("A", "hm", [1, 1])


def test_tool_calls_are_content() -> None:
    """The name and the arguments of a call count for the first token, are visible and are not text."""
    call = {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": ""}}]}
    more = {"tool_calls": [{"index": 0, "function": {"arguments": '{"a'}}]}
    empty = {"tool_calls": [{"index": 0, "function": {"arguments": ""}}]}
    old = {"function_call": {"arguments": "1"}}
    reply, counts = read(ROLE, event(call), event(more), event(empty), event(old), event({}, "tool_calls"), DONE)
    assert (counts, reply.text, reply.outcome) == ([0, 1, 1, 0, 1, 0, 0], "", Outcome.OK)


@pytest.mark.parametrize(
    ("finish", "expected"),
    [
        ("stop", Outcome.OK),
        ("tool_calls", Outcome.OK),
        ("function_call", Outcome.OK),
        ("length", Outcome.OK_LENGTH),
        ("model_length", Outcome.OK_LENGTH),
        ("content_filter", Outcome.FILTERED),
        ("error", Outcome.STREAM_ERROR),
        ("abort", Outcome.STREAM_ERROR),
        ("whatever", Outcome.BAD_RESPONSE),
    ],
)
def test_finish_reasons(finish: str, expected: Outcome) -> None:
    """Each finish reason has its outcome, streamed and whole."""
    streamed = read(event({"content": "a"}), event({}, finish), DONE)[0]
    whole = read(completion("a", finish), stream=False)[0]
    assert (streamed.outcome, whole.outcome, streamed.finish_reason) == (expected, expected, finish)


def test_refusal() -> None:
    """Refusal text counts as content and makes the answer refused; a filter outranks it."""
    pieces = [event({"refusal": "I "}), event({"refusal": "won't"})]
    reply, counts = read(*pieces, STOP, DONE)
    assert (reply.outcome, reply.text, counts[:2]) == (Outcome.REFUSED, "I won't", [1, 1])
    assert read(*pieces, event({}, "content_filter"), DONE)[0].outcome is Outcome.FILTERED


def test_nothing_said() -> None:
    """A finished answer without content is no answer, unless it was filtered or cut by its length."""
    assert read(ROLE, STOP, DONE)[0].outcome is Outcome.BAD_RESPONSE
    assert read(ROLE, event({}, "content_filter"), DONE)[0].outcome is Outcome.FILTERED
    assert read(ROLE, event({}, "length"), DONE)[0].outcome is Outcome.OK_LENGTH


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([], id="empty body"),
        pytest.param([b": ping\n\n"], id="only pings"),
        pytest.param([ROLE], id="role only"),
        pytest.param([b'data: {"id":"chatc'], id="cut within the first event"),
        pytest.param([ROLE, event({"content": "a"})], id="cut after content"),
        pytest.param([ROLE, event({"content": "a"}), STOP], id="finish reason but no marker"),
        pytest.param([ROLE, event({"content": "a"}), DONE], id="marker but no finish reason"),
        pytest.param([ROLE, event({"content": "a"}), STOP, b"data: [DONE]\n"], id="marker without its blank line"),
    ],
)
def test_truncated(pieces: list[bytes]) -> None:
    """Without the marker or without a finish reason a stream is truncated, and what came is kept."""
    reply, counts = read(*pieces)
    assert (reply.outcome, reply.complete) == (Outcome.STREAM_TRUNCATED, False)
    assert len(reply.text) == sum(counts)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(
            b'data: {"error":{"message":"boom","type":"InternalServerError","param":null,"code":500}}\n\n',
            ApiError("InternalServerError", "boom", "InternalServerError"),
            id="vLLM",
        ),
        pytest.param(
            b'data: {"object":"error","message":"boom","type":"BadRequestError","code":400}\n\n',
            ApiError("BadRequestError", "boom", "BadRequestError"),
            id="older vLLM",
        ),
        pytest.param(
            event({"content": ""}, "error", error={"code": 502, "message": "Provider disconnected"}),
            ApiError("502", "Provider disconnected", ""),
            id="OpenRouter",
        ),
        pytest.param(
            b'data: {"choices":[{"index":0,"error":{"code":"x","message":"boom"},"delta":{}}]}\n\n',
            ApiError("x", "boom", ""),
            id="inside the choice",
        ),
        pytest.param(
            b'data: {"error":"Model is overloaded","error_type":"overloaded"}\n\n',
            ApiError("overloaded", "Model is overloaded", "overloaded"),
            id="TGI",
        ),
        pytest.param(
            b'event: error\ndata: {"error":{"type":"overloaded_error","message":"Overloaded"}}\n\n',
            ApiError("overloaded_error", "Overloaded", "overloaded_error"),
            id="event named error",
        ),
        pytest.param(b"event: error\ndata: gone\n\n", ApiError("", "gone", ""), id="event named error, plain text"),
        pytest.param(
            b'error: {"code":500,"message":"boom","type":"server_error"}\n\n',
            ApiError("server_error", "boom", "server_error"),
            id="llama.cpp",
        ),
    ],
)
@pytest.mark.parametrize("end", [b"", DONE, STOP + DONE])
def test_error_in_stream(data: bytes, expected: ApiError, end: bytes) -> None:
    """An error in a stream is an error, whatever follows; what came before it stays counted."""
    reply, counts = read(ROLE, event({"content": "a"}), event({"content": "b"}), data, end)
    assert (reply.outcome, reply.error, reply.text, sum(counts)) == (Outcome.STREAM_ERROR, expected, "ab", 2)
    assert read(data, end)[0].outcome is Outcome.STREAM_ERROR


def test_null_error_is_none() -> None:
    """A chunk that says `error: null` says nothing."""
    assert read(event({"content": "a"}, error=None), STOP, DONE)[0].outcome is Outcome.OK


@pytest.mark.parametrize("bad", [b"data: {broken\n\n", b"data: [1]\n\n", b"data: hello\n\n", b"data: null\n\n"])
def test_malformed(bad: bytes) -> None:
    """An event that is no JSON object is counted; a stream of only such is a bad response."""
    reply, counts = read(ROLE, event({"content": "a"}), bad, event({"content": "b"}), STOP, DONE)
    assert (reply.outcome, reply.malformed_events, reply.text, sum(counts)) == (Outcome.OK, 1, "ab", 2)
    reply, _ = read(bad, bad, DONE)
    assert (reply.outcome, reply.malformed_events) == (Outcome.BAD_RESPONSE, 2)
    assert read(b'data: {"foo": 1}\n\n', DONE)[0].outcome is Outcome.BAD_RESPONSE


@pytest.mark.parametrize(
    ("body", "outcome", "code"),
    [
        pytest.param(
            b"<!DOCTYPE html>\n<html>\n\n<p>Login</p>", Outcome.BAD_RESPONSE, "not_an_event_stream", id="HTML"
        ),
        pytest.param(b'{"error":{"message":"m","code":"x"}}', Outcome.STREAM_ERROR, "x", id="JSON error"),
        pytest.param(
            b'{\n "error": {\n\n"message":"m","code":"x"}}', Outcome.STREAM_ERROR, "x", id="JSON error, spaced"
        ),
        pytest.param(b'{"ok":true}', Outcome.BAD_RESPONSE, "not_an_event_stream", id="other JSON"),
        pytest.param(b"Service is starting\n", Outcome.BAD_RESPONSE, "not_an_event_stream", id="text"),
    ],
)
def test_not_a_stream(body: bytes, outcome: Outcome, code: str) -> None:
    """A 200 body that is no event stream is named for what it is."""
    for pieces in ([body], [body[i : i + 1] for i in range(len(body))]):
        reply, counts = read(*pieces)
        assert (reply.outcome, reply.error and reply.error.code, sum(counts)) == (outcome, code, 0)


def completion(content: str | None, finish: str | None = "stop", **more: Any) -> bytes:
    """Write a whole answer."""
    message = {"role": "assistant", "content": content, **more}
    usage = {"prompt_tokens": 5, "completion_tokens": 1}
    return json.dumps({"choices": [{"message": message, "finish_reason": finish}], "usage": usage}).encode()


def test_whole_answer_when_a_stream_was_asked() -> None:
    """A whole completion in place of a stream is a bad response whose text and tokens are kept: they were billed."""
    reply, _ = read(completion("Hi"))
    assert (reply.outcome, reply.text, reply.error and reply.error.code) == (Outcome.BAD_RESPONSE, "Hi", "not_a_stream")
    assert reply.usage == Usage(input_tokens=5, output_tokens=1)


def test_whole_answer() -> None:
    """A whole answer is read in any pieces; it has no chunks."""
    body = completion("Hé 🙂")
    reply, counts = read(*(body[i : i + 1] for i in range(len(body))), stream=False)
    assert sum(counts) == 0
    assert reply == Reply("Hé 🙂", "", "stop", Usage(input_tokens=5, output_tokens=1), None, True, 0, Outcome.OK)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(completion("a", None), Outcome.OK, id="no finish reason"),
        pytest.param(completion("a", reasoning_content="hm"), Outcome.OK, id="with reasoning"),
        pytest.param(completion(None, refusal="no"), Outcome.REFUSED, id="refusal"),
        pytest.param(
            completion(None, "tool_calls", tool_calls=[{"function": {"name": "f", "arguments": "{}"}}]),
            Outcome.OK,
            id="tool",
        ),
        pytest.param(completion(None, "content_filter"), Outcome.FILTERED, id="filtered"),
        pytest.param(completion(""), Outcome.BAD_RESPONSE, id="empty"),
        pytest.param(completion("", None), Outcome.BAD_RESPONSE, id="empty, no finish reason"),
        pytest.param(b"", Outcome.BAD_RESPONSE, id="no body"),
        pytest.param(b"{", Outcome.BAD_RESPONSE, id="broken"),
        pytest.param(b"[]", Outcome.BAD_RESPONSE, id="array"),
        pytest.param(b"{}", Outcome.BAD_RESPONSE, id="no choices"),
        pytest.param(b'{"choices":[]}', Outcome.BAD_RESPONSE, id="empty choices"),
        pytest.param(b'{"choices":[{"message":null}]}', Outcome.BAD_RESPONSE, id="no message"),
        pytest.param(b'{"choices":[{"message":{"content":7}}]}', Outcome.BAD_RESPONSE, id="content is a number"),
        pytest.param(b'{"choices":"x","usage":[],"error":null}', Outcome.BAD_RESPONSE, id="wrong types"),
        pytest.param(b'{"error":{"message":"m"}}', Outcome.STREAM_ERROR, id="error with status 200"),
        pytest.param(ROLE + STOP + DONE, Outcome.BAD_RESPONSE, id="a stream that was not asked"),
        pytest.param(b"[" * 100_000, Outcome.BAD_RESPONSE, id="bottomless nesting"),
    ],
)
def test_whole_answers_judged(body: bytes, expected: Outcome) -> None:
    """Whatever the body holds, it has one outcome and raises nothing."""
    assert read(body, stream=False)[0].outcome is expected


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        pytest.param({"prompt_tokens": 10, "completion_tokens": 5}, Usage(10, None, None, 5, None), id="plain"),
        pytest.param(
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 15,
                "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            Usage(10, 4, 2, 5, 3),
            id="subsets",
        ),
        pytest.param(
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 18,
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            Usage(10, None, None, 8, 3),
            id="xAI: reasoning beside the completion",
        ),
        pytest.param(
            {"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 6},
            Usage(10, 6, None, 5, None),
            id="DeepSeek",
        ),
        pytest.param({"prompt_tokens": 10, "completion_tokens": 0}, Usage(10, None, None, 0, None), id="0 is a number"),
        pytest.param(
            {"prompt_tokens": 1, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}},
            Usage(1, None, None, 5, None),
            id="a subset larger than its whole",
        ),
        pytest.param({"prompt_tokens": -1, "completion_tokens": "5"}, None, id="no counts"),
        pytest.param({"prompt_tokens": True, "completion_tokens": 5.5}, None, id="wrong types"),
        pytest.param({}, None, id="empty"),
        pytest.param(None, None, id="null"),
        pytest.param("x", None, id="text"),
    ],
)
def test_usage(stated: object, expected: Usage | None) -> None:
    """Token counts have one meaning; what is not stated is None, and the last statement counts."""
    early = event(usage={"prompt_tokens": 1, "completion_tokens": 1}) if expected else b""
    assert read(event({"content": "a"}), STOP, early, event(usage=stated), DONE)[0].usage == expected


def test_usage_of_groq() -> None:
    """Groq streams its usage in a field of its own."""
    chunk = event({}, "stop", x_groq={"id": "r", "usage": {"prompt_tokens": 3, "completion_tokens": 4}})
    assert read(event({"content": "a"}), chunk, DONE)[0].usage == Usage(input_tokens=3, output_tokens=4)


def test_nothing_counts_after_the_marker() -> None:
    """What follows [DONE] is no part of the answer."""
    pieces = [event({"content": "a"}), event({"content": "b"}), STOP, DONE]
    reply, counts = read(*pieces, event({"content": "c"}), b'data: {"error":"x"}\n\n')
    assert (reply.text, counts, reply.outcome) == ("ab", [1, 1, 0, 0, 0, 0], Outcome.OK)


def test_event_after_garbage_line_end() -> None:
    """A stream that changes its framing midway is read all the same."""
    pieces = [event({"content": text}) for text in "abcdef"]
    crlf = [piece.replace(b"\n", b"\r\n") for piece in pieces]
    lone = [piece.replace(b"\n", b"\r") for piece in pieces]
    reply, counts = read(*pieces, *crlf, *lone, *pieces, STOP, DONE)
    assert (reply.text, set(counts[:-2])) == ("abcdef" * 4, {1})


def test_escapes_on_the_short_way() -> None:
    """Quotes, backslashes, control characters and surrogates split over chunks are read as JSON says."""
    texts = ["a", 'say "x"', "back\\", "\\", '"', "\n", "\t\u2028", "é中", "🙂", "\\n"]
    pieces = [event({"content": text}) for text in texts]
    halves = [piece.replace(b"Z", half) for half in (b"\\ud83d", b"\\ude42") for piece in [event({"content": "Z"})]]
    reply, counts = read(*pieces, *halves, STOP, DONE)
    assert (reply.text, counts[:12]) == ("".join(texts) + "🙂", [1] * 12)


def test_no_string_ends_at_a_backslash() -> None:
    """Bytes that look like a chunk but for an escaped closing quote are malformed on either way."""
    good, bad = event({"content": "ZZ"}), event({"content": "ZZ"}).replace(b"ZZ", b"Z\\")
    reply, counts = read(good, good, bad, good, STOP, DONE)
    assert (counts, reply.malformed_events, reply.text) == ([1, 1, 0, 1, 0, 0], 1, "ZZ" * 3)


def test_chunk_hidden_in_a_comment() -> None:
    """A comment that repeats a chunk is no chunk."""
    chunk = event({"content": "a"})
    reply, counts = read(chunk, chunk, b": " + chunk.removeprefix(b"data: "), STOP, DONE)
    assert (counts, reply.text) == ([1, 1, 0, 0, 0], "aa")


def test_usage_beside_content_is_read_each_time() -> None:
    """A server that states its usage in every chunk is believed in the last, also if that repeats an earlier one."""
    chunk = event({"content": "a"}, usage={"prompt_tokens": 1, "completion_tokens": 1})
    reply, counts = read(chunk, chunk, USAGE, chunk, STOP, DONE)
    assert (reply.usage, counts) == (Usage(input_tokens=1, output_tokens=1), [1, 1, 0, 1, 0, 0])


def test_only_whole_events_take_the_short_way() -> None:
    """A chunk that follows an unfinished line or field is part of that event, however it is cut."""
    chunk = event({"content": "a"})
    for unfinished in (b"data: x\n", b"data: x", b"event: error\n", b"x"):
        reply, counts = read(chunk, chunk, unfinished, chunk, chunk, STOP, DONE)
        assert (sum(counts), reply.text) == (3, "aaa")


TEXTS = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(['"', "\\", "\r\n", "🙂", "\u2028"])
DELTAS = st.one_of(
    TEXTS.map(lambda text: {"content": text}),
    TEXTS.map(lambda text: {"content": text}),
    TEXTS.map(lambda text: {"reasoning_content": text}),
    TEXTS.map(lambda text: {"content": text, "reasoning": None}),
    TEXTS.map(lambda text: {"content": "c", "reasoning": text}),
    TEXTS.map(lambda text: {"tool_calls": [{"index": 0, "function": {"arguments": text}}]}),
    st.sampled_from([{"role": "assistant", "content": ""}, {}, {"content": None}, {"refusal": "no"}]),
)
CHUNKS = st.builds(
    lambda delta, more, plain: json.dumps(
        {"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": None}], **more}, ensure_ascii=plain
    ).encode(),
    DELTAS,
    st.sampled_from([{}, {}, {}, {"created": 1}, {"usage": None}, {"usage": {"prompt_tokens": 1}}, {"content": "x"}]),
    st.booleans(),
)
ODD = st.sampled_from(
    [
        b'{"choices":[{"delta":{},"finish_reason":"stop"}]}',
        b"{x",
        b"[DONE]",
        b'{"error":{"message":"m"}}',
        b"",
        b'"content":"x"',
        b'{"choices":[{"delta":{"content":"\\ud83d"}}]}',
        b'{"choices":[{"delta":{"content":"\\ude42"}}]}',
        b"\xff",
        b'{"choices":[{"delta":{"content":"\xff\xe4"}}]}',
        b'{"choices":[{"delta":{"content":"b"}}]}',
    ]
)
FRAMES = st.sampled_from(
    [
        *[(b"data: ", b"\n\n")] * 8,
        (b"data:", b"\n\n"),
        (b"data: ", b"\r\n\r\n"),
        (b"data: ", b"\r\r"),
        (b"data: ", b"\n"),
        (b"data: ", b""),
        (b"data: ", b"\ndata: \n\n"),
        (b"\xef\xbb\xbfdata: ", b"\n\n"),
        (b"event: m\ndata: ", b"\n\n"),
        (b"event: error\ndata: ", b"\n\n"),
        (b": ping\n\ndata: ", b"\n\n"),
        (b"id: 1\ndata: ", b"\n\n"),
        (b": ", b"\n\n"),
    ]
)
STREAMS = st.lists(
    st.tuples(FRAMES, st.one_of(CHUNKS, CHUNKS, CHUNKS, ODD)).map(lambda pair: pair[0][0] + pair[1] + pair[0][1]),
    max_size=25,
)


@settings(max_examples=300)
@given(STREAMS, st.data())
def test_splits_and_short_way_change_nothing(pieces: list[bytes], data: st.DataObject) -> None:
    """Reply and total count are the same event by event, whole, in any pieces, and without the short way."""
    stream = b"".join(pieces)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8).map(sorted))
    edges = [0, *cuts, len(stream)]
    splits = [
        [stream],
        [stream[i : i + 1] for i in range(len(stream))],
        [stream[a:b] for a, b in itertools.pairwise(edges)],
    ]
    reply, counts = read(*pieces)
    for split in splits:
        other, others = read(*split)
        assert (other, sum(others)) == (reply, sum(counts))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openai_stream, "MISSES_ALLOWED", 0)
        assert read(*pieces) == (reply, counts)


def test_every_split_of_a_recorded_stream() -> None:
    """A stream cut in two at any byte gives the same reply and the same count."""
    texts = ["He", "l", "lo ", '"', "🙂", "é", "\n", "x"]
    stream = b"".join([ROLE, *(event({"content": text}) for text in texts), b": ping\r\n\r\n", STOP, USAGE, DONE])
    expected = read(stream)
    assert expected[1] == [8]
    for cut in range(len(stream)):
        reply, counts = read(stream[:cut], stream[cut:])
        assert (reply, sum(counts)) == (expected[0], 8)


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes(body: bytes, stream: bool) -> None:  # noqa: FBT001
    """No body raises or passes for an answer."""
    assert read(body, stream=stream)[0].outcome not in {Outcome.OK, Outcome.OK_LENGTH}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "delta", "message", "content", "error", "usage", "finish_reason"]), inner
        )
    ),
    max_leaves=12,
)


@given(JSON, JSON, st.booleans())
def test_any_json(value: object, other: object, stream: bool) -> None:  # noqa: FBT001
    """JSON of the right words in the wrong places raises nothing."""
    chunk = {"choices": [{"delta": value, "message": other}]}
    bodies = [json.dumps(item).encode() for item in (value, other, chunk)]
    pieces = [b"data: " + body + b"\n\n" for body in bodies] if stream else bodies[2:]
    assert read(*pieces, stream=stream)[0].complete is False or not stream


def test_request_body() -> None:
    """The body is compact JSON with what the API asks for."""
    history = [Message("user", 'Hé "x"'), Message("assistant", "a\nb"), Message("user", "🙂")]
    body = CHAT.body(HERE, history, 64, stream=True, user="u-1")
    assert json.loads(body) == {
        "model": "small",
        "messages": [
            {"role": "user", "content": 'Hé "x"'},
            {"role": "assistant", "content": "a\nb"},
            {"role": "user", "content": "🙂"},
        ],
        "max_tokens": 64,
        "stream": True,
        "stream_options": {"include_usage": True},
        "user": "u-1",
    }
    assert b'": ' not in body
    plain = json.loads(CHAT.body(HERE, history, 64, stream=False))
    assert (plain["stream"], "stream_options" in plain, "user" in plain) == (False, False, False)


@pytest.mark.parametrize(
    ("url", "model", "field"),
    [
        ("http://127.0.0.1:1/v1", "gpt-5", "max_tokens"),
        ("https://openrouter.ai/api/v1", "openai/o3", "max_tokens"),
        ("https://api.openai.com/v1", "gpt-4o", "max_completion_tokens"),
        ("https://x.openai.azure.com/openai/v1", "gpt-5-mini", "max_completion_tokens"),
        ("https://x.openai.azure.com/openai/v1", "gpt-4o", "max_tokens"),
    ],
)
def test_length_field(url: str, model: str, field: str) -> None:
    """OpenAI's own servers get the field that their reasoning models demand, all others the one they know."""
    body = json.loads(CHAT.body(Endpoint(url=url, model=model), [Message("user", "x")], 7, stream=True))
    assert {name: body[name] for name in body if name.startswith("max_")} == {field: 7}


@given(st.text(), st.text(), st.integers(1, 10**6), st.booleans())
def test_request_body_is_json(text: str, user: str, limit: int, stream: bool) -> None:  # noqa: FBT001
    """Any text comes back from the body."""
    body = json.loads(CHAT.body(HERE, [Message("user", text)], limit, stream, user))
    expected = text.encode("utf-8", "replace").decode()
    assert (body["messages"][0]["content"], body["max_tokens"]) == (expected, limit)


def test_lone_surrogate_in_request() -> None:
    """What UTF-8 cannot carry becomes a question mark, not an exception."""
    assert (
        json.loads(CHAT.body(HERE, [Message("user", "a\ud800b")], 1, stream=False))["messages"][0]["content"] == "a?b"
    )


def test_headers() -> None:
    """Names are lower case, compression is declined, the endpoint's own headers win."""
    endpoint = Endpoint(url="http://127.0.0.1:9/v1", headers={"X-Team": "a", "Accept": "text/x"})
    assert CHAT.headers(endpoint, " k-1\n", stream=True) == {
        "content-type": "application/json",
        "accept": "text/x",
        "accept-encoding": "identity",
        "authorization": "Bearer k-1",
        "x-team": "a",
    }
    assert CHAT.headers(HERE, None, stream=True)["accept"] == "text/event-stream"
    assert CHAT.headers(HERE, None, stream=False)["accept"] == "application/json"
    assert "authorization" not in CHAT.headers(HERE, "", stream=True)


@pytest.mark.parametrize("key", ["secret\r\nx: y", "sécret", "a\x00b"])
def test_bad_key_is_not_shown(key: str) -> None:
    """A key that no header can carry is refused without being shown."""
    with pytest.raises(TailgateError) as caught:
        CHAT.headers(HERE, key, stream=True)
    assert key[:3] not in str(caught.value)


def test_path() -> None:
    """The path follows the endpoint's URL."""
    assert CHAT.path(HERE) == "/chat/completions"
