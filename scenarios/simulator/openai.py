"""The bytes of OpenAI's chat completions, streamed and whole, with every fault that a scenario may ask for."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

from scenarios.simulator.claim import Course
from scenarios.simulator.dialect import Ask, Invalid, Job, error, tokens
from scenarios.simulator.exchange import Kind, Script, Step
from scenarios.simulator.model import BROKEN
from scenarios.simulator.response import LAST_CHUNK, chunk, head, to_json, whole

WRONG_USAGE = 10
"""How many times too many output tokens the fault `wrong_usage` reports."""

LONGEST_TOKEN = 64
"""Bytes: six characters of JSON's longest escapes and a blank are fewer."""

DONE = b"data: [DONE]\n\n"


class OpenAiChat:
    """`POST /chat/completions` for one model; an empty name takes any."""

    path = "/chat/completions"

    def __init__(self, model: str, name: str) -> None:
        self._model = model
        self._name = name

    def read(self, body: bytes) -> Ask:
        """Read a request. Raises Invalid for what the API would refuse."""
        try:
            data = json.loads(body)
        except (ValueError, RecursionError) as problem:
            raise Invalid(f"We could not parse the JSON body of your request: {problem}") from None
        if not isinstance(data, dict):
            raise Invalid("The body must be a JSON object.")
        model = data.get("model", "")
        if self._model and model != self._model:
            raise Invalid(f"The model `{model}` does not exist.", 404, "model_not_found")
        texts = [_text(message) for message in _messages(data)]
        options = data.get("stream_options") or {}
        return Ask(
            input_tokens=sum(map(tokens, texts)),
            cached_tokens=sum(map(tokens, texts[:-2])),
            max_tokens=_max_tokens(data),
            stream=bool(data.get("stream")),
            include_usage=isinstance(options, dict) and bool(options.get("include_usage")),
            said=texts[-1],
        )

    def answer(self, job: Job) -> Script:
        """Script the answer: streamed if asked so."""
        return self._streamed(job) if job.ask.stream else self._whole(job)

    def _streamed(self, job: Job) -> Script:
        return Stream(job, self._name).steps

    def _whole(self, job: Job) -> Script:
        draw = job.draw

        def script(start_s: float) -> Iterator[Step]:
            due = start_s + draw.whole_s
            body = job.claim.added(completion(job, self._name), Course(start_s, start_s + draw.ttft_s, due))
            headers = {**job.headers, **job.claim.headers(start_s, due)}
            data = whole(200, body, headers, keep_alive=job.keep_alive)
            if draw.fault == "cut":
                yield due, Kind.PLAIN, data[: len(data) - len(json.dumps(body)) // 3]
                yield due, Kind.CUT, b""
            elif draw.fault == "stall":
                yield due, Kind.STALL, b""
            else:
                yield due, Kind.PLAIN, data

        return script


class Stream:
    """One streamed answer. Chunk k is due at start + ttft + k / tokens_per_second, however late the one before."""

    def __init__(self, job: Job, model: str) -> None:
        self._job = job
        frame: dict[str, Any] = {"id": f"chatcmpl-{job.name}", "object": "chat.completion.chunk"}
        self._frame = {**frame, "created": int(time.time()), "model": model}

    def steps(self, start_s: float) -> Iterator[Step]:
        """Give the steps for an answer whose service starts at `start_s`. This is the hot path: one round per chunk."""
        draw = self._job.draw
        first_s, token_s = start_s + draw.ttft_s, draw.token_s
        opens_s = first_s if draw.fault == "slow_first_byte" else start_s
        yield opens_s, Kind.PLAIN, self._opening(self._job.claim.headers(start_s, opens_s))
        index = 0
        for field, kind, end in self._segments():
            before, after = self._around(field)
            sizes = _sizes(len(before) + len(after) - 2)
            words, at = draw.words(visible=kind == Kind.VISIBLE)
            count = len(words)
            while index < end:
                word = words[(at + index) % count]
                yield first_s + index * token_s, kind, b"".join((sizes[len(word)], before, word, after))
                index += 1
        end_s = first_s + index * token_s
        yield end_s, *self._ending(Course(start_s, first_s, end_s))

    def _opening(self, told: dict[str, str]) -> bytes:
        """Give the head of the response and the chunk with the role."""
        headers = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked", **self._job.headers, **told}
        role = self._event({"delta": {"role": "assistant", "content": ""}, "finish_reason": None})
        return head(200, headers, keep_alive=self._job.keep_alive) + chunk(role)

    def _segments(self) -> tuple[tuple[str, int, int], ...]:
        """Give field, kind and end (in chunks from the first) of the reasoning and of the visible answer."""
        draw = self._job.draw
        if draw.fault == "role_only":
            return ()
        end = draw.cut_after if draw.fault in BROKEN else draw.output_tokens
        reasoning = min(draw.reasoning_tokens, end)
        return ("reasoning_content", int(Kind.REASONING), reasoning), ("content", int(Kind.VISIBLE), end)

    def _around(self, field: str) -> tuple[bytes, bytes]:
        """Give the bytes of a chunk before its token and after it, chunk end included."""
        before, after = self._event({"delta": {field: "|"}, "finish_reason": None}).split(b"|")
        return before, after + b"\r\n"

    def _ending(self, course: Course) -> tuple[int, bytes]:
        """Give kind and bytes of what follows the last content."""
        fault = self._job.draw.fault
        if fault == "stall":
            return Kind.STALL, b""
        if fault == "cut":
            return Kind.CUT, b""
        if fault == "stream_error":
            failed = error(500, "server_error", "The server had an error while processing your request.")
            return Kind.PLAIN, chunk(_event(failed)) + LAST_CHUNK
        return Kind.PLAIN, b"".join(map(chunk, self._closing_events(course))) + LAST_CHUNK

    def _closing_events(self, course: Course) -> Iterator[bytes]:
        draw, ask = self._job.draw, self._job.ask
        last = self._choice({"delta": {}, "finish_reason": draw.finish_reason})
        if ask.include_usage and draw.fault != "no_usage":
            yield _event(last)
            last = {**self._frame, "choices": [], "usage": usage(self._job)}
        yield _event(self._job.claim.added(last, course))
        if draw.fault != "missing_done":
            yield DONE

    def _event(self, choice: dict[str, Any]) -> bytes:
        return _event(self._choice(choice))

    def _choice(self, choice: dict[str, Any]) -> dict[str, Any]:
        return {**self._frame, "choices": [{"index": 0, **choice}]}


@cache
def _sizes(rest: int) -> tuple[bytes, ...]:
    """Give the first line of an HTTP chunk that holds a token and `rest` more bytes, by the token's length."""
    return tuple(b"%x\r\n" % (rest + length) for length in range(LONGEST_TOKEN + 1))


def completion(job: Job, model: str) -> dict[str, Any]:
    """Give the body of an answer that is not streamed."""
    draw = job.draw
    if draw.fault == "stream_error":
        return error(500, "server_error", "The server had an error while processing your request.")
    message = {"role": "assistant", "content": "" if draw.fault == "role_only" else draw.text(draw.reasoning_tokens)}
    if draw.reasoning_tokens and draw.fault != "role_only":
        message["reasoning_content"] = draw.text(0, draw.reasoning_tokens)
    finish = None if draw.fault == "missing_done" else draw.finish_reason
    body: dict[str, Any] = {"id": f"chatcmpl-{job.name}", "object": "chat.completion", "created": int(time.time())}
    body |= {"model": model, "choices": [{"index": 0, "message": message, "finish_reason": finish}]}
    return body if draw.fault == "no_usage" else {**body, "usage": usage(job)}


def usage(job: Job) -> dict[str, Any]:
    """Give the usage object: cached tokens are a part of the prompt's, reasoning tokens of the completion's."""
    ask, draw = job.ask, job.draw
    output = 0 if draw.fault == "role_only" else draw.output_tokens
    reported = output * WRONG_USAGE if draw.fault == "wrong_usage" else output
    return {
        "prompt_tokens": ask.input_tokens,
        "completion_tokens": reported,
        "total_tokens": ask.input_tokens + reported,
        "prompt_tokens_details": {"cached_tokens": ask.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": min(draw.reasoning_tokens, output)},
    }


def input_usage(input_tokens: int, cached_tokens: int) -> dict[str, Any]:
    """Give the usage object of a request that was billed and not answered."""
    return {
        "prompt_tokens": input_tokens,
        "completion_tokens": 0,
        "total_tokens": input_tokens,
        "prompt_tokens_details": {"cached_tokens": cached_tokens},
    }


def _event(data: object) -> bytes:
    return b"data: %b\n\n" % to_json(data).encode()


def _messages(data: dict[str, Any]) -> list[Any]:
    messages = data.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Invalid("'messages' must be an array with at least one message.")
    return messages


def _text(message: object) -> str:
    """Give a message's text, whether a string or a list of parts."""
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise Invalid("Each message must be an object with a 'role'.")
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    if content is not None and not isinstance(content, str):
        raise Invalid("A message's 'content' must be a string or an array of parts.")
    return content or ""


def _max_tokens(data: dict[str, Any]) -> int | None:
    found = data.get("max_completion_tokens", data.get("max_tokens"))
    if found is not None and (not isinstance(found, int) or isinstance(found, bool) or found < 1):
        raise Invalid("'max_tokens' must be an integer of at least 1.")
    return found
