"""The generic API: a template filled, and text found in the answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.endpoint import Endpoint
from scenarios.records import Outcome
from scenarios.wire import API, Message, Reply, Usage

GENERIC = API["generic"]


def endpoint(**template: Any) -> Endpoint:
    """Give an endpoint with this template."""
    return Endpoint(api="generic", url="http://127.0.0.1:9", model="m", template=template)


def body(template: dict[str, object], *messages: Message, limit: int = 7, user: str = "") -> Any:
    """Give the request that a template makes."""
    said = messages or (Message("user", "Hi"),)
    return json.loads(GENERIC.body(endpoint(body=template), said, limit, stream=False, user=user))


def read(answer: bytes, path: str = "text") -> Reply:
    """Read one answer byte by byte."""
    decoder = GENERIC.decoder(endpoint(text=path), stream=False)
    assert sum(decoder.feed(answer[i : i + 1]) for i in range(len(answer))) == 0
    return decoder.finish()


def test_default_body() -> None:
    """Without a template the body is prompt and max_tokens, the latter a number."""
    request = GENERIC.body(Endpoint(api="generic", url="http://127.0.0.1:9"), [Message("user", "Hé")], 7, stream=False)
    assert request == '{"prompt":"Hé","max_tokens":7}'.encode()


def test_placeholders() -> None:
    """A lone placeholder keeps its type, one within text becomes text, at any depth; other braces stay."""
    template = {
        "inputs": "Q: {prompt} ({max_tokens})",
        "parameters": {
            "max_new_tokens": "{max_tokens}",
            "stop": ["{user}", "{x}", "{}"],
            "t": 0.5,
            "on": True,
            "no": None,
        },
        "model": "{model}",
    }
    assert body(template, user="u1") == {
        "inputs": "Q: Hi (7)",
        "parameters": {"max_new_tokens": 7, "stop": ["u1", "{x}", "{}"], "t": 0.5, "on": True, "no": None},
        "model": "m",
    }


def test_placeholders_in_prompt_stay() -> None:
    """A prompt that holds a placeholder is not filled again."""
    assert body({"p": "{prompt}", "q": "-{prompt}"}, Message("user", "{max_tokens} {prompt}")) == {
        "p": "{max_tokens} {prompt}",
        "q": "-{max_tokens} {prompt}",
    }


def test_history() -> None:
    """One message goes as it is; several are joined with their speakers, and the assistant is to speak next."""
    history = [Message("user", "Hi"), Message("assistant", "Hello"), Message("user", "Bye\nnow")]
    assert body({"p": "{prompt}"}, *history) == {"p": "User: Hi\nAssistant: Hello\nUser: Bye\nnow\nAssistant:"}


@given(st.text(st.characters(codec="utf-8")))
def test_any_prompt(text: str) -> None:
    """Any prompt comes back from the body."""
    assert body({"p": "{prompt}"}, Message("user", text)) == {"p": text}


@pytest.mark.parametrize(("path", "expected"), [("", ""), ("infer", "/infer"), ("/infer", "/infer"), ("?x=1", "?x=1")])
def test_path(path: str, expected: str) -> None:
    """The template's path follows the URL, with one slash."""
    assert GENERIC.path(endpoint(path=path)) == expected


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        ({"text": "Hé"}, "text"),
        ({"a": {"b": "Hé"}}, "a.b"),
        ({"outputs": [{"text": "no"}, {"text": "Hé"}]}, "outputs.1.text"),
        ([{"generated_text": "Hé"}], "0.generated_text"),
    ],
)
def test_text_by_path(answer: object, path: str) -> None:
    """Text is found by keys and by places; without a usage there is none, and no finish reason is needed."""
    reply = read(json.dumps(answer).encode(), path)
    assert reply == Reply("Hé", "", "", None, None, True, 0, Outcome.OK)


def test_usage_and_finish_reason() -> None:
    """Both are read where they are stated."""
    stated = {"text": "a", "usage": {"prompt_tokens": 3, "completion_tokens": 1}, "finish_reason": "length"}
    reply = read(json.dumps(stated).encode())
    assert (reply.usage, reply.outcome) == (Usage(input_tokens=3, output_tokens=1), Outcome.OK_LENGTH)


@pytest.mark.parametrize(
    ("answer", "expected", "code"),
    [
        (b"", Outcome.BAD_RESPONSE, "no_text"),
        (b"<html>", Outcome.BAD_RESPONSE, "no_text"),
        (b"{}", Outcome.BAD_RESPONSE, "no_text"),
        (b"null", Outcome.BAD_RESPONSE, "no_text"),
        (b'{"text": 5}', Outcome.BAD_RESPONSE, "no_text"),
        (b'{"text": null}', Outcome.BAD_RESPONSE, "no_text"),
        (b'{"text": ""}', Outcome.BAD_RESPONSE, "empty_answer"),
        (b'{"error": {"code": "busy", "message": "m"}}', Outcome.STREAM_ERROR, "busy"),
        (b'{"text": "a", "error": null}', Outcome.OK, None),
        (b"[" * 100_000, Outcome.BAD_RESPONSE, "no_text"),
    ],
)
def test_judged(answer: bytes, expected: Outcome, code: str | None) -> None:
    """An answer without text is bad, one with an error is an error."""
    reply = read(answer)
    assert (reply.outcome, reply.error.code if reply.error else None) == (expected, code)


@given(st.binary(max_size=100), st.text(max_size=10))
def test_any_answer(answer: bytes, path: str) -> None:
    """No body and no path raise."""
    decoder = GENERIC.decoder(Endpoint(api="generic", url="http://127.0.0.1:9"), stream=False)
    decoder._path = path  # type: ignore[attr-defined]
    decoder.feed(answer)
    assert isinstance(decoder.finish(), Reply)


def test_headers_and_errors() -> None:
    """Headers and error bodies are those of the other APIs; an answer comes whole even if a stream was asked for."""
    headers = GENERIC.headers(endpoint(), "k", stream=True)
    assert (headers["accept"], headers["authorization"]) == ("application/json", "Bearer k")
    assert GENERIC.error(429, b'{"error":{"code":"busy"}}').code == "busy"
