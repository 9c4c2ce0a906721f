"""The single-shot API of many house-made servers: `POST {"prompt", "max_tokens"} -> {"text"}`, by template.

A history of several messages goes as one prompt, `User: …` and `Assistant: …` line by line, ending in `Assistant:`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from scenarios.records import Outcome
from scenarios.server_timings import in_answer
from scenarios.wire.api_error import find_error, parse_error
from scenarios.wire.json_value import parse
from scenarios.wire.openai_answer import Answer
from scenarios.wire.openai_usage import usage_of
from scenarios.wire.protocol import ApiError, request_headers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scenarios.scenario import Endpoint
    from scenarios.wire.plain import Plain
    from scenarios.wire.protocol import Decoder, Message, Reply

_PLACEHOLDER = re.compile(r"\{(prompt|max_tokens|model|user)\}")


class Generic:
    """One JSON request, one JSON answer."""

    name = "generic"

    def path(self, endpoint: Endpoint) -> str:
        """Give the template's path."""
        path = endpoint.template.path
        return f"/{path}" if path and not path.startswith(("/", "?")) else path

    def body(
        self,
        endpoint: Endpoint,
        messages: Sequence[Message],
        max_output_tokens: int,
        stream: bool,  # noqa: ARG002, FBT001
        user: str = "",
    ) -> bytes:
        """Give the template with its placeholders filled; a string that is only `{max_tokens}` becomes the number."""
        values: dict[str, object] = {
            "prompt": prompt_of(messages),
            "max_tokens": max_output_tokens,
            "model": endpoint.model,
            "user": user,
        }
        filled = _fill(endpoint.template.body, values)
        return json.dumps(filled, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")

    def headers(self, endpoint: Endpoint, key: str | None, stream: bool) -> dict[str, str]:  # noqa: ARG002, FBT001
        """Give the request headers; the key goes as a bearer token."""
        return request_headers(endpoint, key, "application/json")

    def decoder(self, endpoint: Endpoint, stream: bool) -> Decoder:  # noqa: ARG002, FBT001
        """Give a reader for one answer."""
        return TextDecoder(endpoint.template.text)

    def error(self, status: int, body: bytes) -> ApiError:  # noqa: ARG002
        """Read an error body."""
        return parse_error(body)


class TextDecoder:
    """Reader of one whole answer whose text stands at a dotted path, numbers being places in a list."""

    def __init__(self, path: str) -> None:
        self.visible = False
        self.done = False
        self.plain: Plain | None = None
        self._path = path
        self._body: list[bytes] = []

    def feed(self, data: bytes) -> int:
        """Keep `data`; a whole answer has no chunks."""
        self._body.append(data)
        return 0

    def finish(self) -> Reply:
        """Read the answer. A usage of the OpenAI shape is read where a server states one."""
        value = parse(b"".join(self._body))
        text = at_path(value, self._path)
        answer = Answer()
        if isinstance(value, dict):
            answer.usage = usage_of(value)
            answer.timings = in_answer(value)
            answer.finish_reason = _finish_reason(value)
        if isinstance(text, str):
            answer.text.append(text)
            answer.content = self.visible = bool(text)
            return answer.reply(answer.outcome(default="stop"), complete=True)
        if error := find_error(value):
            answer.fail(error)
            return answer.reply(answer.outcome(), complete=False)
        wrong = ApiError("no_text", f"the answer is not JSON with a string at {self._path!r}")
        return answer.reply((Outcome.BAD_RESPONSE, wrong), complete=False)


def prompt_of(messages: Sequence[Message]) -> str:
    """Give a history as one prompt: a lone message as it is, several with the speaker before each."""
    if len(messages) == 1:
        return messages[0].content
    lines = [f"{message.role.capitalize()}: {message.content}" for message in messages]
    return "\n".join((*lines, "Assistant:")) if lines else ""


def at_path(value: object, path: str) -> object:
    """Follow a dotted path (`outputs.0.text`); None where it leads nowhere."""
    for step in path.split("."):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _finish_reason(value: dict[str, Any]) -> str:
    reason = value.get("finish_reason")
    return reason if isinstance(reason, str) else ""


def _fill(template: object, values: dict[str, object]) -> object:
    if isinstance(template, str):
        whole = _PLACEHOLDER.fullmatch(template)
        return values[whole[1]] if whole else _PLACEHOLDER.sub(lambda match: str(values[match[1]]), template)
    if isinstance(template, dict):
        return {key: _fill(item, values) for key, item in template.items()}
    if isinstance(template, list | tuple):
        return [_fill(item, values) for item in template]
    return template
