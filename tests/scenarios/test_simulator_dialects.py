"""The simulated APIs' readers: what they take, and that nothing else gets through or breaks them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.endpoint import Endpoint, Template
from scenarios.simulated import Simulated
from scenarios.simulator.dialect import Ask, Dialect, Invalid, tokens
from scenarios.simulator.generic import Generic
from scenarios.simulator.openai import OpenAiChat
from scenarios.wire import API
from scenarios.wire.protocol import Message

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["messages", "role", "content", "text", "max_tokens", "stream", "stream_options", "prompt"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)
bodies = st.binary(max_size=50) | values.map(lambda value: json.dumps(value).encode())


def said(reader: Dialect, body: bytes) -> str:
    """Give what a reader makes of a body, as text."""
    try:
        return str(reader.read(body))
    except Invalid as problem:
        return str(problem)


@given(bodies)
def test_any_body_is_read_or_refused_in_words(body: bytes) -> None:
    """Nothing but Invalid, with a sentence, comes out of bad input."""
    for reader in (OpenAiChat("", "m"), Generic(Template())):
        assert said(reader, body)


def test_nesting_without_end_is_refused() -> None:
    """Neither reader runs out of stack."""
    for reader in (OpenAiChat("", "m"), Generic(Template())):
        with pytest.raises(Invalid):
            reader.read(b"[" * 100_000)


@given(st.text(max_size=200), st.integers(1, 4096), st.booleans())
def test_what_the_load_run_sends_is_read_as_meant(text: str, max_tokens: int, stream: bool) -> None:  # noqa: FBT001
    """Our own client's bodies give the prompt's tokens, the limit and the stream's options."""
    messages = [Message("user", text)]
    chat = Endpoint(simulated=Simulated())
    ask = OpenAiChat("", "m").read(API["openai-chat"].body(chat, messages, max_tokens, stream))
    assert (ask.input_tokens, ask.max_tokens, ask.stream) == (tokens(text), max_tokens, stream)
    single = Endpoint(api="generic", simulated=Simulated())
    body = API["generic"].body(single, messages, max_tokens, stream)
    assert Generic(Template()).read(body).max_tokens == max_tokens


def test_parts_of_text_count_and_pictures_do_not() -> None:
    """A message's content may be a list of parts."""
    parts = [{"type": "text", "text": "12345678"}, {"type": "image_url", "image_url": {"url": "x"}}]
    body = json.dumps({"messages": [{"role": "user", "content": parts}], "max_completion_tokens": 5}).encode()
    assert OpenAiChat("", "m").read(body) == Ask(input_tokens=2, max_tokens=5, said="12345678")


@pytest.mark.parametrize(("limit", "read"), [(5, 5), ("5", 5), (None, None)])
def test_a_templates_limit_may_be_number_or_text(limit: object, read: int | None) -> None:
    """A template decides how the number is written."""
    body = json.dumps({"prompt": "x", "max_tokens": limit}).encode()
    assert Generic(Template()).read(body).max_tokens == read


@pytest.mark.parametrize("limit", [0, -1, 1.5, "many", "٣", True, [], "1" * 30])
def test_a_templates_limit_must_be_a_count(limit: object) -> None:
    """Anything else is refused by name."""
    with pytest.raises(Invalid, match="max_tokens"):
        Generic(Template()).read(json.dumps({"prompt": "x", "max_tokens": limit}).encode())
