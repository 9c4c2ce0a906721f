"""The OpenAI chat completions API, as OpenAI and the many servers that speak like it answer it."""

from __future__ import annotations

import json
from functools import lru_cache
from json.encoder import encode_basestring
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scenarios.records import Outcome
from scenarios.wire.api_error import parse_error
from scenarios.wire.json_value import parse
from scenarios.wire.openai_answer import Answer
from scenarios.wire.openai_stream import StreamDecoder
from scenarios.wire.protocol import ApiError, request_headers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scenarios.scenario import Endpoint
    from scenarios.wire.plain import Plain
    from scenarios.wire.protocol import Decoder, Message, Reply


class OpenAiChat:
    """`POST /chat/completions`, streamed or whole."""

    name = "openai-chat"

    def path(self, endpoint: Endpoint) -> str:  # noqa: ARG002
        """Give the path below the endpoint's URL, which ends in the API version."""
        return "/chat/completions"

    def body(
        self,
        endpoint: Endpoint,
        messages: Sequence[Message],
        max_output_tokens: int,
        stream: bool,  # noqa: FBT001
        user: str = "",
    ) -> bytes:
        """Give the request as compact JSON."""
        head, tail = _frame(endpoint.model, endpoint.url or "", max_output_tokens, stream)
        said = ",".join([f'{{"role":{_string(said.role)},"content":{_string(said.content)}}}' for said in messages])
        end = f'],"user":{_string(user)}{tail}' if user else f"]{tail}"
        return f"{head}[{said}{end}".encode("utf-8", "replace")

    def headers(self, endpoint: Endpoint, key: str | None, stream: bool) -> dict[str, str]:  # noqa: FBT001
        """Give the request headers; the key goes as a bearer token."""
        return request_headers(endpoint, key, "text/event-stream" if stream else "application/json")

    def decoder(self, endpoint: Endpoint, stream: bool) -> Decoder:  # noqa: ARG002, FBT001
        """Give a reader for one answer."""
        return StreamDecoder() if stream else JsonDecoder()

    def error(self, status: int, body: bytes) -> ApiError:  # noqa: ARG002
        """Read an error body."""
        return parse_error(body)


class JsonDecoder:
    """Reader of one whole answer. Its end is the end of the HTTP body, so `done` stays False."""

    def __init__(self) -> None:
        self.visible = False
        self.done = False
        self.plain: Plain | None = None
        self._body: list[bytes] = []

    def feed(self, data: bytes) -> int:
        """Keep `data`; a whole answer has no chunks."""
        self._body.append(data)
        return 0

    def finish(self) -> Reply:
        """Read the answer. A server that states no finish reason for a whole answer is taken at its word: `stop`."""
        answer = Answer()
        value = parse(b"".join(self._body))
        part = answer.take(value, "message") if isinstance(value, dict) else None
        if not (answer.error or (part and (part.content or answer.finish_reason))):
            return answer.reply((Outcome.BAD_RESPONSE, ApiError("not_a_completion", _WRONG)), complete=False)
        self.visible = bool(part and part.visible)
        complete = bool(answer.finish_reason)
        return answer.reply(answer.outcome(default="stop"), complete=complete)


OPENAI_HOST = "api.openai.com"
_WRONG = "the body is not a chat completion: it has no choices[0].message with content"


@lru_cache(maxsize=256)
def _frame(model: str, url: str, max_output_tokens: int, stream: bool) -> tuple[str, str]:  # noqa: FBT001
    """Give what stands before and after the messages: the same for all requests to an endpoint."""
    host = urlsplit(url).hostname or ""
    fields: dict[str, object] = {"model": model, length_field(host, model): max_output_tokens, "stream": stream}
    if stream:
        fields["stream_options"] = {"include_usage": True}
        if host == OPENAI_HOST:
            # OpenAI pads each chunk with random text otherwise; no other server knows the option.
            fields["stream_options"] = {"include_usage": True, "include_obfuscation": False}
    return _dump(fields)[:-1] + ',"messages":', "}"


def length_field(host: str, model: str) -> str:
    """Name the field for the length limit: OpenAI's reasoning models refuse `max_tokens`, others know no other."""
    azure = host.endswith(".azure.com") and model.startswith(("gpt-5", "o1", "o3", "o4"))
    return "max_completion_tokens" if azure or host == OPENAI_HOST else "max_tokens"


_string = encode_basestring
"""A text as JSON. What surrounds texts is always the same: an encoder for the whole would cost three times as much."""


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
