"""What the JSON of OpenAI-like chat answers says: streamed deltas and whole messages are read by the same rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scenarios.records import Outcome
from scenarios.server_timings import in_answer
from scenarios.wire.api_error import find_error
from scenarios.wire.openai_usage import usage_of
from scenarios.wire.protocol import ApiError, Reply

if TYPE_CHECKING:
    from scenarios.server_timings import ServerTimings
    from scenarios.wire.protocol import Usage

REASONING_FIELDS = ("reasoning_content", "reasoning")

FINISHES: dict[str, Outcome] = {
    "stop": Outcome.OK,
    "tool_calls": Outcome.OK,
    "function_call": Outcome.OK,
    "eos": Outcome.OK,
    "eos_token": Outcome.OK,
    "end_turn": Outcome.OK,
    "stop_sequence": Outcome.OK,
    "length": Outcome.OK_LENGTH,
    "max_tokens": Outcome.OK_LENGTH,
    "model_length": Outcome.OK_LENGTH,
    "content_filter": Outcome.FILTERED,
    "safety": Outcome.FILTERED,
    "refusal": Outcome.REFUSED,
    "error": Outcome.STREAM_ERROR,
    "abort": Outcome.STREAM_ERROR,
    "insufficient_system_resource": Outcome.STREAM_ERROR,
}
"""Finish reasons of OpenAI and of the servers that speak like it (Mistral, TGI, vLLM, DeepSeek, OpenRouter)."""


@dataclass(slots=True)
class Part:
    """What one delta or message holds. `tool`: it holds the name or arguments of a call."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool: bool = False

    @property
    def visible(self) -> bool:
        """Whether any of it is other than reasoning."""
        return bool(self.text or self.refusal or self.tool)

    @property
    def content(self) -> bool:
        """Whether any of it was made by the model."""
        return self.visible or bool(self.reasoning)


@dataclass(slots=True)
class Answer:
    """What an answer has said so far."""

    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    refused: bool = False
    content: bool = False
    finish_reason: str = ""
    usage: Usage | None = None
    timings: ServerTimings | None = None
    error: ApiError | None = None
    recognised: bool = False
    """Whether anything that belongs to the API was seen."""

    def take(self, value: dict[str, Any], key: str) -> Part:
        """Add a chunk (`key` is "delta") or a whole answer ("message"); give what is new in it."""
        part = Part()
        self.error = self.error or find_error(value)
        self.usage = usage_of(value) or self.usage
        self.timings = in_answer(value) or self.timings
        choices = value.get("choices")
        self.recognised = self.recognised or bool(self.error or self.usage) or isinstance(choices, list)
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                self._take_choice(choice, key, part)
        self._keep(part)
        return part

    def fail(self, error: ApiError) -> None:
        """Take an error that came outside of any chunk."""
        self.error = self.error or error

    def _take_choice(self, choice: dict[str, Any], key: str, part: Part) -> None:
        self.error = self.error or find_error(choice)
        finish = choice.get("finish_reason")
        if isinstance(finish, str) and finish:
            self.finish_reason = finish
        delta = choice.get(key)
        if isinstance(delta, dict):
            _read(delta, part)

    def _keep(self, part: Part) -> None:
        if part.content:
            self.text.append(part.text + part.refusal)
            self.reasoning.append(part.reasoning)
            self.content = True
            self.refused = self.refused or bool(part.refusal)

    def outcome(self, default: str = "") -> tuple[Outcome, ApiError | None]:
        """Judge an answer that came to its end; `default` stands in for a finish reason that was not stated.

        A finish reason of an answer in which the model said nothing at all is no answer: `bad_response`.
        """
        if self.error:
            return Outcome.STREAM_ERROR, self.error
        outcome = FINISHES.get((self.finish_reason or default).lower())
        if outcome is None:
            return Outcome.BAD_RESPONSE, ApiError("unknown_finish_reason", f"finish reason {self.finish_reason[:80]!r}")
        if outcome is Outcome.STREAM_ERROR:
            return outcome, ApiError(self.finish_reason, "the server ended the answer with an error")
        if self.refused and outcome is not Outcome.FILTERED:
            return Outcome.REFUSED, None
        if outcome is Outcome.OK and not self.content:
            return Outcome.BAD_RESPONSE, ApiError("empty_answer", "the answer ended without any content")
        return outcome, None

    def reply(
        self,
        verdict: tuple[Outcome, ApiError | None],
        *,
        complete: bool,
        malformed_events: int = 0,
    ) -> Reply:
        """Give all of it as one value."""
        outcome, error = verdict
        return Reply(
            text=_mended("".join(self.text)),
            reasoning=_mended("".join(self.reasoning)),
            finish_reason=self.finish_reason,
            usage=self.usage,
            error=error,
            complete=complete,
            malformed_events=malformed_events,
            outcome=outcome,
            timings=self.timings,
        )


def _read(delta: dict[str, Any], part: Part) -> None:
    content = delta.get("content")
    if isinstance(content, str):
        part.text += content
    elif isinstance(content, list):
        _read_list(content, part)
    for name in REASONING_FIELDS:
        if isinstance(text := delta.get(name), str) and text:
            part.reasoning += text
            break  # servers that send both send the same text twice
    if isinstance(refusal := delta.get("refusal"), str):
        part.refusal += refusal
    if "tool_calls" in delta or "function_call" in delta:
        part.tool = part.tool or _calls_tool(delta)


def _read_list(content: list[Any], part: Part) -> None:
    """Read content in parts; Mistral streams its reasoning as parts of type `thinking`."""
    for item in content:
        if not isinstance(item, dict):
            continue
        if isinstance(text := item.get("text"), str):
            part.text += text
        if isinstance(thinking := item.get("thinking"), list):
            part.reasoning += "".join(
                text for inner in thinking if isinstance(inner, dict) and isinstance(text := inner.get("text"), str)
            )


def _calls_tool(delta: dict[str, Any]) -> bool:
    calls = delta.get("tool_calls")
    functions = [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    functions.append(delta.get("function_call"))
    return any(isinstance(item, dict) and (item.get("arguments") or item.get("name")) for item in functions)


def _mended(text: str) -> str:
    """Join surrogate pairs that came in two chunks; a lone one becomes U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
